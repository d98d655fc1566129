"""Decision whether the door opens: a pure function without clock, disk, network or log."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from edge_agent.config import DecisionPolicy
from edge_agent.config.fields import RELAY_HOLD_MAX_MS, UNLOCK_DELAY_MAX_MS, UNLOCK_DELAY_MIN_MS
from edge_agent.recognition import Liveness

# userType of people who are held in order to be recognised and kept out: in words as the platform
# writes them, and by the numbers of seed 8.2.1.
KEPT_OUT_TYPES: Final = frozenset({"blacklist", "3", "-1"})


class DoorReason(StrEnum):
    """Why the door opened or did not; stable."""

    PLATFORM_ALLOWED = "platform_allowed"
    PLATFORM_REFUSED = "platform_refused"
    PLATFORM_AWAY = "platform_away"
    ANSWER_LATE = "answer_late"
    NOT_STORED = "not_stored"
    LOCAL_ALLOWED = "local_allowed"
    UNRECOGNISED_ALLOWED = "unrecognised_allowed"
    UNRECOGNISED = "nobody"
    KEPT_OUT = "kept_out"
    TEMPERATURE_HIGH = "temperature_high"
    TEMPERATURE_MISSING = "temperature_missing"
    LIBRARY_STALE = "library_stale"
    MASK_MISSING = "mask_missing"
    OUTSIDE_VISIT = "outside_visit"
    NOT_ALIVE = "not_alive"
    NOT_ON_RECORD = "not_on_record"


class PlatformAnswer(StrEnum):
    """Answer of the platform about a pass, as far as it came in time."""

    NOT_ASKED = "not_asked"
    OPEN = "open"
    KEEP_CLOSED = "keep_closed"
    NOT_STORED = "not_stored"  # it answered, and does not have the event
    AWAY = "away"  # no connection, or it said that it cannot answer
    LATE = "late"  # nothing until the person at the door had waited long enough


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules of configuration and settings for opening; see `edge_agent.config.AgentConfig`.

    Attributes:
        unlock_delay_ms: 20 to 30 000 (unlockOuttime of 8.1.5 goes that far).
        temperature_counts: whether a high temperature keeps the door closed (8.1.5, tempNormal).
        mask_required: whether a missing mask does (8.1.5, maskNormal).
        liveness_required: whether a face must be known to be alive; one that is known to be a
            picture never opens.
        opens_unrecorded: whether the door opens for a pass that is on record nowhere.
        opens_unrecognised: whether the local rule lets people in who are not recognised, with a
            normal temperature (8.1.5, cmpNormal 0).
    """

    decide: DecisionPolicy
    unlock_delay_ms: int
    temperature_limit_c: float
    temperature_required: bool
    library_max_age_s: float
    temperature_counts: bool = True
    mask_required: bool = False
    liveness_required: bool = False
    opens_unrecorded: bool = False
    opens_unrecognised: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts of one visit.

    Attributes:
        user_type: of the person recognised; None for a stranger.
        temperature_c: reading in °C, None without one.
        library_age_s: seconds since the library was known to be complete, None when it never was.
        platform: what the platform said.
        platform_delay_ms: how long it wants the door unlocked, None when it did not say.
        has_mask: whether a mask was worn, as far as the terminal knows.
        is_expected: False for a person entered here whose visit is not now (8.2.1, startTime and
            endTime).
        liveness: a person or a picture of one.
        is_on_record: whether the pass is on this disk or before the platform.
    """

    user_type: str | None
    temperature_c: float | None = None
    library_age_s: float | None = None
    platform: PlatformAnswer = PlatformAnswer.NOT_ASKED
    platform_delay_ms: int | None = None
    has_mask: bool = False
    is_expected: bool = True
    liveness: Liveness = Liveness.UNKNOWN
    is_on_record: bool = True


@dataclass(frozen=True, slots=True)
class DoorDecision:
    """The outcome.

    Attributes:
        unlock_delay_ms: how long to hold the relay, 20 to 5000, by the terminal's own setting up to
            30 000; 0 when the door stays closed.
    """

    open_door: bool
    reason: DoorReason
    unlock_delay_ms: int = 0


def asks_platform(decide: DecisionPolicy) -> bool:
    """Return whether the door waits for the platform's decision."""
    return decide is not DecisionPolicy.LOCAL


def seems_alive(liveness: Liveness, rules: Rules) -> bool:
    """Whether a face may count as a person's."""
    if liveness is Liveness.UNKNOWN:
        return not rules.liveness_required
    return liveness is Liveness.LIVE


