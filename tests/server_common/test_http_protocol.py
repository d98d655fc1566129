"""The embedded server reads what terminals send, answers in JSON, and waits for nobody for ever."""

import asyncio
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import h11
import pytest
import uvicorn
import websockets
from hypothesis import given
from hypothesis import strategies as st

from server_common.connection_limits import Connections
from server_common.http_protocol import TolerantHttp, limited, mended
from tests.support.processes import free_port
from tests.support.raw_http import exchange
from tests.support.waiting import wait_until_async

pytestmark = pytest.mark.sqlite


def read_by_h11(head: bytes) -> h11.Request:
    """Return the request that the library makes of a head."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(head)
    event = connection.next_event()
    assert isinstance(event, h11.Request)
    return event


@pytest.mark.parametrize(
    ("target", "read"),
    [
        (b"/t/x?a=1", b"/t/x?a=1"),
        (b"/t/\xc4\xcf?a=\xff", b"/t/%C4%CF?a=%FF"),
        (b"http://door:80/t/x", b"/t/x"),
        (b"HTTP://door", b"/"),
        (b"/t/http://x", b"/t/http://x"),
        (b"/t/x#y", b"/t/x"),
        (b"/%C4", b"/%C4"),
        (b"*", b"*"),
    ],
)
@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_a_target_is_read_as_it_is_meant(target: bytes, read: bytes, version: bytes) -> None:
    head = b"GET " + target + b" HTTP/" + version + b"\r\nHost: x\r\n\r\n"

    assert read_by_h11(mended(head)).target == read


def test_a_request_that_names_no_host_is_read() -> None:
    request = read_by_h11(mended(b"GET / HTTP/1.1\r\nX-Host: a\r\n\r\n"))

    assert (b"host", b"") in [(name, value) for name, value in request.headers]


@pytest.mark.parametrize("name", [b"Transfer-Encoding: identity", b"transfer-encoding:IDENTITY "])
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_a_coding_that_is_none_is_not_named(name: bytes, end: bytes) -> None:
    lines = (b"POST / HTTP/1.1", b"Host: x", name, b"X-A: Transfer-Encoding: identity", b"", b"")

    assert [key for key, _ in read_by_h11(mended(end.join(lines))).headers] == [b"host", b"x-a"]


@pytest.mark.parametrize("coding", [b"gzip", b"identity, gzip", b"identityx"])
def test_a_coding_that_is_one_stays_named(coding: bytes) -> None:
    head = b"POST / HTTP/1.1\r\nTransfer-Encoding: " + coding + b"\r\n"

    assert coding in mended(head + b"\r\n")


@given(target=st.binary(min_size=1).filter(lambda raw: raw.split() == [raw] and b"\0" not in raw))
def test_whatever_the_target_the_library_can_read_it(target: bytes) -> None:
    assert read_by_h11(mended(b"GET /" + target + b" HTTP/1.1\r\n\r\n")).target.isascii()


@given(raw=st.binary(max_size=200))
def test_what_is_no_request_line_stays_as_it_is(raw: bytes) -> None:
    assert mended(b"no request " + raw) == b"no request " + raw


# Set when the server has heard that a caller ended its half of the connection.
half_closed = threading.Event()


class Heard(TolerantHttp):
    """The server's protocol, which tells when a half was ended."""

    def eof_received(self) -> bool | None:
        half_closed.set()
        return super().eof_received()


