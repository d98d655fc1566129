"""What idle terminals ask all day is answered here, in front of Django's handler (decision 0017).

A WSGI application around Django's: a poll that finds nothing new and a heartbeat of a terminal that
is on file get their constant answers, and a poll that finds somebody enrolled or changed gets its
page of faces, because that is what a whole fleet asks after one change. Admission, rates, presence
and flight recorder are as in the lane behind. Everything else, and whatever goes wrong here, is
left to that lane (``terminal_api.answer``), with the body of the request as if nobody had read it.
"""

import io
import json
import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from devices.services import (
    AdmissionOutdated,
    Exchange,
    call_taken,
    exchange_keep,
    heartbeat_known,
    heartbeat_note,
    masked,
    server_url_shown,
)
from faces.services import Standing, picture_root, poll_look, sync_news
from server_common.addresses import called_host, caller_address
from server_common.request_ids import new_request_id
from terminal_api.load import (
    Crowded,
    Errand,
    SentAway,
    Slots,
    crowded_retry_after_s,
    shared_slots,
)
from terminal_protocol import Ack, Heartbeat, RetCode, SyncAnswer, UnreadableBody, read_body

logger = logging.getLogger(__name__)

# The plainest form of a terminal's address; any other is read by the lane behind.
_PATH = re.compile(r"/t/([A-Za-z0-9_\-]{1,64})/(syrecord|syheartbeat)/([A-Za-z0-9_.\-]{1,32})")
_CURSOR = re.compile(r"lastQueryTime=([0-9]{1,18})")
_BODY_MAX = 512
# Of the lane behind's slots, as many again are for quiet requests at once, and so many more of
# these wait for a moment; whoever finds no place is told to come again. With the usual 8 slots and
# all who can wait for them (``terminal_api.load``), 31 of a server's 32 threads are taken at most.
_AT_ONCE = 1 / 2
_WAITING = 3 / 8
_WAIT_S = 0.5
_RETRY_AFTER_S = 10

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]
Response = tuple[str, list[tuple[str, str]], bytes]


@dataclass(frozen=True, slots=True)
class _Quiet:
    """An answer that is ready, what is noted of it, and the mark of what it was admitted by."""

    terminal_id: int
    said: dict[str, Any]
    answer: dict[str, Any]
    shown: dict[str, Any]
    note: dict[str, Any]
    mark: str | None = None


