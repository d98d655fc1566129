"""From a picture to a door, with a real queue, real HTTP and a simulated relay."""

import json
import sqlite3
from typing import Any

import numpy as np
import pytest

from edge_agent.config import DecisionPolicy
from edge_agent.door.decision import DoorReason
from edge_agent.drivers.base import Frame
from edge_agent.drivers.exceptions import DriverError
from edge_agent.drivers.relay_simulated import SimulatedRelay
from edge_agent.recognition.face_settings import FaceSettings, SnapshotKind
from edge_agent.recognition.recogniser import VisitGate
from edge_agent.storage.database import Database
from edge_agent.storage.events import Counts
from edge_agent.storage.records import (
    Outcome,
    RecordFilter,
    Visit,
    outcome_of,
)
from face_engine import decode_image
from terminal_protocol.device_objects import SIGN_OBJECT
from tests.support.edge.door import ANN, STRANGER, UNRECOGNISED, Door, visitor
from tests.support.edge.fakes import (
    FakeEngine,
    person_image,
)
from tests.support.fake_platform import Failure, FakePlatform, refusal


class StuckRelay(SimulatedRelay):
    """A relay that cannot pull in."""

    async def _switch(self, *, energised: bool) -> None:
        if energised:
            raise DriverError("stuck")
        await super()._switch(energised=energised)


async def test_platform_opens_for_a_match(platform: FakePlatform, door: Door) -> None:
    decision = await door.pipeline().process(visitor(ANN))

    assert decision and decision.reason is DoorReason.PLATFORM_ALLOWED
    assert door.relay.pulses_ms == [250]
    assert door.relay.is_energised
    assert await door.outbox.counts() == Counts(0, 0)
    assert door.event_log.lines == [
        "visitor walked by → Ann (100) → platform says open → relay pulsed 250 ms"
    ]


async def test_pass_carries_what_the_seed_asks_for(platform: FakePlatform, door: Door) -> None:
    await door.pipeline().process(visitor(ANN))

    (sent,) = platform.passes
    assert (sent.user_id, sent.user_name, sent.user_type) == ("1001", "Ann", "user")
    assert (sent.device_id, sent.uuid_label, sent.nation_code) == ("0000001", "SY001", "zone")
    assert (sent.action_code, sent.action) == (1, "进门")
    assert (str(sent.temperature_c), sent.similarity, sent.mask) == ("36.50", 100.0, False)
    assert sent.image is not None
    assert sent.image[:2] == b"\xff\xd8"
    assert sent.faults == ()
    (_, body) = platform.raw_bodies[0]
    assert len(body) < 700 * 1024


async def test_platform_says_keep_closed(platform: FakePlatform, door: Door) -> None:
    platform.opens_for = set()

    decision = await door.pipeline().process(visitor(ANN))

    assert decision and decision.reason is DoorReason.PLATFORM_REFUSED
    assert door.relay.pulses_ms == []
    assert door.event_log.lines[0].endswith("platform says keep closed → door stays closed")


@pytest.mark.parametrize(
    ("failure", "reason", "counts"),
    [
        (Failure(0), DoorReason.PLATFORM_AWAY, Counts(1, 0)),
        (Failure(503, b'{"ret":"0","openDoor":1}'), DoorReason.PLATFORM_AWAY, Counts(1, 0)),
        (refusal("10005"), DoorReason.NOT_STORED, Counts(1, 0)),
        (refusal("30001"), DoorReason.NOT_STORED, Counts(0, 1)),
        (Failure(200, b'{"ret":"99999","openDoor":1}'), DoorReason.NOT_STORED, Counts(1, 0)),
        (Failure(200, b'{"openDoor":1}'), DoorReason.NOT_STORED, Counts(1, 0)),
        (Failure(404, b'{"ret":"0","openDoor":1}'), DoorReason.NOT_STORED, Counts(1, 0)),
        (Failure(200, b"[1]"), DoorReason.NOT_STORED, Counts(1, 0)),
    ],
)
async def test_nothing_opens_on_an_error(
    platform: FakePlatform, door: Door, failure: Failure, reason: DoorReason, counts: Counts
) -> None:
    platform.fail("syface", failure)

    decision = await door.pipeline().process(visitor(ANN))

    assert decision and decision.reason is reason
    assert door.relay.pulses_ms == []
    assert await door.outbox.counts() == counts


