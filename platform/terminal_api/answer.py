"""Answer a terminal's request: load, admission, rate, body, view and flight recorder, each once.

A request that may be idle is tried in its cheap form first (``idle``); everything else, and what
goes wrong there, is answered in full. Under WSGI, ASGI and in tests it is the same way.
"""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from devices.choices import RefusedReason
from devices.services import (
    Admission,
    AdmissionOutdated,
    Answered,
    Exchange,
    Refusal,
    admit,
    call_taken,
    exchange_keep,
    masked,
    refused_note,
    repairs_count,
    stranger_may_call,
)
from terminal_api.content_encoding import unpack
from terminal_api.cross_site import is_cross_site
from terminal_api.idle import IdleAnswer, News, idle_answer, is_taken, may_be_idle, news_answer
from terminal_api.load import (
    IdleSlots,
    Overloaded,
    Priority,
    ShedCount,
    Slots,
    overloaded_retry_after_s,
    shared_slots,
)
from terminal_api.replies import TooOften, Unanswerable, busy, foreseen_reply, guarded, json_reply
from terminal_api.urls import PICTURE, POLL, Match, TerminalUrl, resolve
from terminal_protocol import (
    BodyReading,
    RetCode,
    TerminalReply,
    TerminalRequest,
    read_body,
)

logger = logging.getLogger(__name__)

Full = Callable[[TerminalRequest, Match], TerminalReply]


class TerminalApi:
    """Answer terminals as far as there are slots for their requests.

    Args:
        slots: for requests answered in full and polls with news; by default those of the process.
        idle_slots: for requests in their cheap form.
        full: answers what is not idle.
    """

    def __init__(
        self,
        *,
        slots: Slots | None = None,
        idle_slots: IdleSlots | None = None,
        full: Full | None = None,
    ) -> None:
        self._slots = slots or shared_slots()
        self._idle_slots = idle_slots or IdleSlots.of_total(settings.TERMINAL_SLOTS)
        self._full = full or answer_fully
        self._shed = ShedCount()

    def answer(self, request: TerminalRequest) -> TerminalReply:
        """Answer as soon as there is a slot, or shed the request before it costs anything."""
        match = resolve(request.path)
        try:
            reply = self._idle_reply(request, match) if may_be_idle(request, match) else None
            if reply is None:
                with self._slots.taken(match.priority):
                    reply = self._full(request, match)
        except Overloaded:
            # An idle request costs more in full, so that is no help.
            self._shed.count(match.priority)
            return busy("platform is busy", retry_after_s=overloaded_retry_after_s())
        return reply

    def _idle_reply(self, request: TerminalRequest, match: Match) -> TerminalReply | None:
        """Answer in the cheap form; None when that does not do.

        Raises:
            Overloaded: there is no slot for it.
        """
        began_s = time.perf_counter()
        try:
            with self._idle_slots.taken():
                found = idle_answer(request, match)
                if isinstance(found, IdleAnswer):
                    if not is_taken(found, request, match, began_s):
                        raise _too_often(found.terminal_id)
                    return json_reply(found.answer)
            if not isinstance(found, News):
                return None
            # News are sent in turn with all that is not idle, and the slot above is free again.
            with self._slots.taken(Priority.POLL):
                return _news_reply(found, request, match, began_s)
        except Overloaded:
            raise
        except AdmissionOutdated:
            return None
        except TooOften as error:
            return foreseen_reply(error, request)
        except (DatabaseError, InterfaceError):
            # Of a connection that broke off; in full a new one is opened, and it is said what is
            # wrong if that does not help.
            connection.close()
            return None
        except Exception:
            # The border of the cheap form: whatever went wrong here is answered in full.
            logger.exception("idle_request_failed")
            return None


def _news_reply(
    news: News, request: TerminalRequest, match: Match, began_s: float
) -> TerminalReply | None:
    terminal_id = news.state.terminal_id
    if not call_taken(
        terminal_id=terminal_id, address=request.address, used_token=True, asked=news.asked
    ):
        raise _too_often(terminal_id)
    page = news_answer(news, request)
    if page is None:
        return None
    is_idle = not page.shown["list"]
    exchange = page.exchange(request, match, began_s)
    exchange_keep(terminal_id=terminal_id, exchange=exchange, is_idle=is_idle)
    return json_reply(page.answer)


def answer_fully(request: TerminalRequest, match: Match) -> TerminalReply:
    """Answer any request in full; every failure becomes a reply."""
    answer = _picture if match.url is PICTURE else _message
    return guarded(request, partial(answer, request, match))


