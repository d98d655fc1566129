"""What terminals report of faces, and what is sent again because of it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from devices.models import Terminal
from devices.services import Caller
from faces.choices import DeliveryState, Operation, Remedy
from faces.models import Delivery, Person, TerminalCursor
from faces.queries import result_row_lock, result_row_save
from faces.services.clock import StampSpread, clock_advance
from faces.services.delivery import (
    DELETE_ATTEMPTS,
    DELETE_REPEAT_AFTER,
    Verdict,
    capacity_learn,
    next_try,
    revocations_reopen,
    revocations_settle,
    terminal_expect_all,
    verdict,
)
from faces.services.feedback.believed import confirmed_elsewhere, is_believed

# Rows of a terminal that failed, were not confirmed or need a person.
NOT_DONE = Q(state__in=[DeliveryState.FAILED, DeliveryState.UNCONFIRMED]) | ~Q(remedy="")
# The bare path, from an address that the server does not know.
_UNKNOWN_CALLER = Caller()


@dataclass(frozen=True, slots=True)
class Feedback:
    """One result of a terminal's syresult (seed 9.4)."""

    user_id: str
    code: str
    message: str


def deliveries_answered(
    *, terminal: Terminal, results: Sequence[Feedback], caller: Caller = _UNKNOWN_CALLER
) -> None:
    """Take in a terminal's syresult: stored or failed, with its own code and words.

    A result for a person the platform never sent is kept as a row too, because it tells what the
    terminal holds. A late result for a change that has been overtaken notes code and words and
    leaves the newer change pending.

    Args:
        terminal: whose device ID they came under.
        results: as read.
        caller: under which address and from where. That a person is forgotten is believed of the
            caller who fetched the delete (``is_believed``).

    Safe to repeat: each result commits by itself. Whoever holds one row while waiting for the next
    meets writers that come the other way, and other lists of the same people.
    """
    if results_take_in(terminal=terminal, results=results, caller=caller):
        return
    # Outside of the transactions above: a poll holds the cursor while it writes deliveries.
    now = timezone.now()
    noted = TerminalCursor.objects.filter(terminal=terminal, reported_at__isnull=True)
    if not noted.update(reported_at=now):
        first = TerminalCursor(terminal=terminal, reported_at=now)
        TerminalCursor.objects.bulk_create([first], ignore_conflicts=True)


def results_take_in(
    *, terminal: Terminal, results: Sequence[Feedback], caller: Caller | None = None
) -> bool:
    """Take in results however they came; returns whether its syresults are known of already.

    Args:
        terminal: whose they are.
        results: as read.
        caller: see ``deliveries_answered``; None when the platform called the terminal.
    """
    settled: list[int | None] = []
    has_reported = False
    for result in results:
        row, has_reported = _answered(terminal, result, caller)
        if row.state != DeliveryState.PENDING and row.operation == Operation.DELETE:
            settled += [] if row.held else [row.revocation_id]
    if settled:
        _room_was_made(terminal, places=len(settled))
        revocations_settle(settled)
    return has_reported


@transaction.atomic
def _answered(terminal: Terminal, result: Feedback, caller: Caller | None) -> tuple[Delivery, bool]:
    row, has_reported = _row_of(terminal, result)
    meaning = verdict(operation=row.operation, code=result.code, message=result.message)
    is_doubtful = meaning.is_done and caller is not None and not is_believed(row, caller)
    if row.state != DeliveryState.PENDING and not is_doubtful:
        _take_in(row, meaning, is_news=row.code != result.code)
        if meaning.remedy == Remedy.FREE_SPACE:
            capacity_learn(terminal=terminal)
    row.code, row.message = result.code[:8], result.message[:255]
    row.answered_at = row.changed_at = timezone.now()
    result_row_save(row)
    return row, has_reported


