"""The same message again: noted on its record, and answered as a fresh decision would be.

A terminal repeats what was not answered in time, while a person stands at the door. Later none
does, so what opened once opens again within seconds only, and only if it still would.
"""

import hashlib
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F
from django.utils import timezone

from devices.services import Admission
from faces.models import Person
from records.choices import Reason, RecordKind, Timing, VerificationResult
from records.decision import Decision, Evidence
from records.models import FaceNegative, Record
from records.services.passes.clocks import moment_known_now
from records.services.passes.decisions import decision_make
from records.services.pictures import PHOTO_ON_FILE
from terminal_protocol import FaceMatch, TemperatureReading

# From the first arrival on; terminals that repeat do so within seconds.
OPENS_AGAIN_WITHIN = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class PassOutcome:
    """What to answer, and the record that holds the message."""

    record_id: int
    open_door: bool
    unlock_delay_ms: int
    reason: str
    faults: tuple[str, ...]
    is_repeat: bool


def dedupe_key(
    kind: RecordKind,
    user_id: str,
    message: FaceMatch | TemperatureReading,
    *,
    likeness: str = "",
    stands_still: bool = False,
) -> str:
    """Name what makes a message the same: its moment, and person and picture as sent.

    A moment is the same in every notation: one that cannot be read is named by its spelling.

    A picture that the terminal had to give up is named by its digest, so a message whose answer was
    lost is the same without it. One that never had a picture is named by its person and what was
    measured instead, as sent where that cannot be read: terminals tell whole minutes, and two
    people have the same one. Where no ID names the person both count, because some terminals send
    one picture of nobody for all. Without moment and
    picture two messages cannot be told apart from two people in a row, and a pass too many is
    better than one lost; such a message gets a key of its own.

    Args:
        kind: of the record.
        user_id: as the terminal says; empty for a reading.
        message: as read.
        likeness: of the message as sent (``terminal_protocol.message_digest``), else what was read.
        stands_still: its clock does, so that its moment is none.
    """
    picture = hashlib.sha256(message.image).hexdigest() if message.image else message.image_sha256
    if not picture and (stands_still or not message.captured_raw):
        return hashlib.sha256(f"{time.time_ns()}".encode()).hexdigest()
    named = f"{kind}\0{_moment(message)}\0{user_id}\0"
    named += picture or likeness or _measured(message)
    if picture and isinstance(message, FaceMatch) and user_id in {"", "0"}:
        named += f"\0{likeness}"
    return hashlib.sha256(named.encode()).hexdigest()


def _moment(message: FaceMatch | TemperatureReading) -> str:
    if message.captured_at is None:
        return message.captured_raw
    # Whole seconds as terminals write them, and what is finer to the millisecond.
    return f"{message.captured_at.timestamp():.3f}".removesuffix(".000")


def _measured(message: FaceMatch | TemperatureReading) -> str:
    values: list[object] = [message.temperature_c, message.mask, message.open_code]
    if isinstance(message, FaceMatch):
        card = message.id_card
        values += [message.similarity, message.action_code, card and (card.number, card.name)]
    return "\0".join(map(str, values))


def repeat_answer(*, admission: Admission, key: str) -> PassOutcome | None:
    """Answer a message that is stored already; None when it is new.

    Effects: the repeat is counted on the record of its first arrival.
    """
    known = (
        Record.objects.filter(terminal=admission.terminal, dedupe_key=key)
        .select_related("person")
        .first()
    )
    if known is None:
        return None
    now = timezone.now()
    Record.objects.filter(pk=known.pk).update(repeats=F("repeats") + 1, repeated_at=now)
    decision = _again(admission, known, now)
    return PassOutcome(
        record_id=known.pk,
        open_door=decision.open_door,
        unlock_delay_ms=known.unlock_delay_ms if decision.open_door else 0,
        reason=decision.reason,
        faults=tuple(known.faults),
        is_repeat=True,
    )


def _again(admission: Admission, known: Record, now: datetime) -> Decision:
    """Decide about a stored pass anew; it opens nothing that it did not open at first."""
    if not known.door_opened:
        return Decision(open_door=False, reason=Reason(known.reason))
    person = Person.objects.filter(site_id=known.site_id, user_id=known.user_id).first()
    is_same = person is not None and person.pk == known.person_id
    return decision_make(
        terminal=admission.terminal,
        person=person if is_same else None,
        evidence=Evidence(
            at=now,
            temperature_c=known.temperature_c,
            mask=known.mask,
            verification=_believed(known),
            similarity=known.similarity,
            timing=_timing(admission, known, now),
            is_photo_on_file=PHOTO_ON_FILE in known.faults,
        ),
        terminal_approved=admission.is_approved,
        # The pass itself is no pass before its own repeat.
        apart_from=known.pk,
    ).decision


def _timing(admission: Admission, known: Record, now: datetime) -> Timing:
    if now - known.received_at > OPENS_AGAIN_WITHIN:
        return Timing.REPEATED
    is_live = moment_known_now(terminal=admission.terminal, at=now, moment=known.captured_at)
    return Timing.LIVE if is_live else Timing.LATE


def _believed(known: Record) -> VerificationResult:
    """Return what the platform saw, unless a face was refused for the person since."""
    refused = FaceNegative.objects.filter(person=known.person, created_at__gte=known.received_at)
    if refused.exists():
        return VerificationResult.MISMATCH
    return VerificationResult(known.verification)
