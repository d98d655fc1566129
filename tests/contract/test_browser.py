"""A browser that a test opened ends with the test, however that ends."""

from pathlib import Path

import pytest

from tests.support.browser import browsing
from tests.support.tools import needs_tool

pytestmark = [pytest.mark.browser, needs_tool("chromedriver", package="chromium-driver")]


def processes_of(profile: Path) -> list[str]:
    """Return the numbers of the processes that work with a browser's folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
        if str(profile).encode() in command:
            found.append(entry.name)
    return found


def test_no_browser_is_left_when_a_test_fails(tmp_path: Path) -> None:
    profile = tmp_path / "profile"

    with (
        pytest.raises(ZeroDivisionError),
        browsing(profile, width=390, height=600, is_dark=False) as browser,
    ):
        assert browser.run("return 1") == 1
        assert processes_of(profile)
        raise ZeroDivisionError

    assert processes_of(profile) == []
