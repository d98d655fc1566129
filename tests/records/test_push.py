"""Records as terminals push them: every pass arrives, across cuts, gaps and wrong clocks."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections

from devices.models import Terminal, TerminalContact
from records.models import Record
from records.push import keep_subscribed
from tests.devices.services.conftest import door, gate
from tests.support.signs import sign
from tests.support.terminal_api import TerminalServer

__all__ = ["door", "gate"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.sqlite]


@pytest.fixture
async def subscribed(gate: Terminal, door: TerminalServer) -> AsyncIterator[Terminal]:
    """Run the subscribers while the test runs."""
    gate.push_port = door.port
    await gate.asave()
    work = asyncio.create_task(
        keep_subscribed(look_again_s=0.1, heartbeat_s=0.1, first_pause_s=0.05)
    )
    yield gate
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


async def test_what_happened_while_the_line_was_down_is_fetched(
    subscribed: Terminal, door: TerminalServer
) -> None:
    door.state.records = [sign(1, ago_s=100)]
    await until(lambda: stored() == {1})
    await until(lambda: len(door.state.subscribers) == 1)
    door.state.records += [sign(2, ago_s=50), sign(3, ago_s=40)]

    await asyncio.to_thread(door.cut_subscribers)

    await until(lambda: stored() == {1, 2, 3})
    await until(lambda: len(door.state.subscribers) == 1)
    await asyncio.to_thread(door.push, sign(3, ago_s=40))
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
