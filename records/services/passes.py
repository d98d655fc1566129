"""Taking in what terminals upload: one message, one record, one answer (invariants 2 to 4)."""

import hashlib
import json
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from devices.choices import Verification
from devices.models import Terminal
from devices.services import Admission, terminal_describe
from faces.models import Person
from faces.selectors import person_is_at_door
from records.choices import AlertKind, Reason, RecordKind, VerificationResult
from records.decision import Decision, Evidence, PersonFacts, Policy, decide, is_fever
from records.live import record_message
from records.models import Record
from records.services.alerts import alert_raise
from records.services.pictures import CleanPicture, picture_clean, picture_store
from records.services.verification import Verified, verify
from server_common.on_commit import group_send_on_commit
from terminal_protocol import FaceMatch, TemperatureReading

logger = logging.getLogger(__name__)

# A terminal's clock that is further off than this is remarked on the record (field notes).
SKEW_REMARKED_S = 300.0

_ALARMS = {
    Reason.FACE_MISMATCH: AlertKind.FACE_MISMATCH,
    Reason.BLACKLISTED: AlertKind.BLACKLISTED,
}


@dataclass(frozen=True, slots=True)
class PassOutcome:
    """What to answer: the stored decision, the same for a repeated message."""

    record_id: int
    open_door: bool
    unlock_delay_ms: int
    reason: str
    faults: tuple[str, ...]
    is_repeat: bool


def pass_record(
    *, admission: Admission, message: FaceMatch, repairs: Iterable[str] = ()
) -> PassOutcome:
    """Store a pass (seed 9.2), verify it, decide, and return the answer.

    Effects: record, alerts and decision in one transaction; after commit, live screens. The same
    message again returns the same answer and stores nothing.
    """
    terminal = admission.terminal
    key = _dedupe_key(RecordKind.PASS, message.user_id, message)
    if repeat := _repeat(terminal, key):
        return repeat
    started = time.perf_counter()
    clean, faults = _clean(message, repairs)
    person = Person.objects.filter(site_id=terminal.site_id, user_id=message.user_id).first()
    verified = verify(
        policy=terminal.site.verification,
        site_id=terminal.site_id,
        person=person,
        image=clean.image if clean else None,
    )
    if verified.fault:
        faults.append(verified.fault)
    now = timezone.now()
    decision = _decide(terminal, person, message, verified, now, admission.is_approved)
    record = _base_record(terminal, RecordKind.PASS, key, message, faults, now)
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
    record.trace = _trace(terminal, person, verified, started)
    if message.id_card is not None:
        record.id_card_name = message.id_card.name
        record.id_card = json.dumps(_id_card(message), ensure_ascii=False)
    card = picture_clean(message.id_card_image) if message.id_card_image else None
    if isinstance(card, str):
        faults.append(f"id_card_{card}")
    stored = _store(record, clean, card if isinstance(card, CleanPicture) else None)
    return stored or _certain_repeat(terminal, key)


def temperature_record(
    *, admission: Admission, message: TemperatureReading, repairs: Iterable[str] = ()
) -> PassOutcome:
    """Store a temperature reading (seed 9.3) and alarm when it is above the site's limit."""
    terminal = admission.terminal
    key = _dedupe_key(RecordKind.TEMPERATURE, "", message)
    if repeat := _repeat(terminal, key):
        return repeat
    clean, faults = _clean(message, repairs)
    record = _base_record(terminal, RecordKind.TEMPERATURE, key, message, faults, timezone.now())
    record.reason = Reason.NOT_A_PASS
    return _store(record, clean, None) or _certain_repeat(terminal, key)


def _dedupe_key(kind: RecordKind, user_id: str, message: FaceMatch | TemperatureReading) -> str:
    """Name what makes a message the same: moment, person and picture as the terminal sent them.

    Without moment and picture two messages cannot be told apart from two people in a row, and a
    pass too many is better than one lost; such a message gets a key of its own.
    """
    if not message.captured_raw and not message.image:
        return hashlib.sha256(f"{time.time_ns()}".encode()).hexdigest()
    digest = hashlib.sha256(f"{kind}\0{message.captured_raw}\0{user_id}\0".encode())
    digest.update(message.image or b"")
    return digest.hexdigest()


def _repeat(terminal: Terminal, key: str) -> PassOutcome | None:
    known = (
        Record.objects.filter(terminal=terminal, dedupe_key=key)
        .only("pk", "door_opened", "unlock_delay_ms", "reason", "faults")
        .first()
    )
    return _outcome(known, is_repeat=True) if known else None