def decide(facts: Facts, rules: Rules) -> DoorDecision:
    """Decide about one visit. Nothing opens but an explicit allow, and nothing without a trace."""
    decision = _allowed(facts, rules)
    if decision.open_door and not facts.is_on_record and not rules.opens_unrecorded:
        return DoorDecision(open_door=False, reason=DoorReason.NOT_ON_RECORD)
    return decision


def _allowed(facts: Facts, rules: Rules) -> DoorDecision:
    if facts.user_type is None:
        return _without_a_match(facts, rules)
    # The platform sees one picture and cannot know how it moved; this is the terminal's own word.
    if not seems_alive(facts.liveness, rules):
        return DoorDecision(open_door=False, reason=DoorReason.NOT_ALIVE)
    if rules.decide is DecisionPolicy.LOCAL:
        return _by_local_rule(facts, rules)
    if facts.platform is PlatformAnswer.OPEN:
        if facts.platform_delay_ms:
            asked_ms = min(facts.platform_delay_ms, UNLOCK_DELAY_MAX_MS)
            return _opened(DoorReason.PLATFORM_ALLOWED, asked_ms)
        return _opened(DoorReason.PLATFORM_ALLOWED, rules.unlock_delay_ms)
    unreached = facts.platform in {PlatformAnswer.AWAY, PlatformAnswer.LATE}
    if unreached and rules.decide is DecisionPolicy.PLATFORM_THEN_LOCAL:
        return _by_local_rule(facts, rules)
    return DoorDecision(open_door=False, reason=_CLOSED_BECAUSE[facts.platform])


def _without_a_match(facts: Facts, rules: Rules) -> DoorDecision:
    """Decide about a stranger; the platform is not asked about strangers (9.3)."""
    is_local = rules.decide is not DecisionPolicy.PLATFORM
    if not (rules.opens_unrecognised and is_local and seems_alive(facts.liveness, rules)):
        return DoorDecision(open_door=False, reason=DoorReason.UNRECOGNISED)
    # Here the temperature is all that is known, so it counts whatever tempNormal says.
    measured = replace(rules, temperature_required=True)
    reason = _temperature_objection(facts, measured)
    if rules.mask_required and not facts.has_mask:
        reason = reason or DoorReason.MASK_MISSING
    if reason is not None:
        return DoorDecision(open_door=False, reason=reason)
    return _opened(DoorReason.UNRECOGNISED_ALLOWED, rules.unlock_delay_ms)


_CLOSED_BECAUSE: Final = {
    PlatformAnswer.NOT_ASKED: DoorReason.PLATFORM_AWAY,
    PlatformAnswer.KEEP_CLOSED: DoorReason.PLATFORM_REFUSED,
    PlatformAnswer.NOT_STORED: DoorReason.NOT_STORED,
    PlatformAnswer.AWAY: DoorReason.PLATFORM_AWAY,
    PlatformAnswer.LATE: DoorReason.ANSWER_LATE,
}


def _by_local_rule(facts: Facts, rules: Rules) -> DoorDecision:
    reason = _local_objection(facts, rules)
    if reason is not None:
        return DoorDecision(open_door=False, reason=reason)
    return _opened(DoorReason.LOCAL_ALLOWED, rules.unlock_delay_ms)


def _local_objection(facts: Facts, rules: Rules) -> DoorReason | None:
    if facts.user_type in KEPT_OUT_TYPES:
        return DoorReason.KEPT_OUT
    if not facts.is_expected:
        return DoorReason.OUTSIDE_VISIT
    if rules.mask_required and not facts.has_mask:
        return DoorReason.MASK_MISSING
    if rules.library_max_age_s > 0:
        age_s = facts.library_age_s
        # A negative age means that the clock went back: how old the library is, is not known.
        if age_s is None or not 0 <= age_s <= rules.library_max_age_s:
            return DoorReason.LIBRARY_STALE
    return _temperature_objection(facts, rules) if rules.temperature_counts else None


def _temperature_objection(facts: Facts, rules: Rules) -> DoorReason | None:
    if facts.temperature_c is None:
        return DoorReason.TEMPERATURE_MISSING if rules.temperature_required else None
    # Written so that a reading that is not a number counts as too high.
    if not facts.temperature_c < rules.temperature_limit_c:
        return DoorReason.TEMPERATURE_HIGH
    return None


def _opened(reason: DoorReason, delay_ms: int) -> DoorDecision:
    held_ms = min(max(delay_ms, UNLOCK_DELAY_MIN_MS), RELAY_HOLD_MAX_MS)
    return DoorDecision(open_door=True, reason=reason, unlock_delay_ms=held_ms)
