"""What became of each person's latest change on each terminal.

A delivery row is the platform's knowledge of one face on one terminal. Saves are found by the
person's stamp and the row only follows them; deletes are driven by the row, because the person
may be gone. Whatever writes a row does so under the site's clock or with the row's own stamp as
condition, so that an older event never overwrites a newer one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from devices.models import Terminal
from faces.choices import DeliveryState, Operation
from faces.models import Delivery, Person
from faces.selectors import people_for_terminal, terminal_person_pairs
from faces.services.clock import clock_advance
from server_common.on_commit import enqueue_on_commit

# Above this many rows the matrix is filled by a task; terminals do not wait for it.
INLINE_ROWS = 2000
# A delete that no terminal confirmed is told again, three times in all (issue of invariant 6).
DELETE_ATTEMPTS = 3
DELETE_REPEAT_AFTER = timedelta(minutes=10)
# What terminals send when a face was stored: 100 in seed 9.4; some firmwares answer like an API.
SUCCESS_CODES = frozenset({"0", "100", "200"})

_RESTART = ["person", "operation", "state", "sync_stamp", "code", "message", "changed_at"]


@dataclass(frozen=True, slots=True)
class Feedback:
    """One result of a terminal's syresult (seed 9.4)."""

    user_id: str
    code: str
    message: str


def deliveries_expect(*, site_id: int, person_ids: Sequence[int], stamp: int) -> None:
    """Note that the change of these people is to be told, to whom it concerns.

    To be called in the transaction of the change, right after the clock was advanced.
    """
    now = timezone.now()
    pairs = terminal_person_pairs(site_id, person_ids, now=now)
    _doom_unwanted(person_ids=person_ids, pairs=pairs, stamp=stamp, now=now)
    if len(pairs) > INLINE_ROWS:
        enqueue_on_commit(
            "faces.tasks.deliveries_fill", site_id=site_id, person_ids=list(person_ids)
        )
    else:
        deliveries_fill(site_id=site_id, person_ids=person_ids, pairs=pairs)


def deliveries_fill(
    *, site_id: int, person_ids: Sequence[int], pairs: set[tuple[int, int]] | None = None
) -> int:
    """Write pending rows for people as they are stamped now; safe to repeat."""
    now = timezone.now()
    if pairs is None:
        pairs = terminal_person_pairs(site_id, person_ids, now=now)
    people = Person.objects.in_bulk(list({person_id for _, person_id in pairs}))
    current = {
        (row.terminal_id, row.user_id): row.sync_stamp
        for row in Delivery.objects.filter(
            person_id__in=people, terminal_id__in={terminal_id for terminal_id, _ in pairs}
        ).only("terminal_id", "user_id", "sync_stamp")
    }
    rows = [
        Delivery(
            terminal_id=terminal_id,
            person_id=person_id,
            user_id=people[person_id].user_id,
            operation=Operation.SAVE,
            state=DeliveryState.PENDING,
            sync_stamp=people[person_id].sync_stamp,
            changed_at=now,
        )
        for terminal_id, person_id in sorted(pairs)
        if person_id in people
        and current.get((terminal_id, people[person_id].user_id), -1) < people[person_id].sync_stamp
    ]
    Delivery.objects.bulk_create(
        rows,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["terminal", "user_id"],
        update_fields=_RESTART,
    )
    return len(rows)


def _doom_unwanted(
    *, person_ids: Sequence[int], pairs: set[tuple[int, int]], stamp: int, now: datetime
) -> None:
    unwanted = [
        row.pk
        for row in Delivery.objects.filter(
            person_id__in=list(person_ids), operation=Operation.SAVE
        ).only("pk", "terminal_id", "person_id")
        if (row.terminal_id, row.person_id) not in pairs
    ]
    deliveries_doom(Delivery.objects.filter(pk__in=unwanted).values_list("pk", flat=True), stamp)


def deliveries_doom(delivery_ids: Iterable[int], stamp: int) -> None:
    """Turn these rows into deletes still to be told; rows never sent just go."""
    ids = list(delivery_ids)
    now = timezone.now()
    for start in range(0, len(ids), 500):
        rows = Delivery.objects.filter(pk__in=ids[start : start + 500])
        rows.filter(held=False).delete()
        rows.filter(held=True).update(
            operation=Operation.DELETE,
            state=DeliveryState.PENDING,
            sync_stamp=stamp,
            attempts=0,
            code="",
            message="",
            changed_at=now,
        )