def _outcome(record: Record, *, is_repeat: bool) -> PassOutcome:
    return PassOutcome(
        record_id=record.pk,
        open_door=record.door_opened,
        unlock_delay_ms=record.unlock_delay_ms,
        reason=record.reason,
        faults=tuple(record.faults),
        is_repeat=is_repeat,
    )


def _certain_repeat(terminal: Terminal, key: str) -> PassOutcome:
    repeat = _repeat(terminal, key)
    if repeat is None:
        raise RuntimeError("a record refused as a repeat must be there")
    return repeat


def _clean(
    message: FaceMatch | TemperatureReading, repairs: Iterable[str]
) -> tuple[CleanPicture | None, list[str]]:
    faults = [*message.faults, *repairs]
    if not message.image:
        return None, faults
    clean = picture_clean(message.image)
    if isinstance(clean, str):
        faults.append(clean)
        return None, faults
    return clean, faults


def _decide(
    terminal: Terminal,
    person: Person | None,
    message: FaceMatch,
    verified: Verified,
    now: datetime,
    approved: bool,  # noqa: FBT001 - passed on as it is
) -> Decision:
    site = terminal.site
    facts = (
        None
        if person is None
        else PersonFacts(
            category=person.category,
            state=person.state,
            valid_from=person.valid_from,
            valid_until=person.valid_until,
            is_at_door=person_is_at_door(person, terminal),
        )
    )
    return decide(
        facts,
        Evidence(
            at=now,
            temperature_c=message.temperature_c,
            mask=message.mask,
            verification=verified.result,
        ),
        Policy(
            terminal_approved=approved,
            verification=site.verification,
            when_unverifiable=site.when_unverifiable,
            temperature_limit_c=site.temperature_limit_c,
            fever_closes_door=site.fever_closes_door,
            mask_required=site.mask_required,
            unlock_delay_ms=terminal.unlock_delay_ms,
        ),
    )


def _base_record(
    terminal: Terminal,
    kind: RecordKind,
    key: str,
    message: FaceMatch | TemperatureReading,
    faults: list[str],
    now: datetime,
) -> Record:
    skew = (now - message.captured_at).total_seconds() if message.captured_at else None
    if skew is not None and abs(skew) > SKEW_REMARKED_S:
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


def _trace(
    terminal: Terminal, person: Person | None, verified: Verified, started: float
) -> dict[str, Any]:
    site = terminal.site
    return {
        "policy": {
            "verification": site.verification,
            "when_unverifiable": site.when_unverifiable,
            "temperature_limit_c": float(site.temperature_limit_c),
            "mask_required": site.mask_required,
        },
        "person": None if person is None else {"category": person.category, "state": person.state},
        "verification": verified.trace,
        "total_ms": round((time.perf_counter() - started) * 1000, 1),
    }


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
    record: Record, clean: CleanPicture | None, card: CleanPicture | None
) -> PassOutcome | None:
    """Write everything in one transaction; None when the same message was stored meanwhile."""
    try:
        with transaction.atomic():
            if clean is not None:
                record.picture = picture_store(site_id=record.site_id, clean=clean)
            if card is not None:
                record.id_card_picture = picture_store(site_id=record.site_id, clean=card)
            record.faults = list(dict.fromkeys(record.faults))
            record.save(force_insert=True)
            _alarm(record)
            group_send_on_commit(
                f"live.{record.site_id}", {"type": "live.record", **record_message(record)}
            )
    except IntegrityError:
        logger.info("record_repeated terminal=%s", record.terminal_id)
        return None
    terminal_describe(
        terminal_id=record.terminal_id,
        uuid_label=record.uuid_label[:32],
        nation_code=record.nation_code[:32],
    )
    return _outcome(record, is_repeat=False)


def _alarm(record: Record) -> None:
    terminal = record.terminal
    site = terminal.site
    if is_fever(record.temperature_c, site.temperature_limit_c):
        alert_raise(
            kind=AlertKind.HIGH_TEMPERATURE,
            terminal=terminal,
            record=record,
            facts={"temperature_c": str(record.temperature_c)},
        )
    if site.mask_required and record.mask is False:
        alert_raise(kind=AlertKind.NO_MASK, terminal=terminal, record=record)
    kind = _ALARMS.get(Reason(record.reason))
    if record.verification == VerificationResult.MISMATCH and site.verification != Verification.OFF:
        # Observing sites open, and want to know all the more.
        kind = kind or AlertKind.FACE_MISMATCH
    if kind is not None:
        alert_raise(
            kind=kind,
            terminal=terminal,
            record=record,
            facts={"score": record.verification_score},
        )
