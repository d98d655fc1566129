"""Whether the door opens, case by case."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.config import DecisionPolicy
from edge_agent.door.decision import DoorDecision, DoorReason, Facts, PlatformAnswer, Rules, decide
from edge_agent.recognition.liveness import Liveness

RULES = Rules(
    decide=DecisionPolicy.PLATFORM,
    unlock_delay_ms=3000,
    temperature_limit_c=37.3,
    temperature_required=False,
    library_max_age_s=3600.0,
)
RESIDENT = Facts(user_type="user", temperature_c=36.5, library_age_s=5.0)
PLATFORM, LOCAL, BOTH = DecisionPolicy


@pytest.mark.parametrize(
    ("policy", "word", "opens", "reason"),
    [
        (PLATFORM, PlatformAnswer.OPEN, True, DoorReason.PLATFORM_ALLOWED),
        (PLATFORM, PlatformAnswer.KEEP_CLOSED, False, DoorReason.PLATFORM_REFUSED),
        (PLATFORM, PlatformAnswer.NOT_STORED, False, DoorReason.NOT_STORED),
        (PLATFORM, PlatformAnswer.AWAY, False, DoorReason.PLATFORM_AWAY),
        (PLATFORM, PlatformAnswer.LATE, False, DoorReason.ANSWER_LATE),
        (PLATFORM, PlatformAnswer.NOT_ASKED, False, DoorReason.PLATFORM_AWAY),
        (LOCAL, PlatformAnswer.NOT_ASKED, True, DoorReason.LOCAL_ALLOWED),
        (BOTH, PlatformAnswer.OPEN, True, DoorReason.PLATFORM_ALLOWED),
        (BOTH, PlatformAnswer.KEEP_CLOSED, False, DoorReason.PLATFORM_REFUSED),
        (BOTH, PlatformAnswer.NOT_STORED, False, DoorReason.NOT_STORED),
        (BOTH, PlatformAnswer.AWAY, True, DoorReason.LOCAL_ALLOWED),
        (BOTH, PlatformAnswer.LATE, True, DoorReason.LOCAL_ALLOWED),
    ],
)
def test_who_decides(
    policy: DecisionPolicy, word: PlatformAnswer, opens: bool, reason: DoorReason
) -> None:
    decision = decide(replace(RESIDENT, platform=word), replace(RULES, decide=policy))

    assert (decision.open_door, decision.reason) == (opens, reason)
    assert bool(decision.unlock_delay_ms) is opens


@pytest.mark.parametrize(
    ("changed", "required", "reason"),
    [
        ({"user_type": "blacklist"}, False, DoorReason.KEPT_OUT),
        ({"user_type": "3"}, False, DoorReason.KEPT_OUT),
        ({"temperature_c": 37.3}, False, DoorReason.TEMPERATURE_HIGH),
        ({"temperature_c": float("nan")}, False, DoorReason.TEMPERATURE_HIGH),
        ({"temperature_c": 37.2}, False, DoorReason.LOCAL_ALLOWED),
        ({"temperature_c": None}, False, DoorReason.LOCAL_ALLOWED),
        ({"temperature_c": None}, True, DoorReason.TEMPERATURE_MISSING),
        ({"library_age_s": None}, False, DoorReason.LIBRARY_STALE),
        ({"library_age_s": 3601.0}, False, DoorReason.LIBRARY_STALE),
        ({"library_age_s": -1.0}, False, DoorReason.LIBRARY_STALE),
        ({"library_age_s": 3600.0}, False, DoorReason.LOCAL_ALLOWED),
    ],
)
def test_local_rule(changed: dict[str, object], required: bool, reason: DoorReason) -> None:
    rules = replace(RULES, decide=LOCAL, temperature_required=required)

    decision = decide(replace(RESIDENT, **changed), rules)

    assert decision.reason is reason
    assert decision.open_door is (reason is DoorReason.LOCAL_ALLOWED)


def test_library_of_any_age_serves_when_the_limit_is_off() -> None:
    rules = replace(RULES, decide=LOCAL, library_max_age_s=0.0)

    assert decide(replace(RESIDENT, library_age_s=None), rules).open_door


@pytest.mark.parametrize(
    ("asked_ms", "held_ms"), [(None, 3000), (20, 20), (5000, 5000), (1, 20), (60_000, 5000)]
)
def test_platform_says_how_long(asked_ms: int | None, held_ms: int) -> None:
    facts = replace(RESIDENT, platform=PlatformAnswer.OPEN, platform_delay_ms=asked_ms)

    assert decide(facts, RULES) == DoorDecision(True, DoorReason.PLATFORM_ALLOWED, held_ms)


@given(
    st.builds(
        Facts,
        user_type=st.none() | st.sampled_from(["user", "visitor", "blacklist", "3", ""]),
        temperature_c=st.none() | st.floats(),
        library_age_s=st.none() | st.floats(),
        platform=st.sampled_from(PlatformAnswer),
        platform_delay_ms=st.none() | st.integers(),
    ),
    st.sampled_from(DecisionPolicy),
)
def test_nothing_opens_without_an_explicit_allow(facts: Facts, policy: DecisionPolicy) -> None:
    decision = decide(facts, replace(RULES, decide=policy))

    if not decision.open_door:
        assert decision.unlock_delay_ms == 0
        return
    assert facts.user_type is not None
    assert 20 <= decision.unlock_delay_ms <= 5000
    if decision.reason is DoorReason.PLATFORM_ALLOWED:
        assert facts.platform is PlatformAnswer.OPEN
        assert policy is not LOCAL
    else:
        assert decision.reason is DoorReason.LOCAL_ALLOWED
        assert policy is LOCAL or facts.platform in {PlatformAnswer.AWAY, PlatformAnswer.LATE}
        assert facts.user_type not in {"blacklist", "3"}


@pytest.mark.parametrize(
    ("rules", "facts", "reason"),
    [
        ({"mask_required": True}, {"has_mask": False}, DoorReason.MASK_MISSING),
        ({"mask_required": True}, {"has_mask": True}, DoorReason.LOCAL_ALLOWED),
        ({}, {"has_mask": False}, DoorReason.LOCAL_ALLOWED),
        ({}, {"is_expected": False}, DoorReason.OUTSIDE_VISIT),
        ({"temperature_counts": False}, {"temperature_c": 39.0}, DoorReason.LOCAL_ALLOWED),
        ({"temperature_counts": True}, {"temperature_c": 39.0}, DoorReason.TEMPERATURE_HIGH),
        ({}, {"user_type": "-1"}, DoorReason.KEPT_OUT),
        ({}, {"user_type": "3"}, DoorReason.KEPT_OUT),
        ({}, {"is_on_record": False}, DoorReason.NOT_ON_RECORD),
        ({"opens_unrecorded": True}, {"is_on_record": False}, DoorReason.LOCAL_ALLOWED),
        ({}, {"is_on_record": False, "user_type": "3"}, DoorReason.KEPT_OUT),
    ],
)
def test_local_rule_knows_the_settings_of_the_door(
    rules: dict[str, object], facts: dict[str, object], reason: DoorReason
) -> None:
    """8.1.5 (tempNormal, maskNormal) and 8.2.1 (userType, startTime, endTime)."""
    held = replace(RULES, decide=LOCAL, **rules)

    decision = decide(replace(RESIDENT, **facts), held)

    assert decision.reason is reason
    assert decision.open_door is (reason is DoorReason.LOCAL_ALLOWED)


@pytest.mark.parametrize(
    ("asked_ms", "set_ms", "held_ms"), [(9000, 30_000, 5000), (None, 30_000, 30_000), (200, 1, 200)]
)
def test_platform_unlocks_for_five_seconds_at_most_the_terminal_for_thirty(
    asked_ms: int | None, set_ms: int, held_ms: int
) -> None:
    """unlockDelay of 9.2, unlockOuttime of 8.1.5."""
    facts = replace(RESIDENT, platform=PlatformAnswer.OPEN, platform_delay_ms=asked_ms)

    assert decide(facts, replace(RULES, unlock_delay_ms=set_ms)).unlock_delay_ms == held_ms


@given(
    st.builds(
        Facts,
        user_type=st.none(),
        temperature_c=st.none() | st.floats() | st.floats(36, 38),
        platform=st.sampled_from(PlatformAnswer),
        has_mask=st.booleans(),
        liveness=st.sampled_from(Liveness),
        is_on_record=st.booleans(),
    ),
    st.builds(
        Rules,
        decide=st.sampled_from(DecisionPolicy),
        unlock_delay_ms=st.integers(20, 30_000),
        temperature_limit_c=st.just(37.3),
        temperature_required=st.booleans(),
        library_max_age_s=st.just(0.0),
        temperature_counts=st.booleans(),
        mask_required=st.booleans(),
        liveness_required=st.booleans(),
        opens_unrecognised=st.booleans(),
    ),
)
def test_stranger_passes_by_the_local_rule_of_a_door_that_opens_to_anybody(
    facts: Facts, rules: Rules
) -> None:
    """8.1.5, cmpNormal 0: recorded, alive, measured and normal, and masked where that is asked."""
    temperature_c = facts.temperature_c
    is_normal = temperature_c is not None and temperature_c < rules.temperature_limit_c
    is_alive = facts.liveness is Liveness.LIVE or (
        facts.liveness is Liveness.UNKNOWN and not rules.liveness_required
    )
    expected = all(
        (
            *(rules.opens_unrecognised, rules.decide is not PLATFORM, facts.is_on_record),
            *(is_normal, is_alive, facts.has_mask or not rules.mask_required),
        )
    )

    assert decide(facts, rules).open_door is expected
