"""The answer to /syrecord: what changed for this terminal since its cursor (decision 0002)."""

import logging
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from devices.choices import TerminalStatus
from devices.models import Terminal
from faces.choices import Category, DeliveryState, Operation
from faces.models import Delivery, Library, Person, TerminalCursor, TerminalLibrary
from faces.selectors import people_for_terminal
from faces.services.clock import clock_advance, clock_hold, clock_last
from faces.services.deliveries import deliveries_sent, terminal_expect_all
from faces.services.picture_urls import picture_path
from terminal_protocol import SyncAnswer, SyncEntry

logger = logging.getLogger(__name__)

# Pages of a running full sync that may be asked for again because their answer was lost.
_PAGES_KEPT = 8
_WIRE_TYPES = {
    Category.EMPLOYEE: "user",
    Category.VISITOR: "visitor",
    Category.BLACKLIST: "blacklist",
}


@dataclass(slots=True)
class _Page:
    """What one answer will list, and the cursor that goes with it."""

    people: list[Person]
    deletes: list[Delivery]
    cursor: int
    is_last: bool


def terminal_libraries_set(
    *, terminal: Terminal, library_ids: list[int], all_libraries: bool = False
) -> None:
    """Set which libraries a terminal holds; it is told the difference at its next poll.

    Raises:
        ValueError: a library belongs to another site.
    """
    with transaction.atomic():
        wanted = set(library_ids)
        if Library.objects.filter(pk__in=wanted, site_id=terminal.site_id).count() != len(wanted):
            raise ValueError("a library belongs to another site")
        TerminalLibrary.objects.filter(terminal=terminal).exclude(library_id__in=wanted).delete()
        TerminalLibrary.objects.bulk_create(
            [TerminalLibrary(terminal=terminal, library_id=library_id) for library_id in wanted],
            ignore_conflicts=True,
        )
        Terminal.objects.filter(pk=terminal.pk).update(all_libraries=all_libraries)
        terminal.all_libraries = all_libraries
        terminal_view_changed(terminal=terminal)


@transaction.atomic
def terminal_view_changed(*, terminal: Terminal) -> None:
    """Make a terminal's next poll a full sync, because what it should hold changed as a whole."""
    TerminalCursor.objects.update_or_create(
        terminal=terminal, defaults={"complete_from": None, "pages": []}
    )
    terminal_expect_all(terminal=terminal)


def sync_answer(*, terminal: Terminal, last_query_time: int, picture_root: str) -> SyncAnswer:
    """Return the next page of changes for a terminal.

    Args:
        terminal: with ``site`` loaded; one that is not approved gets an empty library and the
            cursor 0, so that it starts from the beginning once it is.
        last_query_time: the cursor it sent, in Unix seconds as handed out before; 0 is a full
            sync, and so is anything this platform cannot have given to it.
        picture_root: scheme and host for picture addresses.

    Effects: notes cursor and deliveries before the answer leaves. A poll that finds nothing new
    writes nothing and reads no person.
    """
    if terminal.status != TerminalStatus.APPROVED:
        return SyncAnswer(entries=(), last_query_time=0)
    cursor = TerminalCursor.objects.filter(terminal=terminal).first()
    newest = clock_last(site_id=terminal.site_id)
    if cursor and _is_plain(cursor, last_query_time) and last_query_time >= newest:
        return SyncAnswer(entries=(), last_query_time=last_query_time)
    with transaction.atomic():
        TerminalCursor.objects.get_or_create(terminal=terminal)
        # Serialises a terminal that asks twice at once; its pages are one sequence.
        cursor = TerminalCursor.objects.select_for_update().get(terminal=terminal)
        page = _page(terminal, cursor, last_query_time)
        deliveries_sent(terminal=terminal, people=page.people, deletes=page.deletes)
        cursor.issued = max(cursor.issued, page.cursor)
        cursor.polled_at = timezone.now()
        cursor.save()
    entries = [_delete_entry(row) for row in page.deletes]
    entries += [_save_entry(person, terminal, picture_root) for person in page.people]
    return SyncAnswer(entries=tuple(entries), last_query_time=page.cursor)