def deliveries_sent(
    *, terminal: Terminal, people: Sequence[Person], deletes: Sequence[Delivery]
) -> None:
    """Note that these saves and deletes are in the answer now being given.

    The rows are written before the answer leaves, so whatever a terminal may hold has a row.
    """
    now = timezone.now()
    Delivery.objects.bulk_create(
        [
            Delivery(
                terminal=terminal,
                person=person,
                user_id=person.user_id,
                operation=Operation.SAVE,
                state=DeliveryState.PENDING,
                sync_stamp=person.sync_stamp,
                changed_at=now,
            )
            for person in people
        ],
        batch_size=500,
        ignore_conflicts=True,
    )
    for start in range(0, len(people), 500):
        stamps = {person.user_id: person.sync_stamp for person in people[start : start + 500]}
        rows = list(Delivery.objects.filter(terminal=terminal, user_id__in=stamps))
        for row in rows:
            row.held = True
            if row.operation == Operation.SAVE and row.sync_stamp <= stamps[row.user_id]:
                row.state = DeliveryState.SENT
                row.sync_stamp = stamps[row.user_id]
                row.attempts += 1
                row.sent_at = row.changed_at = now
        Delivery.objects.bulk_update(
            rows,
            ["held", "state", "sync_stamp", "attempts", "sent_at", "changed_at"],
            batch_size=500,
        )
    Delivery.objects.filter(pk__in=[row.pk for row in deletes], operation=Operation.DELETE).update(
        state=DeliveryState.SENT, attempts=F("attempts") + 1, sent_at=now, changed_at=now
    )


@transaction.atomic
def deliveries_answered(*, terminal: Terminal, results: Sequence[Feedback]) -> None:
    """Take in a terminal's syresult: stored or failed, with its own code and words.

    A result for somebody the platform never sent is kept as a row too, because it tells what the
    terminal holds. A late result for a change that has been overtaken notes code and words and
    leaves the newer change pending.
    """
    now = timezone.now()
    # In one order, so that two lists of the same people that arrive at once do not deadlock.
    for result in sorted(results, key=lambda one: one.user_id):
        # Serialises two results of the same person that arrive at once.
        row = (
            Delivery.objects.select_for_update()
            .filter(terminal=terminal, user_id=result.user_id)
            .first()
        )
        if row is None:
            person = Person.objects.filter(site_id=terminal.site_id, user_id=result.user_id).first()
            # Not a plain insert: the other one of two first results may have made the row by now.
            row, _ = Delivery.objects.select_for_update().get_or_create(
                terminal=terminal,
                user_id=result.user_id,
                defaults={"person": person, "state": DeliveryState.SENT, "changed_at": now},
            )
        stored = result.code in SUCCESS_CODES
        if row.state != DeliveryState.PENDING:
            row.state = DeliveryState.STORED if stored else DeliveryState.FAILED
            if row.operation == Operation.DELETE and stored:
                row.held = False
        row.code, row.message = result.code[:8], result.message[:255]
        row.answered_at = row.changed_at = now
        row.save()


@transaction.atomic
def terminal_expect_all(*, terminal: Terminal) -> None:
    """Bring a terminal's rows in line with what it should hold, after its libraries changed."""
    stamp = clock_advance(site_id=terminal.site_id)
    wanted = people_for_terminal(terminal)
    gone = Delivery.objects.filter(terminal=terminal, operation=Operation.SAVE).exclude(
        person__in=wanted
    )
    deliveries_doom(gone.values_list("pk", flat=True), stamp)
    now = timezone.now()
    rows = (
        Delivery(
            terminal=terminal,
            person_id=person_id,
            user_id=user_id,
            operation=Operation.SAVE,
            state=DeliveryState.PENDING,
            sync_stamp=person_stamp,
            changed_at=now,
        )
        for person_id, user_id, person_stamp in wanted.values_list(
            "pk", "user_id", "sync_stamp"
        ).iterator(chunk_size=500)
    )
    batch: list[Delivery] = []
    for row in rows:
        batch.append(row)
        if len(batch) == 500:
            _restart(terminal, batch)
            batch = []
    _restart(terminal, batch)


def _restart(terminal: Terminal, batch: list[Delivery]) -> None:
    known = Delivery.objects.filter(
        terminal=terminal, user_id__in=[row.user_id for row in batch], operation=Operation.SAVE
    )
    skip = set(known.values_list("user_id", flat=True))
    Delivery.objects.bulk_create(
        [row for row in batch if row.user_id not in skip],
        update_conflicts=True,
        unique_fields=["terminal", "user_id"],
        update_fields=_RESTART,
    )


@transaction.atomic
def deletes_repeat(*, now: datetime | None = None) -> int:
    """Tell deletes again that no terminal has confirmed; returns how many."""
    now = now or timezone.now()
    due = Delivery.objects.filter(
        Q(state=DeliveryState.SENT) | Q(state=DeliveryState.FAILED),
        operation=Operation.DELETE,
        held=True,
        attempts__lt=DELETE_ATTEMPTS,
        sent_at__lt=now - DELETE_REPEAT_AFTER,
    ).order_by()
    repeated = 0
    for site_id in sorted(set(due.values_list("terminal__site_id", flat=True))):
        # Under the clock nobody else changes these rows but the terminal's own answer.
        stamp = clock_advance(site_id=site_id)
        repeated += Delivery.objects.filter(
            pk__in=due.filter(terminal__site_id=site_id).values("pk")
        ).update(state=DeliveryState.PENDING, sync_stamp=stamp, changed_at=now)
    return repeated
