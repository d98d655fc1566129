"""Is a terminal's clock right? Judged by what its uploads say against when they arrive.

An upload never arrives before it was made, so a moment from the future means a clock that is ahead.
A moment from the past means either a clock that is behind or an upload that waited on the terminal
while the network was away. While a queue drains, the differences shrink; those of a wrong clock
stay what they are. So a clock is behind once the same difference has lasted (decision 0011).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from devices.models import Terminal

# Further off than this is remarked on the record and called wrong (field notes).
CLOCK_TOLERANCE_S = 300.0
# Differences that are this close are the same difference: slow requests, several at once.
SAME_SKEW_S = 60.0
# No queue drains for this long at exactly the speed at which it was filled.
BEHIND_AFTER = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class ClockTurn:
    """A terminal's clock turned out to be wrong, or right again; seconds it is behind."""

    is_wrong: bool
    skew_s: float


def clock_judge(
    *, terminal_id: int, skew_s: float, now: datetime | None = None
) -> ClockTurn | None:
    """Take in how much later an upload arrived than the terminal says it was made.

    Args:
        terminal_id: who uploaded it.
        skew_s: arrival minus the terminal's moment, in seconds; negative from a clock ahead.
        now: when it arrived.

    Returns:
        What changed, if anything. A terminal whose clock is right costs one read.
    """
    now = now or timezone.now()
    row = _row(terminal_id, lock=False)
    if row is None or _verdict(row, skew_s, now) == _state(row):
        return None
    with transaction.atomic():
        # Serialises uploads that arrive at once: one of them tells of the turn.
        row = _row(terminal_id, lock=True)
        if row is None:
            return None
        was_wrong = row.clock_is_wrong
        row.clock_is_wrong, row.clock_skew_s, row.clock_skew_since = _verdict(row, skew_s, now)
        row.save(update_fields=["clock_is_wrong", "clock_skew_s", "clock_skew_since"])
    if row.clock_is_wrong == was_wrong:
        return None
    return ClockTurn(row.clock_is_wrong, row.clock_skew_s or 0.0)


_State = tuple[bool, float | None, datetime | None]


def _row(terminal_id: int, *, lock: bool) -> Terminal | None:
    rows = Terminal.objects.select_for_update(no_key=True) if lock else Terminal.objects
    fields = ("clock_is_wrong", "clock_skew_s", "clock_skew_since")
    return rows.filter(pk=terminal_id).only(*fields).first()


def _state(row: Terminal) -> _State:
    return row.clock_is_wrong, row.clock_skew_s, row.clock_skew_since


def _verdict(row: Terminal, skew_s: float, now: datetime) -> _State:
    """Return the state after an upload."""
    if abs(skew_s) <= CLOCK_TOLERANCE_S:
        return False, None, None
    is_same = row.clock_skew_s is not None and abs(skew_s - row.clock_skew_s) <= SAME_SKEW_S
    if skew_s < 0:
        return (True, row.clock_skew_s, row.clock_skew_since) if is_same else (True, skew_s, now)
    if not is_same or row.clock_skew_since is None:
        return row.clock_is_wrong, skew_s, now
    has_lasted = now - row.clock_skew_since >= BEHIND_AFTER
    return row.clock_is_wrong or has_lasted, row.clock_skew_s, row.clock_skew_since
