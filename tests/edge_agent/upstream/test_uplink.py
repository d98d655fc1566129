"""What leaves the queue, when, and what never does; over real HTTP."""

import asyncio
from typing import Any

import pytest

from edge_agent.storage.events import Counts, encode
from edge_agent.storage.outbox import Outbox
from edge_agent.upstream.platform_client import PlatformClient, Reply
from edge_agent.upstream.uplink import Uplink, UploadVerdict, judge
from tests.support.edge.fakes import ManualClock
from tests.support.fake_platform import Failure, FakePlatform, refusal

OK = {"ret": "0", "desc": "Success"}


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        (Reply(200, OK), UploadVerdict.DONE),
        (Reply(200, {"ret": 0}), UploadVerdict.DONE),
        (Reply(200, {"ret": "30001"}), UploadVerdict.PARK),
        (Reply(200, {"ret": "30003"}), UploadVerdict.PARK),
        (Reply(200, {"ret": "30004"}), UploadVerdict.PARK),
        (Reply(200, {"ret": "10005"}), UploadVerdict.REFUSED),
        (Reply(200, {"ret": "10004"}), UploadVerdict.REFUSED),
        (Reply(200, {"ret": "50002"}), UploadVerdict.LATER),
        (Reply(200, {"ret": "77777"}), UploadVerdict.LATER),
        (Reply(200, {}), UploadVerdict.LATER),
        (Reply(200, {"ret": True}), UploadVerdict.LATER),
        (Reply(200, None), UploadVerdict.LATER),
        (Reply(200, None, problem="answer is not JSON"), UploadVerdict.AWAY),
        (Reply(0, problem="ConnectError"), UploadVerdict.AWAY),
        (Reply(503, OK), UploadVerdict.AWAY),
        (Reply(500, OK), UploadVerdict.AWAY),
        (Reply(429, OK), UploadVerdict.AWAY),
        (Reply(404, OK), UploadVerdict.REFUSED),
        (Reply(302, OK), UploadVerdict.REFUSED),
        (Reply(201, OK), UploadVerdict.REFUSED),
        (Reply(413, OK), UploadVerdict.LATER),
    ],
)
def test_only_200_with_ret_0_means_that_the_platform_has_it(
    reply: Reply, verdict: UploadVerdict
) -> None:
    assert judge("syface", reply).verdict is verdict


@pytest.mark.parametrize(
    ("payload", "opens", "delay_ms"),
    [
        ({**OK, "openDoor": 1, "unlockDelay": 3000}, True, 3000),
        ({**OK, "openDoor": "1", "unlockDelay": "3000"}, True, 3000),
        ({**OK, "openDoor": 1}, True, None),
        ({**OK, "openDoor": 1, "unlockDelay": 0}, True, None),
        ({**OK, "openDoor": 0, "unlockDelay": 3000}, False, 3000),
        ({**OK, "openDoor": 2, "unlockDelay": 3000}, False, 3000),
        (OK, False, None),
    ],
)
def test_word_about_the_door(payload: dict[str, Any], opens: bool, delay_ms: int | None) -> None:
    delivery = judge("syface", Reply(200, payload))

    assert delivery.answer is not None
    assert delivery.answer.open_door is opens
    assert (delivery.answer.unlock_delay_ms if delivery.has_delay else None) == delay_ms


def test_temperature_answers_open_no_door() -> None:
    assert judge("syattribute", Reply(200, {**OK, "openDoor": 1})).answer is None


async def put_pass(uplink: Uplink, clock: ManualClock, user_id: str = "1001") -> int:
    body = encode({"userId": user_id, "deviceId": "0000001", "screenTime": 1767322800})
    return await uplink._outbox.put("syface", body, at=clock.now())


async def test_queue_is_sent_in_order(
    platform: FakePlatform, uplink: Uplink, outbox: Outbox, clock: ManualClock
) -> None:
    for user_id in ("1", "2", "3"):
        await put_pass(uplink, clock, user_id)

    while await uplink.step() == 0.0:
        pass

    assert [one.user_id for one in platform.passes] == ["1", "2", "3"]
    assert await outbox.counts() == Counts(pending=0, parked=0)


