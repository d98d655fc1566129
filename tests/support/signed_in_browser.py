"""A browser in which a user is signed in."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from tests.support.browser import Browser, browsing


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