async def test_late_answer_is_never_acted_on(platform: FakePlatform, door: Door) -> None:
    platform.fail("syface", Failure(None, delay_s=0.5))

    decision = await door.pipeline(answer_timeout_s=0.15).process(visitor(ANN))

    assert decision and decision.reason is DoorReason.ANSWER_LATE
    # The queue delivers it, and the platform says "open" again; nobody stands there any more.
    await door.uplink.step()
    assert (await door.outbox.counts()).pending == 0
    assert platform.passes[-1].user_id == "1001"
    assert door.relay.pulses_ms == []


async def test_slow_recognition_counts_as_waiting(platform: FakePlatform, door: Door) -> None:
    """The person has waited since the picture was taken, not since the request was sent."""

    real, started = door.clock.monotonic, door.clock.monotonic()
    answered = iter([started, started + 0.1])
    door.clock.monotonic = lambda: next(answered, real() + 60)  # type: ignore[method-assign]

    decision = await door.pipeline().process(visitor(ANN))

    assert decision and decision.reason is DoorReason.ANSWER_LATE
    assert door.relay.pulses_ms == []


async def test_local_rule_opens_while_the_platform_is_away(
    platform: FakePlatform, door: Door
) -> None:
    platform.fail("syface", Failure(0))
    pipeline = door.pipeline(DecisionPolicy.PLATFORM_THEN_LOCAL)

    decision = await pipeline.process(visitor(ANN))

    assert decision and decision.reason is DoorReason.LOCAL_ALLOWED
    assert door.relay.pulses_ms == [1500]
    assert (await door.outbox.counts()).pending == 1


async def test_local_rule_does_not_overrule_the_platform(
    platform: FakePlatform, door: Door
) -> None:
    platform.fail("syface", refusal("10005"))

    decision = await door.pipeline(DecisionPolicy.PLATFORM_THEN_LOCAL).process(visitor(ANN))

    assert decision and not decision.open_door


async def test_local_policy_opens_before_anything_is_sent(
    platform: FakePlatform, door: Door
) -> None:
    await door.pipeline(DecisionPolicy.LOCAL).process(visitor(ANN))

    assert door.relay.pulses_ms == [1500]
    assert platform.requests == []
    await door.uplink.step()
    assert [one.user_id for one in platform.passes] == ["1001"]
    assert door.relay.pulses_ms == [1500]


async def test_local_policy_keeps_fever_out(door: Door) -> None:
    door.thermometer.reading_c = 38.2

    decision = await door.pipeline(DecisionPolicy.LOCAL).process(visitor(ANN))

    assert decision and decision.reason is DoorReason.TEMPERATURE_HIGH
    assert door.relay.pulses_ms == []


async def test_stranger_is_reported_with_temperature(platform: FakePlatform, door: Door) -> None:
    door.thermometer.reading_c = 36.6

    decision = await door.pipeline().process(visitor(STRANGER))

    assert decision and decision.reason is DoorReason.UNRECOGNISED
    (sent,) = platform.readings
    assert (str(sent.temperature_c), sent.open_code) == ("36.60", None)
    assert sent.image is not None
    assert door.event_log.lines == ["visitor walked by → nobody → temperature 36.6 reported"]


async def test_stranger_with_fever_is_marked(platform: FakePlatform, door: Door) -> None:
    door.thermometer.reading_c = 38.2

    await door.pipeline().process(visitor(STRANGER))

    (sent,) = platform.readings
    assert (sent.open_code, sent.open_message) == (101, "温度异常")


async def test_stranger_waits_in_the_queue_while_the_platform_is_away(
    platform: FakePlatform, door: Door
) -> None:
    platform.fail("syattribute", Failure(0))

    await door.pipeline().process(visitor(STRANGER))

    assert (await door.outbox.counts()).pending == 1
    assert door.event_log.lines[0].endswith("temperature 36.5 kept in the queue")


async def test_picture_without_a_face_sends_nothing(platform: FakePlatform, door: Door) -> None:
    pipeline = door.pipeline()

    assert await pipeline.process(visitor(UNRECOGNISED)) is None

    assert platform.requests == []
    assert pipeline.visits == 1
    assert door.event_log.lines == ["visitor walked by → no face"]


async def test_broken_thermometer_costs_the_reading_not_the_pass(
    platform: FakePlatform, door: Door
) -> None:
    door.thermometer.is_broken = True

    await door.pipeline().process(visitor(ANN))

    assert platform.passes[0].temperature_c is None
    assert door.relay.pulses_ms == [250]


