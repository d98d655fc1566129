"""Timestamps to sign calls with: none is given out twice for one terminal.

A signature covers its timestamp and nothing else, so a terminal takes each one once. Timestamps
follow the terminal's clock and rise from call to call, whatever process or thread makes them. Only
where a terminal's clock was set back must they go back as well; then they change to
milliseconds with another remainder, so that they meet none of those given out before.
"""

from devices.models import TerminalContact

# Sixty-two calls a second; a terminal answers fewer. Remainders come again after sixteen set-backs.
_REMAINDERS = 16


def stamp_reserve(*, terminal_id: int, wanted_ms: int, late_ms: int) -> int:
    """Return a timestamp that was never given out for this terminal.

    Args:
        terminal_id: which is called.
        wanted_ms: now by its clock, Unix milliseconds.
        late_ms: by how much it may be later. Clocks of the platform's computers, and offsets learnt
            by one call and another, differ; what is further behind the last one was set back.
    """
    row = TerminalContact.objects.filter(pk=terminal_id)
    while True:
        last = row.values_list("stamp_ms", "stamp_lane").first()
        if last is None:
            TerminalContact.objects.get_or_create(terminal_id=terminal_id)
            continue
        last_ms, remainder = last
        stamp_ms, new_remainder = _next(last_ms, remainder, wanted_ms, late_ms)
        # A quicker caller has moved the mark; then nothing is changed here.
        unmoved = row.filter(stamp_ms=last_ms, stamp_lane=remainder)
        if unmoved.update(stamp_ms=stamp_ms, stamp_lane=new_remainder):
            return stamp_ms


def _next(last_ms: int, remainder: int, wanted_ms: int, late_ms: int) -> tuple[int, int]:
    if wanted_ms < last_ms - late_ms:
        remainder = (remainder + 1) % _REMAINDERS
        least_ms = wanted_ms
    else:
        least_ms = max(wanted_ms, last_ms + 1)
    return least_ms + (remainder - least_ms) % _REMAINDERS, remainder
