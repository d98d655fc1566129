"""The clock of the computer."""

import time
from datetime import UTC, datetime, timedelta


class SystemClock:
    """`Clock` of the operating system, moved by an offset that a platform may set."""

    def __init__(self, *, offset_s: float = 0.0) -> None:
        self._offset = timedelta(seconds=offset_s)

    def now(self) -> datetime:
        """See `Clock.now`."""
        return datetime.now(UTC) + self._offset

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return time.monotonic()
