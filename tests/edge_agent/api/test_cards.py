"""Cards at the reader: people are entered over the device interface, the local rule decides."""

import asyncio
import json
import logging
import time
from pathlib import Path
from typing import Any

import pytest

from edge_agent.door.decision import DoorReason
from edge_agent.drivers.base import Cue
from edge_agent.drivers.exceptions import DriverError
from edge_agent.storage.records import Outcome, outcome_of
from tests.support.edge.running_terminal import PERSON, RunningTerminal, Starter
from tests.support.fake_platform import FakePlatform
from tests.support.small_disk import small_disk

CARD = "00047112345"


@pytest.fixture
async def terminal(start: Starter) -> RunningTerminal:
    """Return a terminal that never asks how old its library is; nothing fills it here."""
    return await start(top={"library_max_age_s": 0.0})


async def enter(terminal: RunningTerminal, **changes: Any) -> None:
    person = {**PERSON, "icNumber": CARD, **changes}
    assert await terminal.code("userAdd", person) == 200


async def records(terminal: RunningTerminal) -> list[dict[str, Any]]:
    answer = await terminal.call("recordList", size=10)
    found: list[dict[str, Any]] = answer["data"]["data"] if answer["code"] == 200 else []
    return found


def cues(terminal: RunningTerminal) -> list[Cue]:
    return [one.cue for one in terminal.prompter.prompts]


async def test_card_opens_and_is_recorded(terminal: RunningTerminal) -> None:
    await enter(terminal)

    decision = await terminal.parts.door.cards.take(CARD)

    assert (decision.open_door, decision.reason) == (True, DoorReason.LOCAL_ALLOWED)
    assert terminal.relay.pulses_ms == [3000]
    assert [(one.cue, one.name) for one in terminal.prompter.prompts] == [
        (Cue.WELCOME, PERSON["name"])
    ]
    (record,) = await records(terminal)
    assert (record["userId"], record["inputType"], record["icNumber"]) == ("u1", 3, CARD)
    assert (record["name"], record["type"]) == (PERSON["name"], 1)
    assert "similarity" not in record
    assert not record.get("signAvatar")


async def test_a_card_pass_goes_to_whoever_listens_and_not_to_the_platform(
    terminal: RunningTerminal, platform: FakePlatform
) -> None:
    """Chapter 9 has no words for a pass by card."""
    received: list[dict[str, Any]] = []
    terminal.parts.interfaces.terminal.records.listen(received.append)
    await enter(terminal)

    await terminal.parts.door.cards.take(CARD)

    assert [one["inputType"] for one in received] == [3]
    assert await terminal.count("outbox") == 0
    assert platform.passes == []


@pytest.mark.parametrize("card", ["00047112346", CARD[:-1], f"{CARD} ", "x' OR '1'='1", "%"])
async def test_another_number_is_nobodys(terminal: RunningTerminal, card: str) -> None:
    await enter(terminal)

    decision = await terminal.parts.door.cards.take(card)

    assert (decision.open_door, decision.reason) == (False, DoorReason.UNRECOGNISED)
    assert terminal.relay.pulses_ms == []
    assert cues(terminal) == [Cue.STRANGER]
    assert await records(terminal) == []


async def test_a_number_that_two_people_have_is_nobodys(terminal: RunningTerminal) -> None:
    await enter(terminal)
    await enter(terminal, userId="u2")

    decision = await terminal.parts.door.cards.take(CARD)

    assert decision.reason is DoorReason.UNRECOGNISED
    assert terminal.relay.pulses_ms == []


async def test_a_card_that_was_taken_away_opens_no_more(terminal: RunningTerminal) -> None:
    await enter(terminal)
    assert (await terminal.parts.door.cards.take(CARD)).open_door

    await terminal.call("userDelete", user_id="u1")

    assert not (await terminal.parts.door.cards.take(CARD)).open_door


HOUR_S = 3600


@pytest.mark.parametrize(
    ("person", "reason", "cue"),
    [
        ({"userType": 3}, DoorReason.KEPT_OUT, Cue.REFUSED),
        ({"userType": 2, "endTime": -HOUR_S}, DoorReason.OUTSIDE_VISIT, Cue.REFUSED),
        ({"userType": 2, "startTime": HOUR_S}, DoorReason.OUTSIDE_VISIT, Cue.REFUSED),
        ({"userType": 2, "startTime": -HOUR_S, "endTime": HOUR_S}, DoorReason.LOCAL_ALLOWED, None),
    ],
)
async def test_the_local_rule_holds_for_cards(
    terminal: RunningTerminal, person: dict[str, Any], reason: DoorReason, cue: Cue | None
) -> None:
    now = int(time.time())
    moments = {key: now + person[key] for key in ("startTime", "endTime") if key in person}
    await enter(terminal, **{**person, **moments})

    decision = await terminal.parts.door.cards.take(CARD)

    assert decision.reason is reason
    assert terminal.relay.pulses_ms == ([] if cue else [3000])
    assert cues(terminal) == [cue or Cue.WELCOME]
    assert len(await records(terminal)) == 1


