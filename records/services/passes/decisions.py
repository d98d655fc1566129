"""Gathering what a decision needs, and asking for one without a pass."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from devices.choices import Direction, TerminalStatus
from devices.models import Site, Terminal
from faces.models import Person
from faces.services import DoorHours, door_hours
from records.choices import Passback, RecordKind, Timing, VerificationResult
from records.decision import Decision, Evidence, PersonFacts, Policy, decide
from records.models import PassRules, Record

_ONE_WAY = (Direction.IN, Direction.OUT)


@dataclass(frozen=True, slots=True)
class DecisionResult:
    """A decision and everything it was made from.

    Attributes:
        decision: the verdict.
        has_passed_back: also true where the site only alerts about it.
        inputs: for the record's trace: plain values, no names.
    """

    decision: Decision
    has_passed_back: bool
    inputs: dict[str, Any]


def rules_of(site: Site) -> PassRules:
    """Return a site's rules of passing, those that ask nothing where none were entered."""
    return PassRules.objects.filter(site=site).first() or PassRules(site=site)


def decision_make(
    *,
    terminal: Terminal,
    person: Person | None,
    evidence: Evidence,
    terminal_approved: bool,
    rules: PassRules | None = None,
    apart_from: int | None = None,
) -> DecisionResult:
    """Look up what matters of a person at a terminal's door and decide.

    Args:
        terminal: where; its site's rules apply.
        person: None when no person with the reported user id is on file.
        evidence: what was reported and seen, and when.
        terminal_approved: as found when the terminal was admitted.
        rules: the site's, looked up when not given.
        apart_from: id of a record that does not count as a pass before this one.
    """
    rules = rules or rules_of(terminal.site)
    hours, facts, last = DoorHours((), ()), None, None
    if person is not None:
        hours = door_hours(person=person, terminal=terminal, at=evidence.at)
        last = last_way(
            person=person, terminal=terminal, rules=rules, before=evidence.at, apart_from=apart_from
        )
        facts = _facts(person, terminal, hours, last)
    policy = _policy(terminal, rules, approved=terminal_approved)
    return DecisionResult(
        decision=decide(facts, evidence, policy),
        has_passed_back=facts is not None and facts.has_passed_back,
        inputs={
            "policy": _plain(asdict(policy)),
            "person": None
            if facts is None
            else {
                **_plain(asdict(facts)),
                "libraries": list(hours.libraries),
                "libraries_allowing": list(hours.allowing),
                "last_way": None
                if last is None
                else {"record": last.pk, "direction": last.terminal.direction},
            },
            "evidence": _plain(asdict(evidence)),
        },
    )


def decision_preview(
    *,
    terminal: Terminal,
    person: Person | None,
    at: datetime,
    temperature_c: Decimal | None = None,
    mask: bool | None = None,
    similarity: float | None = None,
    verification: VerificationResult = VerificationResult.MATCH,
    timing: Timing = Timing.LIVE,
) -> DecisionResult:
    """Return what would be decided; nothing is stored, no alert is raised.

    Args:
        at: the moment asked about; people, libraries and rules are those of today.
        verification: what the platform's own check is supposed to say.
        timing: when the message is supposed to come.
    """
    return decision_make(
        terminal=terminal,
        person=person,
        evidence=Evidence(
            at=at,
            temperature_c=temperature_c,
            mask=mask,
            verification=verification,
            similarity=similarity,
            timing=timing,
        ),
        terminal_approved=terminal.status == TerminalStatus.APPROVED,
    )


def last_way(
    *,
    person: Person,
    terminal: Terminal,
    rules: PassRules,
    before: datetime,
    apart_from: int | None = None,
) -> Record | None:
    """Return the pass by which a person was last let in or out, within the site's minutes.

    None where the site does not ask, or the terminal has no one direction.
    """
    if rules.passback == Passback.OFF or terminal.direction not in _ONE_WAY:
        return None
    passes = Record.objects.all() if apart_from is None else Record.objects.exclude(pk=apart_from)
    return (
        passes.filter(
            person=person,
            kind=RecordKind.PASS,
            door_opened=True,
            terminal__direction__in=_ONE_WAY,
            received_at__gte=before - timedelta(minutes=rules.passback_minutes),
            received_at__lte=before,
        )
        .select_related("terminal")
        .order_by("-received_at", "-pk")
        .first()
    )


def _facts(
    person: Person, terminal: Terminal, hours: DoorHours, last: Record | None
) -> PersonFacts:
    return PersonFacts(
        category=person.category,
        state=person.state,
        valid_from=person.valid_from,
        valid_until=person.valid_until,
        is_at_door=bool(hours.libraries),
        is_within_hours=bool(hours.allowing),
        has_passed_back=last is not None and last.terminal.direction == terminal.direction,
    )


def _policy(terminal: Terminal, rules: PassRules, *, approved: bool) -> Policy:
    site = terminal.site
    return Policy(
        terminal_approved=approved,
        verification=site.verification,
        when_unverifiable=site.when_unverifiable,
        temperature_limit_c=site.temperature_limit_c,
        fever_closes_door=site.fever_closes_door,
        mask_required=site.mask_required,
        unlock_delay_ms=terminal.unlock_delay_ms,
        similarity_floor=rules.similarity_floor,
        passback=rules.passback,
        late_passes=site.late_passes,
        photo_on_file_closes_door=rules.photo_on_file_closes_door,
    )


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values as JSON can carry them."""
    plain: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, datetime):
            plain[name] = value.isoformat()
        elif isinstance(value, Decimal):
            plain[name] = float(value)
        else:
            plain[name] = value
    return plain
