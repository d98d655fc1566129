"""Taking in what terminals upload: one message, one record, one answer (invariants 2 to 4)."""

import json
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils import timezone

from devices.clock_learning import Judgement
from devices.models import Terminal
from devices.services import CLOCK_TOLERANCE_S, Admission, terminal_describe
from faces.models import Person
from faces.services import PictureOrigin
from records.choices import (
    Origin,
    Passback,
    Reason,
    RecordKind,
    Timing,
)
from records.decision import Decision, Evidence
from records.live import record_message
from records.models import Record
from records.services.alarms import record_alarms
from records.services.passes.clocks import (
    moment_answered,
    moment_judge,
    moment_known,
    moment_stands_still,
)
from records.services.passes.cut_down import NOT_NEWEST, NOT_WHOLE
from records.services.passes.decisions import decision_make, rules_of
from records.services.passes.duplicates import hold, is_known, is_noted, supersede
from records.services.passes.repeats import PassOutcome, dedupe_key, repeat_answer
from records.services.pictures import (
    MessageFiles,
    PictureCheck,
    message_files,
    person_compare,
    picture_check,
)
from records.services.verification import Verified, elapsed_ms
from server_common.on_commit import group_send_on_commit
from terminal_protocol import FaceMatch, TemperatureReading

logger = logging.getLogger(__name__)

# Whether the door opened is known to the terminal alone.
_DECIDED_THERE = Decision(open_door=False, reason=Reason.FETCHED)


def pass_record(
    *, admission: Admission, message: FaceMatch, repairs: Iterable[str] = (), likeness: str = ""
) -> PassOutcome:
    """Store a pass (seed 9.2), verify it, decide, and return the answer.

    Effects: record, alerts and decision in one transaction; after commit, live screens. The same
    message again stores nothing but that it was repeated, and opens for seconds only. One with the
    fault NOT_NEWEST opens nothing and teaches nothing of the terminal's clock.
    """
    terminal = admission.terminal
    still = moment_stands_still(terminal=terminal, moment=message.captured_at)
    key = dedupe_key(
        RecordKind.PASS, message.user_id, message, likeness=likeness, stands_still=still
    )
    if repeat := repeat_answer(admission=admission, key=key):
        moment_answered(terminal=terminal)
        return repeat
    judged = _judged(admission, message, key, repairs)
    started = time.perf_counter()
    person = Person.objects.filter(site_id=terminal.site_id, user_id=message.user_id).first()
    face = picture_check(
        terminal=terminal,
        raw=message.image,
        origin=PictureOrigin.DOOR,
        compare=person_compare(terminal, person),
    )
    # One after the other: nothing waits for room while it holds some.
    card = picture_check(
        terminal=terminal,
        raw=message.id_card_image,
        origin=PictureOrigin.DOOR,
        prefix="id_card_",
    )
    faults = [*message.faults, *repairs, *face.faults, *card.faults]
    files = message_files(site_id=terminal.site_id, picture=face, id_card_picture=card)
    seen = _Seen(person, face, files, faults, started, judged)
    record, stored = _decide_and_store(admission, message, key, seen)
    files.settle(None if stored is None else record)
    return _answered(admission, record, stored, judged)


