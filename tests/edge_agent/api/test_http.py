"""Requests that are no HTTP, or too long, and ports that are taken."""

import asyncio
import json
import socket
from random import Random
from typing import Any

import pytest

from edge_agent.drivers.clock import Backoff
from tests.support.edge.running_terminal import RunningTerminal, Starter
from tests.support.fake_platform import FakePlatform
from tests.support.waiting import wait_until_async


async def raw_exchange(terminal: RunningTerminal, sent: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", int(terminal.url.rpartition(":")[2])
    )
    writer.write(sent)
    await writer.drain()
    writer.write_eof()
    try:
        async with asyncio.timeout(5):
            return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"hello\r\n\r\n",
        b"GET /api/user/list HTTP/9.9\r\nAccept: text/html\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /api/device/open HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
    ids=["words", "version", "long", "length", "tls"],
)
async def test_what_is_not_http_gets_json_or_nothing(
    terminal: RunningTerminal, sent: bytes
) -> None:
    answered = await raw_exchange(terminal, sent)

    _head, _, body = answered.partition(b"\r\n\r\n")
    assert body == b"" or body.startswith(b'{"code": ')
    assert b"<" not in body
    assert b"Traceback" not in answered
    assert await terminal.code("information") == 200


async def test_what_is_not_http_is_answered_in_our_words(terminal: RunningTerminal) -> None:
    """aiohttp's own answer repeats what was sent and names its version; it must not get out."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", int(terminal.url.rpartition(":")[2])
    )
    writer.write(b"GET /secret HTTP/1.1\r\nA\x00: b\r\n\r\n")
    async with asyncio.timeout(5):
        answered = await reader.read()
    writer.close()

    head, _, body = answered.partition(b"\r\n\r\n")
    assert head.split()[1] == b"400"
    assert json.loads(body)["code"] == 30001
    assert b"Server: menjin-edge-agent" in head
    assert b"aiohttp" not in answered
    assert b"secret" not in answered


async def test_long_content_is_refused_before_it_is_read(terminal: RunningTerminal) -> None:
    response = await terminal.request(
        "POST", "/api/user", params=terminal.query(), content=b"x" * (8 * 1024 * 1024 + 1)
    )

    assert response.json()["code"] == 30001
    assert response.json()["desc"] == "content: too long"


async def test_unsigned_content_is_kept_short(terminal: RunningTerminal) -> None:
    response = await terminal.request("POST", "/api/user", content=b"x" * 70_000)

    assert response.json()["desc"] == "content: too long"


async def test_chunked_content_is_bounded_too(terminal: RunningTerminal) -> None:
    async def endless() -> Any:
        for _ in range(200):
            yield b"x" * 65536

    response = await terminal.request(
        "POST", "/api/user", params=terminal.query(), content=endless()
    )

    assert response.json()["desc"] == "content: too long"


async def test_expect_100_continue_is_answered(terminal: RunningTerminal) -> None:
    """What curl does with a photo of more than a megabyte."""
    query = "&".join(f"{key}={value}" for key, value in terminal.query().items())
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", int(terminal.url.rpartition(":")[2])
    )
    head = f"POST /api/device/jsonCmd?{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    writer.write(f"{head}Expect: 100-continue\r\nContent-Length: 16\r\n\r\n".encode())
    async with asyncio.timeout(5):
        invited = await reader.readline()
        writer.write(b'{"cmd":"status"}')
        rest = await reader.read()
    writer.close()

    assert invited == b"HTTP/1.1 100 Continue\r\n"
    assert b'"code": 200' in rest


async def test_port_that_is_taken_does_not_stop_the_terminal(
    terminal: RunningTerminal, platform: FakePlatform
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = terminal.parts.interfaces.api
        config = server._config
        object.__setattr__(config, "port", port)
        again = asyncio.create_task(server.run())
        await terminal.reported("api_problem")
    await terminal.reported("api", times=2)
    again.cancel()
    await asyncio.wait([again])

    assert str(port) in terminal.named("api_problem")[0]["problem"]
    assert terminal.named("api")[1]["port"] == port


class CountingBackoff(Backoff):
    """Can be waited for."""

    tries = 0

    def failed(self) -> float:
        self.tries += 1
        return super().failed()


async def test_two_ports_that_are_taken_are_told_once_and_together(
    terminal: RunningTerminal,
) -> None:
    server = terminal.parts.interfaces.api
    server.backoff = backoff = CountingBackoff(first_s=0.01, most_s=0.01, rng=Random(1))
    with socket.socket() as first, socket.socket() as second:
        for number, (name, taken) in enumerate([("port", first), ("push_port", second)]):
            taken.bind(("127.0.0.1", 0))
            taken.listen(number + 1)
            object.__setattr__(server._config, name, taken.getsockname()[1])
        again = asyncio.create_task(server.run())
        await terminal.reported("api_problem")
        await wait_until_async(lambda: backoff.tries >= 5)
        (problem,) = terminal.named("api_problem")
    await terminal.reported("api", times=2)
    again.cancel()
    await asyncio.wait([again])

    for name in ("port", "push_port"):
        assert str(getattr(server._config, name)) in problem["problem"]


@pytest.mark.parametrize("name", ["enabled", "push_enabled"])
async def test_either_port_can_be_switched_off(start: Starter, name: str) -> None:
    terminal = await start(**{name: False})

    (reported,) = terminal.named("api")
    missing = "port" if name == "enabled" else "push_port"
    assert reported[missing] is None
    assert reported["push_port" if name == "enabled" else "port"] > 0