@pytest.mark.parametrize(
    ("top", "settings", "reason", "cue"),
    [
        ({"temperature_required": True}, {}, DoorReason.TEMPERATURE_MISSING, Cue.REFUSED),
        ({}, {"maskDetecEnable": 1, "maskNormal": 1}, DoorReason.MASK_MISSING, Cue.MASK_MISSING),
        ({"looking": {"liveness_required": True}}, {}, DoorReason.LOCAL_ALLOWED, Cue.WELCOME),
        ({"library_max_age_s": 60.0}, {}, DoorReason.LIBRARY_STALE, Cue.TRY_LATER),
        ({"decide": "platform"}, {}, DoorReason.PLATFORM_AWAY, Cue.REFUSED),
        ({"decide": "platform-then-local"}, {}, DoorReason.LOCAL_ALLOWED, Cue.WELCOME),
    ],
)
async def test_a_card_is_no_way_around_what_the_door_demands(
    start: Starter, top: dict[str, Any], settings: dict[str, int], reason: DoorReason, cue: Cue
) -> None:
    """Only liveness is not asked for: it tells a face from a picture, and there is no face."""
    terminal = await start(top={"library_max_age_s": 0.0, **top})
    for call, keys in {"smartface": ["maskDetecEnable"], "perpara": ["maskNormal"]}.items():
        changes = {key: settings[key] for key in keys if key in settings}
        if changes:
            held = (await terminal.call(call))["data"]
            assert await terminal.code(f"{call}cfg", {**held, **changes}) == 200
    await enter(terminal)

    decision = await terminal.parts.door.cards.take(CARD)

    is_open = reason is DoorReason.LOCAL_ALLOWED
    assert (decision.reason, decision.open_door) == (reason, is_open)
    assert len(terminal.relay.pulses_ms) == int(is_open)
    assert cues(terminal) == [cue]


async def outcome(terminal: RunningTerminal) -> Outcome | None:
    """What the newest record says about the door; not one of the wire's facts."""
    facts = await terminal.parts.database.run(
        lambda connection: connection.execute(
            "SELECT facts FROM passes ORDER BY id DESC LIMIT 1"
        ).fetchone()[0]
    )
    return outcome_of(json.loads(facts))


async def test_the_record_says_what_became_of_it(terminal: RunningTerminal) -> None:
    await enter(terminal)
    await terminal.parts.door.cards.take(CARD)
    assert await outcome(terminal) == Outcome(is_open=True, reason="local_allowed")

    await enter(terminal, userType=3)
    await terminal.parts.door.cards.take(CARD)

    assert await outcome(terminal) == Outcome(is_open=False, reason="kept_out")


async def test_a_relay_that_fails_welcomes_nobody(terminal: RunningTerminal) -> None:
    await enter(terminal)
    await terminal.relay.close()

    await terminal.parts.door.cards.take(CARD)

    assert cues(terminal) == [Cue.REFUSED]
    assert terminal.named("card")[0]["open_door"] is False
    assert await outcome(terminal) == Outcome(is_open=False, reason="relay_failed")


async def test_no_number_is_told_or_logged(
    terminal: RunningTerminal, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await enter(terminal)

    await terminal.parts.door.cards.take(CARD)
    await terminal.parts.door.cards.take("00098765432")

    reported = "".join(
        [*terminal.event_log.lines, *map(repr, terminal.event_log.events), caplog.text]
    )
    assert [one["outcome"] for one in terminal.named("card")] == ["match", "unknown"]
    assert CARD not in reported
    assert "00098765432" not in reported


async def test_the_desk_takes_cards_until_the_reader_breaks(terminal: RunningTerminal) -> None:
    await enter(terminal)
    reader = terminal.card_reader
    reader.cards = [CARD, "5", DriverError("the card reader is gone")]

    with pytest.raises(DriverError, match="is gone"):
        await terminal.parts.door.cards.run()

    assert not reader.is_open  # so that the next try opens it
    reader.cards = [CARD]
    async with asyncio.timeout(5):
        await terminal.parts.door.cards.run()
    assert reader.opened == 2
    assert [one["outcome"] for one in terminal.named("card")] == ["match", "unknown", "match"]


async def test_a_card_is_found_by_an_index(terminal: RunningTerminal) -> None:
    """Fifty thousand people must not be read for each card."""
    from edge_agent.door.cards import HOLDER

    plan = await terminal.parts.database.run(
        lambda connection: connection.execute(f"EXPLAIN QUERY PLAN {HOLDER}", (CARD,)).fetchall()
    )

    assert "USING INDEX people_by_card" in " ".join(row[-1] for row in plan)


@pytest.mark.small_disk
@pytest.mark.parametrize("opens_unrecorded", [False, True])
async def test_card_that_cannot_be_recorded_opens_only_where_that_was_configured(
    platform: FakePlatform, tmp_path: Path, opens_unrecorded: bool
) -> None:
    """Decision record 0016: nothing opens without a trace."""
    with small_disk(tmp_path / "disk", size_mb=24) as disk:
        terminal = RunningTerminal(
            disk.folder,
            platform.base_url,
            {
                **{"library_max_age_s": 0.0, "data_dir": str(disk.folder / "data")},
                "queue": {"free_min_bytes": 0, "open_unrecorded": opens_unrecorded},
            },
            {},
        )
        async with terminal:
            await enter(terminal)
            decision = await terminal.parts.door.cards.take(CARD)
            assert decision.open_door
            for _ in range(400):  # the reserve first, then what the records find room in
                disk.fill()
                decision = await terminal.parts.door.cards.take(CARD)
                kept = await terminal.count("passes")
                if kept < len(terminal.relay.pulses_ms) or not decision.open_door:
                    break

            assert decision.open_door is opens_unrecorded
            unrecorded = len(terminal.relay.pulses_ms) - kept
            assert unrecorded == int(opens_unrecorded)
            expected = DoorReason.LOCAL_ALLOWED if opens_unrecorded else DoorReason.NOT_ON_RECORD
            assert decision.reason is expected
