"""Where a terminal lives: what flushes, weeks and managers say of the addresses it calls from."""

from datetime import timedelta

import pytest
from django.utils import timezone

from devices.models import AuditEntry, PresenceFlush, Terminal, TerminalAddress
from devices.services import (
    Whereabouts,
    address_approve,
    addresses_new,
    presence_flush,
    presence_seen,
    whereabouts,
)

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

FIRST, OTHER = "10.0.0.7", "10.0.0.8"


@pytest.fixture
def other(terminal: Terminal) -> TerminalAddress:
    """Return the second address of a terminal that has called from two."""
    for address in (FIRST, OTHER):
        presence_seen(terminal_id=terminal.pk, address=address)
        presence_flush()
    return TerminalAddress.objects.get(address=OTHER)


def place(terminal: Terminal, address: str = OTHER) -> Whereabouts:
    return whereabouts(terminal_id=terminal.pk, address=address)


def test_flush_notes_that_it_ran_also_when_nothing_was_heard() -> None:
    presence_flush()
    first = PresenceFlush.objects.get()

    presence_flush()

    row = PresenceFlush.objects.get()
    assert row.steady_since == first.steady_since
    assert row.flushed_at > first.flushed_at


def test_flush_after_a_gap_begins_anew() -> None:
    presence_flush()
    long_ago = timezone.now() - timedelta(minutes=20)
    PresenceFlush.objects.update(flushed_at=long_ago, steady_since=long_ago - timedelta(days=1))

    presence_flush()

    row = PresenceFlush.objects.get()
    assert row.steady_since == row.flushed_at > long_ago


def test_terminal_has_moved_only_where_its_silence_is_known(
    terminal: Terminal, other: TerminalAddress
) -> None:
    long_ago = timezone.now() - timedelta(hours=1)
    TerminalAddress.objects.filter(address=FIRST).update(last_seen_at=long_ago)
    assert place(terminal) is Whereabouts.FOREIGN

    PresenceFlush.objects.update(steady_since=long_ago)

    assert place(terminal) is Whereabouts.MOVED


def test_approved_address_is_home_and_the_audit_says_so_once(
    terminal: Terminal, other: TerminalAddress
) -> None:
    assert addresses_new(terminal) == [other]
    assert place(terminal) is Whereabouts.FOREIGN

    address_approve(address=other)
    address_approve(address=other)

    assert addresses_new(terminal) == []
    assert place(terminal) is Whereabouts.HOME
    entry = AuditEntry.objects.get(model="devices.terminaladdress")
    assert (entry.site, entry.row_id) == (terminal.site, str(other.pk))
    assert OTHER in entry.name


def test_neither_the_first_address_nor_one_of_a_week_is_new(
    terminal: Terminal, other: TerminalAddress
) -> None:
    week = timezone.now() - timedelta(days=7)
    TerminalAddress.objects.update(first_seen_at=week)

    assert addresses_new(terminal) == []
