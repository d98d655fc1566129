"""A small platform for a fleet."""

from collections.abc import Iterator

import pytest

from tests.support.fake_platform import FakePlatform, serving


@pytest.fixture
def platform() -> Iterator[FakePlatform]:
    """Return a platform that is being served on loopback."""
    with serving() as running:
        yield running
