"""What axe-core finds on the pages that stay as they are, and where the focus is left."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from console.wall import ALERTS_SHOWN
from records.choices import AlertKind
from records.services import alert_raise
from tests.console.two_sites import World, world
from tests.support.browser import Browser, browsing
from tests.support.tools import needs_tool

__all__ = ["world"]

pytestmark = [
    pytest.mark.browser,
    needs_tool("chromedriver", package="chromium-driver"),
    pytest.mark.django_db(transaction=True),
]
SIZES = [1280, 390]


@pytest.fixture(params=SIZES)
def browser(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Browser]:
    """Return a browser on a desk, and one on a telephone."""
    with browsing(tmp_path / "profile", width=request.param, height=900, is_dark=False) as one:
        yield one


def signed_in(browser: Browser, live_server: Any, user: Any) -> str:
    """Have a user signed in; returns where the pages are."""
    client = Client()
    client.force_login(user)
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    url = live_server.url.replace("localhost", "127.0.0.1")
    browser.go(f"{url}/healthz")
    browser.run(f"document.cookie = '{settings.SESSION_COOKIE_NAME}={session}; path=/'")
    return str(url)


@pytest.mark.parametrize("address", ["admin:login", "console:sign-in"])
def test_nothing_bars_the_way_in(live_server: Any, browser: Browser, address: str) -> None:
    browser.go(live_server.url.replace("localhost", "127.0.0.1") + reverse(address))

    assert browser.barriers() == []


def test_nothing_bars_the_live_page(live_server: Any, browser: Browser, world: World) -> None:
    alert_raise(kind=AlertKind.BLACKLISTED, terminal=world.ours.terminal, record=world.ours.record)
    browser.go(signed_in(browser, live_server, world.manager))
    browser.wait("document.querySelectorAll('.alert').length === 2")
    browser.click("form[data-action=acknowledge]:not([hidden]) button")
    browser.wait("document.querySelector('.alert[data-state=acknowledged]')")

    assert browser.barriers() == []


def test_nothing_bars_remote_control(live_server: Any, browser: Browser, world: World) -> None:
    url = signed_in(browser, live_server, world.manager)
    browser.go(f"{url}{reverse('admin:devices_terminal_remote')}?ids={world.ours.terminal.pk}")

    assert browser.barriers() == []


@pytest.mark.parametrize("action", ["acknowledge", "clear"])
def test_the_focus_stays_with_the_alert(
    live_server: Any, browser: Browser, world: World, action: str
) -> None:
    """Its button goes away; with a keyboard one began at the top of the page again."""
    alert_raise(kind=AlertKind.BLACKLISTED, terminal=world.ours.terminal, record=world.ours.record)
    browser.go(signed_in(browser, live_server, world.manager))
    browser.wait("document.querySelectorAll('.alert').length === 2")

    browser.run(f"document.querySelector('.alert form[data-action={action}] button').focus()")
    browser.run("document.activeElement.click()")

    gone = "document.querySelectorAll('.alert[data-state=active]').length === 1"
    browser.wait(gone)
    browser.wait("document.activeElement.closest('.alert button')")


def test_the_focus_stays_in_a_list_that_is_full(
    live_server: Any, browser: Browser, world: World
) -> None:
    """The acknowledged alert falls behind the fifty that are shown."""
    for _ in range(ALERTS_SHOWN + 5):
        alert_raise(kind=AlertKind.HIGH_TEMPERATURE, terminal=world.ours.terminal)
    browser.go(signed_in(browser, live_server, world.manager))
    browser.wait(f"document.querySelectorAll('.alert').length === {ALERTS_SHOWN}")
    browser.run("window.first = document.querySelector('.alert')")
    browser.run("document.querySelector('.alert form[data-action=acknowledge] button').focus()")

    browser.run("document.activeElement.click()")

    browser.wait("document.querySelector('.alert[data-state=acknowledged]')")
    browser.run("document.dispatchEvent(new Event('visibilitychange'))")
    browser.wait("!window.first.isConnected")
    browser.wait("document.activeElement.closest('.alert button')")


def test_on_a_telephone_alarms_come_before_passes(
    live_server: Any, browser: Browser, world: World
) -> None:
    browser.go(signed_in(browser, live_server, world.manager))
    browser.wait("document.querySelectorAll('.alert').length === 1")
    tops = browser.run(
        "return ['.alerts', '.passes', '.terminals']"
        ".map((one) => document.querySelector(one).getBoundingClientRect().top)"
    )
    is_narrow = browser.run("return innerWidth < 600")

    assert (tops == sorted(tops) and len(set(tops)) == 3) if is_narrow else tops[0] == tops[1]