def _judged(
    admission: Admission,
    message: FaceMatch | TemperatureReading,
    key: str,
    repairs: Iterable[str],
) -> Judgement:
    moment = message.captured_at
    if NOT_NEWEST in repairs:
        return moment_known(terminal=admission.terminal, at=timezone.now(), moment=moment)
    return moment_judge(admission=admission, message=message, key=key)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was made of a message before anything is locked: reading pictures takes time.

    Their files are written by then, too.
    """

    person: Person | None
    face: PictureCheck
    files: MessageFiles
    faults: list[str]
    started: float
    judged: Judgement


@transaction.atomic
def _decide_and_store(
    admission: Admission, message: FaceMatch, key: str, seen: _Seen
) -> tuple[Record, PassOutcome | None]:
    terminal, person = admission.terminal, seen.person
    rules = rules_of(terminal.site)
    if person is not None and rules.passback == Passback.HARD:
        # Serialises passes of one person: two doors at once must not both see the last one.
        person = Person.objects.select_for_update(no_key=True).filter(pk=person.pk).first()
    now, deciding = timezone.now(), time.perf_counter()
    made = decision_make(
        terminal=terminal,
        person=person,
        evidence=Evidence(
            at=now,
            temperature_c=message.temperature_c,
            mask=message.mask,
            verification=seen.face.verified.result,
            similarity=message.similarity,
            timing=Timing.LIVE if seen.judged.is_live else Timing.LATE,
            is_photo_on_file=seen.face.verified.is_photo_on_file,
        ),
        terminal_approved=admission.is_approved,
        rules=rules,
    )
    decision = made.decision
    if decision.open_door and NOT_WHOLE.intersection(seen.faults):
        decision = Decision(open_door=False, reason=Reason.NOT_VERIFIABLE)
    if decision.open_door and NOT_NEWEST in seen.faults:
        decision = Decision(open_door=False, reason=Reason.LATE)
    ms = {**seen.face.ms, "decide": elapsed_ms(deciding)}
    record = _base_record(terminal, RecordKind.PASS, key, message, seen.faults, now)
    _describe(record, person, message, seen.face.verified, decision)
    _date(record, seen.judged)
    record.trace = {
        "rule": decision.reason,
        **made.inputs,
        "verification": seen.face.verified.trace,
        "ms": ms,
        "total_ms": elapsed_ms(seen.started),
    }
    stored = _store(record, seen.files, has_passed_back=made.has_passed_back)
    return record, stored


def _describe(
    record: Record,
    person: Person | None,
    message: FaceMatch,
    verified: Verified,
    decision: Decision,
) -> None:
    """Write on a record what only passes have."""
    record.person = person
    record.user_id = message.user_id
    record.user_name = message.user_name
    record.user_type = message.user_type
    record.similarity = message.similarity
    record.action_code, record.action = message.action_code, message.action
    record.verification = verified.result
    record.verification_score = verified.score
    record.door_opened, record.reason = decision.open_door, decision.reason
    record.unlock_delay_ms = decision.unlock_delay_ms
    if message.id_card is not None:
        record.id_card_name = message.id_card.name
        record.id_card = json.dumps(_id_card(message), ensure_ascii=False)


def _date(record: Record, judged: Judgement) -> None:
    """Write on a record whether it was of now when it arrived."""
    record.is_late, record.late_s = not judged.is_live, judged.age_s


def temperature_record(
    *,
    admission: Admission,
    message: TemperatureReading,
    repairs: Iterable[str] = (),
    likeness: str = "",
) -> PassOutcome:
    """Store a temperature reading (seed 9.3) and alarm when it is above the site's limit."""
    terminal = admission.terminal
    still = moment_stands_still(terminal=terminal, moment=message.captured_at)
    key = dedupe_key(RecordKind.TEMPERATURE, "", message, likeness=likeness, stands_still=still)
    if repeat := repeat_answer(admission=admission, key=key):
        moment_answered(terminal=terminal)
        return repeat
    judged = _judged(admission, message, key, repairs)
    face = picture_check(terminal=terminal, raw=message.image, origin=PictureOrigin.DOOR)
    faults = [*message.faults, *repairs, *face.faults]
    record = _base_record(terminal, RecordKind.TEMPERATURE, key, message, faults, timezone.now())
    record.reason = Reason.NOT_A_PASS
    _date(record, judged)
    files = message_files(site_id=terminal.site_id, picture=face)
    stored = _store(record, files)
    files.settle(None if stored is None else record)
    return _answered(admission, record, stored, judged)


def late_record(
    *, terminal: Terminal, message: FaceMatch | TemperatureReading, key: str, origin: Origin
) -> int | None:
    """Store what a terminal decided about by itself and reported later, by its own interface.

    Args:
        terminal: whose record it is.
        message: as the terminal's upload would have been.
        key: names the record within the terminal's list.
        origin: by which way it came.

    Returns the new record's id, None when the same pass is stored already. It is verified and
    alarmed about as any other, and opens nothing.
    """
    is_pass = isinstance(message, FaceMatch)
    kind = RecordKind.PASS if is_pass else RecordKind.TEMPERATURE
    now, started = timezone.now(), time.perf_counter()
    probe = Record(terminal=terminal, captured_at=message.captured_at, dedupe_key=key)
    probe.user_id = message.user_id if isinstance(message, FaceMatch) else ""
    known = Record.objects.filter(terminal=terminal, dedupe_key=key)
    if known.exists() or is_noted(probe):
        return None
    person: Person | None = None
    if isinstance(message, FaceMatch):
        person = Person.objects.filter(site_id=terminal.site_id, user_id=message.user_id).first()
    face = picture_check(
        terminal=terminal,
        raw=message.image,
        origin=PictureOrigin.BACKGROUND,
        compare=person_compare(terminal, person) if is_pass else None,
    )
    record = _base_record(terminal, kind, key, message, [*message.faults, *face.faults], now)
    # How late it comes says nothing about the terminal's clock; alerts say it.
    record.faults = [fault for fault in record.faults if fault != "clock_skew"]
    record.origin, record.reason = origin, Reason.FETCHED
    _date(record, moment_known(terminal=terminal, at=now, moment=message.captured_at))
    if isinstance(message, FaceMatch):
        _describe(record, person, message, face.verified, _DECIDED_THERE)
        record.trace = {
            "rule": Reason.FETCHED,
            "verification": face.verified.trace,
            "total_ms": elapsed_ms(started),
        }
    files = message_files(site_id=terminal.site_id, picture=face)
    stored = _store(record, files)
    files.settle(None if stored is None else record)
    return stored.record_id if stored else None


