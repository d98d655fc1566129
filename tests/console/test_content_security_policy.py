"""What browsers may run: every page says it, and no page needs more than it says."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from tests.support.browser import browsing
from tests.support.tools import needs_tool
from tests.support.two_sites import World, client_of

SCRIPTS = "script-src 'self';"
# Data for a script is not run.
_INLINE = re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")", re.IGNORECASE)
_HANDLER = re.compile(r"<[^>]+\son[a-z]+=", re.IGNORECASE)
_STYLE = re.compile(r"<style\b|<[^>]+\sstyle=", re.IGNORECASE)


def addresses() -> list[str]:
    """Return every list and form of the admin, and every page of the console."""
    lists = [
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{kind}")
        for model in admin.site._registry
        for kind in ("changelist", "add")
    ]
    console = [reverse(f"console:{name}") for name in ("live", "sessions")]
    return [*lists, *console, reverse("admin:index"), reverse("docs"), "/nowhere", "/api/v1/x/"]


@pytest.mark.django_db
@pytest.mark.sqlite
@pytest.mark.parametrize("address", addresses())
def test_every_page_runs_its_own_files_only(world: World, address: str) -> None:
    answer = client_of(world.superuser).get(address)
    policy, page = answer["Content-Security-Policy"], answer.content.decode()

    assert SCRIPTS in policy
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy
    assert _INLINE.findall(page) == []
    assert _HANDLER.findall(page) == []
    if "'unsafe-inline'" in policy:
        assert address.startswith(("/admin/", "/api/v1/docs/"))
    else:
        assert _STYLE.findall(page) == []


@pytest.mark.django_db
@pytest.mark.sqlite
@pytest.mark.parametrize("name", ["console:sign-in", "admin:login", "console:healthz"])
def test_strangers_are_given_one_too(client: Client, name: str) -> None:
    assert SCRIPTS in client.get(reverse(name))["Content-Security-Policy"]


@pytest.mark.browser
@needs_tool("chromedriver", package="chromium-driver")
@pytest.mark.django_db(transaction=True)
def test_a_browser_complains_about_no_page(world: World, live_server: Any, tmp_path: Path) -> None:
    """What a policy forbids, a browser says on its console."""
    session = client_of(world.superuser).cookies[settings.SESSION_COOKIE_NAME].value
    url = live_server.url.replace("localhost", "127.0.0.1")
    pages = [
        reverse("console:live"),
        reverse("console:sessions"),
        reverse("admin:index"),
        reverse("admin:faces_person_changelist"),
        reverse("admin:devices_terminal_change", args=[world.ours.terminal.pk]),
        reverse("admin:devices_apitoken_add"),
    ]
    with browsing(tmp_path / "profile", width=1280, height=900, is_dark=False) as browser:
        browser.go(f"{url}{reverse('console:sign-in')}")
        browser.run(f"document.cookie = '{settings.SESSION_COOKIE_NAME}={session}; path=/'")
        browser.complaints()
        for page in pages:
            browser.go(f"{url}{page}")
            told = [one for one in browser.complaints() if "Content Security Policy" in one]
            assert told == [], page
        browser.go(f"{url}{reverse('docs')}")
        browser.wait("document.querySelector('.swagger-ui .info')")
        told = [one for one in browser.complaints() if "Content Security Policy" in one]
        assert told == []
