"""Requests of every awkward kind, as bytes, and what each is answered."""

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "menjin" / "raw_cases"
PASS: dict[str, Any] = {
    "userId": "1001", "userName": "x", "temperature": "36.5", "mask": True,
    "screenTime": 1795000000, "similarity": 90,
}  # fmt: skip
BODY = json.dumps(PASS).encode()


@dataclass(frozen=True, slots=True)
class Case:
    """One request.

    Attributes:
        name: of the case; also code of the site it is sent to.
        raw: its bytes; ``{{TOKEN}}`` stands for the site's secret.
        answers: how many are waited for.
        source: address it is sent from; 127.0.0.2 is a trusted proxy.
        says_no_more: whether the caller ends its half of the connection behind it.
    """

    name: str
    raw: bytes
    answers: int = 1
    source: str = "127.0.0.1"
    says_no_more: bool = False


def shipped() -> Iterator[Case]:
    """Read the cases that are files, each as the bytes it is."""
    for path in sorted(FOLDER.glob("*.http")):
        yield Case(path.stem, path.read_bytes())


def request(
    body: bytes | None = BODY,
    *,
    line: bytes = b"POST /t/{{TOKEN}}/syface/door-1 HTTP/1.1",
    host: bytes | None = b"127.0.0.1:8220",
    length: int | None = -1,
    fields: tuple[bytes, ...] = (),
) -> bytes:
    """Put a request together; ``length`` -1 is the true one, None leaves it out."""
    lines = [line, *([] if host is None else [b"Host: " + host]), *fields]
    if length is not None and body is not None:
        lines.append(b"Content-Length: %d" % (len(body) if length < 0 else length))
    return b"\r\n".join(lines) + b"\r\n\r\n" + (body or b"")


def chunked(*pieces: bytes, end: bytes = b"0\r\n\r\n", extension: bytes = b"") -> bytes:
    """Return a body in pieces."""
    parts = [b"%x%s\r\n%s\r\n" % (len(one), extension, one) for one in pieces]
    return b"".join(parts) + end


def squeezed(content: bytes, *, wbits: int) -> bytes:
    """Return content as zlib writes it: 31 gzip, 15 zlib, -15 neither's frame."""
    packer = zlib.compressobj(wbits=wbits)
    return packer.compress(content) + packer.flush()


CHUNKED = (b"Transfer-Encoding: chunked",)
POLL = b"GET /t/{{TOKEN}}/syrecord/door-1?lastQueryTime=0 HTTP/1.1"
BEAT = b"POST /t/{{TOKEN}}/syheartbeat/door-1 HTTP/1.1"
OLD = b"POST /t/{{TOKEN}}/syface/door-1 HTTP/1.0"
ZIPPED = gzip.compress(BODY, mtime=0)


def path(text: bytes) -> bytes:
    """Return the request line of an upload to a path."""
    return b"POST " + text + b" HTTP/1.1"


def encoded(name: bytes, body: bytes) -> bytes:
    """Return an upload with a ``Content-Encoding``."""
    return request(body, fields=(b"Content-Encoding: " + name, b"Content-Type: application/json"))


def own() -> Iterator[Case]:
    """Neighbours of the cases that are files."""
    yield from _old()
    yield from _pieces()
    yield from _packed()
    yield from _lengths()
    yield from _paths()
    yield from _hosts()
    yield from _ids()
    yield from _odd()
    yield from _hops()
    yield from _ends()


def _ends() -> Iterator[Case]:
    ends: dict[str, tuple[bytes, int]] = {
        "face": (request(), 1),
        "old-face": (request(line=OLD), 1),
        "old-keep": (request(line=OLD, fields=(b"Connection: keep-alive",)), 1),
        "beat": (request(b"{}", line=BEAT), 1),
        "poll": (request(None, line=POLL), 1),
        "pieces": (request(chunked(BODY), fields=CHUNKED, length=None), 1),
        "next": (request() + request(None, line=POLL), 2),
        "next-cut": (request() + b"GET /t/{{TOKEN}}/sy", 1),
        "body-cut": (request(length=len(BODY) + 1), 1),
        "head-cut": (request(None, line=POLL)[:-2], 1),
    }
    for name, (raw, answers) in ends.items():
        yield Case(f"end-{name}", raw, answers, says_no_more=True)


