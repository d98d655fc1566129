"""A clock that tests move by hand, in place of the platform's."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone


class MovingClock:
    """What time it is for the platform; real time when it is made."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    @property
    def at(self) -> float:
        """Unix seconds."""
        return self.now.timestamp()


def moving_clock(monkeypatch: pytest.MonkeyPatch) -> MovingClock:
    """Return a clock that counts as the platform's until the test ends."""
    clock = MovingClock()
    monkeypatch.setattr(timezone, "now", clock)
    return clock
