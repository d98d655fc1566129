"""May this person pass this door now? One pure function and its reasons (invariant 3).

No I/O, no clock: everything that matters comes in as a value, so the same question can be asked
again later and gives the same answer.

The rules in the order in which they are asked; the first that applies decides:

1. the terminal: not approved
2. the person: unknown, blacklisted, suspended, not yet or no longer valid, not at this door,
   outside the hours of every library
3. the reading: fever, no mask
4. the face: not this person's, not verifiable, the photo on file instead of a face, similarity
   too low
5. the message: repeated too late, or it arrived too late and the site keeps the door closed then.
   It comes behind the others, so that their reasons and alerts are those of a pass in time.
6. the way: passed in this direction already. It comes last, because only a face that is believed
   and seen now says anything about where its person is.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from devices.choices import LatePasses, Unverifiable, Verification
from faces.choices import Category, PersonState
from records.choices import Passback, Reason, Timing, VerificationResult


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """What the decision needs to know of a person on file.

    Attributes:
        is_at_door: some library of theirs is held by the terminal.
        is_within_hours: one of those libraries allows the moment.
        has_passed_back: the last pass counted went the same way.
    """

    category: int
    state: str
    valid_from: datetime | None
    valid_until: datetime | None
    is_at_door: bool
    is_within_hours: bool = True
    has_passed_back: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """What the site and the terminal say; ``similarity_floor`` None asks for none."""

    terminal_approved: bool
    verification: str
    when_unverifiable: str
    temperature_limit_c: Decimal
    fever_closes_door: bool
    mask_required: bool
    unlock_delay_ms: int
    similarity_floor: int | None = None
    passback: str = Passback.OFF
    late_passes: str = LatePasses.STRICT
    photo_on_file_closes_door: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the terminal reported and the platform saw.

    Attributes:
        at: the moment judged, aware.
        temperature_c: None when it was not measured or cannot be believed.
        mask: None when the terminal did not say.
        verification: result of the platform's own look at the picture.
        similarity: 0–100 by the terminal, None when it did not say.
        timing: whether the message is of now.
        is_photo_on_file: its picture is the photo on file, sent back.
    """

    at: datetime
    temperature_c: Decimal | None
    mask: bool | None
    verification: VerificationResult
    similarity: float | None = None
    timing: Timing = Timing.LIVE
    is_photo_on_file: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict: ``open_door`` only with ``Reason.ALLOWED``."""

    open_door: bool
    reason: Reason
    unlock_delay_ms: int = 0


def decide(person: PersonFacts | None, evidence: Evidence, policy: Policy) -> Decision:
    """Return the decision; the first rule that applies decides.

    Args:
        person: None when no person with the reported user id is on file.
        evidence: what was reported and seen.
        policy: what the site and the terminal say.
    """
    reason = (
        _terminal(policy)
        or _person(person, evidence)
        or _health(evidence, policy)
        or _face(evidence, policy)
        or _copy(evidence, policy)
        or _similarity(evidence, policy)
        or _timing(evidence, policy)
        or _way(person, policy)
        or Reason.ALLOWED
    )
    if reason is not Reason.ALLOWED:
        return Decision(open_door=False, reason=reason)
    return Decision(open_door=True, reason=reason, unlock_delay_ms=policy.unlock_delay_ms)


def _terminal(policy: Policy) -> Reason | None:
    return None if policy.terminal_approved else Reason.TERMINAL_NOT_APPROVED


def _person(person: PersonFacts | None, evidence: Evidence) -> Reason | None:
    if person is None:
        return Reason.UNKNOWN_PERSON
    if person.category == Category.BLACKLIST:
        return Reason.BLACKLISTED
    if person.state != PersonState.ACTIVE:
        return Reason.SUSPENDED
    if person.valid_from is not None and evidence.at < person.valid_from:
        return Reason.NOT_YET_VALID
    if person.valid_until is not None and evidence.at >= person.valid_until:
        return Reason.NO_LONGER_VALID
    if not person.is_at_door:
        return Reason.NOT_AT_THIS_DOOR
    return None if person.is_within_hours else Reason.OUTSIDE_HOURS


def is_fever(temperature_c: Decimal | None, limit_c: Decimal) -> bool:
    """Tell whether a temperature is at or above the limit; not measured is no fever."""
    return temperature_c is not None and temperature_c >= limit_c


def _health(evidence: Evidence, policy: Policy) -> Reason | None:
    if policy.fever_closes_door and is_fever(evidence.temperature_c, policy.temperature_limit_c):
        return Reason.FEVER
    if policy.mask_required and evidence.mask is False:
        return Reason.NO_MASK
    return None


def _face(evidence: Evidence, policy: Policy) -> Reason | None:
    if policy.verification != Verification.ENFORCE:
        return None
    if evidence.verification is VerificationResult.MATCH:
        return None
    if evidence.verification is VerificationResult.MISMATCH:
        return Reason.FACE_MISMATCH
    if policy.when_unverifiable == Unverifiable.ALLOW:
        return None
    return Reason.NOT_VERIFIABLE


def _copy(evidence: Evidence, policy: Policy) -> Reason | None:
    is_refused = evidence.is_photo_on_file and policy.photo_on_file_closes_door
    return Reason.PHOTO_ON_FILE if is_refused else None


def _similarity(evidence: Evidence, policy: Policy) -> Reason | None:
    if policy.similarity_floor is None or evidence.similarity is None:
        return None
    return Reason.SIMILARITY_TOO_LOW if evidence.similarity < policy.similarity_floor else None


def _timing(evidence: Evidence, policy: Policy) -> Reason | None:
    if evidence.timing is Timing.REPEATED:
        return Reason.REPEATED
    if evidence.timing is Timing.LATE and policy.late_passes != LatePasses.LENIENT:
        return Reason.LATE
    return None


def _way(person: PersonFacts | None, policy: Policy) -> Reason | None:
    if person is not None and person.has_passed_back and policy.passback == Passback.HARD:
        return Reason.PASSED_BACK
    return None
