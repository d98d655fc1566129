"""Entering, changing and deleting terminals, with what other apps add to them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from devices.choices import TerminalStatus
from devices.extensions import terminal_extensions, values_of
from devices.models import Site, Terminal
from devices.services.admission import displaced_newcomers, silent_newcomers
from devices.services.commands import calling_check, calling_moved
from devices.services.sites import terminal_approve, terminal_disable, terminal_locked

# As many as wait at one site at most.
_FORGOTTEN_AT_ONCE = 1000


@transaction.atomic
def terminal_create(
    *,
    site: Site,
    device_id: str,
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
    added = {name: fields.pop(name) for name in _added_names() if name in fields}
    calling_check(terminal=Terminal(site=site), values=fields, by=by)
    terminal = Terminal(site=site, device_id=device_id.strip(), **fields)
    terminal.full_clean()
    terminal.save()
    return terminal_change(terminal=terminal, status=status, **added)


@transaction.atomic
def terminal_change(
    *, terminal: Terminal, status: str | None = None, by: Any = None, **fields: Any
) -> Terminal:
    """Change a terminal; site and device id stay what they are.

    ``fields`` are the terminal's own, and values that other apps take (``devices.extensions``):
    naming ``libraries`` makes it hold exactly these, which it learns at its next poll.

    Raises:
        PermissionDenied: ``by``, the user who asks, may not say where it is called.
        ValidationError: a value is not acceptable, the site has no such library, or the
            terminal would be called elsewhere with the password of before.
    """
    for fixed in ("site", "device_id"):
        fields.pop(fixed, None)
    added = [(extension, values_of(extension, fields)) for extension in terminal_extensions()]
    for name in _added_names():
        fields.pop(name, None)
    # Locked, so that no other change comes between the look at the password and the address.
    moved = calling_check(terminal=terminal_locked(terminal), values=fields, by=by)
    scope_before = (terminal.status, terminal.all_libraries)
    if "capacity" in fields and fields["capacity"] != terminal.capacity:
        terminal.capacity_learnt_at = None
    for extension, values in added:
        extension.before_change(fields=fields, values=values)
    for name, value in fields.items():
        setattr(terminal, name, value)
    terminal.full_clean()
    # Only what was asked for: a whole row would put presence back to when it was read.
    terminal.save(update_fields=[*fields, "all_libraries", "capacity_learnt_at"])
    if moved:
        calling_moved(terminal)
    if status is not None and status != terminal.status:
        terminal = _in_status(terminal, status)
    is_scope_new = (terminal.status, terminal.all_libraries) != scope_before
    for extension, values in added:
        extension.after_change(terminal=terminal, values=values, is_scope_new=is_scope_new)
    return terminal


def _added_names() -> list[str]:
    return [name for extension in terminal_extensions() for name in extension.values]


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
    extensions = terminal_extensions()
    if any(extension.is_kept(terminal) for extension in extensions):
        return False
    afterwards = [extension.before_erase(terminal=terminal) for extension in extensions]
    terminal.delete()
    for follow in afterwards:
        if follow is not None:
            follow()
    return True


def newcomers_forget(*, now: datetime | None = None) -> int:
    """Delete terminals that wait for approval and were not heard for a day; returns how many.

    Where no room is left, those of a flood go sooner (``displaced_newcomers``). Those that reported
    a pass stay with it, and take no other terminal's room. Each goes in a transaction of its own,
    so that nothing waits for a thousand.
    """
    unused = [extension.unused() for extension in terminal_extensions()]
    silent = silent_newcomers(now=now)
    untouched = silent.filter(*unused)
    forgotten = _forget(untouched.order_by("pk")[:_FORGOTTEN_AT_ONCE], still=silent)
    displaced = displaced_newcomers(now=now)[:_FORGOTTEN_AT_ONCE]
    # Heard or approved meanwhile, its row says something else than what was read.
    for terminal in displaced:
        same = Terminal.objects.filter(
            *unused, status=terminal.status, last_seen_at=terminal.last_seen_at
        )
        forgotten += _forget([terminal], still=same)
    return forgotten


def _forget(terminals: Iterable[Terminal], *, still: QuerySet[Terminal]) -> int:
    """Delete those of these that are still what they were when they were read."""
    forgotten = 0
    for terminal in terminals:
        with transaction.atomic():
            terminal_locked(terminal)
            # Approved or heard while it waited for its turn here, it stays.
            if still.filter(pk=terminal.pk).exists():
                forgotten += terminal_erase(terminal=terminal)
    return forgotten
