"""What scripts write into pages is Chinese too: pages of each kind, walked in a browser."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.urls import reverse

from tests.support.admin_pages import console_html
from tests.support.latin_words import data_of, latin
from tests.support.signed_in_browser import signed_in
from tests.support.tools import needs_tool
from tests.support.two_sites import World

pytestmark = [
    pytest.mark.browser,
    needs_tool("chromedriver", package="chromium-driver"),
    pytest.mark.django_db(transaction=True),
]


def pages(world: World) -> list[str]:
    """Return the form and the list of each kind, the console's pages and the first page."""
    found = [reverse("admin:index"), *console_html(world.superuser)]
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        found.append(reverse(f"{name}_changelist"))
        row = model._default_manager.order_by("pk").first()
        if row is not None:
            found.append(reverse(f"{name}_change", args=[row.pk]))
    return found


def test_what_scripts_write_is_chinese(live_server: Any, full: World, tmp_path: Path) -> None:
    data = data_of(full)
    wrong: dict[str, str] = {}

    with signed_in(live_server, full.superuser, tmp_path / "profile", width=1280) as (browser, url):
        for page in pages(full):
            browser.go(url + page)
            for text in latin(browser.run("return document.documentElement.outerHTML"), data):
                wrong.setdefault(text, page)

    assert wrong == {}
