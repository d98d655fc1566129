"""Deliveries of a terminal from its approval on, before it has asked for anything.

An auto-approved terminal is entered by its own first message, which must not wait until the rows of
20,000 people are written. So the rows are written behind it, in batches; a sweep finishes what
broke off. What a person's page counts is then true before the first poll.
"""

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from devices.choices import TerminalStatus
from devices.models import Terminal
from faces.choices import DeliveryState, Operation
from faces.models import Delivery, TerminalCursor
from faces.selectors import people_for_terminal
from faces.services.clock import clock_hold

# People whose rows are written by one transaction.
_BATCH = 500
# Of terminals that were approved and never sent anything, so many are looked at by one sweep.
_TERMINALS_AT_ONCE = 20


def terminal_expect(*, terminal_id: int, batch_most: int = _BATCH) -> int:
    """Write a pending row for each person a terminal should hold and has no row of.

    Returns how many were written. Safe to repeat and to break off: each batch commits by itself,
    and rows that are there stay as they are.
    """
    written = 0
    while (batch := terminal_expect_batch(terminal_id, batch_most)) is not None:
        written += batch
        if batch < batch_most:
            # Complete: the sweep need not look again. The first poll is a full one, as ever.
            TerminalCursor.objects.get_or_create(terminal_id=terminal_id)
            break
    return written


def terminals_expect(*, batch_most: int = _BATCH) -> int:
    """Write the rows of approved terminals that have been sent nothing yet; returns how many.

    A terminal whose rows are complete, or that has polled, has a cursor and is not looked at.
    """
    waiting = Terminal.objects.filter(status=TerminalStatus.APPROVED, cursor__isnull=True)
    ids = waiting.order_by("pk").values_list("pk", flat=True)[:_TERMINALS_AT_ONCE]
    return sum(terminal_expect(terminal_id=pk, batch_most=batch_most) for pk in list(ids))


@transaction.atomic
def terminal_expect_batch(terminal_id: int, batch_most: int) -> int | None:
    """Write the next rows and return how many; None for a terminal that may hold no person."""
    terminal = Terminal.objects.filter(pk=terminal_id, status=TerminalStatus.APPROVED).first()
    if terminal is None:
        return None
    # Under the clock no other transaction changes a person, a library or this terminal's rows.
    clock_hold(site_id=terminal.site_id)
    terminal.refresh_from_db()
    known = Delivery.objects.filter(terminal=terminal, user_id=OuterRef("user_id"))
    missing = people_for_terminal(terminal).filter(~Exists(known)).order_by("pk")
    chosen = missing.values_list("pk", "user_id", "sync_stamp")[:batch_most]
    now = timezone.now()
    rows = [
        Delivery(
            terminal=terminal,
            person_id=person_id,
            user_id=user_id,
            operation=Operation.SAVE,
            state=DeliveryState.PENDING,
            sync_stamp=stamp,
            changed_at=now,
        )
        for person_id, user_id, stamp in chosen
    ]
    Delivery.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)