def _message(request: TerminalRequest, match: Match) -> TerminalReply:
    url = _checked(request, match)
    return _recorded(_admitted(request, match), request, match, url)


def _picture(request: TerminalRequest, match: Match) -> TerminalReply:
    if not match.name or request.method not in {"GET", "HEAD"}:
        return TerminalReply(404, {"Content-Type": "text/plain"}, b"no such picture\n")
    reply: TerminalReply = PICTURE.view(request, match.name)
    return reply


def _checked(request: TerminalRequest, match: Match) -> TerminalUrl:
    """Return the address of an acceptable message, before its sender is looked at."""
    if match.url is None:
        _note_refused(request, RefusedReason.NO_SUCH_PATH)
        raise Unanswerable(RetCode.NOT_SUPPORTED, "no such terminal address")
    if request.method != match.url.method:
        _note_refused(request, RefusedReason.WRONG_METHOD)
        reason = f"this address takes {match.url.method}"
        raise Unanswerable(RetCode.METHOD_NOT_ALLOWED, reason)
    if match.url.method == "POST" and is_cross_site(request):
        logger.warning("terminal_cross_site address=%s", request.address)
        raise Unanswerable(RetCode.PARAM_INVALID, "sent by a page of another site")
    length = request.header("content-length") or "0"
    if length.isdecimal() and int(length) > match.body_limit:
        raise Unanswerable(RetCode.PARAM_INVALID, "body is too large")
    return match.url


def _admitted(request: TerminalRequest, match: Match) -> Admission:
    outcome = admit(token=match.token, device_id=match.name, address=request.address)
    if isinstance(outcome, Refusal):
        if not stranger_may_call(address=request.address, peer=request.peer):
            raise TooOften
        logger.info("terminal_refused code=%s reason=%s", outcome.code, outcome.reason)
        _note_refused(request, outcome.word, site_id=outcome.site_id)
        raise Unanswerable(outcome.code, outcome.reason)
    if not call_taken(
        terminal_id=outcome.terminal.pk,
        address=request.address,
        used_token=outcome.token is not None,
        asked=request.query_fields().get("lastQueryTime", "") if match.url is POLL else "",
    ):
        raise _too_often(outcome.terminal.pk)
    return replace(outcome, began=request.began)


def _recorded(
    admission: Admission, request: TerminalRequest, match: Match, url: TerminalUrl
) -> TerminalReply:
    """Answer an admitted terminal and keep the exchange, refused and broken ones too."""
    began_s = time.perf_counter()
    said: dict[str, Any] = request.query_fields()
    answered = Answered({})

    def answer() -> TerminalReply:
        nonlocal said, answered
        if url.method == "GET":
            answered = url.view(admission, request)
            return json_reply(answered.body)
        reading = _reading_of(request, match)
        said = reading.data
        answered = url.view(admission, reading)
        if reading.repairs:
            answered.note["repairs"] = list(reading.repairs)
            repairs_count(terminal_id=admission.terminal.pk, repairs=reading.repairs)
        return json_reply(answered.body)

    reply = guarded(request, answer)
    exchange = Exchange(
        at=time.time(),
        kind=match.kind,
        address=admission.address,
        status=reply.status,
        said=masked(said),
        answered=_shown(answered.body or json.loads(reply.body)),
        note=answered.note,
        took_ms=round((time.perf_counter() - began_s) * 1000, 1),
    )
    exchange_keep(terminal_id=admission.terminal.pk, exchange=exchange, is_idle=answered.is_idle)
    return reply


def _reading_of(request: TerminalRequest, match: Match) -> BodyReading:
    encoding = request.header("content-encoding")
    unpacked = unpack(request.read_body(), encoding, limit=match.body_limit)
    reading = read_body(unpacked.raw, request.header("content-type"))
    if not unpacked.repairs:
        return reading
    return replace(reading, repairs=(*unpacked.repairs, *reading.repairs))


def _note_refused(
    request: TerminalRequest, reason: RefusedReason, *, site_id: int | None = None
) -> None:
    """Keep a refused call for the page that shows them."""
    refused_note(path=request.path, address=request.address, reason=reason, site_id=site_id)


def _too_often(terminal_id: int) -> TooOften:
    logger.info("terminal_too_often terminal=%s", terminal_id)
    return TooOften(terminal_id)


def _shown(answer: dict[str, Any]) -> dict[str, Any]:
    """Return what is kept of an answer; of a list of people only its length."""
    inner = answer.get("serviceResponse")
    if isinstance(inner, dict):
        return {"list": len(inner["list"]), "lastQueryTime": inner["lastQueryTime"]}
    return answer
