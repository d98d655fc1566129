"""Deliveries: what became of each person's latest change on each terminal.

A delivery row is the platform's knowledge of one face on one terminal. Saves are found by the
person's stamp and the row only follows them; deletes are driven by the row, because the person
may be gone. Whatever writes a row does so under the site's clock or with the row's own stamp as
condition, so that an older event never overwrites a newer one.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Case, Exists, F, OuterRef, Q, Value, When
from django.utils import timezone

from devices.models import Terminal
from faces.choices import DeliveryState, Operation
from faces.models import Delivery, Person
from faces.queries import saves_sent
from faces.selectors import people_for_terminal, terminal_person_pairs
from faces.services.clock import StampSpread, clock_advance
from faces.services.delivery.entries import entry_text
from faces.services.delivery.revocations import revocations_begin, revocations_settle
from server_common.on_commit import enqueue_on_commit
from server_common.raw_sql import moment

# Above this many rows the matrix is filled by a task; terminals do not wait for it.
INLINE_ROWS = 2000

_RESTART = [
    "person",
    "operation",
    "state",
    "sync_stamp",
    "again_stamp",
    "code",
    "message",
    "attempts",
    "changed_at",
    "downloaded_at",
    "retry_at",
    "remedy",
    "revocation",
    "save_unanswered",
    "unanswered",
]


def deliveries_expect(*, site_id: int, person_ids: Sequence[int], stamp: int) -> None:
    """Note which terminals are to be sent the change of these people.

    To be called in the transaction of the change, right after the clock was advanced.
    """
    now = timezone.now()
    pairs = terminal_person_pairs(site_id, person_ids, now=now)
    _mark_unwanted(site_id=site_id, person_ids=person_ids, pairs=pairs, stamp=stamp)
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
    known = Delivery.objects.filter(
        person_id__in=people, terminal_id__in={terminal_id for terminal_id, _ in pairs}
    ).only("terminal_id", "user_id", "sync_stamp", "revocation_id")
    current = {(row.terminal_id, row.user_id): row.sync_stamp for row in known}
    taken_back = {row.revocation_id for row in known}
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
    revocations_settle(taken_back)
    return len(rows)


def _mark_unwanted(
    *, site_id: int, person_ids: Sequence[int], pairs: set[tuple[int, int]], stamp: int
) -> None:
    unwanted = [
        row.pk
        for row in Delivery.objects.filter(
            person_id__in=list(person_ids), operation=Operation.SAVE
        ).only("pk", "terminal_id", "person_id")
        if (row.terminal_id, row.person_id) not in pairs
    ]
    deliveries_mark_for_deletion(site_id=site_id, delivery_ids=unwanted, stamp=stamp)


def deliveries_mark_for_deletion(
    *, site_id: int, delivery_ids: Iterable[int], stamp: int, is_revocation: bool = True
) -> None:
    """Turn these rows into deletes still to be sent; rows never sent just go.

    Args:
        site_id: whose clock the caller has advanced.
        delivery_ids: rows of terminals of that site.
        stamp: of the change. A terminal with more of them than fit into a page gets the rest
            under further ones, because a page ends at a stamp's border.
        is_revocation: people are taken away from terminals, and not a terminal from people; only
            then does it count how long the last door takes to forget.
    """
    ids = sorted(delivery_ids)
    spread = StampSpread(site_id=site_id, first=stamp)
    for start in range(0, len(ids), 500):
        rows = Delivery.objects.filter(pk__in=ids[start : start + 500])
        rows.filter(held=False).delete()
        held = list(rows.order_by("pk"))
        _mark_for_deletion(held, spread)
        if is_revocation:
            revocations_begin(site_id=site_id, rows=held)


def _mark_for_deletion(rows: Sequence[Delivery], spread: StampSpread) -> None:
    now = timezone.now()
    by_stamp = defaultdict[int, list[int]](list)
    for row in rows:
        by_stamp[spread.next(row.terminal_id)].append(row.pk)
    unanswered = [DeliveryState.SENT, DeliveryState.UNCONFIRMED, DeliveryState.FETCHED]
    was_sent = Q(operation=Operation.SAVE, state__in=unanswered)
    for stamp, ids in by_stamp.items():
        Delivery.objects.filter(pk__in=ids).update(
            save_unanswered=Case(
                When(was_sent, then=Value(value=True)), default=F("save_unanswered")
            ),
            operation=Operation.DELETE,
            state=DeliveryState.PENDING,
            sync_stamp=stamp,
            again_stamp=None,
            attempts=0,
            unanswered=0,
            doubted=0,
            told_token=None,
            code="",
            message="",
            retry_at=None,
            remedy="",
            changed_at=now,
        )


def deliveries_sent(*, terminal: Terminal, people: Sequence[Person]) -> None:
    """Note that these saves are in the answer now being given.

    The rows are written before the answer leaves, so whatever a terminal may hold has a row.
    """
    now = timezone.now()
    for start in range(0, len(people), 500):
        _saves_sent(terminal, people[start : start + 500], now)


def _saves_sent(terminal: Terminal, people: Sequence[Person], now: datetime) -> None:
    """Enter these saves as sent, or turn the rows that are there, by one statement.

    The stamps are the people's as they are now: the clock is held, so they do not move.
    """
    at = moment(now)
    saves_sent(
        [
            (
                *(terminal.pk, person.pk, person.user_id, Operation.SAVE.value),
                *(DeliveryState.SENT.value, person.sync_stamp, True, False),
                *(1, at, at, "", "", "", 0, _again_of(person)),
                entry_text(person),
            )
            for person in people
        ]
    )


def _again_of(person: Any) -> int | None:
    """Return the stamp by which the person is sent again here; None when it is their own."""
    return person.listed_stamp if person.listed_stamp > person.sync_stamp else None


@transaction.atomic
def terminal_expect_all(*, terminal: Terminal) -> None:
    """Bring a terminal's rows in line with what it should hold, after its libraries changed."""
    stamp = clock_advance(site_id=terminal.site_id)
    wanted = people_for_terminal(terminal)
    gone = Delivery.objects.filter(terminal=terminal, operation=Operation.SAVE).exclude(
        person__in=wanted
    )
    deliveries_mark_for_deletion(
        site_id=terminal.site_id,
        delivery_ids=gone.values_list("pk", flat=True),
        stamp=stamp,
        is_revocation=False,
    )
    now = timezone.now()
    followed = Delivery.objects.filter(
        terminal=terminal, user_id=OuterRef("user_id"), operation=Operation.SAVE
    )
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
        # Most have a row already; those are not read.
        for person_id, user_id, person_stamp in wanted.filter(~Exists(followed))
        .values_list("pk", "user_id", "sync_stamp")
        .iterator(chunk_size=500)
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
        terminal=terminal, user_id__in=[row.user_id for row in batch]
    ).values_list("user_id", "operation", "revocation_id")
    skip = {user_id for user_id, operation, _ in known if operation == Operation.SAVE}
    Delivery.objects.bulk_create(
        [row for row in batch if row.user_id not in skip],
        update_conflicts=True,
        unique_fields=["terminal", "user_id"],
        update_fields=_RESTART,
    )
    revocations_settle({revocation_id for _, _, revocation_id in known})
