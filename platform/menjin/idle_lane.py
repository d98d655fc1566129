"""What idle terminals ask all day is answered here, in front of Django's handler (decision 0017).

A WSGI application around Django's: a poll that finds nothing new and a heartbeat of a terminal that
is on file get their constant answers, with admission, rates, presence and flight recorder as in the
lane behind. Everything else, and whatever goes wrong here, is left to that lane
(``menjin.terminal_lane``), with the body of the request as if nobody had read it.
"""

import io
import json
import logging
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.http.request import split_domain_port, validate_host

from devices.services import Exchange, call_taken, heartbeat_known, masked
from faces.services import poll_told
from server_common.addresses import caller_address
from terminal_protocol import Ack, Heartbeat, RetCode, SyncAnswer, UnreadableBody, read_body

logger = logging.getLogger(__name__)

# The plainest form of a terminal's address; any other is read by the lane behind.
_PATH = re.compile(r"/t/([A-Za-z0-9_\-]{1,64})/(syrecord|syheartbeat)/([A-Za-z0-9_.\-]{1,32})")
_CURSOR = re.compile(r"lastQueryTime=([0-9]{1,18})")
_BODY_MAX = 512
# Requests worked on here at once, and how many more wait for a moment; whoever finds no place is
# sent to the lane behind, where people at doors go first. With the usual 8 slots of that lane and
# all who can wait there (``menjin.crowding``), 31 of a server's 32 threads are taken at most.
_AT_ONCE = 4
_WAITING = 5
_WAIT_S = 0.5
_RETRY_AFTER_S = "10"

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class _Quiet:
    """An answer that is ready, and what is noted of it."""

    terminal_id: int
    said: dict[str, Any]
    answer: dict[str, Any]
    shown: dict[str, Any]
    note: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Call:
    """A request in the plainest form."""

    token: str
    kind: str
    device_id: str
    address: str


class IdleLane:
    """WSGI application that answers idle terminals itself and passes everything else on."""

    def __init__(
        self, application: Application, *, at_once: int = _AT_ONCE, waiting: int = _WAITING
    ) -> None:
        """Stand in front of an application."""
        self._application = application
        self._room = threading.Semaphore(at_once)
        self._queue = threading.Semaphore(waiting)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request, here or behind."""
        answer = self._answered(environ)
        if answer is None:
            return self._application(environ, start_response)
        status, headers, body = answer
        common = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("X-Request-Id", secrets.token_hex(4)),
        ]
        start_response(status, [*common, *headers])
        return [body]

    def _has_room(self) -> bool:
        """Take a place, at once or after a short wait in a short queue."""
        if self._room.acquire(blocking=False):
            return True
        if not self._queue.acquire(blocking=False):
            return False
        try:
            return self._room.acquire(timeout=_WAIT_S)
        finally:
            self._queue.release()

    def _answered(self, environ: Environ) -> tuple[str, list[tuple[str, str]], bytes] | None:
        started = time.perf_counter()
        call = _call_of(environ)
        if call is None or not self._has_room():
            return None
        try:
            quiet = _poll(call, environ) if call.kind == "syrecord" else _heartbeat(call, environ)
            if quiet is None:
                return None
            took_ms = round((time.perf_counter() - started) * 1000, 1)
            if _taken(call, quiet, took_ms):
                return "200 OK", [], json.dumps(quiet.answer).encode()
            logger.info("terminal_too_often terminal=%s", quiet.terminal_id)
            busy = Ack(RetCode.INTERNAL_ERROR, "too many requests").to_wire()
            headers = [("Retry-After", _RETRY_AFTER_S)]
            return "503 Service Unavailable", headers, json.dumps(busy).encode()
        except (DatabaseError, InterfaceError):
            # Of a connection that broke off; the lane behind opens a new one, and says what is
            # wrong if that does not help.
            connection.close()
            return None
        except Exception:
            # The border of this lane: the one behind answers whatever went wrong here.
            logger.exception("idle_request_failed")
            return None
        finally:
            self._room.release()


def _call_of(environ: Environ) -> _Call | None:
    """Read a request that may be a quiet one; None when it is none or not in plain form."""
    found = _PATH.fullmatch(environ.get("PATH_INFO", ""))
    if found is None or environ.get("HTTP_TRANSFER_ENCODING"):
        return None
    token, kind, device_id = found.groups()
    if environ["REQUEST_METHOD"] != ("GET" if kind == "syrecord" else "POST"):
        return None
    return _Call(token, kind, device_id, caller_address(environ))


def _poll(call: _Call, environ: Environ) -> _Quiet | None:
    found = _CURSOR.fullmatch(environ.get("QUERY_STRING", ""))
    is_plain = found and environ.get("CONTENT_LENGTH", "") in {"", "0"}
    if not found or not is_plain or not _is_host(environ.get("HTTP_HOST", "")):
        return None
    told = poll_told(
        token=call.token, device_id=call.device_id, address=call.address, asked=int(found[1])
    )
    if told is None:
        return None
    cursor = told.last_query_time
    return _Quiet(
        terminal_id=told.terminal_id,
        said={"lastQueryTime": found[1]},
        answer=SyncAnswer(entries=(), last_query_time=cursor).to_wire(),
        shown={"list": 0, "lastQueryTime": cursor},
        note={"save": 0, "delete": 0, "cursor": cursor},
    )


def _heartbeat(call: _Call, environ: Environ) -> _Quiet | None:
    length = environ.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > _BODY_MAX:
        return None
    heard = heartbeat_known(token=call.token, device_id=call.device_id, address=call.address)
    if heard is None:
        return None
    body = environ["wsgi.input"].read(int(length))
    # Whoever is asked after this one reads it again.
    environ["wsgi.input"] = io.BytesIO(body)
    understood = _understood(body, environ.get("CONTENT_TYPE", ""))
    if len(body) != int(length) or understood is None:
        return None
    said, server_url = understood
    if server_url not in {"", heard.server_url}:
        return None
    answer = Ack(RetCode.SUCCESS, "Success").to_wire()
    return _Quiet(heard.terminal_id, said, answer, answer, note={})


@lru_cache(maxsize=4096)
def _understood(body: bytes, content_type: str) -> tuple[dict[str, Any], str] | None:
    """Return what a heartbeat says, masked, and its server; a terminal says the same every time.

    None for a body that had to be repaired or cannot be read, which the lane behind counts.
    """
    try:
        reading = read_body(body, content_type)
    except UnreadableBody:
        return None
    if reading.repairs:
        return None
    return masked(reading.data), Heartbeat.from_wire(reading.data).server_url


def _taken(call: _Call, quiet: _Quiet, took_ms: float) -> bool:
    exchange = Exchange(
        at=time.time(),
        kind=call.kind,
        address=call.address,
        status=200,
        said=quiet.said,
        answered=quiet.shown,
        note=quiet.note,
        took_ms=took_ms,
    )
    return call_taken(
        terminal_id=quiet.terminal_id, address=call.address, used_token=True, quiet=exchange
    )


def _is_host(host: str) -> bool:
    """Tell whether a request for this host is for us; the lane behind refuses others."""
    return _host_allowed(host, tuple(settings.ALLOWED_HOSTS))


@lru_cache(maxsize=256)
def _host_allowed(host: str, allowed: tuple[str, ...]) -> bool:
    domain, _ = split_domain_port(host)
    return bool(domain) and validate_host(domain, allowed)
