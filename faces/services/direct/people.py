"""People sent by a terminal's own interface (seed 8.2), without waiting for its poll.

Chapter 9 stays the way people reach terminals; this makes it now. The delivery rows are the
platform's knowledge either way: a face is noted as held before it is sent, and a person erased
meanwhile is sent as a delete again.
"""

import base64
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from datetime import time as clock_time
from typing import Any

from django.db import transaction
from django.db.models import Case, F, When
from django.utils import timezone

from devices.calling import CallError, CallRefused, Repeat, TerminalClient
from devices.choices import CallWord
from devices.command_kinds import CommandResult
from devices.models import Terminal
from devices.services import CallSession
from faces.choices import DeliveryState, Operation, PhotoStatus, Sex
from faces.models import Delivery, Person
from faces.selectors import people_for_terminal
from faces.services.clock import StampSpread, clock_advance, clock_hold
from faces.services.delivery import entry_text, revocations_begin, with_photo_id
from faces.services.feedback import Feedback, results_take_in
from terminal_protocol import RetCode
from terminal_protocol.device_calls import OK
from terminal_protocol.device_objects import USER_OBJECT

logger = logging.getLogger(__name__)

# So many people with their photos between two checks for an urgent command.
AT_ONCE = 8
# Long work is queued again after so long; workers come and go.
_SLICE_S = 8 * 60.0
_NOT_THERE = int(RetCode.USER_NOT_EXISTS)
# The terminal says that the person came by chapter 9 and is fetched from there, by itself.
_FETCHES_ITSELF = int(RetCode.USER_NOT_MATCH)


@dataclass(frozen=True, slots=True)
class _Item:
    """One person's change to be sent; ``person`` is the UserObject, None for a delete."""

    delivery_id: int
    user_id: str
    stamp: int
    person: dict[str, Any] | None = field(default=None, repr=False)


def people_push(session: CallSession) -> CommandResult | None:
    """Send a terminal what its deliveries still owe it, or everything (payload ``what``: all)."""
    terminal = session.terminal
    rows = Delivery.objects.filter(terminal=terminal)
    if session.command.payload.get("what") != "all":
        rows = rows.exclude(state=DeliveryState.STORED)
    counts = {"done": 0, "failed": 0, "fetching": 0, **session.command.result}
    counts.setdefault("total", rows.count())
    until = time.monotonic() + _SLICE_S
    while True:
        batch = list(
            rows.filter(pk__gt=counts.get("after", 0))
            .order_by("pk")[:AT_ONCE]
            .values_list("pk", flat=True)
        )
        if not batch:
            break
        if time.monotonic() > until:
            return None
        tell(session, batch, counts)
        counts["after"] = batch[-1]
        session.yield_to_urgent(**counts)
    counts.pop("after", None)
    return CommandResult(word=CallWord.PARTLY if counts["failed"] else "", result=counts)


def tell(session: CallSession, delivery_ids: Sequence[int], counts: dict[str, int]) -> None:
    """Tell a terminal some of its deliveries and count what came of them.

    Raises:
        CallError: the terminal could not be talked to; what it said until then is noted.
    """
    items = _prepare(session.terminal, delivery_ids)
    codes: dict[int, int] = {}

    async def converse(client: TerminalClient) -> CallError | None:
        for item in items:
            try:
                if item.person is None:
                    codes[item.delivery_id] = await forget_one(client, item.user_id)
                else:
                    codes[item.delivery_id] = await _save_one(client, item.person)
            except CallError as error:
                return error
        return None

    error = session.talk(converse) if items else None
    _settle(session.terminal, items, codes)
    for code in codes.values():
        word = "done" if code == OK else "fetching" if code == _FETCHES_ITSELF else "failed"
        counts[word] += 1
    if error is not None:
        raise error


async def _save_one(client: TerminalClient, person: dict[str, Any]) -> int:
    """Return the terminal's code; the same done twice is the same as once."""
    user_id = str(person["userId"])
    try:
        try:
            await client.call("userUpdate", user_id=user_id, body=person, repeat=Repeat.ALWAYS)
        except CallRefused as refusal:
            if refusal.code != _NOT_THERE:
                raise
            await client.call("userAdd", body=person, repeat=Repeat.ALWAYS)
    except CallRefused as refusal:
        return refusal.code
    return OK


async def forget_one(client: TerminalClient, user_id: str) -> int:
    """Have a terminal forget a person; returns its code, success when they were not there."""
    try:
        await client.call("userDelete", user_id=user_id, repeat=Repeat.ALWAYS)
    except CallRefused as refusal:
        return OK if refusal.code == _NOT_THERE else refusal.code
    return OK