def _old() -> Iterator[Case]:
    yield Case("old-poll", request(None, line=POLL.replace(b"1.1", b"1.0")))
    yield Case("old-poll-no-host", request(None, line=POLL.replace(b"1.1", b"1.0"), host=None))
    yield Case("old-no-host", request(line=OLD, host=None))
    yield Case("old-picture", request(None, line=b"GET /i/abc.jpg HTTP/1.0"))
    yield Case("old-keep", request(line=OLD, fields=(b"Connection: keep-alive",)))
    yield Case("old-keep-twice", request(line=OLD, fields=(b"Connection: keep-alive",)) * 2, 2)
    yield Case("old-heartbeat", request(b"{}", line=BEAT.replace(b"1.1", b"1.0")))
    yield Case("close", request(fields=(b"Connection: close",)))


def _pieces() -> Iterator[Case]:
    yield Case("pieces-two", request(chunked(BODY[:40], BODY[40:]), fields=CHUNKED, length=None))
    yield Case(
        "pieces-trailer",
        request(chunked(BODY, end=b"0\r\nX-Sum: 1\r\n\r\n"), fields=CHUNKED, length=None),
    )
    yield Case(
        "pieces-extension",
        request(chunked(BODY, extension=b';a="b"'), fields=CHUNKED, length=None),
    )
    yield Case(
        "pieces-upper", request(chunked(BODY), fields=(b"Transfer-Encoding: Chunked",), length=None)
    )
    yield Case(
        "pieces-too-large", request(chunked(*[b" " * 65536] * 140), fields=CHUNKED, length=None)
    )
    yield Case("pieces-broken", request(b"zz\r\n" + BODY, fields=CHUNKED, length=None))
    yield Case("pieces-empty", request(chunked(), fields=CHUNKED, length=None))
    yield Case("pieces-unfinished", request(chunked(BODY, end=b""), fields=CHUNKED, length=None))
    yield Case("pieces-heartbeat", request(chunked(b"{}"), line=BEAT, fields=CHUNKED, length=None))
    yield Case("pieces-poll", request(chunked(b"{}"), line=POLL, fields=CHUNKED, length=None))
    yield Case("pieces-and-length", request(chunked(BODY), fields=CHUNKED))
    yield Case(
        "pieces-gzip",
        request(chunked(ZIPPED), fields=(*CHUNKED, b"Content-Encoding: gzip"), length=None),
    )
    yield Case("pieces-identity", request(fields=(b"Transfer-Encoding: identity",)))
    yield Case("pieces-old", request(chunked(BODY), line=OLD, fields=CHUNKED, length=None))


