"""The answer to /syrecord: what changed for this terminal since its cursor (decision 0002)."""

import logging
from copy import copy

from django.db import transaction
from django.utils import timezone

from devices.choices import TerminalStatus
from devices.models import Terminal
from devices.services import Caller, terminal_all_libraries_set
from faces.models import TerminalCursor, TerminalLibrary
from faces.queries import CursorRow, cursor_lock, cursor_move
from faces.selectors import people_for_terminal
from faces.services.clock import clock_advance_held, clock_hold, clock_share
from faces.services.delivery import (
    capacity_guard,
    delete_entries,
    deliveries_sent,
    save_entry,
    terminal_expect_all,
)
from faces.services.feedback import deletes_sent
from faces.services.people import libraries_lock_all
from faces.services.pictures import PictureAddresses
from faces.services.sync.pages import Page, Position, page_after
from faces.services.sync.state import SyncState, sync_state_of
from terminal_protocol import SyncAnswer

logger = logging.getLogger(__name__)

# Of a terminal that may hold no person now; it begins anew once it may.
_NOTHING_YET = SyncAnswer(entries=(), last_query_time=0)
# The bare path, from an address that the server does not know.
_UNKNOWN_CALLER = Caller()
# Pages of a running full sync that may be asked for again because their answer was lost.
_PAGES_KEPT = 8


class _MustMoveClock(Exception):
    """An answer needs a new stamp of its site's clock, which it only shares."""


def terminal_libraries_set(
    *, terminal: Terminal, library_ids: list[int], all_libraries: bool = False
) -> None:
    """Set which libraries a terminal holds; it is sent the difference at its next poll.

    Raises:
        ValidationError: the site has no such library, or the terminal cannot hold that many people.
    """
    with transaction.atomic():
        wanted = set(library_ids)
        held_before = people_for_terminal(terminal).count()
        libraries_lock_all(site_id=terminal.site_id, library_ids=wanted)
        links = TerminalLibrary.objects.filter(terminal=terminal)
        links.exclude(library_id__in=wanted).delete()
        # Only those that are new: each is written down as a change.
        new = wanted.difference(links.values_list("library_id", flat=True))
        TerminalLibrary.objects.bulk_create(
            [TerminalLibrary(terminal=terminal, library_id=library_id) for library_id in new],
            ignore_conflicts=True,
        )
        terminal_all_libraries_set(terminal=terminal, all_libraries=all_libraries)
        terminal_view_changed(terminal=terminal)
        if people_for_terminal(terminal).count() > held_before:
            capacity_guard(terminal_ids=[terminal.pk])


@transaction.atomic
def terminal_view_changed(*, terminal: Terminal) -> None:
    """Make a terminal's next poll a full sync, because what it should hold changed as a whole."""
    TerminalCursor.objects.update_or_create(
        terminal=terminal, defaults={"complete_from": None, "pages": []}
    )
    # Another may have changed what it holds since the caller read it; from here none can.
    clock_hold(site_id=terminal.site_id)
    terminal_expect_all(terminal=Terminal.objects.get(pk=terminal.pk))


def sync_answer(
    *, terminal: Terminal, last_query_time: int, picture_root: str, caller: Caller = _UNKNOWN_CALLER
) -> SyncAnswer:
    """Return the next page of changes for a terminal.

    Args:
        terminal: one that is not approved gets an empty library and the cursor 0, so that it
            starts from the beginning once it is.
        last_query_time: the cursor it sent, in Unix seconds as handed out before; 0 is a full
            sync, and so is anything this platform cannot have given to it.
        picture_root: scheme and host for picture addresses; without one faces are sent without
            a picture, which the terminal reports as failed.
        caller: under which address and from where it asks, to which pictures and deletes are
            bound.

    Effects: notes cursor and deliveries before the answer leaves. A poll that finds nothing new
    writes nothing and reads no person.
    """
    if terminal.status != TerminalStatus.APPROVED:
        return _NOTHING_YET
    pictures = PictureAddresses(picture_root, terminal.pk, caller.token_id)
    seen = _seen(terminal, last_query_time)
    if seen is not None and seen.is_complete(last_query_time):
        return SyncAnswer(entries=(), last_query_time=last_query_time)
    if seen is not None and seen.is_plain(last_query_time) and not seen.has_deletes:
        try:
            return _answer_sharing(terminal, last_query_time, pictures)
        except _MustMoveClock:
            logger.info("sync_again_alone terminal=%s", terminal.pk)
    return _answer_alone(terminal, last_query_time, pictures, caller)


