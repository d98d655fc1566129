"""Whatever answers at a terminal's address: a call ends in time, holds nothing up, tells no secret.

Raw sockets on loopback; what they send is no HTTP, or HTTP without end.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.calling import CallError, CallRefused, CallTarget, TerminalAddress, TerminalClient
from devices.calling.clock import TerminalClock
from devices.calling.errors import OutcomeUnknown

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]
PASSWORD = "hush-7788"
ANSWER_S = 0.3


@asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[CallTarget]:
    """Run something that answers every request in its own way."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            await answer(writer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        address = TerminalAddress("127.0.0.1", server.sockets[0].getsockname()[1])
        yield CallTarget(address, PASSWORD, ("127.0.0.0/8",))


@asynccontextmanager
async def calling(answer: Answer) -> AsyncIterator[TerminalClient]:
    """Return who calls it, and does not wait long."""
    async with answering(answer) as target, TerminalClient(target, answer_s=ANSWER_S) as client:
        yield client


def saying(*parts: bytes) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.writelines(parts)
        await writer.drain()

    return answer


def without_end(first: bytes, again: bytes, *, pause_s: float = 0.0) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while True:
            writer.write(again)
            await writer.drain()
            await asyncio.sleep(pause_s)

    return answer


def ok(body: bytes) -> Answer:
    return saying(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body), body)


HEAD = b"HTTP/1.1 200 OK\r\n"
NO_ANSWERS = {
    "headers byte by byte": without_end(HEAD, b"x", pause_s=0.02),
    "headers without end": without_end(HEAD, b"x-more: " + b"y" * 8000 + b"\r\n"),
    "one header without end": without_end(HEAD + b"x: ", b"y" * 65536),
    "continue without end": without_end(b"", b"HTTP/1.1 100 Continue\r\n\r\n", pause_s=0.001),
    "body byte by byte": without_end(HEAD + b"Content-Length: 99999\r\n\r\n", b" ", pause_s=0.02),
    "body without end": without_end(HEAD + b"\r\n", b" " * 65536),
    "chunks without end": without_end(
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", pause_s=0.001
    ),
    "nothing": without_end(b"", b"", pause_s=0.05),
    "closes": saying(),
    "half an answer": saying(HEAD + b"Content-Length: 99\r\n\r\n", b'{"code": 200'),
    "length below zero": saying(HEAD + b"Content-Length: -5\r\n\r\n", b'{"code": 200}'),
    "two lengths": saying(
        HEAD + b"Content-Length: 13\r\nContent-Length: 4\r\n\r\n", b'{"code": 200}'
    ),
    "too short a length": saying(HEAD + b"Content-Length: 4\r\n\r\n", b'{"code": 200}'),
    "no HTTP": saying(bytes(range(256)) * 40),
    "ssh": saying(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "tls": saying(b"\x15\x03\x01\x00\x02\x02\x28"),
    "bad chunks": saying(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"zz\r\n\r\n"),
    "no UTF-8": ok(b'{"code": "\xff\xfe"}'),
    "nested": ok(b'{"code":' * 50_000),
    "a number without end": ok(b'{"code": ' + b"9" * 100_000 + b"}"),
    "not a number": ok(b'{"code": NaN}'),
    "infinite": ok(b'{"code": 1e999}'),
    "code of the wrong type": ok(b'{"code": {"code": 200}}'),
    "compressed": saying(HEAD + b"Content-Encoding: br\r\nContent-Length: 3\r\n\r\n", b"abc"),
}


@pytest.mark.parametrize("name", NO_ANSWERS)
async def test_what_is_no_answer_ends_a_call_in_time(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    started = time.monotonic()

    async with calling(NO_ANSWERS[name]) as client:
        with pytest.raises(OutcomeUnknown) as unknown:
            await client.call("open", parameters={"remark": "parcel"})

    assert time.monotonic() - started < ANSWER_S * 2 + 1
    told = caplog.text + repr(unknown.value) + repr(unknown.value.__cause__)
    assert PASSWORD not in told
    assert "sign=" not in told


@pytest.mark.parametrize("code", [-1, 10**9, 10**30, 2**63])
async def test_codes_that_no_terminal_has_are_no_answer(code: int) -> None:
    async with calling(ok(b'{"code": %d}' % code)) as client:
        with pytest.raises(OutcomeUnknown):
            await client.call("open")


async def test_a_code_in_quotes_is_understood() -> None:
    async with calling(ok(b'{"code": "10005"}')) as client:
        with pytest.raises(CallRefused) as refused:
            await client.call("open")

    assert refused.value.code == 10005


@pytest.mark.parametrize(
    "date",
    [
        b"yesterday", b"", b"Fri, 27 Nov 99999 19:19:12 GMT", b"Fri, 27 Nov 2026 19:19:12 +999999",
        b"Fri, 31 Feb 2026 25:61:61 GMT", b"\xff\xfe", b"Fri, 27 Nov 0001 00:00:00 +1400",
    ],
)  # fmt: skip
async def test_dates_that_are_none_cost_no_call(date: bytes) -> None:
    body = b'{"code": 200}'
    head = b"HTTP/1.1 200 OK\r\nDate: %b\r\nContent-Length: %d\r\n\r\n" % (date, len(body))
    async with calling(saying(head, body)) as client:
        assert (await client.call("open")).is_ok


@given(st.text(max_size=60), st.integers(min_value=0, max_value=10**14))
def test_any_date_leaves_a_clock_that_can_sign(date: str, now_ms: int) -> None:
    clock = TerminalClock()

    clock.heard(date, now_ms=now_ms)
    clock.adopt()

    assert clock.stamp(now_ms) >= 0


async def test_reading_is_given_up_in_time_although_it_is_repeated() -> None:
    started = time.monotonic()

    async with calling(NO_ANSWERS["body byte by byte"]) as client:
        with pytest.raises(CallError):
            await client.call("information")

    assert time.monotonic() - started < 3 * ANSWER_S * 2 + 3
