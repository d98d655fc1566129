"""What one answer to /syrecord lists: whole stamps, deletes first, no more than fit (0002)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from devices.models import Terminal
from faces.choices import DeliveryState, Operation
from faces.models import Delivery, Person
from faces.queries import people_since
from faces.services.sync.state import SyncState

Row = TypeVar("Row", Person, Delivery)


@dataclass(frozen=True, slots=True)
class Position:
    """Stamps up to which a terminal was sent changes; ``begun``: where its round of pages began."""

    saves: int
    deletes: int
    begun: int


@dataclass(frozen=True, slots=True)
class Page:
    """What one answer lists, and how far the terminal is with it."""

    people: list[Person]
    deletes: list[Delivery]
    reached: Position
    is_last: bool


def page_after(terminal: Terminal, since: Position, newest: int, state: SyncState) -> Page:
    """Return the next page: deletes first, saves only once no delete is left."""
    size: int = settings.SYNC_PAGE_SIZE
    # Of those decided since the round began, confirmed ones too: the cursor says that the answer
    # was lost, and a result says not of which change it is (seed 9.4).
    owing = Q(sync_stamp__gt=since.begun) | (Q(held=True) & ~Q(state=DeliveryState.STORED))
    owed = Delivery.objects.filter(
        owing,
        terminal=terminal,
        operation=Operation.DELETE,
        sync_stamp__gt=since.deletes,
        sync_stamp__lte=newest,
    ).order_by("sync_stamp", "pk")
    has_deletes = state.has_deletes
    deletes, deletes_until = (
        _first(
            list(owed[: size + 1]),
            size,
            "sync_stamp",
            all_of=lambda border: list(owed.filter(sync_stamp=border)),
        )
        if has_deletes
        else ([], None)
    )
    if deletes_until is not None:
        return Page([], deletes, replace(since, deletes=deletes_until), is_last=False)
    room = size - len(deletes)
    people, people_until = (
        _first_people(terminal, since.saves, newest, state, room, may_exceed=not deletes)
        if state.has_people or state.has_again
        else ([], None)
    )
    is_last = people_until is None
    reached = Position(newest if people_until is None else people_until, newest, since.begun)
    return Page(people, deletes, reached, is_last)


def _first_people(
    terminal: Terminal,
    since: int,
    newest: int,
    state: SyncState,
    room: int,
    *,
    may_exceed: bool,
) -> tuple[list[Person], int | None]:
    """Return the people to send next, as ``_first`` does."""

    def people(after: int, until: int, limit: int | None) -> list[Person]:
        return people_since(
            terminal=terminal,
            since=after,
            newest=until,
            now=timezone.now(),
            has_again=state.has_again,
            limit=limit,
        )

    return _first(
        people(since, newest, room + 1),
        room,
        "listed_stamp",
        all_of=lambda border: people(border - 1, border, None),
        may_exceed=may_exceed,
    )


def _first(
    found: list[Row],
    room: int,
    stamp: str,
    *,
    all_of: Callable[[int], list[Row]],
    may_exceed: bool = True,
) -> tuple[list[Row], int | None]:
    """Return the first rows that fit, whole stamps only, and the last stamp sent with them.

    Args:
        found: rows in the order of their stamps, one more than fit if there are that many.
        room: how many fit.
        stamp: the attribute that is a row's stamp.
        all_of: returns all rows of a stamp.
        may_exceed: rows under one stamp that are more than fit (the page size was lowered since)
            come together nevertheless.

    The last stamp is None when these are all there are.
    """
    if len(found) <= room:
        return found, None
    border: int = getattr(found[room], stamp)
    fit = [row for row in found if getattr(row, stamp) < border]
    if fit:
        return fit, getattr(fit[-1], stamp)
    if may_exceed:
        return all_of(border), border
    return [], border - 1
