"""Bodies are read whole, within a size and a time, and alike on both kinds of server."""

import asyncio
import io
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from terminal_api.body_buffer import MAY_BE_CUT, RECEIVING_S, BodyMemory
from terminal_api.body_buffer_asgi import BodyBufferAsgi
from terminal_api.body_buffer_wsgi import BodyBufferWsgi, BodyReaders, BodyStalled

pytestmark = pytest.mark.sqlite
LIMIT = 20_000
LANE, PAGE = "/t/x/syface/1", "/api/v1/people/"
CHUNKED: dict[str, str] = {"transfer-encoding": "chunked"}


@pytest.fixture(autouse=True)
def _small(settings: Any) -> None:
    settings.TERMINAL_BODY_LIMIT_BYTES = LIMIT
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * LIMIT
    settings.TRUSTED_PROXIES = ["10.0.0.1"]


class Source:
    """A body as granian hands it out: a read ends when it is full, or the body has ended."""

    def __init__(self, body: bytes, *, ends: bool = True, takes_s: float = 0.0) -> None:
        self._body = io.BytesIO(body)
        self._ends = ends
        self._takes_s = takes_s
        self.hung_up = threading.Event()

    def read(self, size: int = 1 << 30) -> bytes:
        found = self._body.read(size)
        self.hung_up.wait(self._takes_s)
        if len(found) < min(size, 1 << 29) and not self._ends:
            self.hung_up.wait(20)
        return found


class Told:
    """What the application behind was given, and what was answered in the end."""

    def __init__(self) -> None:
        self.body: bytes | None = None
        self.seen: dict[str, Any] = {}
        self.status = 0
        self.answer: Any = None
        self.headers: dict[str, str] = {}


def over_wsgi(
    path: str,
    body: bytes,
    headers: dict[str, str],
    *,
    ends: bool = True,
    peer: str = "10.0.0.9",
    takes_s: float = 0.0,
) -> Told:
    told = Told()

    def behind(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        told.seen = environ
        told.body = environ["wsgi.input"].read()
        start_response("200 OK", [])
        return [b"{}"]

    def start_response(status: str, fields: list[tuple[str, str]]) -> None:
        told.status = int(status.split()[0])
        told.headers = {name.lower(): value for name, value in fields}

    source = Source(body, ends=ends, takes_s=takes_s)
    environ = {
        "PATH_INFO": path,
        "REMOTE_ADDR": peer,
        "wsgi.input": source,
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()},
    }
    if "HTTP_CONTENT_LENGTH" in environ:
        environ["CONTENT_LENGTH"] = environ.pop("HTTP_CONTENT_LENGTH")
    whole = BodyBufferWsgi(behind, readers=BodyReaders(stalled_s=0.1))
    told.answer = json.loads(b"".join(whole(environ, start_response)))
    source.hung_up.set()
    return told


