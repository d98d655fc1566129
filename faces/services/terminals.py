"""Entering and changing terminals together with the libraries they hold."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from devices.choices import TerminalStatus
from devices.models import Site, Terminal
from devices.services import (
    calling_check,
    calling_moved,
    displaced_newcomers,
    silent_newcomers,
    terminal_approve,
    terminal_disable,
    terminal_locked,
)
from faces.services.delivery import revocations_settle
from faces.services.sync import terminal_libraries_set, terminal_view_changed

# As many as wait at one site at most.
_FORGOTTEN_AT_ONCE = 1000


@transaction.atomic
def terminal_create(
    *,
    site: Site,
    device_id: str,
    libraries: Sequence[int] | None = None,
    status: str = TerminalStatus.PENDING,
    by: Any = None,
    **fields: Any,
) -> Terminal:
    """Enter a terminal by hand.

    Raises:
        PermissionDenied: ``by``, the user who asks, may not say where it is called.
        ValidationError: a value is not acceptable, the device id is taken at this site, or the
            site has no such library.
    """
    calling_check(terminal=Terminal(site=site), values=fields, by=by)
    terminal = Terminal(site=site, device_id=device_id.strip(), **fields)
    terminal.full_clean()
    terminal.save()
    return terminal_change(terminal=terminal, libraries=libraries, status=status)


@transaction.atomic
def terminal_change(
    *,
    terminal: Terminal,
    libraries: Sequence[int] | None = None,
    status: str | None = None,
    by: Any = None,
    **fields: Any,
) -> Terminal:
    """Change a terminal; site and device id stay what they are.

    Naming libraries makes it hold exactly these. What it holds afterwards, it is sent at its next
    poll.

    Raises:
        PermissionDenied: ``by``, the user who asks, may not say where it is called.
        ValidationError: a value is not acceptable, the site has no such library, or the
            terminal would be called elsewhere with the password of before.
    """
    for fixed in ("site", "device_id"):
        fields.pop(fixed, None)
    # Locked, so that no other change comes between the look at the password and the address.
    moved = calling_check(terminal=terminal_locked(terminal), values=fields, by=by)
    held_before = (terminal.status, terminal.all_libraries)
    if "capacity" in fields and fields["capacity"] != terminal.capacity:
        terminal.capacity_learnt_at = None
    for name, value in fields.items():
        setattr(terminal, name, value)
    if libraries is not None:
        terminal.all_libraries = bool(fields.get("all_libraries", False))
    terminal.full_clean()
    # Only what was asked for: a whole row would put presence back to when it was read.
    terminal.save(update_fields=[*fields, "all_libraries", "capacity_learnt_at"])
    if moved:
        calling_moved(terminal)
    if status is not None and status != terminal.status:
        terminal = _in_status(terminal, status)
    if libraries is not None:
        terminal_libraries_set(
            terminal=terminal,
            library_ids=list(libraries),
            all_libraries=terminal.all_libraries,
        )
    elif (terminal.status, terminal.all_libraries) != held_before:
        terminal_view_changed(terminal=terminal)
    return terminal


def _in_status(terminal: Terminal, status: str) -> Terminal:
    if status == TerminalStatus.APPROVED:
        return terminal_approve(terminal=terminal)
    if status == TerminalStatus.DISABLED:
        return terminal_disable(terminal=terminal)
    terminal.status = TerminalStatus.PENDING
    terminal.save(update_fields=["status"])
    return terminal


@transaction.atomic
def terminal_erase(*, terminal: Terminal) -> bool:
    """Delete a terminal that never reported anything; False when it has records."""
    if terminal.records.exists():
        return False
    revocations = list(
        terminal.deliveries.filter(revocation__isnull=False).values_list("revocation_id", flat=True)
    )
    terminal.delete()
    # A door that is gone owes nothing; it may have been the last one.
    revocations_settle(revocations)
    return True


def newcomers_forget(*, now: datetime | None = None) -> int:
    """Delete terminals that wait for approval and were not heard for a day; returns how many.

    Where no room is left, those of a flood go sooner (``displaced_newcomers``). Those that reported
    a pass stay with it, and take nobody's room. Each goes in a transaction of its own, so that
    nothing waits for a thousand.
    """
    silent = silent_newcomers(now=now)
    untouched = silent.filter(records__isnull=True, library_links__isnull=True)
    forgotten = _forget(untouched.order_by("pk")[:_FORGOTTEN_AT_ONCE], still=silent)
    displaced = displaced_newcomers(now=now)[:_FORGOTTEN_AT_ONCE]
    # Heard or approved meanwhile, its row says something else than what was read.
    for terminal in displaced:
        same = Terminal.objects.filter(
            status=terminal.status, last_seen_at=terminal.last_seen_at, library_links__isnull=True
        )
        forgotten += _forget([terminal], still=same)
    return forgotten


def _forget(terminals: Iterable[Terminal], *, still: QuerySet[Terminal]) -> int:
    """Delete those of these that are still what they were when they were looked for."""
    forgotten = 0
    for terminal in terminals:
        with transaction.atomic():
            terminal_locked(terminal)
            # Approved or heard while it waited for its turn here, it stays.
            if still.filter(pk=terminal.pk).exists():
                forgotten += terminal_erase(terminal=terminal)
    return forgotten
