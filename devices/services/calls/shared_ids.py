"""Which terminals share a device ID, as far as the way they call shows it."""

from collections.abc import Collection, Mapping
from datetime import datetime

from django.db.models import Count

from devices.models import TerminalAddress
from devices.services.calls.caller_signs import CallerSign, caller_signs, is_by_chance
from devices.services.calls.callers import callers_turns

# So many others that are seen at both of two addresses tell of two proxies in front of them all.
_OTHERS_AT_BOTH = 2


def shared_id_signs(
    *, terminal_ids: Collection[int], now: datetime, since: Mapping[int, datetime]
) -> dict[int, list[CallerSign]]:
    """Return the signs that a device ID is used by two terminals, for each that has any.

    Args:
        terminal_ids: which to judge.
        now: the moment of judging.
        since: by terminal, up to when a manager has dealt with it.
    """
    found = {}
    for terminal_id, turns in callers_turns(terminal_ids).items():
        dealt_with = since[terminal_id].timestamp() if terminal_id in since else 0.0
        signs = caller_signs(turns, now=now.timestamp(), since=dealt_with)
        believed = [sign for sign in signs if _is_believed(terminal_id, sign)]
        if believed:
            found[terminal_id] = believed
    return found


def _is_believed(terminal_id: int, sign: CallerSign) -> bool:
    if sign.feature != "address":
        return True
    known = TerminalAddress.objects.filter(terminal=terminal_id).count()
    if is_by_chance(sign, addresses_known=known):
        return False
    at_both = (
        TerminalAddress.objects.filter(address__in=[sign.first, sign.second])
        .exclude(terminal=terminal_id)
        .values("terminal")
        .annotate(number=Count("pk"))
        .filter(number=2)
        .order_by()
    )
    return at_both.count() < _OTHERS_AT_BOTH
