"""What axe-core finds on the pages that stay as they are, and where the focus is left."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from console.live_view import ALERTS_SHOWN
from records.choices import AlertKind
from records.models import Record
from records.services import alert_acknowledge, alert_raise
from tests.support.browser import ENTER, Browser, browsing
from tests.support.tools import needs_tool
from tests.support.two_sites import World, world

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


def every_card(world: World) -> None:
    """Have a card of every tone, and alerts of every severity and state."""
    side = world.ours
    facts = [
        {"kind": "pass", "door_opened": True, "reason": "allowed", "temperature_c": "36.50"},
        {"kind": "pass", "reason": "no_mask", "mask": False, "verification": "mismatch"},
        {"kind": "pass", "reason": "late", "is_late": True, "late_s": 7200.0, "repeats": 2},
        {"kind": "temperature", "reason": "not_a_pass", "temperature_c": "36.60"},
        {"kind": "temperature", "reason": "not_a_pass", "temperature_c": "38.60"},
    ]
    for number, one in enumerate(facts):
        Record.objects.create(
            site=side.site,
            terminal=side.terminal,
            dedupe_key=f"card-{number}",
            user_id="1",
            received_at=timezone.now(),
            **one,
        )
    kinds = [AlertKind.BLACKLISTED, AlertKind.FACE_MISMATCH, AlertKind.NO_MASK]
    for kind in kinds:
        alert_raise(kind=kind, terminal=side.terminal, record=side.record)
        seen = alert_raise(kind=kind, terminal=side.terminal, record=side.record)
        assert seen is not None
        alert_acknowledge(alert=seen, user=world.manager)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_bars_any_card(
    live_server: Any, browser: Browser, world: World, language: str, scheme: str
) -> None:
    """The newest card is larger and coloured, so each is looked at as the first and as another."""
    every_card(world)
    url = signed_in(browser, live_server, world.manager)
    browser.run(f"document.cookie = '{settings.LANGUAGE_COOKIE_NAME}={language}; path=/'")
    browser.prefer(scheme)
    browser.go(url)
    browser.wait("document.querySelectorAll('.pass').length === 6")
    assert browser.run("return document.documentElement.lang") == language
    found = browser.barriers(also_moderate=True)
    for _ in range(5):
        browser.run("document.querySelector('.pass').remove()")
        found += browser.barriers(also_moderate=True)

    assert found == []


def test_nothing_bars_remote_control(live_server: Any, browser: Browser, world: World) -> None:
    url = signed_in(browser, live_server, world.manager)
    browser.go(f"{url}{reverse('admin:devices_terminal_remote')}?ids={world.ours.terminal.pk}")

    assert browser.barriers() == []


# Answers of presses wait until the test lets them through.
HOLD_ANSWERS = """
const real = window.fetch;
window.fetch = async (address, options) => {
  const answer = await real(address, options);
  if (options?.method === 'POST') await new Promise((go) => { window.letThrough = go; });
  return answer;
};
"""
# What the socket tells everybody when somebody has pressed.
TOLD = {
    "acknowledge": "{...window.card, state: 'acknowledged', acknowledge: ''}",
    "clear": "{...window.card, state: 'cleared', acknowledge: '', clear: ''}",
}
ASKED_AGAIN = (
    "window.isAsked = false; const before = window.fetch;"
    "window.fetch = async (...all) => { const answer = await before(...all);"
    " const text = answer.clone().text(); await text; setTimeout(() => { window.isAsked = true; });"
    " return answer; };"
    "document.dispatchEvent(new Event('visibilitychange'))"
)


def pressed(browser: Browser, action: str) -> None:
    """Press a button of the first alert with the keyboard, its answer on the way back."""
    browser.run(HOLD_ANSWERS)
    browser.run(
        "window.first = document.querySelector('.alert');"
        "window.card = {id: first.dataset.id, state: 'active', severity: first.dataset.severity,"
        " acknowledge: first.querySelector('[data-action=acknowledge]').action,"
        " clear: first.querySelector('[data-action=clear]').action,"
        " title: first.querySelector('h3').textContent}"
    )
    browser.run(f"document.querySelector('.alert form[data-action={action}] button').focus()")
    browser.press(ENTER)
    browser.wait("window.letThrough")


def seen(browser: Browser) -> None:
    """Have the page ask how things stand, and wait until it has shown it."""
    browser.run(ASKED_AGAIN)
    browser.wait("window.isAsked")


@pytest.mark.parametrize("order", ["answer", "socket first", "state first", "answer first"])
@pytest.mark.parametrize("action", ["acknowledge", "clear"])
def test_the_focus_stays_with_the_alert_on_no_button(
    live_server: Any, browser: Browser, world: World, action: str, order: str
) -> None:
    """Its button goes away; on the next one a second Enter would clear what nobody looked at."""
    alert_raise(kind=AlertKind.BLACKLISTED, terminal=world.ours.terminal, record=world.ours.record)
    browser.go(signed_in(browser, live_server, world.manager))
    browser.wait("document.querySelectorAll('.alert').length === 2")
    pressed(browser, action)

    told = f"addAlert({TOLD[action]})"
    if order == "socket first":
        browser.run(told)
    elif order == "state first":
        seen(browser)
    browser.run("window.letThrough()")
    browser.wait("document.querySelectorAll('.alert[data-state=active]').length === 1")
    browser.wait("!document.querySelector('.alert [aria-disabled]')")
    if order == "answer first":
        browser.run(told)
        seen(browser)

    whose = "window.first" if action == "acknowledge" else "document.querySelector('.alert')"
    assert browser.run(f"return document.activeElement === {whose}.querySelector('h3')")
    browser.press(ENTER)
    left = browser.run("return document.querySelectorAll('.alert').length")
    assert left == (2 if action == "acknowledge" else 1)


def test_the_focus_goes_where_the_user_has_put_it(
    live_server: Any, browser: Browser, world: World
) -> None:
    browser.go(signed_in(browser, live_server, world.manager))
    browser.wait("document.querySelectorAll('.alert').length === 1")
    pressed(browser, "acknowledge")

    browser.run("document.querySelector('nav a').focus(); window.letThrough()")
    browser.wait("document.querySelector('.alert[data-state=acknowledged]')")

    assert browser.run("return document.activeElement === document.querySelector('nav a')")


def test_behind_the_last_alert_the_focus_is_on_the_list(
    live_server: Any, browser: Browser, world: World
) -> None:
    browser.go(signed_in(browser, live_server, world.manager))
    browser.wait("document.querySelectorAll('.alert').length === 1")
    pressed(browser, "clear")

    browser.run("window.letThrough()")
    browser.wait("document.querySelectorAll('.alert').length === 0")

    assert browser.run("return document.activeElement.id") == "alerts"


def test_the_focus_stays_in_a_list_that_is_full(
    live_server: Any, browser: Browser, world: World
) -> None:
    """The acknowledged alert falls behind the fifty that are shown."""
    for _ in range(ALERTS_SHOWN + 5):
        alert_raise(kind=AlertKind.HIGH_TEMPERATURE, terminal=world.ours.terminal)
    browser.go(signed_in(browser, live_server, world.manager))
    browser.wait(f"document.querySelectorAll('.alert').length === {ALERTS_SHOWN}")
    browser.run("window.next = document.querySelectorAll('.alert')[1]")
    pressed(browser, "acknowledge")

    browser.run("window.letThrough()")
    browser.wait("document.querySelector('.alert[data-state=acknowledged]')")
    browser.run("document.dispatchEvent(new Event('visibilitychange'))")
    browser.wait("!window.first.isConnected")

    assert browser.run("return document.activeElement === window.next.querySelector('h3')")


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