def _packed() -> Iterator[Case]:
    yield Case("zip-x-gzip", encoded(b"x-gzip", ZIPPED))
    yield Case("zip-upper", encoded(b" GZIP ", ZIPPED))
    yield Case("zip-deflate", encoded(b"deflate", squeezed(BODY, wbits=15)))
    yield Case("zip-deflate-raw", encoded(b"deflate", squeezed(BODY, wbits=-15)))
    yield Case("zip-twice", encoded(b"gzip, gzip", gzip.compress(ZIPPED)))
    yield Case("zip-identity", encoded(b"identity", BODY))
    yield Case("zip-empty-name", encoded(b"", BODY))
    yield Case("zip-not-packed", encoded(b"gzip", BODY))
    yield Case("zip-unnamed", request(ZIPPED))
    yield Case("zip-bomb", encoded(b"gzip", gzip.compress(b" " * 80_000_000)))
    yield Case(
        "zip-bomb-twice", encoded(b"gzip, gzip", gzip.compress(gzip.compress(b" " * 80_000_000)))
    )
    yield Case("zip-unknown", encoded(b"br", b"\x0b\x02\x80abc\x03"))
    yield Case("zip-cut", encoded(b"gzip", ZIPPED[:-20]))
    yield Case("zip-no-sum", encoded(b"gzip", ZIPPED[:-8]))
    yield Case("zip-wrong-sum", encoded(b"gzip", ZIPPED[:-8] + b"\1\2\3\4" + ZIPPED[-4:]))
    yield Case("zip-tail", encoded(b"gzip", ZIPPED + b"\0\0"))
    yield Case("zip-members", encoded(b"gzip", gzip.compress(BODY[:50]) + gzip.compress(BODY[50:])))
    yield Case(
        "zip-heartbeat",
        request(gzip.compress(b"{}"), line=BEAT, fields=(b"Content-Encoding: gzip",)),
    )
    yield Case("zip-empty", encoded(b"gzip", b""))


def _lengths() -> Iterator[Case]:
    yield Case("length-line-break", request(BODY + b"\r\n", length=len(BODY)))
    yield Case("length-many-more", request(BODY + b"garbage " * 900, length=len(BODY)))
    yield Case("length-beat-more", request(b"{}\0", line=BEAT, length=2))
    yield Case("length-next", request() + request(None, line=POLL), 2)
    yield Case("length-next-cut", request() + b"GET /t/{{TOKEN}}/sy")
    yield Case("length-one-less", request(length=len(BODY) + 1))
    yield Case("length-beat-less", request(b"{}", line=BEAT, length=3))
    yield Case("length-none", request(length=None))
    yield Case("length-same-twice", request(fields=(b"Content-Length: %d" % len(BODY),)))
    yield Case("length-two", request(fields=(b"Content-Length: 5",)))
    yield Case(
        "length-list",
        request(fields=(b"Content-Length: %d, %d" % (len(BODY), len(BODY)),), length=None),
    )
    yield Case("length-negative", request(fields=(b"Content-Length: -1",), length=None))
    yield Case("length-word", request(fields=(b"Content-Length: abc",), length=None))
    yield Case("length-plus", request(fields=(b"Content-Length: +%d" % len(BODY),), length=None))
    yield Case("length-huge", request(length=100_000_000_000))
    yield Case("length-over", request(length=9_000_000))
    yield Case("length-zero", request(b""))
    yield Case("length-poll-body", request(b"{}", line=POLL))
    yield Case("expect", request(fields=(b"Expect: 100-continue",)))


