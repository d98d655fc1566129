"""System clock with an offset, and back-off between repeated attempts."""

import random
import time
from datetime import UTC, datetime, timedelta


class SystemClock:
    """`Clock` of the operating system, moved by an offset that a platform may set (8.1.8)."""

    def __init__(self, *, offset_s: float = 0.0) -> None:
        self._offset = timedelta(seconds=offset_s)

    @property
    def offset_s(self) -> float:
        """How far this clock is ahead of the operating system's, in seconds."""
        return self._offset.total_seconds()

    def move(self, offset_s: float) -> None:
        """Set how far this clock is ahead of the operating system's, in seconds."""
        self._offset = timedelta(seconds=offset_s)

    def set(self, moment: datetime) -> None:
        """Set the clock to a moment; `monotonic` is not affected."""
        self._offset = moment - datetime.now(UTC)

    def now(self) -> datetime:
        """See `Clock.now`."""
        return datetime.now(UTC) + self._offset

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return time.monotonic()


class Backoff:
    """Pauses that double up to a limit, each shortened by up to half at random.

    The randomness keeps terminals apart that lost the platform at the same moment.
    """

    def __init__(self, *, first_s: float, most_s: float, rng: random.Random) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._rng = rng
        self._failures = 0

    def failed(self) -> float:
        """Note a failure; how long to wait now, in seconds."""
        # The exponent stops growing long before a float would overflow.
        whole_s = min(self._first_s * 2.0 ** min(self._failures, 32), self._most_s)
        self._failures += 1
        return whole_s * self._rng.uniform(0.5, 1.0)

    def succeeded(self) -> None:
        """Start over with the shortest pause."""
        self._failures = 0


def jittered(interval_s: float, rng: random.Random) -> float:
    """An interval moved by up to a tenth, so that a fleet does not march in step."""
    return interval_s * rng.uniform(0.9, 1.1)
