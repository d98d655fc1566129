"""May this person pass this door now? Every reason, their order, and nothing else opens."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.choices import Unverifiable, Verification
from faces.choices import Category, PersonState
from records.choices import Passback, Reason, Timing, VerificationResult
from records.decision import Evidence, PersonFacts, Policy, decide, is_fever

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PERSON = PersonFacts(
    category=Category.EMPLOYEE,
    state=PersonState.ACTIVE,
    valid_from=None,
    valid_until=None,
    is_at_door=True,
    is_within_hours=True,
    has_passed_back=False,
)
EVIDENCE = Evidence(
    at=NOW,
    temperature_c=Decimal("36.5"),
    mask=True,
    verification=VerificationResult.MATCH,
    similarity=88.0,
)
POLICY = Policy(
    terminal_approved=True,
    verification=Verification.ENFORCE,
    when_unverifiable=Unverifiable.DENY,
    temperature_limit_c=Decimal("37.3"),
    fever_closes_door=True,
    mask_required=True,
    unlock_delay_ms=2500,
    similarity_floor=80,
    passback=Passback.HARD,
    photo_on_file_closes_door=True,
)
# In the order in which they are asked: (reason, what makes it apply).
CLOSING: list[tuple[Reason, dict[str, Any]]] = [
    (Reason.TERMINAL_NOT_APPROVED, {"policy": {"terminal_approved": False}}),
    (Reason.UNKNOWN_PERSON, {"nobody": True}),
    (Reason.BLACKLISTED, {"person": {"category": Category.BLACKLIST}}),
    (Reason.SUSPENDED, {"person": {"state": PersonState.SUSPENDED}}),
    (Reason.NOT_YET_VALID, {"person": {"valid_from": NOW + SECOND}}),
    (Reason.NO_LONGER_VALID, {"person": {"valid_until": NOW}}),
    (Reason.NOT_AT_THIS_DOOR, {"person": {"is_at_door": False}}),
    (Reason.OUTSIDE_HOURS, {"person": {"is_within_hours": False}}),
    (Reason.FEVER, {"evidence": {"temperature_c": Decimal("37.3")}}),
    (Reason.NO_MASK, {"evidence": {"mask": False}}),
    (Reason.FACE_MISMATCH, {"evidence": {"verification": VerificationResult.MISMATCH}}),
    (Reason.NOT_VERIFIABLE, {"evidence": {"verification": VerificationResult.NO_FACE}}),
    (Reason.PHOTO_ON_FILE, {"evidence": {"is_photo_on_file": True}}),
    (Reason.SIMILARITY_TOO_LOW, {"evidence": {"similarity": 79.9}}),
    (Reason.REPEATED, {"evidence": {"timing": Timing.REPEATED}}),
    (Reason.LATE, {"evidence": {"timing": Timing.LATE}}),
    (Reason.PASSED_BACK, {"person": {"has_passed_back": True}}),
]


def ask(*changes: dict[str, Any]) -> tuple[bool, Reason, int]:
    """Decide about somebody who may pass, after these changes; a later one leaves out no other."""
    person: PersonFacts | None = PERSON
    evidence, policy = EVIDENCE, POLICY
    for change in changes:
        if person is not None:
            person = replace(person, **change.get("person", {}))
        evidence = replace(evidence, **change.get("evidence", {}))
        policy = replace(policy, **change.get("policy", {}))
        if change.get("nobody"):
            person = None
    decision = decide(person, evidence, policy)
    return decision.open_door, decision.reason, decision.unlock_delay_ms


def test_who_may_pass_gets_the_terminals_own_delay() -> None:
    assert ask() == (True, Reason.ALLOWED, 2500)


@pytest.mark.parametrize(("reason", "change"), CLOSING, ids=[reason for reason, _ in CLOSING])
def test_each_rule_alone_keeps_the_door_closed(reason: Reason, change: dict[str, Any]) -> None:
    assert ask(change) == (False, reason, 0)


def test_every_reason_is_decided_by_some_rule() -> None:
    # A reading is no pass; nobody asks for a decision about it.
    decided_nothing = {Reason.NOT_A_PASS, Reason.FETCHED}
    assert {reason for reason, _ in CLOSING} == set(Reason) - {Reason.ALLOWED, *decided_nothing}


@pytest.mark.parametrize("place", range(len(CLOSING) - 1))
def test_the_first_rule_that_applies_decides(place: int) -> None:
    reason, change = CLOSING[place]
    # Of two rules about one fact, such as the look at the picture, the earlier one's value stays.
    later = [one for _, one in CLOSING[place + 1 :]]

    assert ask(*later, change) == (False, reason, 0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"person": {"valid_from": NOW}}, Reason.ALLOWED),
        ({"person": {"valid_from": NOW + SECOND}}, Reason.NOT_YET_VALID),
        ({"person": {"valid_until": NOW + SECOND}}, Reason.ALLOWED),
        ({"person": {"valid_until": NOW}}, Reason.NO_LONGER_VALID),
        ({"person": {"category": Category.VISITOR}}, Reason.ALLOWED),
        ({"evidence": {"temperature_c": Decimal("37.29")}}, Reason.ALLOWED),
        ({"evidence": {"temperature_c": Decimal("37.3")}}, Reason.FEVER),
        ({"evidence": {"temperature_c": None}}, Reason.ALLOWED),
        ({"evidence": {"mask": None}}, Reason.ALLOWED),
        ({"evidence": {"similarity": 80.0}}, Reason.ALLOWED),
        (
            {
                "evidence": {"is_photo_on_file": True},
                "policy": {"photo_on_file_closes_door": False},
            },
            Reason.ALLOWED,
        ),
        ({"evidence": {"similarity": None}}, Reason.ALLOWED),
        ({"evidence": {"similarity": 0.0}}, Reason.SIMILARITY_TOO_LOW),
    ],
)
def test_limits_are_where_they_are_said_to_be(change: dict[str, Any], reason: Reason) -> None:
    assert ask(change)[1] == reason


@pytest.mark.parametrize(
    ("policy", "evidence"),
    [
        ({"fever_closes_door": False}, {"temperature_c": Decimal("41")}),
        ({"mask_required": False}, {"mask": False}),
        ({"similarity_floor": None}, {"similarity": 1.0}),
        ({"verification": Verification.OBSERVE}, {"verification": VerificationResult.MISMATCH}),
        ({"verification": Verification.OFF}, {"verification": VerificationResult.OFF}),
        ({"when_unverifiable": Unverifiable.ALLOW}, {"verification": VerificationResult.NO_FACE}),
        (
            {"when_unverifiable": Unverifiable.ALLOW},
            {"verification": VerificationResult.NO_REFERENCE},
        ),
    ],
)
def test_a_site_may_waive_a_rule(policy: dict[str, Any], evidence: dict[str, Any]) -> None:
    assert ask({"policy": policy, "evidence": evidence})[1] == Reason.ALLOWED


@pytest.mark.parametrize("passback", [Passback.OFF, Passback.SOFT])
def test_passing_back_closes_only_where_the_site_is_hard(passback: Passback) -> None:
    change = {"policy": {"passback": passback}, "person": {"has_passed_back": True}}

    assert ask(change)[1] == Reason.ALLOWED


@pytest.mark.parametrize(
    "result", [one for one in VerificationResult if one is not VerificationResult.MATCH]
)
def test_an_enforcing_site_believes_nothing_but_a_match(result: VerificationResult) -> None:
    assert ask({"evidence": {"verification": result}})[0] is False


def test_believing_the_terminal_does_not_excuse_a_mismatch() -> None:
    change = {
        "policy": {"when_unverifiable": Unverifiable.ALLOW},
        "evidence": {"verification": VerificationResult.MISMATCH},
    }

    assert ask(change) == (False, Reason.FACE_MISMATCH, 0)


moments = st.none() | st.integers(-3, 3).map(lambda seconds: NOW + seconds * SECOND)
people = st.none() | st.builds(
    PersonFacts,
    category=st.sampled_from(Category),
    # A state nobody has thought of yet must not open a door.
    state=st.sampled_from([*PersonState, "moved away"]),
    valid_from=moments,
    valid_until=moments,
    is_at_door=st.booleans(),
    is_within_hours=st.booleans(),
    has_passed_back=st.booleans(),
)
evidences = st.builds(
    Evidence,
    at=st.just(NOW),
    temperature_c=st.none() | st.decimals(34, 42, places=1),
    mask=st.none() | st.booleans(),
    verification=st.sampled_from(VerificationResult),
    similarity=st.none() | st.floats(0, 100),
    is_photo_on_file=st.booleans(),
)
policies = st.builds(
    Policy,
    terminal_approved=st.booleans(),
    verification=st.sampled_from(Verification),
    when_unverifiable=st.sampled_from(Unverifiable),
    temperature_limit_c=st.decimals(35, 42, places=1),
    fever_closes_door=st.booleans(),
    mask_required=st.booleans(),
    unlock_delay_ms=st.integers(20, 5000),
    similarity_floor=st.none() | st.integers(0, 100),
    passback=st.sampled_from(Passback),
    photo_on_file_closes_door=st.booleans(),
)


@given(person=people, evidence=evidences, policy=policies)
def test_the_door_opens_only_when_no_rule_closes_it(
    person: PersonFacts | None, evidence: Evidence, policy: Policy
) -> None:
    decision = decide(person, evidence, policy)

    may_pass = (
        policy.terminal_approved
        and person is not None
        and person.category != Category.BLACKLIST
        and person.state == PersonState.ACTIVE
        and (person.valid_from is None or person.valid_from <= evidence.at)
        and (person.valid_until is None or evidence.at < person.valid_until)
        and person.is_at_door
        and person.is_within_hours
        and not (person.has_passed_back and policy.passback == Passback.HARD)
        and not (
            policy.similarity_floor is not None
            and evidence.similarity is not None
            and evidence.similarity < policy.similarity_floor
        )
        and not (
            policy.fever_closes_door
            and evidence.temperature_c is not None
            and evidence.temperature_c >= policy.temperature_limit_c
        )
        and not (policy.mask_required and evidence.mask is False)
        and not (policy.photo_on_file_closes_door and evidence.is_photo_on_file)
    )
    if policy.verification == Verification.ENFORCE:
        unverifiable = evidence.verification not in {
            VerificationResult.MATCH,
            VerificationResult.MISMATCH,
        }
        may_pass = may_pass and (
            evidence.verification is VerificationResult.MATCH
            or (unverifiable and policy.when_unverifiable == Unverifiable.ALLOW)
        )
    assert decision.open_door is may_pass
    assert decision.open_door is (decision.reason is Reason.ALLOWED)
    assert decision.unlock_delay_ms == (policy.unlock_delay_ms if may_pass else 0)


@given(
    temperature=st.none() | st.decimals(30, 45, places=2),
    limit=st.decimals(35, 42, places=1),
)
def test_fever_begins_at_the_limit(temperature: Decimal | None, limit: Decimal) -> None:
    assert is_fever(temperature, limit) is (temperature is not None and temperature - limit >= 0)
