"""8.3.3: records by websocket; its messages, its heartbeat, its silence."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from edge_agent.api import ApiServer, RecordHub
from terminal_protocol.device_calls import PUSH_HEARTBEAT_S, PUSH_SILENCE_S
from tests.support.edge.running_terminal import RunningTerminal, Starter
from tests.support.waiting import wait_until_async

CONNECTED = {"code": 20000, "message": " Connected!", "desc": "Connected!"}
DENIED = {"code": 20002, "message": "Permission Denied!", "desc": "app key not exist"}
FULL = {
    "code": 20002,
    "message": "Too Many Connections!",
    "desc": "line full, 16 listeners at most",
}


@asynccontextmanager
async def subscriber(
    terminal: RunningTerminal, **changed: str
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    query = {**terminal.query(), **changed}
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(terminal.push_url, params=query, autoping=False) as socket,
    ):
        yield socket


async def received(socket: aiohttp.ClientWebSocketResponse) -> Any:
    async with asyncio.timeout(5):
        return await socket.receive_json()


async def close_code(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    async with asyncio.timeout(5):
        while not socket.closed:
            await socket.receive()
    return socket.close_code


async def test_who_connects_is_greeted(terminal: RunningTerminal) -> None:
    async with subscriber(terminal) as socket:
        assert await received(socket) == CONNECTED


@pytest.mark.parametrize(
    "changed",
    [{"sign": "0" * 32}, {"sign": ""}, {"timestamp": "1573539353795"}, {"timestamp": "x"}],
)
async def test_who_may_not_is_told_and_cut(
    terminal: RunningTerminal, changed: dict[str, str]
) -> None:
    async with subscriber(terminal, **changed) as socket:
        assert await received(socket) == DENIED
        assert await close_code(socket) == 1008


async def test_who_is_not_on_the_list_is_cut(start: Starter) -> None:
    terminal = await start(allow_from=["10.0.0.1"])

    async with subscriber(terminal) as socket:
        assert await received(socket) == DENIED


async def test_every_record_is_pushed_as_it_is_listed(terminal: RunningTerminal) -> None:
    async with subscriber(terminal) as first, subscriber(terminal) as second:
        await received(first), await received(second)

        await terminal.somebody_comes(100)
        await terminal.somebody_comes(200)

        for socket in (first, second):
            pushed = [await received(socket), await received(socket)]
            assert [{**one, "data": {}} for one in pushed] == [
                {"code": 30000, "message": "push record", "desc": "", "data": {}}
            ] * 2
            listed = (await terminal.call("recordList"))["data"]["data"]
            assert [one["data"] for one in pushed] == list(reversed(listed))


async def test_nothing_is_pushed_to_who_was_refused(terminal: RunningTerminal) -> None:
    async with subscriber(terminal, sign="0" * 32) as socket:
        await received(socket)
        await terminal.somebody_comes(100)

        assert await close_code(socket) == 1008


def test_heartbeat_and_silence_are_the_seeds() -> None:
    assert (PUSH_HEARTBEAT_S, PUSH_SILENCE_S) == (10.0, 33.0)
    assert RecordHub()._silence_s == 33.0


@pytest.fixture
async def impatient(terminal: RunningTerminal) -> AsyncIterator[RunningTerminal]:
    """The terminal with a second interface that waits 0.4 instead of 33 seconds."""
    hub = RecordHub(silence_s=0.4)
    terminal.parts.interfaces.terminal.records.listen(hub.publish)
    server = ApiServer(
        terminal.config.api, terminal.parts.interfaces.terminal, hub=hub, rng=random.Random(1)
    )
    running = asyncio.create_task(server.run())
    await terminal.reported("api", times=2)
    del terminal.event_log.events[: terminal.event_log.events.index(terminal.named("api")[1])]
    yield terminal
    running.cancel()
    await asyncio.wait([running])


async def test_silence_is_cut(impatient: RunningTerminal) -> None:
    loop = asyncio.get_running_loop()
    async with subscriber(impatient) as socket:
        await received(socket)
        begun_s = loop.time()

        assert await close_code(socket) == 1001

        assert 0.3 <= loop.time() - begun_s < 2


async def test_what_the_terminal_sends_counts_as_well(impatient: RunningTerminal) -> None:
    """8.3.3: no message at all within 33 seconds; a client that only listens is not cut."""
    loop = asyncio.get_running_loop()
    async with subscriber(impatient) as socket:
        await received(socket)
        begun_s = used_s = loop.time()

        while loop.time() - begun_s < 1.2:
            await impatient.somebody_comes(100)
            assert (await received(socket))["code"] == 30000
            used_s = loop.time()
            await asyncio.sleep(0.2)

        assert await close_code(socket) == 1001
        assert loop.time() - used_s >= 0.3


async def test_silence_begins_with_the_last_message_of_either_side(
    impatient: RunningTerminal,
) -> None:
    loop = asyncio.get_running_loop()
    async with subscriber(impatient) as socket:
        await received(socket)
        await asyncio.sleep(0.2)
        await socket.send_str("heartbeat")
        await asyncio.sleep(0.2)
        await impatient.somebody_comes(100)
        await received(socket)
        pushed_s = loop.time()

        assert await close_code(socket) == 1001

        assert 0.3 <= loop.time() - pushed_s < 2


@pytest.mark.parametrize("kind", ["text", "empty", "binary", "ping", "pong", "json"])
async def test_anything_is_a_heartbeat(impatient: RunningTerminal, kind: str) -> None:
    async with subscriber(impatient) as socket:
        await received(socket)
        send = {
            "text": lambda: socket.send_str("heartbeat"),
            "empty": lambda: socket.send_str(""),
            "binary": lambda: socket.send_bytes(b"\0"),
            "ping": lambda: socket.ping(b"?"),
            "pong": lambda: socket.pong(b"!"),
            "json": lambda: socket.send_json({"code": 1}),
        }[kind]

        for _ in range(6):
            await asyncio.sleep(0.15)
            await send()
        if kind == "ping":
            for _ in range(6):
                assert (await socket.receive()).type is aiohttp.WSMsgType.PONG
        await impatient.somebody_comes(100)

        assert (await received(socket))["code"] == 30000


async def test_who_reads_too_slowly_is_cut() -> None:
    """Its backlog is bounded; what it missed is in /api/record."""
    from edge_agent.api.record_push import _BACKLOG_MAX, _Subscriber

    slow = _Subscriber()

    for _ in range(_BACKLOG_MAX + 1):
        slow.give("{}")

    assert slow.fell_behind.is_set()
    assert slow.backlog.qsize() == _BACKLOG_MAX


async def test_listener_that_left_is_forgotten(terminal: RunningTerminal) -> None:
    hub = terminal.parts.interfaces.api._hub
    async with subscriber(terminal) as socket:
        await received(socket)
        assert hub.listeners == 1

    await wait_until_async(lambda: not hub.listeners)


async def test_seventeenth_listener_hears_that_the_line_is_full(terminal: RunningTerminal) -> None:
    """And may come again; that its key does not exist would send its owner looking for it."""
    from contextlib import AsyncExitStack

    async with AsyncExitStack() as stack:
        for _ in range(16):
            socket = await stack.enter_async_context(subscriber(terminal))
            assert await received(socket) == CONNECTED
        last = await stack.enter_async_context(subscriber(terminal))

        assert await received(last) == FULL
        assert await close_code(last) == 1013
        uninvited = await stack.enter_async_context(subscriber(terminal, sign="0" * 32))
        assert await received(uninvited) == DENIED


async def test_listeners_are_let_go_when_the_terminal_stops(start: Starter) -> None:
    terminal = await start()
    async with subscriber(terminal) as socket:
        await received(socket)
        task = terminal._api
        assert task is not None

        task.cancel()

        assert await close_code(socket) == 1001
        await asyncio.wait([task])


@pytest.mark.parametrize("path", ["/api/record", "/api/device/open", "/"])
async def test_calls_do_not_belong_on_this_port(terminal: RunningTerminal, path: str) -> None:
    url = terminal.push_url.replace("ws://", "http://").removesuffix("/api/record") + path

    response = await terminal.http.get(url, params=terminal.query())

    answer = response.json()
    assert answer["code"] == (30001 if path == "/api/record" else 40001)


async def test_websocket_elsewhere_is_denied(terminal: RunningTerminal) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(
            terminal.push_url.replace("/api/record", "/other"), params=terminal.query()
        ) as socket,
    ):
        assert await received(socket) == DENIED
