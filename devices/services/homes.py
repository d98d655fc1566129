"""Addresses that a terminal is known to call from, and what another one's word is worth.

A site's secret is known to all its terminals, so it does not tell who calls. Where a terminal has
called from all along does: its first address, and others once they were in use for a week (their
first call raised an alarm then). From another one it is believed once all of those are silent, as
they are when a router or a lease has changed.
"""

from datetime import datetime, timedelta
from enum import Enum

from django.db.models import Q
from django.utils import timezone

from devices.models import SiteToken, TerminalAddress

# A terminal calls every minute or so. Shorter than three tries of a delete (faces), so that a
# terminal that moves meanwhile still ends it by itself.
SILENT_AFTER = timedelta(minutes=15)
LONG_USE = timedelta(days=7)
# How exactly it is known when an address was last called from: a write for each terminal.
HEARD_WITHIN = timedelta(minutes=2)


class Whereabouts(Enum):
    """What is known of the address that a terminal calls from."""

    UNKNOWN = "unknown"
    HOME = "home"
    MOVED = "moved"
    FOREIGN = "foreign"


def whereabouts(*, terminal_id: int, address: str) -> Whereabouts:
    """Tell whether a terminal lives where it calls from.

    Returns:
        UNKNOWN when no address of it is on file yet, or the server does not know the caller's;
        MOVED when none of its own has been called from lately; FOREIGN when one still is.
    """
    if not address:
        return Whereabouts.UNKNOWN
    now = timezone.now()
    rows = list(
        TerminalAddress.objects.filter(terminal_id=terminal_id)
        .order_by("first_seen_at", "pk")
        .values_list("address", "first_seen_at", "last_seen_at")
    )
    if not rows:
        return Whereabouts.UNKNOWN
    lived_in = now - LONG_USE
    own = [rows[0], *(row for row in rows[1:] if row[1] <= lived_in)]
    if any(known == address for known, _, _ in own):
        return Whereabouts.HOME
    if any(not is_silent(heard_at, at=now) for _, _, heard_at in own):
        return Whereabouts.FOREIGN
    return Whereabouts.MOVED


def is_silent(heard_at: datetime | None, *, at: datetime) -> bool:
    """Tell whether an address last called from then was silent at that moment."""
    return heard_at is None or heard_at <= at - SILENT_AFTER


def is_token_in_force(token_id: int) -> bool:
    """Tell whether a secret of an address may still be used."""
    still = Q(ends_at__isnull=True) | Q(ends_at__gt=timezone.now())
    return SiteToken.objects.filter(still, pk=token_id).exists()


def addresses_returned() -> list[TerminalAddress]:
    """Return addresses that are called from again after others were, each with since when."""
    return list(TerminalAddress.objects.filter(silent_since__isnull=False).order_by("pk")[:500])


def address_return_settled(*, address: TerminalAddress) -> None:
    """Note that what happened while an address was silent is dealt with."""
    same = TerminalAddress.objects.filter(pk=address.pk, silent_since=address.silent_since)
    same.update(silent_since=None)