@dataclass(frozen=True, slots=True)
class _News:
    """A poll that finds news: how its terminal stands, and the cursor it asked with, as written."""

    standing: Standing
    asked: str


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
        self,
        application: Application,
        *,
        at_once: int | None = None,
        waiting: int | None = None,
        slots: Slots | None = None,
    ) -> None:
        """Stand in front of an application.

        Args:
            application: Django's.
            at_once: quiet requests worked on at once, by default half of the slots,
            waiting: and how many more wait for a moment.
            slots: for polls with news, those of the lane behind by default.
        """
        self._application = application
        total = settings.TERMINAL_SLOTS
        at_once = max(1, int(total * _AT_ONCE)) if at_once is None else at_once
        waiting = max(1, int(total * _WAITING)) if waiting is None else waiting
        self._room = threading.Semaphore(at_once)
        self._queue = threading.Semaphore(waiting)
        self._slots = slots or shared_slots()
        self._sent_away = SentAway()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request, here or behind."""
        answer = self._answered(environ)
        if answer is None:
            return self._application(environ, start_response)
        status, headers, body = answer
        common = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("X-Request-Id", new_request_id()),
        ]
        start_response(status, [*common, *headers])
        return [body]

    def _answered(self, environ: Environ) -> Response | None:
        call = _call_of(environ)
        if call is None:
            return None
        try:
            return self._answer(call, environ, time.perf_counter())
        except Crowded:
            # The lane behind has more to do for an answer than this one, so it is no help.
            self._sent_away.count(Errand.POLL if call.kind == "syrecord" else Errand.REST)
            return _busy("platform is busy", crowded_retry_after_s())
        except (DatabaseError, InterfaceError):
            # Of a connection that broke off; the lane behind opens a new one, and says what is
            # wrong if that does not help.
            connection.close()
            return None
        except Exception:
            # The border of this lane: the one behind answers whatever went wrong here.
            logger.exception("idle_request_failed")
            return None

    def _answer(self, call: _Call, environ: Environ, started: float) -> Response | None:
        with self._place():
            found = _poll(call, environ) if call.kind == "syrecord" else _heartbeat(call, environ)
            if isinstance(found, _Quiet):
                try:
                    is_taken = _taken(call, found, _ms_since(started))
                except AdmissionOutdated:
                    return None
                return _quiet(found) if is_taken else _too_often(found.terminal_id)
        if found is None:
            return None
        # News are told in turn with all that is no quiet request, and this place is free again.
        with self._slots.taken(Errand.POLL):
            return _tell(call, found, environ, started)

    @contextmanager
    def _place(self) -> Iterator[None]:
        """Hold a place for a quiet request, at once or after a short wait in a short queue.

        Raises:
            Crowded: there is none.
        """
        if not self._room.acquire(blocking=False):
            if not self._queue.acquire(blocking=False):
                raise Crowded
            try:
                if not self._room.acquire(timeout=_WAIT_S):
                    raise Crowded
            finally:
                self._queue.release()
        try:
            yield
        finally:
            self._room.release()


def _quiet(found: _Quiet) -> Response:
    return "200 OK", [], json.dumps(found.answer).encode()


def _too_often(terminal_id: int) -> Response:
    logger.info("terminal_too_often terminal=%s", terminal_id)
    return _busy("too many requests", _RETRY_AFTER_S)


def _ms_since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)


def _busy(reason: str, retry_after_s: int) -> Response:
    busy = Ack(RetCode.INTERNAL_ERROR, reason).to_wire()
    headers = [("Retry-After", str(retry_after_s))]
    return "503 Service Unavailable", headers, json.dumps(busy).encode()


def _call_of(environ: Environ) -> _Call | None:
    """Read a request that may be a quiet one; None when it is none or not in plain form."""
    found = _PATH.fullmatch(environ.get("PATH_INFO", ""))
    if found is None or "HTTP_TRANSFER_ENCODING" in environ or "HTTP_CONTENT_ENCODING" in environ:
        return None
    if "HTTP_ORIGIN" in environ or "HTTP_SEC_FETCH_SITE" in environ:
        return None  # a browser's
    token, kind, device_id = found.groups()
    if environ["REQUEST_METHOD"] != ("GET" if kind == "syrecord" else "POST"):
        return None
    return _Call(token, kind, device_id, caller_address(environ))


def _poll(call: _Call, environ: Environ) -> _Quiet | _News | None:
    found = _CURSOR.fullmatch(environ.get("QUERY_STRING", ""))
    if not found or environ.get("CONTENT_LENGTH", "") not in {"", "0"}:
        return None
    asked = int(found[1])
    standing = poll_look(
        token=call.token, device_id=call.device_id, address=call.address, asked=asked
    )
    if standing is None:
        return None
    if standing.is_approved and not standing.is_told(asked):
        is_usual = standing.is_plain(asked) and not standing.has_deletes
        return _News(standing, found[1]) if is_usual else None
    # Whoever waits for approval has an empty library and begins anew afterwards.
    cursor = asked if standing.is_approved else 0
    answer = SyncAnswer(entries=(), last_query_time=cursor)
    return _Quiet(terminal_id=standing.terminal_id, **_told_of(answer, found[1]))


def _told_of(answer: SyncAnswer, asked: str) -> dict[str, Any]:
    """Return an answer as it is sent, and what of it and its question is kept."""
    told = [entry.operation for entry in answer.entries]
    cursor = answer.last_query_time
    return {
        "said": {"lastQueryTime": asked},
        "answer": answer.to_wire(),
        "shown": {"list": len(told), "lastQueryTime": cursor},
        "note": {"save": told.count("save"), "delete": told.count("delete"), "cursor": cursor},
    }


def _tell(call: _Call, news: _News, environ: Environ, started: float) -> Response | None:
    terminal_id = news.standing.terminal_id
    if not call_taken(
        terminal_id=terminal_id, address=call.address, used_token=True, asked=news.asked
    ):
        return _too_often(terminal_id)
    root = picture_root(called_host(environ))
    answer = sync_news(standing=news.standing, asked=int(news.asked), picture_root=root)
    if answer is None:
        return None
    told = _Quiet(terminal_id=terminal_id, **_told_of(answer, news.asked))
    exchange = _exchange(call, told, _ms_since(started))
    exchange_keep(terminal_id=told.terminal_id, exchange=exchange, is_quiet=not answer.entries)
    return _quiet(told)


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
    said, server_url, device_id = understood
    if server_url not in {"", heard.server_url}:
        return None
    answer = Ack(RetCode.SUCCESS, "Success").to_wire()
    note = heartbeat_note(named=device_id, device_id=call.device_id)
    return _Quiet(heard.terminal_id, said, answer, answer, note, heard.mark)


@lru_cache(maxsize=4096)
def _understood(body: bytes, content_type: str) -> tuple[dict[str, Any], str, str] | None:
    """Return what a heartbeat says, masked, its server and device ID; it says the same every time.

    None for a body that had to be repaired or cannot be read, which the lane behind counts.
    """
    try:
        reading = read_body(body, content_type)
    except UnreadableBody:
        return None
    if reading.repairs:
        return None
    message = Heartbeat.from_wire(reading.data)
    return masked(reading.data), server_url_shown(message.server_url), message.device_id


def _taken(call: _Call, quiet: _Quiet, took_ms: float) -> bool:
    return call_taken(
        terminal_id=quiet.terminal_id,
        address=call.address,
        used_token=True,
        quiet=_exchange(call, quiet, took_ms),
        asked=quiet.said["lastQueryTime"] if call.kind == "syrecord" else "",
        mark=quiet.mark,
    )


def _exchange(call: _Call, told: _Quiet, took_ms: float) -> Exchange:
    return Exchange(
        at=time.time(),
        kind=call.kind,
        address=call.address,
        status=200,
        said=told.said,
        answered=told.shown,
        note=told.note,
        took_ms=took_ms,
    )
