"""The clock of a terminal, as far as its answers show it.

A terminal refuses a call whose timestamp is more than five minutes off its own clock (seed 4.2),
and clocks of terminals are often wrong by hours. Its answers carry an HTTP date, so the refusal
itself tells by which clock to sign.
"""

from email.utils import parsedate_to_datetime

# An HTTP date is in whole seconds; anything within this is the same clock.
SAME_CLOCK_MS = 2000
# By so much a timestamp may be later than the moment it stands for, so that none is used twice: a
# terminal takes what is five minutes off, but sets its clock to what syncTime says.
STAMP_LATE_MS = 60_000
SYNC_LATE_MS = 1000


class OwnStamps:
    """Timestamps of which no two are the same, for a terminal with no other caller."""

    def __init__(self) -> None:
        self._used: set[int] = set()

    async def __call__(self, wanted_ms: int, _late_ms: int) -> int:
        """Return the moment wanted, or the next one that was not given out."""
        while wanted_ms in self._used:
            wanted_ms += 1
        self._used.add(wanted_ms)
        return wanted_ms


class TerminalClock:
    """The difference between a terminal's clock and ours.

    Attributes:
        offset_ms: terminal minus platform, by which calls are signed; 0 until it is known that
            ours would be refused.
        measured_ms: the same as the terminal's last answer showed it, None when it showed none.
    """

    def __init__(self, *, offset_ms: int = 0) -> None:
        self.offset_ms = offset_ms
        self.measured_ms: int | None = None

    def stamp(self, now_ms: int) -> int:
        """Return the moment to sign with, Unix milliseconds by the terminal's clock."""
        return max(0, now_ms + self.offset_ms)

    def heard(self, date: str | None, *, now_ms: int) -> None:
        """Note the date of an answer."""
        if date is None:
            return
        try:
            said_ms = int(parsedate_to_datetime(date).timestamp() * 1000)
        except (ValueError, OverflowError):
            return
        difference_ms = said_ms - now_ms
        self.measured_ms = 0 if abs(difference_ms) <= SAME_CLOCK_MS else difference_ms

    def adopt(self) -> bool:
        """Sign by the clock measured last; False when that is no other than before.

        A terminal that says no date may have been set right since we learnt its offset, so ours
        is what is left to try.
        """
        better = 0 if self.measured_ms is None else self.measured_ms
        if abs(better - self.offset_ms) <= SAME_CLOCK_MS:
            return False
        self.offset_ms = better
        return True
