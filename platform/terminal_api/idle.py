"""Cheap form of the requests of idle terminals: one statement and one script (decision 0017).

A poll that finds nothing new and a heartbeat of a terminal that is on file get their constant
answers here, and a poll that finds people enrolled or changed gets its page of faces, because that
is what a whole fleet asks after one change. Admission, rates, presence and flight recorder are as
in full. What has no cheap form is None here, and answered in full (``answer``).
"""

import re
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from devices.services import (
    Exchange,
    call_taken,
    heartbeat_known,
    heartbeat_note,
    masked,
    server_url_shown,
)
from faces.services import SyncState, picture_root, sync_news, sync_state_of_caller
from terminal_api.cross_site import is_browser
from terminal_api.urls import HEARTBEAT, POLL, Match
from terminal_protocol import (
    Ack,
    BodyIncomplete,
    BodyTooLarge,
    Heartbeat,
    RetCode,
    SyncAnswer,
    TerminalRequest,
    UnreadableBody,
    read_body,
)

_CURSOR = re.compile(r"lastQueryTime=([0-9]{1,18})")
_BODY_MAX = 512
_TOKEN_MAX, _DEVICE_ID_MAX = 64, 32


@dataclass(frozen=True, slots=True)
class IdleAnswer:
    """Finished answer, what is noted of it, and the mark of what it was admitted by."""

    terminal_id: int
    said: dict[str, Any]
    answer: dict[str, Any]
    shown: dict[str, Any]
    note: dict[str, Any]
    mark: str | None = None

    def exchange(self, request: TerminalRequest, match: Match, began_s: float) -> Exchange:
        """Return what the flight recorder keeps of it."""
        return Exchange(
            at=time.time(),
            kind=match.kind,
            address=request.address,
            status=200,
            said=self.said,
            answered=self.shown,
            note=self.note,
            took_ms=round((time.perf_counter() - began_s) * 1000, 1),
        )


@dataclass(frozen=True, slots=True)
class News:
    """A poll that finds news: its terminal's sync state, and the cursor it asked with, as sent."""

    state: SyncState
    asked: str


def may_be_idle(request: TerminalRequest, match: Match) -> bool:
    """Tell whether a request may have a cheap form, without looking anything up."""
    if match.url is POLL:
        is_plain = request.method == "GET" and request.header("content-length") in {"", "0"}
    elif match.url is HEARTBEAT:
        length = request.header("content-length") or "0"
        is_plain = (
            request.method == "POST"
            and length.isdecimal()
            and int(length) <= _BODY_MAX
            and not request.may_be_cut
        )
    else:
        return False
    packed = request.header("transfer-encoding") or request.header("content-encoding")
    return is_plain and not packed and not is_browser(request) and _is_plain_address(match)


def _is_plain_address(match: Match) -> bool:
    """Tell whether these can be the parts of an address that is on file."""
    token = match.token
    is_token = token is None or (0 < len(token) <= _TOKEN_MAX and token.isascii())
    return is_token and 0 < len(match.name) <= _DEVICE_ID_MAX and match.name.isprintable()


def idle_answer(request: TerminalRequest, match: Match) -> IdleAnswer | News | None:
    """Admit the caller and answer; None when there is no cheap form."""
    return _poll(request, match) if match.url is POLL else _heartbeat(request, match)


def is_taken(found: IdleAnswer, request: TerminalRequest, match: Match, began_s: float) -> bool:
    """Tell whether the caller is within its rate; if so, note the call by one script.

    Raises:
        AdmissionOutdated: what it was admitted by has changed; nothing is noted.
    """
    return call_taken(
        terminal_id=found.terminal_id,
        address=request.address,
        used_token=match.token is not None,
        idle=found.exchange(request, match, began_s),
        asked=found.said["lastQueryTime"] if match.url is POLL else "",
        mark=found.mark,
    )


def news_answer(news: News, request: TerminalRequest) -> IdleAnswer | None:
    """Answer a poll that found news; None when it is not one of saves alone."""
    root = picture_root(request.called_host)
    answer = sync_news(state=news.state, asked=int(news.asked), picture_root=root)
    if answer is None:
        return None
    return _of_poll(news.state.terminal_id, answer, news.asked)


def _poll(request: TerminalRequest, match: Match) -> IdleAnswer | News | None:
    found = _CURSOR.fullmatch(request.query)
    if found is None or match.token is None:
        return None
    asked = int(found[1])
    state = sync_state_of_caller(
        token=match.token, device_id=match.name, address=request.address, asked=asked
    )
    if state is None:
        return None
    if state.is_approved and not state.is_complete(asked):
        is_usual = state.is_plain(asked) and not state.has_deletes
        return News(state, found[1]) if is_usual else None
    # One that waits for approval has an empty library and begins anew afterwards.
    cursor = asked if state.is_approved else 0
    return _of_poll(state.terminal_id, SyncAnswer(entries=(), last_query_time=cursor), found[1])


def _of_poll(terminal_id: int, answer: SyncAnswer, asked: str) -> IdleAnswer:
    """Return an answer as it is sent, and what of it and its question is kept."""
    operations = [entry.operation for entry in answer.entries]
    cursor = answer.last_query_time
    return IdleAnswer(
        terminal_id=terminal_id,
        said={"lastQueryTime": asked},
        answer=answer.to_wire(),
        shown={"list": len(operations), "lastQueryTime": cursor},
        note={
            "save": operations.count("save"),
            "delete": operations.count("delete"),
            "cursor": cursor,
        },
    )


def _heartbeat(request: TerminalRequest, match: Match) -> IdleAnswer | None:
    known = heartbeat_known(token=match.token, device_id=match.name, address=request.address)
    if known is None:
        return None
    try:
        body = request.read_body()
    except (BodyIncomplete, BodyTooLarge):
        return None
    understood = _understood(body, request.header("content-type"))
    if len(body) != int(request.header("content-length") or "0") or understood is None:
        return None
    said, server_url, device_id = understood
    if server_url not in {"", known.server_url}:
        return None
    answer = Ack(RetCode.SUCCESS, "Success").to_wire()
    note = heartbeat_note(named=device_id, device_id=match.name)
    return IdleAnswer(known.terminal_id, said, answer, answer, note, known.mark)


@lru_cache(maxsize=4096)
def _understood(body: bytes, content_type: str) -> tuple[dict[str, Any], str, str] | None:
    """Return what a heartbeat says, masked, its server and device ID; it says the same every time.

    None for a body that had to be repaired or cannot be read, which is counted in full.
    """
    try:
        reading = read_body(body, content_type)
    except UnreadableBody:
        return None
    if reading.repairs:
        return None
    message = Heartbeat.from_wire(reading.data)
    return masked(reading.data), server_url_shown(message.server_url), message.device_id