def _base_record(
    terminal: Terminal,
    kind: RecordKind,
    key: str,
    message: FaceMatch | TemperatureReading,
    faults: list[str],
    now: datetime,
) -> Record:
    skew = (now - message.captured_at).total_seconds() if message.captured_at else None
    if skew is not None and abs(skew) > CLOCK_TOLERANCE_S:
        faults.append("clock_skew")
    if message.device_id and message.device_id != terminal.device_id:
        faults.append("device_id_differs")
    return Record(
        site_id=terminal.site_id,
        terminal=terminal,
        kind=kind,
        dedupe_key=key,
        captured_at=message.captured_at,
        received_at=now,
        clock_skew_s=skew,
        temperature_c=message.temperature_c,
        mask=message.mask,
        open_code=message.open_code,
        open_message=message.open_message,
        uuid_label=message.uuid_label,
        nation_code=message.nation_code,
        extras=message.extras,
        faults=faults,
    )


def _id_card(message: FaceMatch) -> dict[str, str]:
    card = message.id_card
    if card is None:
        return {}
    return {
        name: getattr(card, name)
        for name in (
            "name",
            "gender",
            "national",
            "birthday",
            "address",
            "number",
            "maker",
            "start_date",
            "end_date",
        )
    }


def _store(
    record: Record, files: MessageFiles, *, has_passed_back: bool = False
) -> PassOutcome | None:
    """Write everything in one transaction; None when the same message was stored meanwhile."""
    try:
        is_stored = _store_at_once(record, files, has_passed_back=has_passed_back)
    except IntegrityError:
        known = Record.objects.filter(terminal=record.terminal, dedupe_key=record.dedupe_key)
        if not known.exists():
            raise  # refused for another reason, such as a person erased meanwhile
        logger.info("record_repeated terminal=%s", record.terminal_id)
        return None
    if not is_stored:
        return None
    return PassOutcome(
        record_id=record.pk,
        open_door=record.door_opened,
        unlock_delay_ms=record.unlock_delay_ms,
        reason=record.reason,
        faults=tuple(record.faults),
        is_repeat=False,
    )


@transaction.atomic
def _store_at_once(record: Record, files: MessageFiles, *, has_passed_back: bool) -> bool:
    """Write a record and what follows from it; False when it came late and is known already."""
    files.name_pictures(record)
    record.faults = list(dict.fromkeys(record.faults))
    is_late = record.origin != Origin.UPLOADED
    if not is_late:
        hold(record)
    elif is_known(record):
        return False
    record.save(force_insert=True)
    files.name_waiting(record)
    replaces = [] if is_late else supersede(record)
    record_alarms(record, has_passed_back=has_passed_back)
    message = record_message(record, replaces=replaces)
    group_send_on_commit(f"live.{record.site_id}", {"type": "live.record", **message})
    return True


def _answered(
    admission: Admission, record: Record, stored: PassOutcome | None, judged: Judgement
) -> PassOutcome:
    """Return what to answer, after the commit; a new record tells of its terminal too."""
    if stored is None:
        stored = repeat_answer(admission=admission, key=record.dedupe_key)
        if stored is None:
            raise RuntimeError("a record refused as a repeat must be there")
    else:
        terminal_describe(
            terminal_id=record.terminal_id,
            uuid_label=record.uuid_label[:32],
            nation_code=record.nation_code[:32],
        )
    moment_answered(terminal=record.terminal, judged=judged)
    return stored