async def told(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer with what was asked."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return
        body += message["body"]
        more = message["more_body"]
    content = json.dumps({"path": scope["path"], "size": len(body)}).encode()
    if scope["path"] == "/large":
        content = b" " * 29_999_998 + b"{}"
    if scope["path"] == "/late":
        await asyncio.to_thread(half_closed.wait, 5)
    fields = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": content})


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Serve in a thread; return the port."""
    monkeypatch.setattr(TolerantHttp, "head_within_s", 0.5)
    half_closed.clear()
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    number = free_port()
    server = uvicorn.Server(
        uvicorn.Config(
            told, port=number, http=Heard, lifespan="off", log_config=None,
            timeout_graceful_shutdown=1,
        )
    )  # fmt: skip
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    waiting = threading.Event()
    while not server.started:
        waiting.wait(0.01)
    yield number
    server.should_exit = True
    thread.join(10)


POST = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
LATE = POST.replace(b"/a", b"/late")


def test_requests_that_come_at_once_are_answered_in_turn(port: int) -> None:
    raw = POST + b"GET /\xc4 HTTP/1.1\r\nHost: x\r\n\r\n" + POST

    heard = exchange(port, raw, answers=3)

    assert [answer.body["size"] for answer in heard.answers] == [2, 0, 2]


def test_a_head_in_small_pieces_is_one_head(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        for one in POST:
            connection.sendall(bytes((one,)))
        assert connection.recv(9999).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("begun", [b"", b"\0", b"POST /a HTTP/1.1\r\nHost: x\r\n"])
@pytest.mark.parametrize("before", [b"", POST])
def test_nobody_waits_for_a_head_that_does_not_come(port: int, before: bytes, begun: bytes) -> None:
    if before and not begun:
        return  # an idle connection may stay as long as uvicorn lets it

    heard = exchange(port, before + begun, answers=2 if before else 1, patience_s=5)

    assert len(heard.answers) == (1 if before else 0)
    assert heard.closed
    assert heard.took_s < 4


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense\r\n\r\n",
        b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n{}",
        b"GET /a HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 70_000,
    ],
)
def test_what_cannot_be_read_is_refused_in_json(port: int, raw: bytes) -> None:
    heard = exchange(port, raw)

    assert (heard.answers[0].status, heard.answers[0].body["ret"]) == (400, "30001")
    assert heard.closed


def test_a_body_that_turns_into_something_else_is_worth_repeating(port: int) -> None:
    raw = b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\nzz\r\n"

    heard = exchange(port, raw)

    assert (heard.answers[0].status, heard.answers[0].body["ret"]) == (503, "50002")
    assert heard.answers[0].headers["retry-after"] == "10"
    assert heard.closed


def test_an_answer_to_http_1_0_is_the_last(port: int) -> None:
    heard = exchange(port, POST.replace(b"1.1", b"1.0"))

    assert heard.answers[0].body["size"] == 2
    assert heard.closed


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_a_caller_that_says_no_more_hears_its_answer(port: int, version: bytes) -> None:
    heard = exchange(port, LATE.replace(b"1.1", version), says_no_more=True)

    assert [answer.body["size"] for answer in heard.answers] == [2]
    assert heard.closed


@pytest.mark.parametrize("behind", [b"", b"GET /a HT", LATE[:-1]])
def test_requests_before_the_end_are_all_answered(port: int, behind: bytes) -> None:
    """What is cut off behind them is not, and nobody waits for the rest of it."""
    heard = exchange(port, LATE * 3 + behind, answers=4, says_no_more=True, patience_s=5)

    assert [answer.body["size"] for answer in heard.answers] == [2, 2, 2]
    assert heard.closed
    assert heard.took_s < 4


def test_a_large_answer_is_heard_to_its_end_after_the_caller_ended(port: int) -> None:
    raw = b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n"

    heard = exchange(port, raw, says_no_more=True)

    assert len(heard.answers) == 1
    assert int(heard.answers[0].headers["content-length"]) == 30_000_000
    assert heard.closed


@pytest.mark.parametrize("target", [b"/a", b"door:443"])
def test_no_answer_begins_a_tunnel(
    port: int, target: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    heard = exchange(port, b"CONNECT " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n" + POST, answers=2)

    assert [answer.body["size"] for answer in heard.answers] == [0, 2]
    assert "Exception" not in caplog.text


async def spoken(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Accept a socket until it is closed."""
    assert scope["type"] == "websocket"
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass


async def test_a_socket_counts_until_it_ends_and_makes_no_room() -> None:
    connections = Connections(most=2)
    http, live = limited(connections)
    number = free_port()
    server = uvicorn.Server(
        uvicorn.Config(
            spoken, port=number, http=http, ws=live, lifespan="off", log_config=None,
            timeout_graceful_shutdown=1,
        )
    )  # fmt: skip
    serving = asyncio.create_task(server.serve())
    await wait_until_async(lambda: server.started)
    address = f"ws://127.0.0.1:{number}/"
    async with websockets.connect(address), websockets.connect(address):
        assert len(connections) == 2
        with pytest.raises((OSError, websockets.exceptions.InvalidMessage)):
            await websockets.connect(address)
    await wait_until_async(lambda: not len(connections))
    server.should_exit = True
    await serving


def test_a_reader_who_stands_still_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, port: int
) -> None:
    monkeypatch.setattr(TolerantHttp, "read_within_s", 0.3)
    raw = b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(raw)
        assert connection.recv(1)
        waiting = threading.Event()
        deadline = time.monotonic() + 10
        while len(TolerantHttp.all_connections) and time.monotonic() < deadline:
            waiting.wait(0.01)
        received = 1
        with suppress(ConnectionResetError):
            while piece := connection.recv(1 << 20):
                received += len(piece)

    assert received < 30_000_000
