"""A clock for films that are shown as fast as somebody takes their pictures."""

from edge_agent.drivers.clock import SystemClock


class FilmClock(SystemClock):
    """A `Clock` that can be moved on between two pictures."""

    def __init__(self) -> None:
        super().__init__()
        self._skipped_s = 0.0

    def skip(self, seconds: float) -> None:
        """Move on."""
        self._skipped_s += seconds

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return super().monotonic() + self._skipped_s
