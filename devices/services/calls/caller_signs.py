"""Signs that two terminals share a device ID, judged by what turned between their calls.

Each sign takes several turns between the same two values within a short time. One terminal turns
once when it is moved, gets another address or another firmware; its cursor falls back once when it
is reset, and now and then when a copy of an old question arrives late.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise

from devices.services.calls.callers import KEPT, Feature, Turn, Turns
from server_common.addresses import parse_address

# Three times the usual longest pause between two calls of a terminal.
_ADDRESS_WINDOW_S = 15 * 60.0
# Cursors move with changes of people only, and a slow terminal asks every few minutes.
_CURSOR_WINDOW_S = 30 * 60.0
# Labels come with passes, which may be rare.
_LABEL_WINDOW_S = 24 * 3600.0
# There, back, and there again.
_TURNS = 3
_NAMED: tuple[Feature, ...] = ("label", "server", "firmware")
# One late copy of an old question is one step back.
_STEPS_BACK = 2
# Who was seen at so many addresses is behind something that chooses among them for each call; two
# of them in turns are by chance then, and all that is kept of it is asked for.
_ADDRESSES_OF_A_POOL = 6


@dataclass(frozen=True, slots=True)
class CallerSign:
    """One thing that callers of a device ID have in two ways, in turns."""

    feature: Feature
    first: str
    second: str
    turns: int


def caller_signs(turns: Turns, *, now: float, since: float = 0.0) -> list[CallerSign]:
    """Return the signs that two terminals share a device ID; none when there is one only.

    Args:
        turns: as ``callers_turns`` returns them.
        now: Unix seconds.
        since: only turns after this moment count.
    """
    address = _in_turns(
        "address", turns.get("address", ()), after=max(since, now - _ADDRESS_WINDOW_S)
    )
    if address is not None and not _is_one_family(address):
        address = None
    named = [
        _in_turns(name, turns.get(name, ()), after=max(since, now - _LABEL_WINDOW_S))
        for name in _NAMED
    ]
    cursor = _back_and_forth(turns.get("cursor", ()), after=max(since, now - _CURSOR_WINDOW_S))
    return [sign for sign in (address, cursor, *named) if sign is not None]


def is_by_chance(sign: CallerSign, *, addresses_known: int) -> bool:
    """Tell whether two addresses in turns are two of many that one terminal comes from.

    Args:
        sign: about addresses.
        addresses_known: from how many the terminal has ever called.
    """
    return addresses_known >= _ADDRESSES_OF_A_POOL and sign.turns < KEPT - 1


def _in_turns(feature: Feature, turns: Sequence[Turn], *, after: float) -> CallerSign | None:
    """Return the sign when all turns of this time are between the same two values."""
    count = sum(turn.at > after for turn in turns[1:])
    values = [turn.value for turn in turns[-(count + 1) :]]
    if count < _TURNS or len(set(values)) != 2:
        return None
    return CallerSign(feature, values[-2], values[-1], count)


def _is_one_family(sign: CallerSign) -> bool:
    """Tell whether both are IPv4 or both IPv6; one terminal may use each in turns."""
    families = {address.version for address in _parsed((sign.first, sign.second))}
    return len(families) == 1


def _parsed(addresses: Collection[str]) -> list[IPv4Address | IPv6Address]:
    return [one for one in map(parse_address, addresses) if one is not None]


def _back_and_forth(turns: Sequence[Turn], *, after: float) -> CallerSign | None:
    """Return the sign when cursors fell back more often than one terminal's do."""
    back = [
        (before, turn)
        for before, turn in pairwise(turns)
        if turn.at > after and int(turn.value) < int(before.value)
    ]
    if len(back) < _STEPS_BACK:
        return None
    high, low = back[-1]
    return CallerSign("cursor", low.value, high.value, len(back))