def over_asgi(
    path: str,
    body: bytes,
    headers: dict[str, str],
    *,
    ends: bool = True,
    peer: str = "10.0.0.9",
    takes_s: float = 0.0,
    memory: BodyMemory | None = None,
) -> Told:
    told = Told()
    pieces = [body[start : start + 7000] for start in range(0, len(body), 7000)] or [b""]

    async def receive() -> dict[str, Any]:
        if not pieces:
            await asyncio.sleep(20)
        await asyncio.sleep(takes_s)
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces) or not ends}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            told.status = message["status"]
            told.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            told.answer = json.loads(message["body"])

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        told.seen = scope
        told.body = (await receive())["body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    scope = {
        "type": "http",
        "path": path,
        "raw_path": path.encode(),
        "client": (peer, 1),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    asyncio.run(BodyBufferAsgi(behind, stalled_s=0.1, memory=memory)(scope, receive, send))
    return told


both = pytest.mark.parametrize("ask", [over_wsgi, over_asgi])
Ask = Callable[..., Told]


def length(size: int) -> dict[str, str]:
    """Return the header that announces so many bytes."""
    return {"content-length": str(size)}


@both
@pytest.mark.parametrize("path", [LANE, PAGE])
@pytest.mark.parametrize("size", [1, 8191, 8192, 8193, LIMIT])
def test_a_body_is_handed_on_whole(ask: Ask, path: str, size: int) -> None:
    assert ask(path, b"x" * size, length(size)).body == b"x" * size
    assert ask(path, b"x" * size, CHUNKED).body == b"x" * size


@both
def test_how_long_a_body_took_is_told(ask: Ask) -> None:
    """Whether an upload began before the last answer went out says whether it is of a queue."""
    assert ask(LANE, b"x", length(1), takes_s=0.06).seen[RECEIVING_S] >= 0.05


def test_bytes_behind_the_body_are_not_its_own() -> None:
    """An ASGI server has cut them off already."""
    assert over_wsgi(LANE, b"x" * 15, length(10)).body == b"x" * 10


@both
@pytest.mark.parametrize("headers", [length(11), CHUNKED])
def test_a_body_that_stands_still_is_worth_repeating(ask: Ask, headers: dict[str, str]) -> None:
    told = ask(LANE, b"x" * 10, headers, ends=False)

    assert told.body is None
    assert (told.status, told.answer["ret"]) == (503, "50002")
    assert told.headers["retry-after"] == "10"
    assert int(told.headers["content-length"]) == len(json.dumps(told.answer))


@both
def test_for_others_it_says_so_in_their_own_shape(ask: Ask) -> None:
    told = ask(PAGE, b"x" * 10, length(11), ends=False)
    assert (told.status, told.answer["error"]) == (408, "request_timeout")

    told = ask(PAGE, b"x" * (2 * LIMIT + 1), CHUNKED)
    assert (told.status, told.answer["error"]) == (413, "too_large")


def test_a_body_that_ends_early_is_worth_repeating() -> None:
    """Granian takes the end of a connection for the end of the body."""
    told = over_wsgi(LANE, b"x" * 10, length(11))

    assert told.body is None
    assert (told.status, told.answer["ret"]) == (503, "50002")


@both
@pytest.mark.parametrize("size", [LIMIT + 1, 2 * LIMIT, 2 * LIMIT + 1, 5 * LIMIT])
def test_a_body_over_the_limit_is_never_worth_repeating(ask: Ask, size: int) -> None:
    for headers in (length(size), CHUNKED):
        told = ask(LANE, b"x" * size, headers)

        assert told.body is None
        assert (told.status, told.answer["ret"]) == (200, "30001")


@both
def test_whoever_announces_far_too_much_is_answered_at_once(ask: Ask) -> None:
    told = ask(LANE, b"", length(10**12), ends=False)

    assert (told.status, told.answer["ret"]) == (200, "30001")


@both
def test_without_a_body_nothing_is_read(ask: Ask) -> None:
    assert ask(LANE, b"", {}).status == 200
    assert ask(LANE, b"", length(0)).body == b""


@both
def test_the_scheme_of_others_is_not_believed(ask: Ask) -> None:
    headers = {"x-forwarded-proto": "https"}

    stranger, proxy = ask(PAGE, b"", headers), ask(PAGE, b"", headers, peer="10.0.0.1")

    assert "https" not in str(stranger.seen)
    assert "https" in str(proxy.seen)


def test_pieces_that_may_be_cut_are_marked() -> None:
    assert over_wsgi(LANE, b"x", CHUNKED).seen[MAY_BE_CUT] is True
    assert over_wsgi(LANE, b"x", length(1)).seen[MAY_BE_CUT] is False


def test_paths_keep_their_bytes() -> None:
    assert over_asgi("/t/x/syface/%C4%CF", b"", {}).seen["path"] == "/t/x/syface/%C4%CF"
    assert over_asgi("/t/x/syface/%E5%8D%97", b"", {}).seen["path"] == "/t/x/syface/南"


def test_reads_go_on_beside_those_that_never_end() -> None:
    readers = BodyReaders(stalled_s=0.05, most=3)
    stuck = [Source(b"", ends=False) for _ in range(2)]
    for source in stuck:
        with pytest.raises(BodyStalled):
            readers.read(source, 1)

    assert [readers.read(Source(b"ab"), 2) for _ in range(100)] == [b"ab"] * 100

    with pytest.raises(BodyStalled):
        readers.read(Source(b"", ends=False), 1)
    with pytest.raises(BodyStalled):
        readers.read(Source(b"ab"), 2)
    for source in stuck:
        source.hung_up.set()
    until = threading.Event()
    for _ in range(100):
        if len(readers._idle) == 2:
            break
        until.wait(0.05)
    assert readers.read(Source(b"ab"), 2) == b"ab"


def test_a_read_that_fails_is_a_body_that_broke_off() -> None:
    class Broken:
        def read(self, _size: int) -> bytes:
            raise ConnectionResetError

    class Wrong:
        def read(self, _size: int) -> bytes:
            raise RuntimeError("a fault of ours")

    readers = BodyReaders(most=1)
    with pytest.raises(BodyStalled):
        readers.read(Broken(), 1)
    with pytest.raises(RuntimeError):
        readers.read(Wrong(), 1)
    assert readers.read(Source(b"a"), 1) == b"a"


@pytest.mark.parametrize(("path", "status"), [(LANE, 503), (PAGE, 503)])
def test_bodies_beyond_the_memory_for_them_are_worth_repeating(path: str, status: int) -> None:
    memory = BodyMemory(LIMIT)
    assert memory.take(LIMIT - 8000)

    refused = over_asgi(path, b"a" * 9000, length(9000), memory=memory)
    taken = over_asgi(path, b"a" * 8000, length(8000), memory=memory)
    # What was taken for the first, and for the second, is free again.
    again = over_asgi(path, b"a" * 8000, length(8000), memory=memory)

    assert (refused.status, refused.body, refused.headers["retry-after"]) == (status, None, "10")
    assert (taken.status, again.status) == (200, 200)
    memory.give_back(LIMIT - 8000)
    assert memory.take(LIMIT)
    assert not memory.take(1)