@pytest.mark.parametrize(
    "failure",
    [Failure(0), Failure(500), Failure(503), Failure(200, b"<html>please log in</html>")],
    ids=["hangs up", "500", "503", "a hotel's page"],
)
async def test_event_stays_until_the_platform_is_back(
    platform: FakePlatform, uplink: Uplink, outbox: Outbox, clock: ManualClock, failure: Failure
) -> None:
    await put_pass(uplink, clock)
    platform.fail("syface", failure)

    await uplink.step()
    pause_s = await uplink.step()

    assert (await outbox.counts()).pending == 1
    assert pause_s is not None
    assert 0 < pause_s <= 1.0
    clock.advance(pause_s)
    await uplink.step()
    assert [one.user_id for one in platform.passes] == ["1001"]
    assert (await outbox.counts()).pending == 0


async def test_pauses_grow_and_end_with_success(
    platform: FakePlatform, uplink: Uplink, clock: ManualClock
) -> None:
    await put_pass(uplink, clock)
    platform.fail("syface", Failure(500), times=10)
    pauses = []
    for _ in range(10):
        await uplink.step()
        pauses.append(await uplink.step() or 0.0)
        clock.advance(pauses[-1])

    await uplink.step()
    await put_pass(uplink, clock, "1002")
    platform.fail("syface", Failure(500))
    await uplink.step()
    pause_after_success_s = await uplink.step() or 0.0

    assert max(pauses) > 20
    assert all(pause <= 60 for pause in pauses)
    assert pause_after_success_s <= 1.0


async def test_retry_after_is_honoured(
    platform: FakePlatform, uplink: Uplink, clock: ManualClock
) -> None:
    await put_pass(uplink, clock)
    platform.fail("syface", Failure(503, b'{"ret": "50002"}', {"Retry-After": "120"}))

    await uplink.step()

    assert await uplink.step() == pytest.approx(120)
    clock.advance(119)
    assert await uplink.step() == pytest.approx(1)
    assert platform.passes == []
    clock.advance(1)
    await uplink.step()
    assert len(platform.passes) == 1


@pytest.mark.parametrize("code", ["30001", "30003", "30004"])
async def test_event_the_platform_never_takes_is_parked_and_blocks_nothing(
    platform: FakePlatform, uplink: Uplink, outbox: Outbox, clock: ManualClock, code: str
) -> None:
    await put_pass(uplink, clock, "1")
    await put_pass(uplink, clock, "2")
    platform.fail("syface", refusal(code))

    await uplink.step()
    await uplink.step()

    assert [one.user_id for one in platform.passes] == ["2"]
    assert await outbox.counts() == Counts(pending=0, parked=1)


async def test_terminal_not_admitted_keeps_everything_and_asks_rarely(
    platform: FakePlatform, uplink: Uplink, outbox: Outbox, clock: ManualClock
) -> None:
    await put_pass(uplink, clock, "1")
    await put_pass(uplink, clock, "2")
    platform.fail("syface", refusal("10005"))

    await uplink.step()
    pause_s = await uplink.step() or 0.0

    assert pause_s >= 15
    assert platform.requests == ["POST syface"]
    assert await outbox.counts() == Counts(pending=2, parked=0)
    clock.advance(pause_s)
    await uplink.step()
    await uplink.step()
    assert [one.user_id for one in platform.passes] == ["1", "2"]


async def test_odd_answer_to_one_event_does_not_hold_up_the_others(
    platform: FakePlatform, uplink: Uplink, outbox: Outbox, clock: ManualClock
) -> None:
    await put_pass(uplink, clock, "1")
    await put_pass(uplink, clock, "2")
    platform.fail("syface", refusal("50003"))

    await uplink.step()
    await uplink.step()
    pause_s = await uplink.step() or 0.0

    assert [one.user_id for one in platform.passes] == ["2"]
    assert 15 <= pause_s <= 30
    clock.advance(pause_s)
    await uplink.step()
    assert [one.user_id for one in platform.passes] == ["2", "1"]
    assert await outbox.counts() == Counts(pending=0, parked=0)