def _prepare(terminal: Terminal, delivery_ids: Sequence[int]) -> list[_Item]:
    """Note these rows as sent and return what to tell; who should not be there is left out."""
    with transaction.atomic():
        # No person is erased or changed between being read here and being noted as held.
        clock_hold(site_id=terminal.site_id)
        rows = list(Delivery.objects.select_for_update().filter(pk__in=delivery_ids).order_by("pk"))
        saves = [
            row.person_id
            for row in rows
            if row.operation == Operation.SAVE and row.person_id is not None
        ]
        wanted = people_for_terminal(terminal).filter(pk__in=saves)
        people = {person.pk: person for person in with_photo_id(wanted)}
        sent = [
            row
            for row in rows
            # "all" would delete all people (seed 8.2.4); no person can have this id.
            if row.user_id != "all"
            and (row.operation == Operation.DELETE or row.person_id in people)
        ]
        now = timezone.now()
        Delivery.objects.filter(pk__in=[row.pk for row in sent]).update(
            held=True,
            # An answer that got lost and is sent again is no further try.
            attempts=Case(
                When(state=DeliveryState.SENT, then=F("attempts")), default=F("attempts") + 1
            ),
            state=DeliveryState.SENT,
            retry_at=None,
            remedy="",
            sent_at=now,
            changed_at=now,
        )
        for row in sent:
            if row.person_id in people:
                row.sent_text = entry_text(people[row.person_id])
        Delivery.objects.bulk_update(sent, ["sent_text"])
    items = []
    for row in sent:
        person = None
        if row.operation == Operation.SAVE and row.person_id is not None:
            try:
                person = user_object(people[row.person_id])
            except FileNotFoundError:
                # The others are sent all the same; the row stays "sent, no answer".
                logger.exception("photo_file_missing delivery=%s", row.pk)
                continue
        items.append(_Item(row.pk, row.user_id, row.sync_stamp, person))
    return items


@transaction.atomic
def _settle(terminal: Terminal, items: Iterable[_Item], codes: dict[int, int]) -> None:
    """Take in what the terminal said, unless a newer change has overtaken it."""
    clock_hold(site_id=terminal.site_id)
    sent = {item.delivery_id: item for item in items}
    answered, overtaken = [], []
    for row in Delivery.objects.select_for_update().filter(pk__in=sent).order_by("pk"):
        item, code = sent[row.pk], codes.get(row.pk)
        was = Operation.DELETE if item.person is None else Operation.SAVE
        if row.operation == was and row.sync_stamp == item.stamp:
            if code is not None and code != _FETCHES_ITSELF:
                answered.append(Feedback(row.user_id, str(code), _message(code)))
        elif row.operation == Operation.DELETE and was == Operation.SAVE:
            overtaken.append(row)
    if overtaken:
        _delete_again(terminal, overtaken)
    results_take_in(terminal=terminal, results=answered)


def _delete_again(terminal: Terminal, rows: Sequence[Delivery]) -> None:
    """Tell deletes of people who were erased while their face was on its way.

    One that has been confirmed meanwhile may have come before the face.
    """
    spread = StampSpread(site_id=terminal.site_id, first=clock_advance(site_id=terminal.site_id))
    confirmed = [row for row in rows if row.state == DeliveryState.STORED]
    for row in rows:
        row.state, row.held, row.changed_at = DeliveryState.PENDING, True, timezone.now()
        row.attempts, row.doubted, row.retry_at, row.remedy = 0, 0, None, ""
        row.sync_stamp = spread.next(terminal.pk)
        row.save()
    if confirmed:
        revocations_begin(site_id=terminal.site_id, rows=confirmed)


def _message(code: int) -> str:
    try:
        return RetCode(str(code)).message if code != OK else ""
    except ValueError:
        return ""


def user_object(person: Person) -> dict[str, Any]:
    """Return a person as the wire has them (8.2.1), with their photo; no ID number goes out."""
    accepted = person.photos.filter(status=PhotoStatus.OK).order_by("-pk").first()
    photo = ""
    if accepted is not None:
        with accepted.image.open() as stored:
            photo = base64.b64encode(stored.read()).decode()
    optional = {
        "photo": photo,
        "department": person.department,
        "birthday": _seconds(person.birthday),
        "entryTime": _seconds(person.entry_date),
        "mail": person.mail,
        "title": person.title,
        "position": person.position,
        "gender": person.sex if person.sex != Sex.OTHER else None,
        "prompt": person.prompt,
        "startTime": person.valid_from and int(person.valid_from.timestamp()),
        "endTime": person.valid_until and int(person.valid_until.timestamp()),
        "purpose": person.purpose,
        "interviewee": person.interviewee,
        "comeFrom": person.come_from,
        "description": person.description,
    }
    return USER_OBJECT.write(
        {
            "userId": person.user_id,
            "userType": person.category,
            "icNumber": person.ic_number,
            "jobNumber": person.job_number,
            "mobile": person.mobile,
            "name": person.name,
            "remark": person.remark,
            **{name: value for name, value in optional.items() if value not in (None, "")},
        }
    )


def _seconds(day: Any) -> int | None:
    if day is None:
        return None
    return int(datetime.combine(day, clock_time(), UTC).timestamp())
