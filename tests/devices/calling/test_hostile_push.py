"""Whatever answers at a terminal's push port: the subscriber goes on and takes what is a record."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from devices.calling import CallTarget, PushHooks, RecordSubscriber, TerminalAddress

PASSWORD = "hush-7788"
CONNECTED = '{"code": 20000, "message": " Connected!", "desc": "Connected!"}'
RECORD = {"id": 7, "signTime": 1589000000}
GOOD = json.dumps({"code": 30000, "message": "push record", "desc": "", "data": RECORD})
TRASH: dict[str, str | bytes] = {
    "binary": bytes(range(256)),
    "no JSON": "<html>",
    "nested": '{"data":' * 40_000,
    "a number without end": '{"code": ' + "9" * 50_000 + "}",
    "no object": "[30000]",
    "data is no object": '{"code": 30000, "data": [1]}',
    "data is missing": '{"code": 30000}',
    "half a pair": '{"code": 30000, "data": "\\ud800"}',
    "another code": '{"code": 12345, "data": {"id": 1}}',
    "no code and no moment": '{"note": "' + "x" * 300 + '"}',
    "nothing": "",
}


# Long enough for a record, and none can be made of them.
MISSED = {"binary", "nested", "no code and no moment", "a number without end"}


class Heard:
    """What a subscriber told whoever runs it."""

    def __init__(self, port: int) -> None:
        self.records: list[dict[str, Any]] = []
        self.repairs: list[tuple[str, ...]] = []
        self.missed = self.fills = 0
        self.words: list[str] = []
        self.changed = asyncio.Condition()
        self._target = CallTarget(TerminalAddress("127.0.0.1", port), PASSWORD, ("127.0.0.0/8",))

    def hooks(self) -> PushHooks:
        return PushHooks(
            target=self.target,
            opened=self.opened,
            record=self.record,
            missed=self.miss,
            changed=self.note,
        )

    async def target(self) -> CallTarget:
        return self._target

    async def opened(self) -> bool:
        async with self.changed:
            self.fills += 1
            self.changed.notify_all()
        return True

    async def miss(self) -> None:
        async with self.changed:
            self.missed += 1
            self.changed.notify_all()

    async def record(self, sign: dict[str, Any], repairs: tuple[str, ...]) -> None:
        async with self.changed:
            self.records.append(sign)
            self.repairs.append(repairs)
            self.changed.notify_all()

    async def note(self, is_connected: bool, word: str) -> None:
        async with self.changed:
            self.words.append("connected" if is_connected else word)
            self.changed.notify_all()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10), self.changed:
            await self.changed.wait_for(condition)


@asynccontextmanager
async def subscribed(port: int, **options: Any) -> AsyncIterator[Heard]:
    """Subscribe for the length of a block."""
    heard = Heard(port)
    options = {"first_pause_s": 0.02, "heartbeat_s": 0.05, **options}
    work = asyncio.create_task(RecordSubscriber(heard.hooks(), port=port, **options).run())
    try:
        yield heard
    finally:
        work.cancel()
        await asyncio.wait([work])


@asynccontextmanager
async def pushing(talk: Callable[[ServerConnection], Awaitable[None]]) -> AsyncIterator[int]:
    """Run a terminal's push port that talks in its own way; returns the port."""
    async with serve(talk, "127.0.0.1", 0, max_size=None) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("name", TRASH)
async def test_what_is_no_record_is_passed_over(name: str) -> None:
    async def talk(line: ServerConnection) -> None:
        await line.send(CONNECTED)
        await line.send(TRASH[name])
        await line.send(GOOD)
        await line.wait_closed()

    async with pushing(talk) as port, subscribed(port) as heard:
        await heard.until(lambda: bool(heard.records))

    assert heard.records == [RECORD]
    assert heard.words == ["connected"]
    assert heard.missed == (1 if name in MISSED else 0)


