"""No page is wider than its window: the console's on a telephone, the admin's lists on a desk."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.console.two_sites import World, client_of
from tests.contract.test_chinese import console_pages, full
from tests.support.browser import Browser, browsing
from tests.support.tools import needs_tool
from tests.support.wire import WireClient

__all__ = ["full"]

pytestmark = [
    pytest.mark.browser,
    needs_tool("chromedriver", package="chromium-driver"),
    pytest.mark.django_db(transaction=True),
]
# How far a page can be moved sideways, and what of it stands out.
_TOO_WIDE = """
const wide = Math.max(document.documentElement.scrollWidth, document.body.scrollWidth);
if (wide <= innerWidth) return [];
const out = [...document.querySelectorAll("body *")]
  .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
  .filter((one) => !one.closest(".results, .mj-scroll"))
  .map((one) => `${one.tagName}.${one.className} ${one.getBoundingClientRect().right}`);
return [`${wide} px`, ...out.slice(0, 4)];
"""


@contextmanager
def signed_in(
    live_server: Any, user: User, profile: Path, *, width: int
) -> Iterator[tuple[Browser, str]]:
    """Open a browser with a user signed in, and Chinese chosen."""
    client = Client()
    client.force_login(user)
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    url = live_server.url.replace("localhost", "127.0.0.1")
    with browsing(profile, width=width, height=900, is_dark=False) as browser:
        browser.go(f"{url}/healthz")
        for name, value in (
            (settings.SESSION_COOKIE_NAME, session),
            ("django_language", "zh-hans"),
        ):
            browser.run(f"document.cookie = '{name}={value}; path=/'")
        yield browser, url
        # No request of the live page outlasts the test.
        browser.go("about:blank")


def console_html(user: User) -> list[str]:
    """Return those of the console's addresses that are pages."""
    client = client_of(user)
    found = []
    for address in console_pages():
        answer: Any = client.get(address)
        is_page = "text/html" in answer.headers.get("Content-Type", "")
        found += [address] if is_page and answer.status_code == 200 else []
    assert len(found) > 1
    return found


def own_pages(world: World) -> list[str]:
    """Return the pages that are the product's own, with something on each."""
    ours = world.ours
    ids = f"?ids={ours.terminal.pk},{world.theirs.terminal.pk}"
    command = f"?command={ours.command.pk}"
    lists = ["devices_job", "devices_apitoken", "devices_terminalcommand", "console_browsersession"]
    return [
        *console_html(world.superuser),
        reverse("admin:index"),
        reverse("admin:devices_terminal_refused"),
        reverse("admin:devices_terminal_remote") + ids,
        reverse("admin:devices_terminal_remote_settings") + ids,
        reverse("admin:devices_terminal_remote_progress") + command,
        reverse("admin:devices_job_change", args=[ours.job.pk]),
        *(reverse(f"admin:{name}_changelist") for name in lists),
        reverse("admin:devices_apitoken_add"),
        reverse("admin:records_record_why") + f"?person={ours.person.pk}",
    ]


def too_wide(browser: Browser, url: str, pages: list[str]) -> dict[str, list[str]]:
    """Return the pages that can be moved sideways, with what stands out."""
    found = {}
    for page in pages:
        browser.go(url + page)
        if wide := browser.run(_TOO_WIDE):
            found[page] = wide
    return found


def test_the_consoles_pages_fit_a_telephone(live_server: Any, full: World, tmp_path: Path) -> None:
    token = full.ours.site.tokens.get().token
    WireClient(token=f"{token[:-1]}~", device_id="D" * 32).poll_refused()

    with signed_in(live_server, full.superuser, tmp_path / "profile", width=390) as (browser, url):
        assert too_wide(browser, url, own_pages(full)) == {}


def test_lists_fit_a_desk(live_server: Any, full: World, tmp_path: Path) -> None:
    """A table that is wider moves within its own box; the page stays where it is."""
    pages = [
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for model in admin.site._registry
    ]

    with signed_in(live_server, full.superuser, tmp_path / "profile", width=1280) as (browser, url):
        assert too_wide(browser, url, pages) == {}
