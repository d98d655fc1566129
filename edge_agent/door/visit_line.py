"""Event log line of a visit, for people and for programs."""

from dataclasses import dataclass, field
from typing import Any, Final

from edge_agent.door.decision import DoorDecision, DoorReason, PlatformAnswer
from edge_agent.drivers import Cue, EventLog
from edge_agent.storage import Match

_PLATFORM_WORDS: Final = {
    PlatformAnswer.OPEN: "platform says open",
    PlatformAnswer.KEEP_CLOSED: "platform says keep closed",
    PlatformAnswer.NOT_STORED: "platform did not take it",
    PlatformAnswer.AWAY: "platform is away, kept in the queue",
    PlatformAnswer.LATE: "no answer in time, kept in the queue",
}
_LOCAL_WORDS: Final = {
    DoorReason.LOCAL_ALLOWED: "local rule says open",
    DoorReason.UNRECOGNISED_ALLOWED: "local rule says open to anybody",
    DoorReason.KEPT_OUT: "local rule: kept out",
    DoorReason.TEMPERATURE_HIGH: "local rule: temperature too high",
    DoorReason.TEMPERATURE_MISSING: "local rule: no temperature",
    DoorReason.LIBRARY_STALE: "local rule: library too old",
    DoorReason.MASK_MISSING: "local rule: no mask",
    DoorReason.OUTSIDE_VISIT: "local rule: not the time of the visit",
    DoorReason.NOT_ALIVE: "seems to be a picture",
    DoorReason.NOT_ON_RECORD: "the disk is full and the pass is on record nowhere",
}


@dataclass(frozen=True, slots=True)
class VisitLine:
    """Facts of a visit for its event log line."""

    label: str
    match: Match | None = field(default=None, repr=False)
    temperature_c: float | None = None

    def no_face(self, event_log: EventLog) -> None:
        """Write that no face was seen."""
        event_log.write("visit", f"{self._who} → no face", **self._facts("no_face"))

    def stranger(self, event_log: EventLog, *, is_stored: bool) -> None:
        """Write about a stranger.

        Args:
            event_log: where to tell it.
            is_stored: whether the platform has the reading already.
        """
        reading = "visit" if self.temperature_c is None else f"temperature {self.temperature_c}"
        outcome = "reported" if is_stored else "kept in the queue"
        facts = self._facts("nobody") | {"is_stored": is_stored}
        event_log.write("visit", f"{self._who} → nobody → {reading} {outcome}", **facts)

    def passed(
        self,
        event_log: EventLog,
        decision: DoorDecision,
        answer: PlatformAnswer,
        *,
        relay_works: bool,
    ) -> None:
        """Write a line about a recognised person, the decision, and the door."""
        steps = [self._who]
        if self.match is not None:
            steps.append(f"{self.match.name or self.match.user_id} ({self.match.similarity})")
        if answer is not PlatformAnswer.NOT_ASKED:
            steps.append(_PLATFORM_WORDS[answer])
        if decision.reason in _LOCAL_WORDS:
            steps.append(_LOCAL_WORDS[decision.reason])
        steps.append(_door(decision, relay_works=relay_works))
        facts = self._facts("nobody" if self.match is None else "match") | {
            "platform": answer.value,
            "reason": decision.reason.value,
            "open_door": decision.open_door and relay_works,
            "unlock_delay_ms": decision.unlock_delay_ms,
        }
        event_log.write("visit", " → ".join(steps), **facts)

    @property
    def _who(self) -> str:
        return f"{self.label or 'somebody'} walked by"

    def _facts(self, outcome: str) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "label": self.label,
            "outcome": outcome,
            "temperature_c": self.temperature_c,
        }
        if self.match is not None:
            facts |= {"user_id": self.match.user_id, "similarity": self.match.similarity}
        return facts


def _door(decision: DoorDecision, *, relay_works: bool) -> str:
    if not decision.open_door:
        return "door stays closed"
    if not relay_works:
        return "the relay could not be switched"
    return f"relay pulsed {decision.unlock_delay_ms} ms"


_CUES: Final = {
    DoorReason.UNRECOGNISED: Cue.STRANGER,
    DoorReason.TEMPERATURE_HIGH: Cue.FEVER,
    DoorReason.MASK_MISSING: Cue.MASK_MISSING,
    DoorReason.PLATFORM_AWAY: Cue.TRY_LATER,
    DoorReason.ANSWER_LATE: Cue.TRY_LATER,
    DoorReason.NOT_STORED: Cue.TRY_LATER,
    DoorReason.LIBRARY_STALE: Cue.TRY_LATER,
    DoorReason.NOT_ON_RECORD: Cue.TRY_LATER,
}


def cue_of(reason: DoorReason, *, is_let_in: bool) -> Cue:
    """Return the cue that a decision gives the visitor."""
    if is_let_in:
        return Cue.WELCOME
    return _CUES.get(reason, Cue.REFUSED)
