"""What one answer to /syrecord lists: whole stamps, deletes first, no more than fit (0002)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar, cast

from django.conf import settings
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from devices.choices import TerminalStatus
from devices.models import Terminal
from faces.choices import DeliveryState, Operation, PhotoStatus
from faces.models import Delivery, FacePhoto, Person
from faces.selectors import people_for_terminal
from faces.services.sync_state import Standing
from server_common.frozen_query import FrozenQuery, columns_of, from_row

Row = TypeVar("Row", Person, Delivery)


@dataclass(frozen=True, slots=True)
class Position:
    """Up to which stamps a terminal has been told; ``begun`` is where this round of pages began."""

    saves: int
    deletes: int
    begun: int


@dataclass(frozen=True, slots=True)
class Page:
    """What one answer lists, and how far the terminal has been told with it."""

    people: list[Person]
    deletes: list[Delivery]
    told: Position
    is_last: bool


def page_after(terminal: Terminal, since: Position, newest: int, standing: Standing) -> Page:
    """Return the next page: deletes first, saves only once no delete is left."""
    size: int = settings.SYNC_PAGE_SIZE
    # Of those decided since the round began, confirmed ones too: the cursor says that the answer
    # was lost, and a result says not of which change it is (seed 9.4).
    owing = Q(sync_stamp__gt=since.begun) | (Q(held=True) & ~Q(state=DeliveryState.STORED))
    doomed = Delivery.objects.filter(
        owing,
        terminal=terminal,
        operation=Operation.DELETE,
        sync_stamp__gt=since.deletes,
        sync_stamp__lte=newest,
    ).order_by("sync_stamp", "pk")
    has_deletes = standing.has_deletes
    deletes, deletes_told = (
        _first(
            list(doomed[: size + 1]),
            size,
            "sync_stamp",
            all_of=lambda border: list(doomed.filter(sync_stamp=border)),
        )
        if has_deletes
        else ([], None)
    )
    if deletes_told is not None:
        return Page([], deletes, replace(since, deletes=deletes_told), is_last=False)
    room = size - len(deletes)
    people, people_told = (
        _first_people(terminal, since.saves, newest, standing, room, may_exceed=not deletes)
        if standing.has_people or standing.has_again
        else ([], None)
    )
    is_last = people_told is None
    told = Position(newest if people_told is None else people_told, newest, since.begun)
    return Page(people, deletes, told, is_last)


def _first_people(
    terminal: Terminal,
    since: int,
    newest: int,
    standing: Standing,
    room: int,
    *,
    may_exceed: bool,
) -> tuple[list[Person], int | None]:
    """Return whom to tell next, as ``_first`` does."""

    def people(after: int, until: int, limit: int | None) -> list[Person]:
        rows = _PEOPLE.rows(
            {
                "all_libraries": standing.all_libraries,
                "has_again": standing.has_again,
                "limit": limit,
            },
            terminal_id=terminal.pk,
            site_id=terminal.site_id,
            since=after,
            newest=until,
            now=timezone.now(),
        )
        return [_told_person(row) for row in rows]

    return _first(
        people(since, newest, room + 1),
        room,
        "told_stamp",
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
    """Return the first rows that fit, whole stamps only, and the last stamp told with them.

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


def _people_since(
    *,
    terminal_id: int,
    site_id: int,
    since: int,
    newest: int,
    now: datetime,
    all_libraries: bool,
    has_again: bool,
    limit: int | None,
) -> QuerySet[Person, tuple[Any, ...]]:
    """Return whom to tell, in order of their stamp: their own, or when they are told again.

    Columns: a person's, the stamp, the newest accepted photo.
    """
    terminal = Terminal(
        pk=terminal_id,
        site_id=site_id,
        all_libraries=all_libraries,
        status=TerminalStatus.APPROVED,
    )
    people = people_for_terminal(terminal, now=now)
    if has_again:
        again = Delivery.objects.filter(terminal_id=terminal_id, operation=Operation.SAVE)
        mine = again.filter(person=OuterRef("pk")).values("again_stamp")[:1]
        stamped = people.annotate(told_stamp=Greatest("sync_stamp", Coalesce(Subquery(mine), 0)))
    else:
        stamped = people.annotate(told_stamp=F("sync_stamp"))
    window = stamped.filter(told_stamp__gt=since, told_stamp__lte=newest)
    # In the same statement: what a page needs of photos is one number for each person.
    photos = FacePhoto.objects.filter(person=OuterRef("pk"), status=PhotoStatus.OK)
    newest_photo = Subquery(photos.order_by("-pk").values("pk")[:1])
    found = window.annotate(photo_id=newest_photo).order_by("told_stamp", "pk")
    return found.values_list(*columns_of(Person), "told_stamp", "photo_id")[:limit]


_PEOPLE = FrozenQuery(
    _people_since, terminal_id=int, site_id=int, since=int, newest=int, now=datetime
)


def _told_person(row: tuple[Any, ...]) -> Person:
    """Return a person with the stamp and the photo to be told."""
    *columns, told_stamp, photo_id = row
    person: Any = from_row(Person, tuple(columns))
    person.told_stamp, person.photo_id = told_stamp, photo_id
    return cast("Person", person)