async def test_relay_that_cannot_move_is_told_and_the_pass_kept(
    platform: FakePlatform, door: Door
) -> None:
    door.relay = StuckRelay()
    await door.relay.open()

    await door.pipeline().process(visitor(ANN))

    assert len(platform.passes) == 1
    assert not door.relay.is_energised
    assert door.event_log.lines[0].endswith("the relay could not be switched")
    assert door.event_log.events[0]["open_door"] is False
    await door.relay.close()


async def test_live_camera_makes_one_visit_of_many_frames(
    platform: FakePlatform, door: Door
) -> None:
    pipeline = door.pipeline()
    door.camera.frames = [Frame(image=person_image(shade)) for shade in (ANN, 101, 99, ANN)]

    await pipeline.run()

    assert pipeline.visits == 1
    assert len(platform.passes) == 1


async def test_run_ends_after_the_visits_asked_for(platform: FakePlatform, door: Door) -> None:
    door.camera.frames = [visitor(ANN), visitor(STRANGER), visitor(ANN)]

    await door.pipeline().run(visits_most=2)

    assert len(door.camera.frames) == 1


def test_visit_gate_tells_people_and_times_apart() -> None:
    engine = FakeEngine()
    ann, bob = (engine.largest_descriptor(person_image(shade)) for shade in (100, 200))
    assert isinstance(ann, np.ndarray)
    assert isinstance(bob, np.ndarray)
    gate = VisitGate()
    moments = [(ann, 0), (ann, 7), (ann, 14), (bob, 15)]

    seen = [gate.is_new(who, at_s, gap_s=8.0) for who, at_s in moments]
    later = gate.is_new(bob, 23.5, gap_s=8.0)

    assert seen == [True, False, False, True]
    assert later


async def test_events_name_nobody(platform: FakePlatform, door: Door) -> None:
    await door.pipeline().process(visitor(ANN))

    assert "Ann" not in str(door.event_log.events)
    assert door.event_log.events[0]["user_id"] == "1001"


async def test_settings_count_from_the_next_visitor_on(platform: FakePlatform, door: Door) -> None:
    pipeline = door.pipeline()
    await pipeline.process(visitor(ANN))

    door.settings = {"face": FaceSettings(is_comparing=False), "measures_temperature": False}
    await pipeline.process(visitor(ANN))
    door.settings = {"is_looking": False}
    await pipeline.process(visitor(ANN))

    assert [str(one.temperature_c) for one in platform.passes] == ["36.50"]
    assert [one.temperature_c for one in platform.readings] == [None]
    assert pipeline.visits == 3
    assert door.event_log.lines[-1] == "visitor walked by → no face"


@pytest.mark.parametrize(
    "passed_over",
    [FaceSettings(least_score=0.95), FaceSettings(face_min_px=60)],
    ids=["score", "size"],
)
async def test_doubtful_and_small_faces_are_passed_over(
    door: Door, passed_over: FaceSettings
) -> None:
    door.settings = {"face": passed_over}

    assert await door.pipeline().process(visitor(ANN)) is None


async def test_alarm_limit_is_told_with_the_reading(platform: FakePlatform, door: Door) -> None:
    door.thermometer.reading_c = 37.2

    await door.pipeline(temperature_limit_c=37.3).process(visitor(STRANGER))
    await door.pipeline(temperature_limit_c=37.1).process(visitor(STRANGER))

    assert [one.open_code for one in platform.readings] == [None, 101]


async def test_passes_and_strangers_are_remembered(door: Door) -> None:
    received: list[dict[str, Any]] = []
    door.records.listen(received.append)
    door.thermometer.reading_c = 38.0

    await door.pipeline().process(visitor(ANN))
    door.settings = {"detects_masks": True}
    await door.pipeline().process(visitor(STRANGER))

    total, found = await door.records.search(RecordFilter(0, 10**10), page=1, size=10)
    assert total == 2
    assert found == list(reversed(received))
    stranger, ann = found
    assert (ann["userId"], ann["name"], ann["type"], ann["similarity"]) == ("1001", "Ann", 1, 100)
    assert (ann["temperature"], ann["temperatureState"], ann["deviceMark"]) == (38.0, 1, "0000001")
    assert "wearMask" not in ann
    assert (stranger["type"], stranger["userType"], stranger["userId"]) == (-1, -1, "")
    assert (stranger["wearMask"], stranger["wearMaskAlarm"]) == (False, True)
    assert "similarity" not in stranger