def _seen(terminal: Terminal, asked: int) -> SyncState | None:
    """Read a terminal's sync state, under no lock; None for a first poll, or one no longer ours.

    It says which way to go. What the answer says is read again under the locks.
    """
    if not asked:
        return None
    seen = sync_state_of(terminal_id=terminal.pk, saves=asked, deletes=asked)
    return seen if seen is not None and _is_ours(terminal, seen) else None


def sync_news(*, state: SyncState, asked: int, picture_root: str) -> SyncAnswer | None:
    """Answer the poll of a terminal that was admitted and found to have news, in the usual way.

    Args:
        state: as ``sync_state_of_caller`` found it.
        asked: the cursor it sent.
        picture_root: see ``sync_answer``.

    Returns:
        None when the answer is not one of saves alone, which needs ``sync_answer``.
    """
    if not state.is_plain(asked) or state.has_deletes:
        return None
    terminal = Terminal(
        pk=state.terminal_id,
        site_id=state.site_id,
        status=state.status,
        all_libraries=state.all_libraries,
    )
    try:
        pictures = PictureAddresses(picture_root, terminal.pk, state.token_id)
        return _answer_sharing(terminal, asked, pictures)
    except _MustMoveClock:
        return None


@transaction.atomic
def _answer_sharing(terminal: Terminal, asked: int, pictures: PictureAddresses) -> SyncAnswer:
    """Answer with saves alone, at the same time as other terminals: it moves no clock.

    A change at a site is news for all its terminals at once, and most of it is this.

    Raises:
        _MustMoveClock: what was seen without a lock is no longer so.
    """
    cursor = cursor_lock(terminal_id=terminal.pk)
    if cursor is None or not _is_plain(cursor, asked):
        raise _MustMoveClock
    clock_share(site_id=terminal.site_id)
    state = sync_state_of(terminal_id=terminal.pk, saves=asked, deletes=asked)
    if state is None or not _is_ours(terminal, state):
        return _NOTHING_YET
    if state.has_deletes:
        raise _MustMoveClock
    since = Position(asked, asked, begun=asked)
    page = page_after(_as_it_is(terminal, state), since, state.newest, state)
    # A page ends at a stamp, so its cursor says what was sent and no more.
    given = state.newest if page.is_last else page.reached.saves
    deliveries_sent(terminal=terminal, people=page.people)
    cursor_move(terminal_id=terminal.pk, issued=max(cursor.issued, given), now=timezone.now())
    return _answer(page, given, pictures)


@transaction.atomic
def _answer_alone(
    terminal: Terminal, asked: int, pictures: PictureAddresses, caller: Caller
) -> SyncAnswer:
    """Answer with all there is, holding the site's clock alone."""
    cursor = _cursor_locked(terminal, is_first=not asked)
    newest = clock_hold(site_id=terminal.site_id)
    since = _since(cursor, asked, newest)
    state = sync_state_of(terminal_id=terminal.pk, saves=since.saves, deletes=since.deletes)
    if state is None or not _is_ours(terminal, state):
        return _NOTHING_YET
    page = page_after(_as_it_is(terminal, state), since, newest, state)
    given = _given(terminal, cursor, asked, page, newest)
    # Under the clock that it was read under: a person erased or suspended in between would have no
    # row by which the terminal is sent a delete.
    deliveries_sent(terminal=terminal, people=page.people)
    deletes_sent(deletes=page.deletes, cursor=cursor, caller=caller)
    cursor.issued = max(cursor.issued, given)
    cursor.polled_at = timezone.now()
    cursor.save()
    return _answer(page, given, pictures)