async def work_through(uplink: Uplink, clock: ManualClock, *, seconds: float) -> None:
    """Step as the loop does, by the clock."""
    until_s = clock.monotonic() + seconds
    while (pause_s := await uplink.step()) is not None and clock.monotonic() + pause_s < until_s:
        clock.advance(pause_s)


@pytest.mark.parametrize(
    "failure",
    [Failure(500), Failure(503), Failure(0), Failure(400), Failure(200, b"<html>what?</html>")],
    ids=["500", "503", "hangs up", "400", "no JSON"],
)
@pytest.mark.parametrize("place", [0, 1, 3])
async def test_event_that_the_platform_fails_at_holds_up_no_other(
    platform: FakePlatform,
    uplink: Uplink,
    outbox: Outbox,
    clock: ManualClock,
    failure: Failure,
    place: int,
) -> None:
    poisoned = {place, place + 1}
    for number in range(8):
        await put_pass(uplink, clock, f"poison{number}" if number in poisoned else f"p{number}")
    platform.fail_for("poison", failure)

    await work_through(uplink, clock, seconds=3600)

    others = [f"p{number}" for number in range(8) if number not in poisoned]
    assert sorted(one.user_id for one in platform.passes) == others
    assert await outbox.counts() == Counts(pending=2, parked=0)  # it is kept, and tried again
    # An hour: every few minutes, after the first tries.
    assert len(platform.requests) < 8 + 80
    await put_pass(uplink, clock, "new")
    await uplink.step()
    assert platform.passes[-1].user_id == "new"
    platform.heal()
    await work_through(uplink, clock, seconds=3600)
    assert await outbox.counts() == Counts(pending=0, parked=0)


@pytest.mark.parametrize("status", [503, 0, 404])
async def test_order_is_kept_when_the_platform_was_away_for_all(
    platform: FakePlatform, uplink: Uplink, clock: ManualClock, status: int
) -> None:
    for number in range(9):
        await put_pass(uplink, clock, f"{number}")
    platform.fail("syface", Failure(status), times=10_000)
    await work_through(uplink, clock, seconds=4 * 3600)
    platform.heal()

    await work_through(uplink, clock, seconds=3600)

    sent = [one.user_id for one in platform.passes]
    assert sorted(sent) == [f"{number}" for number in range(9)]
    # One of those that were tried beside the oldest may come first.
    assert [one for one in sent if one != sent[0]] == sorted(sent[1:])


async def test_visitor_overtakes_a_backlog_even_while_the_queue_pauses(
    platform: FakePlatform, uplink: Uplink, outbox: Outbox, clock: ManualClock
) -> None:
    await put_pass(uplink, clock, "old")
    platform.fail("syface", Failure(500))
    await uplink.step()
    platform.opens_for = {"new"}
    seq = await put_pass(uplink, clock, "new")

    delivery = await uplink.deliver_now(seq, until_s=clock.monotonic() + 3)

    assert delivery is not None
    assert delivery.answer is not None
    assert delivery.answer.open_door
    assert [one.user_id for one in platform.passes] == ["new"]
    # The platform is back, so the queue need not wait for its pause to end.
    await uplink.step()
    assert [one.user_id for one in platform.passes] == ["new", "old"]
    assert (await outbox.counts()).pending == 0


async def test_answer_that_takes_too_long_is_none_and_the_event_stays(
    platform: FakePlatform, uplink: Uplink, outbox: Outbox, clock: ManualClock
) -> None:
    platform.opens_for = {"1001"}
    platform.fail("syface", Failure(None, delay_s=0.6))
    seq = await put_pass(uplink, clock)

    delivery = await uplink.deliver_now(seq, until_s=clock.monotonic() + 0.15)

    assert delivery is None
    assert (await outbox.counts()).pending == 1
    await uplink.step()
    assert (await outbox.counts()).pending == 0


