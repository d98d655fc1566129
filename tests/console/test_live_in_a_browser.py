"""The wall's own program in a browser: what it does with cards as they arrive."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from tests.support.browser import Browser, browsing
from tests.support.tools import needs_tool

pytestmark = [
    pytest.mark.browser,
    needs_tool("chromedriver", package="chromium-driver"),
    pytest.mark.django_db(transaction=True),
]
SHOWN = "[...document.querySelectorAll('#records > [data-id]')].map((one) => one.dataset.id)"


def card(number: int, replaces: str = "[]") -> str:
    """Return a card, in the page's own language."""
    return f"{{id: {number}, name: 'Ann', tone: 'good', verdict: 'Open', replaces: {replaces}}}"


@contextmanager
def wall(live_server: Any, tmp_path: Path) -> Iterator[Browser]:
    """Open the live page as an administrator."""
    user = User.objects.create_superuser("admin")
    client = Client()
    client.force_login(user)
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    # The browser asks nobody but this number.
    url = live_server.url.replace("localhost", "127.0.0.1")
    with browsing(tmp_path / "profile", width=1280, height=900, is_dark=False) as browser:
        browser.go(f"{url}/healthz")
        browser.run(f"document.cookie = '{settings.SESSION_COOKIE_NAME}={session}; path=/'")
        browser.go(url)
        browser.wait("typeof addRecord === 'function'")
        yield browser


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_a_pass_that_was_pushed_and_uploaded_is_one_card(
    live_server: Any, tmp_path: Path, order: tuple[int, int]
) -> None:
    """The upload says what it took the place of; what was sent of that may come after it."""
    cards = {1: card(1), 2: card(2, "[1]")}

    with wall(live_server, tmp_path) as browser:
        for number in order:
            browser.run(f"addRecord({cards[number]})")
        shown = browser.run(f"return {SHOWN}")

    assert shown == ["2"]


def test_an_upload_takes_the_place_of_what_was_pushed(live_server: Any, tmp_path: Path) -> None:
    """The card vanished from where it was, and a new one came first."""
    with wall(live_server, tmp_path) as browser:
        for one in (card(1), card(2), card(3)):
            browser.run(f"addRecord({one})")
        browser.run("window.held = document.querySelector('[data-id=\"1\"]')")
        browser.run(f"addRecord({card(4, '[1]')})")

        assert browser.run(f"return {SHOWN}") == ["3", "2", "4"]
        assert browser.run("return window.held.isConnected && window.held.dataset.id") == "4"
