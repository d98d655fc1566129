"""Records as terminals push them: every pass arrives, across cuts, gaps and wrong clocks."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from asgiref.sync import sync_to_async
from django.db import connections
from django.utils import timezone

from devices.calling import CallTarget, NotCallable, PushHooks, RecordSubscriber
from devices.models import RepairCount, Terminal, TerminalCommand, TerminalContact
from records.models import Alert, Record, RecordCursor
from records.push import keep_subscribed
from tests.support.called_terminal import door, gate
from tests.support.processes import ROOT
from tests.support.signs import sign
from tests.support.terminal_api import TerminalServer

__all__ = ["door", "gate"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.sqlite]


CASES = Path(__file__).parents[1] / "menjin" / "raw_cases"
PICTURES = ROOT / "tests/support/picture_cases"
QUICK: dict[str, Any] = {"look_again_s": 0.1, "heartbeat_s": 0.1, "first_pause_s": 0.05}


@pytest.fixture
async def subscribed(gate: Terminal, door: TerminalServer) -> AsyncIterator[Terminal]:
    """Run the subscribers while the test runs."""
    gate.push_port = door.port
    await gate.asave()
    async with subscribing(**QUICK):
        yield gate


@asynccontextmanager
async def subscribing(**options: Any) -> AsyncIterator[None]:
    """Run the subscribers for the length of a block."""
    work = asyncio.create_task(keep_subscribed(**options))
    yield
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    # The thread that coroutines reach the database by keeps its connection otherwise.
    await sync_to_async(connections.close_all)()


async def until(condition: Callable[[], Any], *, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not await sync_to_async(condition)():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.02)


def stored() -> set[int]:
    return {record.extras["record_id"] for record in Record.objects.all()}


async def test_records_arrive_as_they_are_pushed(
    subscribed: Terminal, door: TerminalServer
) -> None:
    await until(lambda: TerminalContact.objects.filter(pushes=True).exists())
    await asyncio.to_thread(door.push, sign(1))
    await asyncio.to_thread(door.push, {"id": "nonsense"})
    await asyncio.to_thread(door.push, sign(2, ago_s=-5))

    await until(lambda: {1, 2} <= {r.extras.get("record_id") for r in Record.objects.all()})
    await until(lambda: door.state.heartbeats > 2)
    origins = await sync_to_async(lambda: set(Record.objects.values_list("origin", flat=True)))()
    assert origins == {"pushed"}


async def test_a_poisoned_picture_does_not_cut_the_line(
    subscribed: Terminal, door: TerminalServer
) -> None:
    poison = base64.b64encode((PICTURES / "exif-poison-byte.jpg").read_bytes()).decode()
    await until(lambda: len(door.state.subscribers) == 1)
    line = next(iter(door.state.subscribers))

    await asyncio.to_thread(door.push, sign(1))
    await asyncio.to_thread(door.push, sign(2, ago_s=-5, signAvatar=poison, temperature=39.5))
    await asyncio.to_thread(door.push, sign(3, ago_s=-9))

    await until(lambda: stored() == {1, 2, 3})
    assert list(door.state.subscribers) == [line]
    kept = await Record.objects.select_related("picture").aget(extras__record_id=2)
    assert kept.picture is not None
    assert await Alert.objects.filter(record=kept, kind="high_temperature").aexists()


@pytest.mark.parametrize("case", ["push-nul-tail.bin", "push-trailing-comma.json"])
async def test_a_case_that_was_dropped_without_a_word_is_a_record(
    subscribed: Terminal, door: TerminalServer, case: str
) -> None:
    await until(lambda: len(door.state.subscribers) == 1)

    await asyncio.to_thread(door.push_bytes, (CASES / case).read_bytes())

    await until(Record.objects.exists)
    record = await Record.objects.aget()
    assert (record.kind, str(record.temperature_c), record.mask) == ("temperature", "36.40", True)
    assert record.faults == ["json_syntax"]
    repaired = await RepairCount.objects.aget(terminal=subscribed)
    assert (repaired.kind, repaired.count) == ("json_syntax", 1)


async def test_a_pushed_temperature_in_fahrenheit_raises_its_alarm(
    subscribed: Terminal, door: TerminalServer
) -> None:
    """Temperature, unit and alarm were lost: nobody alive has 101.5 °C."""
    await until(lambda: len(door.state.subscribers) == 1)

    await asyncio.to_thread(door.push_bytes, (CASES / "push-fahrenheit.json").read_bytes())

    await until(Alert.objects.exists)
    record = await Record.objects.aget()
    assert (str(record.temperature_c), record.faults) == ("38.61", [])
    alert = await Alert.objects.aget()
    assert (alert.kind, alert.facts["temperature_c"]) == ("high_temperature", "38.61")


async def test_what_was_pushed_unreadable_is_fetched_and_not_passed_over(
    gate: Terminal, door: TerminalServer
) -> None:
    """The next push moved the position in the list past it, and it was never asked for."""
    gate.push_port = door.port
    await gate.asave()

    async with subscribing(**QUICK, fill_again_s=0.05):
        await until(lambda: TerminalCommand.objects.filter(state="done").exists())
        door.state.temper = refuse_the_list
        await asyncio.to_thread(door.push_bytes, b"\x00\xff" * 200)
        await until(lambda: RepairCount.objects.filter(kind="push_unreadable").exists())
        before = await RecordCursor.objects.aget()
        await asyncio.to_thread(door.push, sign(2, ago_s=-3600))
        await until(lambda: stored() == {2})
        assert (await RecordCursor.objects.aget()).fetched_until == before.fetched_until

        door.state.records, door.state.temper = [sign(1, ago_s=5)], None
        await until(lambda: stored() == {1, 2})

    assert len(await sync_to_async(stored)()) == 2


async def refuse_the_list(request: web.Request) -> web.Response | None:
    if request.path == "/api/record" and "Upgrade" not in request.headers:
        return web.Response(status=503, text="busy")
    return None


async def test_what_happened_while_the_line_was_down_is_fetched(
    subscribed: Terminal, door: TerminalServer
) -> None:
    door.state.records = [sign(1, ago_s=100)]
    await until(lambda: stored() == {1})
    await until(lambda: len(door.state.subscribers) == 1)
    third = sign(3, ago_s=40)
    door.state.records += [sign(2, ago_s=50), third]

    await asyncio.to_thread(door.cut_subscribers)

    await until(lambda: stored() == {1, 2, 3})
    await until(lambda: len(door.state.subscribers) == 1)
    await asyncio.to_thread(door.push, third)
    await asyncio.to_thread(door.push, sign(4))
    await until(lambda: stored() == {1, 2, 3, 4})
    assert await Record.objects.acount() == 4


async def test_a_terminal_with_a_wrong_clock_is_subscribed_by_its_own_time(
    gate: Terminal, door: TerminalServer, subscribed: Terminal
) -> None:
    door.state.clock_offset_ms = -9 * 3_600_000
    await asyncio.to_thread(door.cut_subscribers)

    await until(lambda: len(door.state.subscribers) == 1)


async def test_a_terminal_that_is_disabled_is_left_alone(
    subscribed: Terminal, door: TerminalServer
) -> None:
    await until(lambda: len(door.state.subscribers) == 1)

    await Terminal.objects.filter(pk=subscribed.pk).aupdate(status="disabled")

    await until(lambda: len(door.state.subscribers) == 0)
    await until(lambda: not TerminalContact.objects.get(pk=subscribed.pk).pushes)


async def test_a_wrong_password_is_denied_and_tried_again_later(
    gate: Terminal, door: TerminalServer, subscribed: Terminal
) -> None:
    door.state.password = "changed"
    await asyncio.to_thread(door.cut_subscribers)
    await until(lambda: len(door.state.subscribers) == 0)

    door.state.password = gate.api_password

    await until(lambda: len(door.state.subscribers) == 1)


async def is_pushing(*, wanted: bool = True) -> None:
    await until(lambda: TerminalContact.objects.filter(pushes=wanted).exists())


async def test_a_gap_that_cannot_be_filled_at_first_is_filled_later(
    gate: Terminal, door: TerminalServer
) -> None:
    """After a restart the websocket may be there before the rest of the terminal is."""
    refusals = 0

    async def not_yet(request: web.Request) -> web.Response | None:
        nonlocal refusals
        if request.path == "/api/record" and "Upgrade" not in request.headers and refusals < 7:
            refusals += 1
            return web.Response(status=503, text="starting")
        return None

    door.state.temper, door.state.records = not_yet, [sign(1, ago_s=100)]
    gate.push_port = door.port
    await gate.asave()

    async with subscribing(**QUICK, fill_again_s=0.05):
        await until(lambda: stored() == {1})
        connections_made = len(door.state.subscribers)

    assert (refusals, connections_made) == (7, 1)


async def test_a_terminal_without_such_a_list_is_asked_for_it_once(
    gate: Terminal, door: TerminalServer
) -> None:
    async def not_supported(request: web.Request) -> web.Response | None:
        if request.path == "/api/record" and "Upgrade" not in request.headers:
            return web.json_response({"code": 40001, "message": "Not Support", "desc": ""})
        return None

    door.state.temper = not_supported
    gate.push_port = door.port
    await gate.asave()

    async with subscribing(**QUICK, fill_again_s=0.01):
        await until(lambda: TerminalCommand.objects.filter(state="refused").exists())
        begun = door.state.heartbeats
        await until(lambda: door.state.heartbeats > begun + 5)

    assert await TerminalCommand.objects.acount() == 1


async def test_a_gap_that_somebody_fills_already_is_left_to_them(
    gate: Terminal, door: TerminalServer
) -> None:
    waiting = await TerminalCommand.objects.acreate(
        terminal=gate, kind="records_pull", expires_at=timezone.now() + timedelta(hours=1)
    )
    gate.push_port = door.port
    await gate.asave()

    async with subscribing(**QUICK, fill_again_s=0.02):
        await until(lambda: door.state.heartbeats > 3)
        assert await TerminalCommand.objects.acount() == 1
        await TerminalCommand.objects.filter(pk=waiting.pk).aupdate(state="cancelled")
        await until(lambda: TerminalCommand.objects.filter(state="done").exists())


async def test_a_terminal_that_hangs_is_noticed_and_its_gap_filled(
    gate: Terminal, door: TerminalServer
) -> None:
    """Its system goes on taking in heartbeats, so only a missing pong tells."""
    gate.push_port = door.port
    await gate.asave()

    async with subscribing(**QUICK, silence_s=0.5):
        await is_pushing()
        await until(lambda: door.state.heartbeats > 2)
        with door.hung():
            await is_pushing(wanted=False)
            door.state.records = [sign(1, ago_s=1)]
        await until(lambda: stored() == {1})


async def test_a_terminal_that_hangs_from_the_first_moment_of_a_line_is_noticed(
    gate: Terminal, door: TerminalServer
) -> None:
    """It answered on the line before; one that was replaced by another make is cut once only."""
    gate.push_port = door.port
    await gate.asave()

    async with subscribing(**QUICK, silence_s=0.5):
        await is_pushing()
        await until(lambda: door.state.heartbeats > 2)
        (first,) = door.state.subscribers
        door.state.answers_pings = False
        await asyncio.to_thread(door.cut_subscribers)
        await until(lambda: door.state.subscribers and door.state.subscribers != [first])
        (second,) = door.state.subscribers
        await until(lambda: door.state.subscribers and door.state.subscribers != [second])
        (third,) = door.state.subscribers
        begun = door.state.heartbeats
        await until(lambda: door.state.heartbeats > begun + 20)

        assert door.state.subscribers == [third]


async def test_a_terminal_that_answers_no_pings_is_not_cut(
    gate: Terminal, door: TerminalServer
) -> None:
    door.state.answers_pings = False
    gate.push_port = door.port
    await gate.asave()

    async with subscribing(**QUICK, silence_s=0.2):
        await is_pushing()
        line = door.state.subscribers[0]
        await until(lambda: door.state.heartbeats > 10)

        assert door.state.subscribers == [line]


async def test_a_corrected_password_counts_at_once(gate: Terminal, door: TerminalServer) -> None:
    """Not only after the pause that a denied subscriber makes, which grows to minutes."""
    gate.push_port, gate.api_password = door.port, "mistyped"
    await gate.asave()

    async with subscribing(look_again_s=0.1, first_pause_s=600):
        await is_pushing(wanted=False)
        gate.api_password = door.state.password
        await gate.asave()

        await is_pushing()


async def test_a_subscriber_does_not_follow_to_another_address(
    gate: Terminal, door: TerminalServer, caplog: pytest.LogCaptureFixture
) -> None:
    """It was started for a port; the one that is started for the new address has its own."""
    gate.push_port = door.port
    await gate.asave()
    caplog.set_level("INFO")

    async with subscribing(look_again_s=600, first_pause_s=0.05):
        await until(lambda: len(door.state.subscribers) == 1)
        await Terminal.objects.filter(pk=gate.pk).aupdate(api_address="127.0.0.1:9")
        await asyncio.to_thread(door.cut_subscribers)

        await until(lambda: "word=address_changed" in caplog.text)


async def test_what_a_killed_subscriber_left_behind_is_not_believed(
    gate: Terminal, door: TerminalServer
) -> None:
    await TerminalContact.objects.acreate(terminal=gate, pushes=True)

    async with subscribing(**QUICK):
        await is_pushing(wanted=False)


async def test_a_listener_that_cannot_be_told_goes_on_listening() -> None:
    """A database that is away must not end a subscription."""
    asked, enough = 0, asyncio.Event()

    async def target() -> CallTarget:
        nonlocal asked
        asked += 1
        if asked == 3:
            enough.set()
        raise NotCallable("no_address")

    async def nothing(*_: Any) -> bool:
        return True

    async def fail(*_: Any) -> None:
        raise OSError("the database is away")

    hooks = PushHooks(target=target, opened=nothing, record=fail, missed=fail, changed=fail)
    work = asyncio.create_task(RecordSubscriber(hooks, first_pause_s=0.001).run())
    async with asyncio.timeout(5):
        await enough.wait()
    work.cancel()
    await asyncio.wait([work])


@pytest.mark.parametrize("between", ["", "\n", "\0"])
async def test_each_of_several_messages_in_one_frame_is_a_record(
    subscribed: Terminal, door: TerminalServer, between: str
) -> None:
    """The second was dropped, and not counted as missed."""
    await until(lambda: len(door.state.subscribers) == 1)
    envelopes = [json.dumps({"code": 30000, "data": sign(n, ago_s=n * 5)}) for n in (1, 2)]

    await asyncio.to_thread(door.push_bytes, between.join(envelopes).encode())

    await until(lambda: stored() == {1, 2})


async def test_a_second_message_that_broke_off_is_missed(
    subscribed: Terminal, door: TerminalServer
) -> None:
    await until(lambda: len(door.state.subscribers) == 1)
    whole, cut = (json.dumps({"code": 30000, "data": sign(n)}) for n in (1, 2))

    await asyncio.to_thread(door.push_bytes, (whole + cut[:90]).encode())

    await until(lambda: RepairCount.objects.filter(kind="push_unreadable").exists())
    assert await sync_to_async(stored)() == {1}
