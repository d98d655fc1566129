"""No page is wider than its window: the console's on a telephone, the admin's lists on a desk."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

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
# How wide a page is, where it is wider than the window, and what of it stands out. A telephone's
# ``innerWidth`` is no measure: it grows with a page that is too wide.
_TOO_WIDE = """
const wide = Math.max(document.documentElement.scrollWidth, document.body.scrollWidth);
if (wide <= %(width)d) return [];
const out = [...document.querySelectorAll("body *")]
  .filter((one) => one.getBoundingClientRect().right > %(width)d + 1)
  .filter((one) => !one.closest(".results, .mj-scroll"))
  .map((one) => `${one.tagName}.${one.className} ${one.getBoundingClientRect().right}`);
return [`${wide} px`, ...out.slice(0, 4)];
"""
_TELEPHONE = 390
_DESK = 1280


@contextmanager
def signed_in(
    live_server: Any, user: User, profile: Path, *, width: int, language: str = "zh-hans"
) -> Iterator[tuple[Browser, str]]:
    """Open a browser with a user signed in and a language chosen."""
    client = Client()
    client.force_login(user)
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    url = live_server.url.replace("localhost", "127.0.0.1")
    with browsing(profile, width=width, height=900, is_dark=False) as browser:
        browser.go(f"{url}/healthz")
        for name, value in (
            (settings.SESSION_COOKIE_NAME, session),
            ("django_language", language),
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


def stands_out(browser: Browser, *, width: int) -> list[str]:
    """Return how wide the open page is and what of it stands out; nothing where it fits."""
    return list(browser.run(_TOO_WIDE % {"width": width}))


def too_wide(browser: Browser, url: str, pages: list[str], *, width: int) -> dict[str, list[str]]:
    """Return the pages that can be moved sideways, with what stands out."""
    found = {}
    for page in pages:
        browser.go(url + page)
        if wide := stands_out(browser, width=width):
            found[page] = wide
    return found


@pytest.mark.parametrize("width", [_TELEPHONE, _DESK])
def test_a_page_that_is_too_wide_is_found(tmp_path: Path, width: int) -> None:
    page = (
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<p style="width: {width + 60}px">wide</p>'
    )
    with browsing(tmp_path / "profile", width=width, height=900, is_dark=False) as browser:
        browser.go(f"data:text/html,{quote(page)}")

        assert any("P." in one for one in stands_out(browser, width=width))


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_consoles_pages_fit_a_telephone(
    live_server: Any, full: World, tmp_path: Path, language: str
) -> None:
    token = full.ours.site.tokens.get().token
    WireClient(token=f"{token[:-1]}~", device_id="D" * 32).poll_refused()
    pages = own_pages(full)

    with signed_in(
        live_server, full.superuser, tmp_path / "profile", width=_TELEPHONE, language=language
    ) as (browser, url):
        assert too_wide(browser, url, pages, width=_TELEPHONE) == {}


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_lists_fit_a_desk(live_server: Any, full: World, tmp_path: Path, language: str) -> None:
    """A table that is wider moves within its own box; the page stays where it is."""
    pages = [
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for model in admin.site._registry
    ]

    with signed_in(
        live_server, full.superuser, tmp_path / "profile", width=_DESK, language=language
    ) as (browser, url):
        assert too_wide(browser, url, pages, width=_DESK) == {}


@pytest.mark.parametrize(
    ("page", "columns"),
    [
        ("faces_person", ["name", "on_terminals", "face_badge"]),
        ("devices_terminal", ["title", "last_heard", "faces"]),
        ("devices_auditentry", ["by", "action_badge", "shown"]),
        ("records_alert", ["kind_words", "state_badge", "raised_at"]),
    ],
)
def test_what_is_looked_for_is_seen_without_moving_a_list(
    live_server: Any, full: World, tmp_path: Path, page: str, columns: list[str]
) -> None:
    edge = "document.querySelector('.results').getBoundingClientRect().right"

    with signed_in(
        live_server, full.superuser, tmp_path / "profile", width=_DESK, language="en"
    ) as (browser, url):
        browser.go(url + reverse(f"admin:{page}_changelist"))
        hidden = [
            column
            for column in columns
            if browser.run(
                f"return document.querySelector('th.column-{column}')"
                f".getBoundingClientRect().right > {edge}"
            )
        ]

    assert hidden == []