def _row_of(terminal: Terminal, result: Feedback) -> tuple[Delivery, bool]:
    """Return the row of a result, locked, and whether the terminal is known to send results."""
    # Serialises two results of the same person that arrive at once.
    found = result_row_lock(terminal_id=terminal.pk, user_id=result.user_id)
    row, has_reported = found or (None, False)
    if row is None:
        locked = Delivery.objects.select_for_update()
        person = Person.objects.filter(site_id=terminal.site_id, user_id=result.user_id).first()
        # Not a plain insert: the other one of two first results may have made the row by now.
        row, _ = locked.get_or_create(
            terminal=terminal,
            user_id=result.user_id,
            defaults={
                "person": person,
                "state": DeliveryState.SENT,
                "changed_at": timezone.now(),
            },
        )
    return row, has_reported


def _take_in(row: Delivery, meaning: Verdict, *, is_news: bool) -> None:
    if row.unanswered:
        # The answer it was sent again for is here, however late.
        row.unanswered, row.again_stamp = 0, row.again_before
    if meaning.is_done:
        _done(row)
        return
    if row.state == DeliveryState.FAILED and not is_news:
        # The same word again is no further try.
        return
    row.state = DeliveryState.FAILED
    row.retry_at, row.remedy = None, ""
    if row.operation == Operation.DELETE:
        # It has a rhythm of its own (deletes_repeat). A success before may have been on the save.
        row.held = True
        return
    if row.person_id is None:
        # A stranger's face is not ours.
        return
    wait = next_try(tries=row.attempts) if meaning.may_retry else None
    if wait is None:
        row.remedy = meaning.remedy
    else:
        row.retry_at = timezone.now() + wait


def _done(row: Delivery) -> None:
    row.retry_at, row.remedy = None, ""
    row.state = DeliveryState.STORED
    if row.operation == Operation.DELETE:
        row.held = False


def _room_was_made(terminal: Terminal, *, places: int) -> None:
    """Try again as many as there is room for, of those that the full terminal refused."""
    waiting = Delivery.objects.filter(
        terminal=terminal, state=DeliveryState.FAILED, remedy=Remedy.FREE_SPACE
    ).order_by("changed_at", "pk")
    Delivery.objects.filter(
        pk__in=list(waiting.values_list("pk", flat=True)[:places]),
        state=DeliveryState.FAILED,
        remedy=Remedy.FREE_SPACE,
    ).update(retry_at=timezone.now(), remedy="")


def deletes_repeat(*, now: datetime | None = None) -> int:
    """Send deletes again that no terminal has confirmed; returns how many.

    After the third time a person has to look at the terminal.
    """
    now = now or timezone.now()
    unconfirmed = Q(
        state__in=[DeliveryState.SENT, DeliveryState.FAILED],
        operation=Operation.DELETE,
        held=True,
        sent_at__lt=now - DELETE_REPEAT_AFTER,
    )
    # A result says not of which change it is (seed 9.4). When the save had not been answered yet,
    # the success may have been the late word on that, so such a delete is sent once more.
    doubtful = Q(
        state=DeliveryState.STORED,
        operation=Operation.DELETE,
        save_unanswered=True,
        sent_at__lt=now - DELETE_REPEAT_AFTER,
    )
    repeated = _tell_again(doubtful | (unconfirmed & Q(attempts__lt=DELETE_ATTEMPTS)))
    with transaction.atomic():
        given_up = Delivery.objects.filter(
            unconfirmed, attempts__gte=DELETE_ATTEMPTS, remedy=""
        ).select_for_update()
        rows = list(given_up.order_by("pk"))
        Delivery.objects.filter(pk__in=[row.pk for row in rows]).update(
            remedy=Remedy.LOOK_AT_TERMINAL
        )
        revocations_settle({row.revocation_id for row in rows})
    return repeated


@transaction.atomic
def deletes_doubt() -> int:
    """Tell deletes again that were confirmed from elsewhere while a terminal was silent.

    Returns how many. Whether the terminal had moved, or another one spoke for it while it was
    without power, is seen when it calls from its own address again.
    """
    count = 0
    for condition in confirmed_elsewhere():
        doubted = Delivery.objects.filter(condition).values_list("pk", "revocation_id")
        revocation_ids = {revocation_id for _, revocation_id in doubted}
        count += _tell_again(Q(pk__in=[pk for pk, _ in doubted]), from_start=True)
        revocations_reopen(revocation_ids)
    return count