@pytest.mark.parametrize(
    ("said", "repairs"),
    [
        (GOOD + "\0\0", ("json_syntax",)),
        (GOOD[:-1] + ",}", ("json_syntax",)),
        (GOOD.replace(" record", "\u00a0record"), ()),
        (GOOD.replace("push record", "push\xa0record").encode("latin-1"), ("json_encoding",)),
        (GOOD.replace("record", "推送").encode("gbk"), ("json_encoding",)),
        (GOOD.encode("utf-8-sig"), ("json_bom",)),
        (GOOD.encode("utf-16"), ()),
        (GOOD.replace(", ", ",\n\t"), ()),
        (GOOD.replace('"code": 30000', '"Code ": "30000"'), ()),
        (GOOD.replace('"code": 30000, ', ""), ()),
        (json.dumps({"code": 30000, "data": json.dumps(RECORD)}), ()),
        (json.dumps({"code": 30000, "data": [RECORD]}), ()),
        (json.dumps(RECORD), ()),
        (GOOD.replace("7,", 'NaN, "id": 7,'), ("json_not_a_number", "json_duplicate_keys")),
    ],
)
async def test_a_record_is_read_however_it_is_written(
    said: str | bytes, repairs: tuple[str, ...]
) -> None:
    raw = said.encode() if isinstance(said, str) else said

    async def talk(line: ServerConnection) -> None:
        await line.send(CONNECTED)
        await line.send(raw, text=True)
        await line.wait_closed()

    async with pushing(talk) as port, subscribed(port) as heard:
        await heard.until(lambda: bool(heard.records or heard.missed))

    assert [one["signTime"] for one in heard.records] == [RECORD["signTime"]]
    assert set(heard.repairs[0]) <= set(repairs)
    assert bool(heard.repairs[0]) == bool(repairs)
    assert (heard.missed, heard.words) == (0, ["connected"])


async def test_a_record_that_broke_off_before_its_moment_is_missed_not_half_stored() -> None:
    async def talk(line: ServerConnection) -> None:
        await line.send(CONNECTED)
        await line.send('{"code": 30000, "message": "push record", "data": {"id": 7, "name": "B')
        await line.wait_closed()

    async with pushing(talk) as port, subscribed(port) as heard:
        await heard.until(lambda: heard.missed == 1)

    assert heard.records == []


async def test_the_gap_is_asked_for_anew_after_each_message_that_cannot_be_read() -> None:
    async def talk(line: ServerConnection) -> None:
        await line.send(CONNECTED)
        await heard.until(lambda: heard.fills == 1)
        await line.send(TRASH["nested"])
        await heard.until(lambda: heard.fills == 2)
        await line.send(TRASH["nested"])
        await line.wait_closed()

    async with pushing(talk) as port, subscribed(port, fill_again_s=0.01) as heard:
        await heard.until(lambda: heard.fills == 3)

    assert heard.missed == 2


async def test_a_message_that_is_too_large_costs_its_line_only() -> None:
    lines = 0

    async def talk(line: ServerConnection) -> None:
        nonlocal lines
        lines += 1
        await line.send(CONNECTED)
        await line.send(" " * 5 * 1024 * 1024 if lines == 1 else GOOD)
        await line.wait_closed()

    async with pushing(talk) as port, subscribed(port) as heard:
        await heard.until(lambda: bool(heard.records))

    assert heard.words == ["connected", "connection_lost", "connected"]


@pytest.mark.slow
@pytest.mark.parametrize("first", [b"\xff\xfe", "hello", '{"code": 20002}', '{"code": "x"}', "[]"])
async def test_who_does_not_greet_is_no_terminal(first: str | bytes) -> None:
    async def talk(line: ServerConnection) -> None:
        await line.send(first)
        await line.send(GOOD)
        await line.wait_closed()

    async with pushing(talk) as port, subscribed(port) as heard:
        await heard.until(lambda: len(heard.words) >= 2)

    assert heard.records == []
    assert "connected" not in heard.words


@pytest.mark.parametrize(
    "said",
    [
        b"", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", b"\x00" * 9000, b"SSH-2.0-x\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
    ],
)  # fmt: skip
async def test_what_is_no_websocket_is_tried_again_and_tells_no_secret(
    said: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server, subscribed(server.sockets[0].getsockname()[1]) as heard:
        await heard.until(lambda: len(heard.words) >= 3)

    assert set(heard.words) == {"connection_lost"}
    assert "sign=" not in caplog.text
    assert PASSWORD not in caplog.text


async def test_a_redirect_is_not_followed() -> None:
    """It would lead the platform to whatever address a terminal likes, past every check."""
    elsewhere = 0

    async def talk(line: ServerConnection) -> None:
        nonlocal elsewhere
        elsewhere += 1
        await line.send(CONNECTED)

    async with pushing(talk) as port:

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 307 Temporary Redirect\r\nContent-Length: 0\r\n")
            writer.write(b"Location: ws://127.0.0.1:%d/api/record\r\n\r\n" % port)
            writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        async with server, subscribed(server.sockets[0].getsockname()[1]) as heard:
            await heard.until(lambda: len(heard.words) >= 2)

    assert (elsewhere, set(heard.words)) == (0, {"connection_lost"})