def _answer(page: Page, given: int, pictures: PictureAddresses) -> SyncAnswer:
    entries = delete_entries(page.deletes, pictures)
    entries += [save_entry(person, pictures) for person in page.people]
    return SyncAnswer(entries=tuple(entries), last_query_time=given)


def _is_ours(terminal: Terminal, state: SyncState) -> bool:
    """Tell whether a terminal is still approved, and one of the site that it was admitted to."""
    return state.status == TerminalStatus.APPROVED and state.site_id == terminal.site_id


def _cursor_locked(terminal: Terminal, *, is_first: bool) -> TerminalCursor:
    """Return the terminal's cursor, locked; made when it is its first poll, as it seems to be."""
    locked = TerminalCursor.objects.select_for_update().filter(terminal=terminal)
    cursor = None if is_first else locked.first()
    if cursor is None:
        # A copy of this question may come at the same moment and make the row.
        new = [TerminalCursor(terminal=terminal)]
        TerminalCursor.objects.bulk_create(new, ignore_conflicts=True)
        cursor = locked.get()
    return cursor


def _is_plain(cursor: TerminalCursor | CursorRow, asked: int) -> bool:
    """Tell whether the cursor means "I have everything up to here"."""
    return cursor.complete_from is not None and cursor.complete_from <= asked <= cursor.issued


def _as_it_is(terminal: Terminal, state: SyncState) -> Terminal:
    """Return the terminal with what decides about its people as it is now.

    Its libraries may have changed since it was admitted, and the cursor of this answer is going to
    say that it was sent all that is in them.
    """
    now = copy(terminal)
    now.status = state.status
    now.all_libraries = state.all_libraries
    return now


def _since(cursor: TerminalCursor, asked: int, newest: int) -> Position:
    """Return how far the terminal is."""
    if _is_plain(cursor, asked):
        return Position(asked, asked, begun=asked)
    return _resume(cursor, asked, newest)


def _given(terminal: Terminal, cursor: TerminalCursor, asked: int, page: Page, newest: int) -> int:
    """Return the cursor to give out with a page, noted in the terminal's."""
    if _is_plain(cursor, asked):
        if page.is_last:
            return newest
        if not page.deletes:
            # It ends at a stamp, so this cursor says what was sent and no more.
            return page.reached.saves
        cursor.pages = [[asked, asked, asked, asked]]
    # Greater than every cursor this terminal was ever given, its former site's included: whoever
    # lost this answer and asks with an older one must not seem to have what this one sent.
    fresh = clock_advance_held(site_id=terminal.site_id, held=newest, above=cursor.issued)
    reached = Position(fresh, fresh, begun=fresh) if page.is_last else page.reached
    cursor.complete_from = fresh if page.is_last else None
    cursor.pages.append([fresh, reached.saves, reached.deletes, reached.begun])
    cursor.pages = cursor.pages[-_PAGES_KEPT:]
    return fresh


def _resume(cursor: TerminalCursor, asked: int, newest: int) -> Position:
    """Return how far the terminal is, by the cursor it asks with; 0 begins anew."""
    for known, *position in cursor.pages:
        if known == asked:
            # To the end of the list: what is asked with again and again must not be dropped.
            others = [page for page in cursor.pages if page[0] != asked]
            cursor.pages = [*others, [known, *position]]
            return Position(*position)
    logger.info("sync_full terminal=%s asked=%s", cursor.terminal_id, asked)
    cursor.pages = []
    return Position(0, 0, begun=newest)
