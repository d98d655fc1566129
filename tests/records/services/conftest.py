"""Two sites to tell apart, a terminal that can be called and its row, a clock moved by hand."""

import pytest

from tests.support.called_terminal import door, gate
from tests.support.moving_clock import MovingClock, moving_clock
from tests.support.two_sites import world

__all__ = ["door", "gate", "world"]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> MovingClock:
    """Return the platform's clock, to be moved by hand."""
    return moving_clock(monkeypatch)
