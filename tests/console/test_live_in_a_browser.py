"""The wall's own program in a browser: what it does with cards as they arrive."""

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from tests.support.browser import browsing
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


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_a_pass_that_was_pushed_and_uploaded_is_one_card(
    live_server: Any, tmp_path: Path, order: tuple[int, int]
) -> None:
    """The upload says what it took the place of; what was sent of that may come after it."""
    user = User.objects.create_superuser("admin")
    client = Client()
    client.force_login(user)
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    cards = {1: card(1), 2: card(2, "[1]")}
    # The browser asks nobody but this number.
    url = live_server.url.replace("localhost", "127.0.0.1")

    with browsing(tmp_path / "profile", width=1280, height=900, is_dark=False) as browser:
        browser.go(f"{url}/healthz")
        browser.run(f"document.cookie = '{settings.SESSION_COOKIE_NAME}={session}; path=/'")
        browser.go(url)
        browser.wait("typeof addRecord === 'function'")
        for number in order:
            browser.run(f"addRecord({cards[number]})")
        shown = browser.run(f"return {SHOWN}")

    assert shown == ["2"]
