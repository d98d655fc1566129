"""Records as terminals keep them themselves (seed 8.3): read, and stored without duplicates."""

import hashlib
import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from devices.calling import CallRefused, TerminalClient
from devices.choices import CommandKind, CommandState
from devices.models import Terminal, TerminalCommand, TerminalContact
from devices.services import SCHEDULE, CallSession, Ended, command_work, commands_request
from records.choices import Origin
from records.models import RecordCursor
from records.services.passes import late_record
from terminal_protocol import FaceMatch, RetCode, TemperatureReading
from terminal_protocol.device_calls import Page
from terminal_protocol.device_objects import SIGN_OBJECT
from terminal_protocol.values import read_image, read_moment, read_temperature_c, read_text

logger = logging.getLogger(__name__)

# What says nothing about the record: it is fetched again when the database or the disk is back.
_AWAY = (OperationalError, InterfaceError, OSError)
# Ten pictures of 700 K each are an answer that a terminal can still make (seed 9.2).
_PAGE = 10
_SLICE_S = 8 * 60.0
# What is looked at again: a terminal writes its list when it gets round to it.
_OVERLAP = timedelta(minutes=10)
_FIRST_REACH = timedelta(days=1)
_FARTHEST = timedelta(days=366)
_STRANGER = -1


def sign_read(sign: Mapping[str, Any]) -> FaceMatch | TemperatureReading:
    """Read a SignObject (8.3.1) as the upload it would have been; nothing refuses it.

    Somebody the terminal knew is a pass, a stranger (type -1) is a reading as in 9.3.
    """
    values = SIGN_OBJECT.read(sign, is_partial=True).values
    captured_at, fault = read_moment(sign.get("signTime"))
    faults = [fault] if fault else []
    degrees, fault = read_temperature_c(sign.get("temperature"))
    if fault:
        faults.append(fault)
    image, fault = read_image(sign.get("signAvatar"))
    if fault:
        faults.append(fault)
    names = {
        "id": "record_id",
        "inputType": "input_type",
        "temperatureState": "temperature_state",
        "wearMaskAlarm": "mask_alarm",
        "deviceMark": "device_mark",
    }
    common: dict[str, Any] = {
        "temperature_c": degrees,
        "mask": values.get("wearMask"),
        "captured_at": captured_at,
        "captured_raw": read_text(sign.get("signTime"), limit=64),
        "image": image,
        "extras": {word: values[name] for name, word in names.items() if name in values},
        "faults": tuple(faults),
    }
    user_id = read_text(sign.get("userId"), limit=64)
    types = (values.get("type"), values.get("userType"))
    if not user_id or _STRANGER in types:
        return TemperatureReading(**common)
    return FaceMatch(
        user_id=user_id,
        user_name=read_text(sign.get("name"), limit=120),
        similarity=values.get("similarity"),
        **common,
    )


def sign_store(*, terminal: Terminal, sign: Mapping[str, Any], origin: Origin) -> bool:
    """Store one of a terminal's own records; False when that pass is known already.

    The records behind it never wait for one that cannot be stored: it is stored with less.

    Effects: as for an upload, apart from the decision: the terminal has made its own.
    """
    named = "\0".join(
        read_text(sign.get(name), limit=64) for name in ("id", "signTime", "userId", "type")
    )
    key = hashlib.sha256(f"fetched\0{named}".encode()).hexdigest()
    store = partial(late_record, terminal=terminal, key=key, origin=origin)
    try:
        return store(message=sign_read(sign)) is not None
    except _AWAY:
        raise
    except Exception:
        logger.exception("record_cut_down terminal=%s", terminal.pk)
    return store(message=_cut_down(sign)) is not None


def _cut_down(sign: Mapping[str, Any]) -> TemperatureReading | FaceMatch:
    """Read what matters most of a record that cannot be stored as it is."""
    captured_at, _fault = read_moment(sign.get("signTime"))
    degrees, _fault = read_temperature_c(sign.get("temperature"))
    common: dict[str, Any] = {
        "temperature_c": degrees,
        "captured_at": captured_at,
        "faults": ("record_cut_down",),
    }
    user_id = read_text(sign.get("userId"), limit=64)
    return FaceMatch(user_id=user_id, **common) if user_id else TemperatureReading(**common)


def records_pull(session: CallSession) -> Ended | None:
    """Fetch what a terminal recorded since last time, or since the payload's ``since``.

    The list is asked for newest first up to a fixed end, so what is recorded meanwhile moves
    nothing; work that was interrupted goes on at its page.
    """
    terminal = session.terminal
    counts: dict[str, Any] = {"read": 0, "new": 0, "page": 1, **session.command.result}
    if "start" not in counts:
        # Any answer tells what time it is there, by which the list is to be asked.
        session.talk(_information)
        start, end = _range(terminal, session.command.payload.get("since"))
        counts |= {"start": int(start.timestamp()), "end": int(end.timestamp())}
    until = time.monotonic() + _SLICE_S
    while True:
        if time.monotonic() > until:
            return None
        page = session.talk(partial(_page, counts=counts))
        for entry in page.entries:
            counts["new"] += sign_store(terminal=terminal, sign=entry, origin=Origin.FETCHED)
            counts["read"] += 1
        counts["page"] += 1
        session.breathe(**counts, total=page.total)
        if not page.entries or counts["page"] > page.pages:
            break
    # An explicit range says nothing about what lies between it and last time.
    if session.command.payload.get("since") is None:
        cursor_move(terminal_id=terminal.pk, until=datetime.fromtimestamp(counts["end"], UTC))
    return Ended(result={"read": counts["read"], "new": counts["new"]})


def gap_fill(*, terminal_id: int) -> CommandState:
    """Fetch what a terminal recorded since last time, in a command of its own.

    Returns what became of it, queued when somebody else fetches or the terminal is busy.

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
    command_work(command_id=asked.commands[0].pk, work=records_pull)
    asked.commands[0].refresh_from_db(fields=["state"])
    return CommandState(asked.commands[0].state)


def pushed_until(*, terminal_id: int, sign: Mapping[str, Any]) -> None:
    """Note that nothing before a pushed record is missing."""
    moment, fault = read_moment(sign.get("signTime"))
    if moment is not None and not fault:
        cursor_move(terminal_id=terminal_id, until=moment)


async def _information(client: TerminalClient) -> None:
    """Learn what time it is there, which a refusal tells as well.

    A clock that is ahead is not set right by this call: what was recorded bears its time.
    """
    try:
        await client.call("information", adopt=False)
    except CallRefused as refusal:
        if not refusal.is_about_time:
            raise


async def _page(client: TerminalClient, *, counts: dict[str, Any]) -> Page:
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
    return Page.from_wire(answer.value)


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