def _paths() -> Iterator[Case]:
    for number, text in enumerate(
        (
            b"//t/{{TOKEN}}//syface//door-1", b"/t//{{TOKEN}}/syface/door-1",
            b"/t/{{TOKEN}}/syface/door-1/", b"/t/{{TOKEN}}/syface/door-1//",
            b"///t///{{TOKEN}}///syface///door-1", b"/t/{{TOKEN}}/syface/%2Fdoor-1",
            b"/t/{{TOKEN}}/syface/%2F%2Fdoor-1%2F", b"/t/{{TOKEN}}%2Fsyface/door-1",
            b"/t/{{TOKEN}}/+syface/door-1", b"/t/{{TOKEN}}//+syface/door-1",
            b"/t/{{TOKEN}}/./syface/door-1", b"/t/{{TOKEN}}/syface/../syface/door-1",
        )
    ):  # fmt: skip
        yield Case(f"path-{number}", request(line=path(text)))
    yield Case(
        "path-poll",
        request(None, line=b"GET /t/{{TOKEN}}//syrecord//door-1?lastQueryTime=0 HTTP/1.1"),
    )
    yield Case("path-beat", request(b"{}", line=path(b"//t/{{TOKEN}}//syheartbeat/door-1")))
    yield Case("path-none", request(line=path(b"/t/{{TOKEN}}//syface//")))
    yield Case("path-unknown", request(line=path(b"//t//{{TOKEN}}//syother/door-1")))
    yield Case("path-token-only", request(line=path(b"//t//{{TOKEN}}//")))
    yield Case("path-bare", request(line=path(b"//syface//door-1")))
    yield Case("path-picture", request(None, line=b"GET //i//abc.jpg HTTP/1.1"))
    yield Case(
        "path-absolute", request(line=path(b"http://127.0.0.1:8220/t/{{TOKEN}}/syface/door-1"))
    )
    yield Case(
        "path-absolute-slashes",
        request(line=path(b"http://127.0.0.1:8220//t/{{TOKEN}}//syface/door-1")),
    )
    yield Case("path-fragment", request(line=path(b"/t/{{TOKEN}}/syface/door-1#x")))
    yield Case("path-question", request(line=path(b"/t/{{TOKEN}}/syface/door-1?")))
    yield Case("path-blank", request(line=path(b"/t/{{TOKEN}}/syface/door 1")))
    yield Case("path-percent", request(line=path(b"/t/{{TOKEN}}/syface/door%zz1")))
    yield Case("path-backslash", request(line=path(b"/t/{{TOKEN}}/syface\\door-1")))
    yield Case("path-quote", request(line=path(b'/t/{{TOKEN}}/syface/door"1')))


def _hosts() -> Iterator[Case]:
    hosts = {
        "underscore": b"door_server:8220", "empty": b"", "six": b"[::1]:8220",
        "port": b"127.0.0.1:80", "upper": b"DOOR.Example:8220", "foreign": b"elsewhere.example",
        "blank": b"door server", "slash": b"door/server", "bad-port": b"127.0.0.1:abc",
        "bytes": b"\xc4\xcf\xc3\xc5", "long": b"x" * 300, "dot": b"127.0.0.1.",
        "at": b"user@127.0.0.1",
    }  # fmt: skip
    for name, host in hosts.items():
        yield Case(f"host-{name}-poll", request(None, line=POLL, host=host))
        yield Case(f"host-{name}-face", request(host=host))
    yield Case("host-underscore-beat", request(b"{}", line=BEAT, host=b"door_server"))
    yield Case("host-none", request(None, line=POLL, host=None))
    yield Case("host-two", request(None, line=POLL, fields=(b"Host: 10.0.0.1",)))


def _ids() -> Iterator[Case]:
    south, north = "南门".encode("gbk"), "北门".encode("gbk")
    for name, written in {"south": south, "north": north, "utf8": "南门".encode()}.items():
        yield Case(f"id-{name}-raw", request(line=path(b"/t/{{TOKEN}}/syface/" + written)))
        quoted = b"".join(b"%%%02X" % one for one in written)
        yield Case(f"id-{name}-quoted", request(line=path(b"/t/{{TOKEN}}/syface/" + quoted)))
        yield Case(
            f"id-{name}-raw-poll",
            request(
                None, line=b"GET /t/{{TOKEN}}/syrecord/" + written + b"?lastQueryTime=0 HTTP/1.1"
            ),
        )
    yield Case("id-percent-twice", request(line=path(b"/t/{{TOKEN}}/syface/%25C4%25CF")))
    yield Case("id-no-text", request(line=path(b"/t/{{TOKEN}}/syface/%FF%FE%FF")))
    yield Case("id-nul", request(line=path(b"/t/{{TOKEN}}/syface/door-1%00%00")))
    yield Case("id-line-break", request(line=path(b"/t/{{TOKEN}}/syface/door-1%0d%0a")))
    yield Case("id-blank", request(line=path(b"/t/{{TOKEN}}/syface/door%201")))
    yield Case("id-plus", request(line=path(b"/t/{{TOKEN}}/syface/door+1")))