@pytest.mark.parametrize("kind", list(SnapshotKind))
async def test_picture_sent_is_the_kind_that_was_set(
    platform: FakePlatform, door: Door, kind: SnapshotKind
) -> None:
    door.settings = {"face": FaceSettings(kind=kind, face_max_px=300)}

    await door.pipeline().process(visitor(ANN))

    picture = decode_image(platform.passes[0].image or b"")
    expected = {
        SnapshotKind.FACE: (300, 300),
        SnapshotKind.WHOLE: (64, 64),
        SnapshotKind.BOTH: (300, 364),
    }
    assert picture.shape[:2] == expected[kind]


async def test_frame_is_drawn_around_the_face_in_the_whole_picture(
    platform: FakePlatform, door: Door
) -> None:
    door.settings = {"face": FaceSettings(kind=SnapshotKind.WHOLE, draws_frame=True)}

    await door.pipeline().process(visitor(ANN))

    red, green, blue = decode_image(platform.passes[0].image or b"")[8, 32].astype(int)
    assert green > red + 40
    assert green > blue + 40


async def kept_outcome(database: Database) -> Outcome | None:
    """What the newest record says about the door."""

    def work(connection: sqlite3.Connection) -> str:
        (facts,) = connection.execute("SELECT facts FROM passes ORDER BY id DESC").fetchone()
        return str(facts)

    return outcome_of(json.loads(await database.run(work)))


async def test_record_says_what_became_of_the_visit(
    platform: FakePlatform, door: Door, database: Database
) -> None:
    """With the reason, and without a word of it in what 8.3.1 lists."""
    await door.pipeline().process(visitor(ANN))
    assert await kept_outcome(database) == Outcome(is_open=True, reason="platform_allowed")

    platform.opens_for = set()
    await door.pipeline().process(visitor(ANN))
    assert await kept_outcome(database) == Outcome(is_open=False, reason="platform_refused")

    await door.pipeline().process(visitor(STRANGER))
    assert await kept_outcome(database) == Outcome(is_open=False, reason="nobody")

    total, listed = await door.records.search(RecordFilter(0, 2**40), page=1, size=10)
    assert total == 3
    assert all(set(one) <= set(SIGN_OBJECT.names) for one in listed)


async def test_record_says_that_the_relay_did_not_move(door: Door, database: Database) -> None:
    door.relay = StuckRelay()
    await door.relay.open()

    await door.pipeline(DecisionPolicy.LOCAL).process(visitor(ANN))

    assert await kept_outcome(database) == Outcome(is_open=False, reason="relay_failed")


async def test_outcome_that_cannot_be_kept_costs_nobody_the_door(
    door: Door, database: Database
) -> None:
    await database.run(
        lambda connection: connection.execute(
            "CREATE TRIGGER full BEFORE UPDATE OF facts ON passes"
            " BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        ).fetchall()
    )

    decision = await door.pipeline().process(visitor(ANN))

    assert decision and decision.open_door
    assert door.relay.pulses_ms == [250]
    assert await kept_outcome(database) is None


@pytest.mark.parametrize("is_visit", [True, False])
async def test_glance_holds_the_newest_picture_with_the_faces_that_settings_frame(
    door: Door, is_visit: bool
) -> None:
    pipeline = door.pipeline()
    await pipeline.process(Frame(image=person_image(ANN), is_visit=is_visit))
    assert pipeline.live_view.view is not None
    assert pipeline.live_view.view.faces == ()
    assert pipeline.live_view.reading is not None
    assert pipeline.live_view.reading.c == 36.5

    door.settings["face"] = FaceSettings(draws_frame=True)
    frame = Frame(image=person_image(ANN), is_visit=is_visit)
    await pipeline.process(frame)

    view = pipeline.live_view.view
    assert view.frame is frame
    assert [face.box for face in view.faces] == [(8.0, 8.0, 48.0, 48.0)]


async def test_glance_tells_that_the_thermometer_is_broken(door: Door) -> None:
    pipeline = door.pipeline()
    assert pipeline.live_view.thermometer_works
    door.thermometer.is_broken = True

    await pipeline.process(visitor(ANN))

    assert not pipeline.live_view.thermometer_works
    assert pipeline.live_view.reading is None


async def test_outcomes_that_nobody_told_are_forgotten(door: Door) -> None:
    """A visit that fails between record and decision leaves nothing behind in memory."""
    at = door.clock.now()
    for _ in range(70):
        visit = Visit(at, None, None, 37.3, None, b"")
        seq = await door.records.keep(visit, "syface", b"{}")

    assert len(door.records._undecided) == 64
    await door.records.note_outcome(seq, Outcome(is_open=False, reason="nobody"))
    await door.records.note_outcome(seq, Outcome(is_open=True, reason="twice"))
    assert len(door.records._undecided) == 63
