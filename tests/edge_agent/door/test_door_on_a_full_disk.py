"""What a door does about a pass that its disk has no room for (decision record 0016)."""

from datetime import UTC, datetime

import pytest

from edge_agent.config import DecisionPolicy
from edge_agent.door.decision import DoorReason
from edge_agent.storage.database import Database, DiskFull
from edge_agent.storage.events import encode
from terminal_protocol import ResultFeedback, write_feedback
from tests.support.edge.door import ANN, STRANGER, Door, visitor
from tests.support.fake_platform import Failure, FakePlatform

PLATFORM, LOCAL = DecisionPolicy.PLATFORM, DecisionPolicy.LOCAL
THEN_LOCAL = DecisionPolicy.PLATFORM_THEN_LOCAL
REPORT = encode(write_feedback([ResultFeedback("1", "100")]))
pytestmark = pytest.mark.usefixtures("full")


async def limit(database: Database, pages: int) -> None:
    """Let the file have so many pages, as a disk that is full does."""
    await database.run(
        lambda held: held.execute(f"PRAGMA max_page_count = {pages}").fetchone()
    )  # fmt: skip


@pytest.fixture
async def full(database: Database, door: Door) -> None:
    """Leave no room in the file of the door."""
    await limit(database, 1)
    with pytest.raises(DiskFull):
        while True:
            await door.outbox.put("syresult", REPORT, at=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("decide", "is_away", "opens_unrecorded", "reason"),
    [
        (PLATFORM, False, False, DoorReason.PLATFORM_ALLOWED),
        (PLATFORM, True, False, DoorReason.PLATFORM_AWAY),
        (PLATFORM, True, True, DoorReason.PLATFORM_AWAY),
        (THEN_LOCAL, False, False, DoorReason.PLATFORM_ALLOWED),
        (THEN_LOCAL, True, False, DoorReason.NOT_ON_RECORD),
        (THEN_LOCAL, True, True, DoorReason.LOCAL_ALLOWED),
        (LOCAL, False, False, DoorReason.LOCAL_ALLOWED),
        (LOCAL, True, False, DoorReason.NOT_ON_RECORD),
        (LOCAL, True, True, DoorReason.LOCAL_ALLOWED),
    ],
)
async def test_nothing_opens_without_a_trace_unless_it_was_configured(
    platform: FakePlatform,
    door: Door,
    decide: DecisionPolicy,
    is_away: bool,
    opens_unrecorded: bool,
    reason: DoorReason,
) -> None:
    if is_away:
        platform.fail("syface", Failure(503), times=10)

    pipeline = door.pipeline(decide, opens_unrecorded=opens_unrecorded)
    decision = await pipeline.process(visitor(ANN))

    assert decision is not None
    assert decision.reason is reason
    assert decision.open_door is reason.value.endswith("_allowed")
    assert bool(door.relay.pulses_ms) is decision.open_door
    assert [one.user_id for one in platform.passes] == ([] if is_away else ["1001"])
    assert pipeline.visit_writer.waiting == int(is_away)


async def test_pass_that_found_no_room_is_stored_when_there_is_some_and_arrives_once(
    platform: FakePlatform,
    door: Door,
    database: Database,
) -> None:
    platform.fail("syface", Failure(503), times=10)
    pipeline = door.pipeline(LOCAL)
    await pipeline.process(visitor(ANN))
    await pipeline.process(visitor(STRANGER))

    await limit(database, 100_000)
    await pipeline.visit_writer.step()
    platform.heal()
    door.clock.pass_by(3600)
    while await door.uplink.step() == 0.0:
        pass

    assert pipeline.visit_writer.waiting == 0
    assert [one.user_id for one in platform.passes] == ["1001"]
    assert len(platform.readings) == 1
    assert "record nowhere" in door.event_log.lines[0]


async def test_stranger_is_reported_even_so(platform: FakePlatform, door: Door) -> None:
    pipeline = door.pipeline()

    await pipeline.process(visitor(STRANGER))

    assert len(platform.readings) == 1
    assert pipeline.visit_writer.waiting == 0
    assert door.event_log.lines[-1].endswith("reported")


@pytest.mark.parametrize("opens_unrecorded", [False, True])
async def test_stranger_is_let_in_with_a_trace_only_and_told_as_it_was(
    platform: FakePlatform,
    door: Door,
    opens_unrecorded: bool,
) -> None:
    """A door that opens to anybody (cmpNormal 0) keeps to the rule as well; see 9.3, openCode."""
    pipeline = door.pipeline(LOCAL, opens_unrecognised=True, opens_unrecorded=opens_unrecorded)

    decision = await pipeline.process(visitor(STRANGER))
    assert pipeline.visit_writer.waiting == 1
    await pipeline.visit_writer.step()

    expected = DoorReason.UNRECOGNISED_ALLOWED if opens_unrecorded else DoorReason.NOT_ON_RECORD
    assert decision is not None
    assert decision.reason is expected
    assert bool(door.relay.pulses_ms) is opens_unrecorded
    (sent,) = platform.readings
    assert sent.open_code == (100 if opens_unrecorded else None)