def _odd() -> Iterator[Case]:
    yield Case("odd-lower", request(line=b"post /t/{{TOKEN}}/syface/door-1 HTTP/1.1"))
    yield Case("odd-folded", request(fields=(b"X-Long: a\r\n b",)))
    yield Case("odd-long-line", request(fields=(b"X-Long: " + b"a" * 7000,)))
    yield Case("odd-longer-line", request(fields=(b"X-Long: " + b"a" * 20_000,)))
    yield Case("odd-many-lines", request(fields=tuple(b"X-%d: 1" % n for n in range(90))))
    yield Case("odd-more-lines", request(fields=tuple(b"X-%d: 1" % n for n in range(300))))
    yield Case("odd-long-path", request(line=path(b"/t/{{TOKEN}}/syface/" + b"a" * 7000)))
    yield Case("odd-longer-path", request(line=path(b"/t/{{TOKEN}}/syface/" + b"a" * 20_000)))
    yield Case("odd-head", request(None, line=POLL.replace(b"GET", b"HEAD")))
    yield Case("odd-options", request(None, line=POLL.replace(b"GET", b"OPTIONS")))
    yield Case("odd-bare-lines", request().replace(b"\r\n", b"\n"))
    yield Case("odd-blank-first", b"\r\n" + request())
    yield Case("odd-blank-colon", request(fields=(b"X-A : 1",)))
    yield Case("odd-bytes", request(fields=(b"User-Agent: \xc4\xcf",)))
    yield Case("odd-underscore", request(fields=(b"X_A: 1",)))
    yield Case("odd-control", request(fields=(b"X-A: a\x01b",)))
    yield Case(
        "odd-version", request(line=path(b"/t/{{TOKEN}}/syface/door-1").replace(b"1.1", b"1.2"))
    )
    yield Case(
        "odd-upgrade",
        request(
            fields=(
                b"Connection: Upgrade, HTTP2-Settings",
                b"Upgrade: h2c",
                b"HTTP2-Settings: AAMAAABkAAQAAP__",
            )
        ),
    )
    yield Case("odd-trace", request(None, line=b"TRACE /t/{{TOKEN}}/syface/door-1 HTTP/1.1"))
    yield Case("odd-connect", request(None, line=b"CONNECT /t/{{TOKEN}}/syface/door-1 HTTP/1.1"))
    yield Case("odd-nonsense", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")


def _hops() -> Iterator[Case]:
    hops: dict[str, tuple[bytes, ...]] = {
        "plain": (b"X-Forwarded-For: 203.0.113.7",),
        "port": (b"X-Forwarded-For: 203.0.113.7:5678",),
        "quoted": (b'X-Forwarded-For: "203.0.113.7"',),
        "six": (b"X-Forwarded-For: 2001:db8::7",),
        "brackets": (b'X-Forwarded-For: "[2001:db8::7]:4711"',),
        "chain": (b"X-Forwarded-For: 10.0.0.9, 203.0.113.7, 127.0.0.2",),
        "empty": (b"X-Forwarded-For: 203.0.113.7, ,",),
        "lines": (b"X-Forwarded-For: 10.0.0.9", b"X-Forwarded-For: 203.0.113.7"),
        "foreign": (b"X-Forwarded-For: 203.0.113.7, 198.51.100.1",),
        "unknown": (b"X-Forwarded-For: 203.0.113.7, unknown",),
        "bytes": (b"X-Forwarded-For: 203.0.113.7, \xc4\xcf",),
        "forwarded": (b"Forwarded: for=203.0.113.7",),
        "real-ip": (b"X-Real-IP: 203.0.113.7",),
    }
    for name, fields in hops.items():
        raw = request(None, line=POLL, fields=fields)
        yield Case(f"xff-{name}", raw)
        yield Case(f"xff-{name}-proxy", raw, source="127.0.0.2")