def _is_plain(cursor: TerminalCursor, asked: int) -> bool:
    """Tell whether the cursor means "I have everything up to here"."""
    return cursor.complete_from is not None and cursor.complete_from <= asked <= cursor.issued


def _page(terminal: Terminal, cursor: TerminalCursor, asked: int) -> _Page:
    # Every stamp up to here has committed. Held until the deliveries are noted: somebody erased
    # or suspended in between would have no row by which the terminal is told.
    newest = clock_hold(site_id=terminal.site_id)
    if _is_plain(cursor, asked):
        # An unfinished page ends at a stamp, so its cursor says what was told and no more.
        return _collect(terminal, since=asked, newest=newest, all_deletes=False)
    since = _resume(terminal, cursor, asked)
    page = _collect(terminal, since=since, newest=newest, all_deletes=True)
    # Greater than every cursor this terminal was ever given, its former site's included: whoever
    # lost this answer and asks with an older one must not seem to have what this one told.
    fresh = clock_advance(site_id=terminal.site_id, above=cursor.issued)
    cursor.complete_from = fresh if page.is_last else None
    cursor.pages = [*cursor.pages, [fresh, page.cursor]][-_PAGES_KEPT:]
    page.cursor = fresh
    return page


def _resume(terminal: Terminal, cursor: TerminalCursor, asked: int) -> int:
    """Return up to which stamp the full sync has told, by the cursor asked with; 0 begins it."""
    for known, position in cursor.pages:
        if known == asked:
            # To the end of the list: what is asked with again and again must not be dropped.
            others = [page for page in cursor.pages if page[0] != asked]
            cursor.pages = [*others, [known, position]]
            return int(position)
    logger.info("sync_full terminal=%s asked=%s", terminal.pk, asked)
    cursor.pages = []
    return 0


def _collect(terminal: Terminal, *, since: int, newest: int, all_deletes: bool) -> _Page:
    deletes: QuerySet[Delivery] = Delivery.objects.filter(
        terminal=terminal, operation=Operation.DELETE
    )
    if all_deletes:
        deletes = deletes.filter(held=True).exclude(state=DeliveryState.STORED)
    else:
        # Confirmed ones too: the cursor says the answer was lost, and a result says not of which
        # change it is (seed 9.4), so what confirmed it may have been the late word on a save.
        deletes = deletes.filter(sync_stamp__gt=since, sync_stamp__lte=newest)
    size: int = settings.SYNC_PAGE_SIZE
    people = list(
        people_for_terminal(terminal)
        .filter(sync_stamp__gt=since, sync_stamp__lte=newest)
        .order_by("sync_stamp", "pk")[: size + 1]
    )
    if len(people) <= size:
        return _Page(people, list(deletes), newest, is_last=True)
    border = people[size].sync_stamp
    kept = [person for person in people if person.sync_stamp < border]
    if not kept:
        # More people than a page under one stamp (the page size was lowered since): whole stamp.
        kept = list(people_for_terminal(terminal).filter(sync_stamp=border).order_by("pk"))
        return _Page(kept, list(deletes), border, is_last=border >= newest)
    return _Page(kept, list(deletes), kept[-1].sync_stamp, is_last=False)


def _save_entry(person: Person, terminal: Terminal, picture_root: str) -> SyncEntry:
    accepted: Any = person.photos.filter(status="ok").order_by("-pk").first()
    url = f"{picture_root}{picture_path(accepted.pk, terminal.pk)}" if accepted else ""
    return SyncEntry(
        operation="save",
        user_type=person.user_type or _WIRE_TYPES[Category(person.category)],
        user_id=person.user_id,
        user_name=person.name,
        sex=person.sex,
        user_remark=person.remark,
        image_url=url,
        operated_at=person.sync_stamp,
    )


def _delete_entry(row: Delivery) -> SyncEntry:
    return SyncEntry(
        operation="delete",
        user_type="user",
        user_id=row.user_id,
        user_name="",
        sex=3,
        user_remark="",
        image_url="",
        operated_at=row.sync_stamp,
    )
