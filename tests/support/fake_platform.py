"""A small platform over real HTTP: the chapter-9 endpoints for one site, in this process.

It keeps a library with a logical clock, admits by the token of its BaseUrl, answers uploads, and
can be told to misbehave. Nothing in it knows Django.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from terminal_protocol import (
    Ack,
    FaceMatch,
    PassAnswer,
    ResultFeedback,
    RetCode,
    SyncAnswer,
    SyncEntry,
    TemperatureReading,
    read_body,
    read_feedback,
)

TOKEN = "s3cret-token-of-the-site"


@dataclass(frozen=True)
class Failure:
    """An answer given instead of the usual one.

    Attributes:
        status: HTTP status; 0 closes the connection without an answer.
        body: what is sent.
        headers: extra headers.
        delay_s: pause before the usual answer, which is then given, when status is None.
    """

    status: int | None
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0


def refusal(code: str) -> Failure:
    """HTTP 200 with a code of chapter 7."""
    return Failure(200, json.dumps({"ret": code, "desc": "no"}).encode())


class FakePlatform:
    """One site. All methods may be called from any thread."""

    def __init__(self, *, page_size: int = 200) -> None:
        self.page_size = page_size
        self.opens_for: set[str] = set()
        self.unlock_delay_ms = 3000
        self.passes: list[FaceMatch] = []
        self.readings: list[TemperatureReading] = []
        self.results: list[ResultFeedback] = []
        self.heartbeats = 0
        self.polls: list[int] = []
        self.requests: list[str] = []
        self.raw_bodies: list[tuple[str, bytes]] = []
        self.pictures: dict[str, bytes | Failure] = {}
        self.url = ""
        self.clock = 1_700_000_000
        self.entries: dict[str, tuple[int, SyncEntry]] = {}
        self._failures: list[tuple[Callable[[str], bool], Failure]] = []
        self._poison: list[tuple[bytes, Failure]] = []
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)

    @property
    def base_url(self) -> str:
        """BaseUrl with the site's token."""
        return f"{self.url}/t/{TOKEN}"

    def enrol(self, user_id: str, name: str, picture: bytes | Failure | None, **more: Any) -> None:
        """Put somebody into the library, or put them anew; None gives them no picture."""
        with self._changed:
            self.clock += 1
            path = f"/i/{user_id}-{self.clock}.jpg"
            if picture is not None:
                self.pictures[path] = picture
            url = more.get("url", "" if picture is None else self.url + path)
            entry = SyncEntry(
                operation="save",
                user_type=more.get("user_type", "user"),
                user_id=user_id,
                user_name=name,
                sex=3,
                user_remark="",
                image_url=url,
                operated_at=self.clock,
            )
            self.entries[user_id] = (self.clock, entry)

    def delete(self, user_id: str) -> None:
        """Take somebody out of the library."""
        with self._changed:
            self.clock += 1
            entry = SyncEntry("delete", "user", user_id, "", 3, "", "", self.clock)
            self.entries[user_id] = (self.clock, entry)

    def fail(self, kind: str, failure: Failure, *, times: int = 1) -> None:
        """Answer the next requests of a kind (``syface`` …, ``picture``) with something else."""
        with self._changed:
            self._failures += [(lambda asked: asked == kind, failure)] * times

    def fail_for(self, text: str, failure: Failure) -> None:
        """Answer every upload that holds a text with something else, from now on."""
        with self._changed:
            self._poison.append((text.encode(), failure))

    def heal(self) -> None:
        """Forget failures that were not used up."""
        with self._changed:
            self._failures.clear()
            self._poison.clear()

    def wait(self, condition: Callable[["FakePlatform"], bool], *, timeout_s: float = 10.0) -> None:
        """Wait until something has happened here."""
        with self._changed:
            if not self._changed.wait_for(lambda: condition(self), timeout_s):
                raise TimeoutError("the platform waited in vain")

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, Any, dict[str, str]]:
        """Answer a request: status, JSON or bytes, headers. Status 0 hangs up."""
        parts = urlsplit(target)
        segments = parts.path.strip("/").split("/")
        kind = "picture" if segments[0] == "i" else segments[2] if len(segments) > 2 else "?"
        with self._changed:
            self.requests.append(f"{method} {kind}")
            self._changed.notify_all()
            failure = self._take_failure(kind) or next(
                (failure for text, failure in self._poison if text in body), None
            )
        if failure is not None and failure.status is None:
            time.sleep(failure.delay_s)
        elif failure is not None:
            with self._changed:
                self._changed.notify_all()
            return failure.status or 0, failure.body, failure.headers
        with self._changed:
            try:
                return self._usual(kind, segments, parts.query, body)
            finally:
                self._changed.notify_all()

    def _take_failure(self, kind: str) -> Failure | None:
        for number, (concerns, failure) in enumerate(self._failures):
            if concerns(kind):
                del self._failures[number]
                return failure
        return None

    def _usual(
        self, kind: str, segments: list[str], query: str, body: bytes
    ) -> tuple[int, Any, dict[str, str]]:
        if kind == "picture":
            found = self.pictures.get("/" + "/".join(segments))
            if isinstance(found, Failure):
                return found.status or 0, found.body, found.headers
            return (404, b"gone", {}) if found is None else (200, found, {})
        if segments[0] != "t" or segments[1] != TOKEN:
            return 200, Ack(RetCode.SIGNATURE_FAILED, "unknown token").to_wire(), {}
        if kind == "syrecord":
            asked = int(parse_qs(query).get("lastQueryTime", ["0"])[0])
            self.polls.append(asked)
            return 200, self._page(asked).to_wire(), {}
        self.raw_bodies.append((kind, body))
        read = read_body(body, "application/json")
        return 200, self._upload(kind, read.data, unquote(segments[3])), {}

    def _page(self, asked: int) -> SyncAnswer:
        newer = sorted((one for one in self.entries.values() if one[0] > asked), key=lambda e: e[0])
        page = newer[: self.page_size]
        cursor = page[-1][0] if page else max(asked, self.clock if asked else 0)
        return SyncAnswer(tuple(entry for _, entry in page), cursor)

    def _upload(self, kind: str, data: Any, device_id: str) -> dict[str, Any]:
        if kind == "syface":
            message = FaceMatch.from_wire(data)
            if message.device_id != device_id:
                return Ack(RetCode.PARAM_INVALID, "device id differs").to_wire()
            self.passes.append(message)
            opens = message.user_id in self.opens_for
            return PassAnswer(RetCode.SUCCESS, "Success", opens, self.unlock_delay_ms).to_wire()
        if kind == "syattribute":
            self.readings.append(TemperatureReading.from_wire(data))
        elif kind == "syresult":
            self.results += read_feedback(data)[0]
        elif kind == "syheartbeat":
            self.heartbeats += 1
        else:
            return Ack(RetCode.NOT_SUPPORTED, "no such address").to_wire()
        return Ack(RetCode.SUCCESS, "Success").to_wire()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Without it an answer's head and body wait for each other on loopback.
    disable_nagle_algorithm = True
    platform: FakePlatform

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, content, headers = self.platform.answer(self.command, self.path, body)
        if status == 0:
            self.close_connection = True
            return
        if not isinstance(content, bytes):
            content = json.dumps(content).encode()
            headers = {"Content-Type": "application/json", **headers}
        try:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the terminal did not wait for a slow answer

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - theirs
        """Keep the test's output clean."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


@contextmanager
def serving(platform: FakePlatform | None = None, *, port: int = 0) -> Iterator[FakePlatform]:
    """Serve a platform on loopback.

    Args:
        platform: None makes a new one; giving one serves it again, as after a restart.
        port: 0 for any.
    """
    platform = platform or FakePlatform()
    handler = type("Handler", (_Handler,), {"platform": platform})
    server = _Server(("127.0.0.1", port), handler)
    platform.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield platform
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