def deliveries_retry(*, now: datetime | None = None) -> int:
    """Send faces again whose next try is due; returns how many. Safe to run twice."""
    due = Q(
        state=DeliveryState.FAILED,
        operation=Operation.SAVE,
        retry_at__lte=now or timezone.now(),
    )
    return _tell_again(due)


def deliveries_send_again(*, deliveries: QuerySet[Delivery]) -> int:
    """Send these faces and unconfirmed deletes again at each terminal's next poll.

    Args:
        deliveries: rows that the caller may touch. A confirmed delete has nothing to be sent, nor
            has a row about a person the platform never sent.

    Returns:
        How many will be sent; their tries are counted anew, because a person asked for it.
    """
    chosen = Q(pk__in=list(deliveries.order_by().values_list("pk", flat=True)))
    nothing_to_tell = Q(operation=Operation.DELETE, state=DeliveryState.STORED) | Q(
        operation=Operation.SAVE, person__isnull=True
    )
    return _tell_again(chosen & ~nothing_to_tell, from_start=True)


def terminal_send_failed_again(*, terminal: Terminal) -> int:
    """Send a terminal again what failed, was not confirmed or needs a person; returns how many."""
    return deliveries_send_again(deliveries=Delivery.objects.filter(NOT_DONE, terminal=terminal))


@transaction.atomic
def terminal_send_all_again(*, terminal: Terminal) -> int:
    """Let a terminal begin from zero and send it all people; returns how many faces that are."""
    terminal_start_over(terminal)
    return deliveries_send_again(deliveries=Delivery.objects.filter(terminal=terminal))


@transaction.atomic
def terminal_start_over(terminal: Terminal) -> None:
    """Make a terminal's next poll a full one, with a row for each person it shall hold."""
    TerminalCursor.objects.update_or_create(
        terminal=terminal, defaults={"complete_from": None, "pages": []}
    )
    terminal_expect_all(terminal=terminal)


def _tell_again(condition: Q, *, from_start: bool = False) -> int:
    rows = Delivery.objects.filter(condition).order_by()
    # Site by site: one site's clock is not held while another one's is waited for.
    return sum(
        _tell_site_again(site_id, condition, from_start=from_start)
        for site_id in sorted(set(rows.values_list("terminal__site_id", flat=True)))
    )


@transaction.atomic
def _tell_site_again(site_id: int, condition: Q, *, from_start: bool) -> int:
    spread = StampSpread(site_id=site_id, first=clock_advance(site_id=site_id))
    # Read under the clock: nothing else changes these rows now but the terminal's own answer, and
    # what sent them again a moment ago left none that meets the condition.
    rows = (
        Delivery.objects.select_for_update(of=("self",))
        .filter(condition, terminal__site_id=site_id)
        .order_by("pk")
        .values_list("pk", "terminal_id", "operation")
    )
    by_stamp = defaultdict[tuple[int, str], list[int]](list)
    for pk, terminal_id, operation in rows:
        by_stamp[spread.next(terminal_id), operation].append(pk)
    for (stamp, operation), ids in by_stamp.items():
        Delivery.objects.filter(pk__in=ids).update(
            **_again_columns(operation, stamp),
            **({"attempts": 0, "doubted": 0} if from_start else {}),
        )
    return sum(map(len, by_stamp.values()))


def _again_columns(operation: str, stamp: int) -> dict[str, Any]:
    """Return the columns of a row that is sent again under a stamp."""
    columns: dict[str, Any] = (
        {"sync_stamp": stamp, "held": True, "save_unanswered": False}
        if operation == Operation.DELETE
        else {"again_stamp": stamp}
    )
    return {
        **columns,
        "state": DeliveryState.PENDING,
        "changed_at": timezone.now(),
        "retry_at": None,
        "remedy": "",
        "unanswered": 0,
    }
