"""Records as terminals keep them themselves (seed 8.3): read, and stored without duplicates."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from devices.calling import CallRefused, OutcomeUnknown, TerminalClient
from devices.choices import CommandKind, CommandState
from devices.command_kinds import CommandResult
from devices.models import Terminal, TerminalCommand, TerminalContact
from devices.services import SCHEDULE, CallSession, command_work, commands_request, repairs_count
from records.choices import Origin
from records.models import RecordCursor
from records.services.passes.cut_down import stored_at_least
from records.services.passes.passes import late_record
from terminal_protocol import RetCode, message_digest
from terminal_protocol.pages import Page, PageWalk
from terminal_protocol.sign_records import read_sign
from terminal_protocol.values import lookup, read_text, read_timestamp

# Ten pictures of 700 K each are an answer that a terminal can still make (seed 9.2).
_PAGE = 10
_SLICE_S = 8 * 60.0
# What is looked at again: a terminal writes its list when it gets round to it.
_OVERLAP = timedelta(minutes=10)
_FIRST_REACH = timedelta(days=1)
_FARTHEST = timedelta(days=366)
# A clock that was ahead, and was set right since, has left records with moments that are still to
# come. New ones move the pages meanwhile; what is read twice is stored once.
_AHEAD = timedelta(days=366)


def sign_store(
    *,
    terminal: Terminal,
    sign: Mapping[str, Any],
    origin: Origin,
    repairs: tuple[str, ...] = (),
) -> bool:
    """Store one of a terminal's own records; False when that pass is known already.

    The records behind it never wait for one that cannot be stored: it is stored with less.

    Effects: as for an upload, apart from the decision: the terminal has made its own.
    """
    message = read_sign(sign, zone=ZoneInfo(terminal.site.timezone))
    message = replace(message, faults=(*message.faults, *repairs))
    named = "\0".join(
        read_text(lookup(sign, name), limit=64) for name in ("id", "signTime", "userId", "type")
    )
    if not message.extras.get("record_id"):
        # Its picture, else person and what was measured; what is alike in all is one record.
        image = message.image
        named += f"\0{hashlib.sha256(image).hexdigest() if image else message_digest(sign)}"
    key = hashlib.sha256(f"fetched\0{named}".encode()).hexdigest()
    store = partial(late_record, terminal=terminal, key=key, origin=origin)
    return stored_at_least(lambda one: store(message=one), message) is not None


def records_pull(session: CallSession) -> CommandResult | None:
    """Fetch what a terminal recorded since last time, or since the payload's ``since``.

    The list is asked for newest first, beyond the present (``_AHEAD``). What is recorded meanwhile
    moves the rest to later pages, where it is met again; work that was interrupted goes on at its
    page.
    """
    terminal = session.terminal
    counts: dict[str, Any] = {"read": 0, "new": 0, "page": 1, **session.command.result}
    if "start" not in counts:
        # Any answer tells what time it is there, by which the list is to be asked.
        session.talk(_information)
        start, until = _range(terminal, session.command.payload.get("since"))
        counts |= {"start": int(start.timestamp()), "until": int(until.timestamp())}
        counts["end"] = int((until + _AHEAD).timestamp())
    slice_ends = time.monotonic() + _SLICE_S
    walk = PageWalk(size=_PAGE, number=counts["page"], read=counts.get("listed", counts["read"]))
    while walk.has_more:
        if time.monotonic() > slice_ends:
            return None
        page = session.talk(partial(_page, counts=counts, walk=walk))
        for entry in page.entries if walk.take(page) else ():
            counts["new"] += sign_store(terminal=terminal, sign=entry, origin=Origin.FETCHED)
            counts["read"] += 1
        if page.unreadable:
            repairs_count(terminal_id=terminal.pk, repairs=["record_unreadable"])
        # Unreadable entries too, by which the end of the list is known.
        counts["page"], counts["listed"] = walk.number, walk.read
        session.yield_to_urgent(**counts, total=page.total)
    # An explicit range says nothing about what lies between it and last time.
    if session.command.payload.get("since") is None:
        cursor_move(terminal_id=terminal.pk, until=_moment_of(counts))
    return CommandResult(result={"read": counts["read"], "new": counts["new"]})


def _moment_of(counts: dict[str, Any]) -> datetime:
    """Return up to when was read; work begun by an older version names its end only."""
    return datetime.fromtimestamp(counts.get("until", counts["end"]), UTC)


def gap_fill(*, terminal_id: int) -> CommandState:
    """Fetch what a terminal recorded since last time, in a command of its own.

    Returns what became of it, queued when another worker fetches or the terminal is busy.

    Effects: a command row by the schedule, so that it is seen.
    """
    terminal = Terminal.objects.select_related("site").filter(pk=terminal_id).first()
    if terminal is None:
        return CommandState.UNREACHABLE
    fetching = TerminalCommand.objects.filter(
        terminal=terminal,
        kind=CommandKind.RECORDS_PULL,
        state__in=[CommandState.QUEUED, CommandState.SENDING],
    )
    if fetching.exists():
        return CommandState.QUEUED
    asked = commands_request(
        kind=CommandKind.RECORDS_PULL, terminals=[terminal], requester=SCHEDULE, is_own_work=True
    )
    command_work(command_id=asked.commands[0].pk)
    asked.commands[0].refresh_from_db(fields=["state"])
    return CommandState(asked.commands[0].state)


def pushed_until(*, terminal: Terminal, sign: Mapping[str, Any]) -> None:
    """Note that nothing before a pushed record is missing."""
    zone = ZoneInfo(terminal.site.timezone)
    moment, fault = read_timestamp(lookup(sign, "signTime"), zone=zone)
    if moment is not None and not fault:
        cursor_move(terminal_id=terminal.pk, until=moment)


async def _information(client: TerminalClient) -> None:
    """Learn what time it is there, which a refusal tells as well.

    A clock that is ahead is not set right by this call: what was recorded bears its time.
    """
    try:
        await client.call("information", adopt=False)
    except CallRefused as refusal:
        if not refusal.is_about_time:
            raise


async def _page(client: TerminalClient, *, counts: dict[str, Any], walk: PageWalk) -> Page:
    asked = {
        "startTime": counts["start"],
        "endTime": counts["end"],
        "page": counts["page"],
        "size": _PAGE,
    }
    try:
        answer = await client.call("recordList", parameters=asked)
    except CallRefused as refusal:
        if refusal.code != int(RetCode.SEARCH_LIST_NULL):
            raise
        return Page.from_wire(None)
    page = Page.from_wire(answer.value)
    if not walk.is_whole(page):
        raise OutcomeUnknown("bad_answer")  # the cursor would move past what is not there
    return page


def _range(terminal: Terminal, since: str | None) -> tuple[datetime, datetime]:
    """Return from when to when to ask, by the terminal's clock.

    Its clock may have been set since last time. Then either where it was read to, or when by our
    clock, is too late; the earlier of the two is right.
    """
    contact = TerminalContact.objects.filter(terminal=terminal).first()
    offset = timedelta(milliseconds=(contact and contact.clock_measured_ms) or 0)
    now = timezone.now()
    end = now + offset + timedelta(minutes=1)
    if since is not None:
        return max(datetime.fromisoformat(since), now - _FARTHEST) + offset, end
    cursor = RecordCursor.objects.filter(terminal=terminal).first()
    if cursor is None:
        return end - _FIRST_REACH, end
    start = min(cursor.fetched_until, cursor.fetched_at + offset) - _OVERLAP
    return max(start, end - _FARTHEST), max(end, cursor.fetched_until)


@transaction.atomic
def cursor_move(*, terminal_id: int, until: datetime) -> None:
    """Note that a terminal's records are stored up to a moment of its clock."""
    RecordCursor.objects.update_or_create(
        terminal_id=terminal_id,
        defaults={"fetched_until": until, "fetched_at": timezone.now()},
    )