async def test_time_that_is_over_already_sends_nothing_at_once(
    platform: FakePlatform, uplink: Uplink, clock: ManualClock
) -> None:
    seq = await put_pass(uplink, clock)

    assert await uplink.deliver_now(seq, until_s=clock.monotonic()) is None
    assert platform.requests == []


async def test_event_is_not_sent_by_two_at_once(
    platform: FakePlatform, uplink: Uplink, clock: ManualClock
) -> None:
    platform.fail("syface", Failure(None, delay_s=0.2))
    seq = await put_pass(uplink, clock)

    async with asyncio.TaskGroup() as group:
        now = group.create_task(uplink.deliver_now(seq, until_s=clock.monotonic() + 3))
        await asyncio.to_thread(platform.wait, lambda here: bool(here.requests))
        assert await uplink.step() is None

    assert now.result() is not None
    assert len(platform.passes) == 1


async def test_visitor_does_not_send_what_the_queue_is_sending(
    platform: FakePlatform, uplink: Uplink, clock: ManualClock
) -> None:
    platform.fail("syface", Failure(None, delay_s=0.2))
    seq = await put_pass(uplink, clock)

    async with asyncio.TaskGroup() as group:
        group.create_task(uplink.step())
        await asyncio.to_thread(platform.wait, lambda here: bool(here.requests))
        assert await uplink.deliver_now(seq, until_s=clock.monotonic() + 3) is None

    assert len(platform.passes) == 1


async def test_loop_sends_what_it_is_woken_for(
    platform: FakePlatform, uplink: Uplink, clock: ManualClock
) -> None:
    loop = asyncio.create_task(uplink.run())
    await put_pass(uplink, clock)
    uplink.wake()

    async with asyncio.timeout(5):
        await uplink.wait_empty()

    loop.cancel()
    assert len(platform.passes) == 1


async def test_nobody_is_there_to_connect_to(outbox: Outbox, clock: ManualClock) -> None:
    client = PlatformClient(base_url="http://127.0.0.1:1/t/x", device_id="1", timeout_s=1.0)
    async with client:
        reply = await client.post("syface", b"{}")

    assert (reply.status, reply.is_away, reply.problem) == (0, True, "ConnectError")


@pytest.mark.parametrize(
    ("said", "opens", "is_taken"),
    [
        (b'{"ret": "0", "desc": "", "openDoor": 1}', True, True),
        (b'\xef\xbb\xbf{"ret": "0", "desc": "", "openDoor": 1}', True, True),
        ('{"ret": "0", "desc": "成功", "openDoor": 1}'.encode("gbk"), True, True),
        (b'{"ret": "0", "desc": "a\nb", "OPENDOOR ": "1"}', True, True),
        # Taken, and no door opens on what had to be guessed.
        (b'{"ret": "0", "openDoor": 1,}', False, True),
        (b'{"ret": "0", "openDoor": 1}\x00', False, True),
        (b'{"ret": "0", "openDoor": 0, "openDoor": 1}', False, True),
        (b'{"ret": "0", "openDoor": 1, "unlockDe', False, False),
        (b"ret=0&openDoor=1", False, False),
    ],
)
async def test_answers_are_read_tolerantly_and_open_only_when_they_are_clear(
    platform: FakePlatform, uplink: Uplink, clock: ManualClock, said: bytes, *, opens: bool,
    is_taken: bool,
) -> None:  # fmt: skip
    platform.fail("syface", Failure(200, said))
    seq = await put_pass(uplink, clock)

    delivery = await uplink.deliver_now(seq, until_s=clock.monotonic() + 5)

    assert delivery is not None
    assert (delivery.verdict is UploadVerdict.DONE) is is_taken
    assert bool(delivery.answer and delivery.answer.open_door) is opens
