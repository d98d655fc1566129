"""Addresses that a terminal is known to call from, and what another one's word is worth.

A site's secret is known to all its terminals, so it does not tell who calls. Where a terminal has
called from all along does: its first address, and others once they were in use for a week (their
first call raised an alarm then) or a manager has approved them. From another one it is believed
once all of those are silent, as they are when a router or a lease has changed. Silent is what was
not heard while sightings were being written; without that nothing is known of it.
"""

from datetime import datetime, timedelta
from enum import Enum

from django.db import transaction
from django.db.models import Case, F, Q, Value, When
from django.utils import timezone

from devices.choices import AuditAction, AuditKind
from devices.models import PresenceFlush, SiteToken, Terminal, TerminalAddress
from devices.services.access import audit_note

# A terminal calls every minute or so. Shorter than three tries of a delete (faces), so that a
# terminal that moves meanwhile still ends it by itself.
SILENT_AFTER = timedelta(minutes=15)
LONG_USE = timedelta(days=7)
# How exactly it is known when an address was last called from: a write for each terminal.
HEARD_WITHIN = timedelta(minutes=2)
# Key of the one row.
_ONLY = 1


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
        .only("address", "first_seen_at", "last_seen_at", "approved_at")
    )
    if not rows:
        return Whereabouts.UNKNOWN
    own = rows[:1] + [row for row in rows[1:] if _is_lived_at(row, at=now)]
    if any(row.address == address for row in own):
        return Whereabouts.HOME
    if any(not is_silent(row.last_seen_at, at=now) for row in own):
        return Whereabouts.FOREIGN
    return Whereabouts.MOVED if _is_silence_known(at=now) else Whereabouts.FOREIGN


def addresses_new(terminal: Terminal) -> list[TerminalAddress]:
    """Return the addresses a terminal calls from that are not among its own yet, earliest first."""
    now = timezone.now()
    rows = terminal.addresses.order_by("first_seen_at", "pk")[1:]
    return [row for row in rows if not _is_lived_at(row, at=now)]


def _is_lived_at(row: TerminalAddress, *, at: datetime) -> bool:
    """Tell whether an address that is not a terminal's first one is its own by now."""
    return row.approved_at is not None or row.first_seen_at <= at - LONG_USE


def _is_silence_known(*, at: datetime) -> bool:
    """Tell whether whatever called within the last quarter of an hour is on file by now."""
    return PresenceFlush.objects.filter(
        flushed_at__gt=at - HEARD_WITHIN, steady_since__lte=at - SILENT_AFTER
    ).exists()


def flush_note() -> None:
    """Note that all sightings so far are on file."""
    now = timezone.now()
    is_late = Q(flushed_at__lte=now - HEARD_WITHIN)
    steady = Case(When(is_late, then=Value(now)), default=F("steady_since"))
    if not PresenceFlush.objects.filter(pk=_ONLY).update(flushed_at=now, steady_since=steady):
        PresenceFlush.objects.get_or_create(
            pk=_ONLY, defaults={"flushed_at": now, "steady_since": now}
        )


@transaction.atomic
def address_approve(*, address: TerminalAddress) -> None:
    """Let a terminal live at an address it calls from, at once instead of after a week of use.

    Effects: what it says from there counts (decision 0026), and the audit says who allowed it.
    """
    now = timezone.now()
    if not TerminalAddress.objects.filter(pk=address.pk, approved_at=None).update(approved_at=now):
        return
    terminal = Terminal.objects.select_related("site").get(pk=address.terminal_id)
    audit_note(
        kind=AuditKind.TERMINAL,
        action=AuditAction.CHANGED,
        name=f"{terminal}, {address.address}",
        site=terminal.site,
        model="devices.terminaladdress",
        row_id=address.pk,
        changes={"approved_at": [None, now.isoformat(timespec="seconds")]},
    )


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
