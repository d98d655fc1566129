"""The clock of the computer."""

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
        """Let it be this moment now; `monotonic` runs on."""
        self._offset = moment - datetime.now(UTC)

    def now(self) -> datetime:
        """See `Clock.now`."""
        return datetime.now(UTC) + self._offset

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return time.monotonic()
