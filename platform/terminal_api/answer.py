"""The terminals' lane: their paths are answered here, before sessions, CSRF and HTML exist.

``/t/<token>/sy…/<deviceid>`` and, where a site allows it, ``/sy…/<deviceid>`` (seed, chapter 9),
and ``/i/….jpg`` for pictures. Whatever goes wrong, a terminal gets JSON that it can read: HTTP
200 with ``ret`` when repeating would not help, HTTP 503 with ``Retry-After`` when it would
(DESIGN, "Answers to terminals").
"""

import json
import logging
import re
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import RawPostDataException, UnreadablePostError
from django.utils import timezone

import devices.terminal_views
import faces.terminal_views
import records.terminal_views
from devices.choices import RefusedReason
from devices.services import (
    Admission,
    AdmissionOutdated,
    Answered,
    Exchange,
    Refusal,
    admit,
    admit_heartbeat,
    call_taken,
    exchange_keep,
    masked,
    refused_note,
    repairs_count,
    stranger_may_call,
)
from face_engine import PicturesBusy
from faces.services import PICTURES_RETRY_AFTER_S
from server_common.addresses import client_address, peer_address
from terminal_api.bodies import TooLargeUnpacked, UnknownEncoding, unpack
from terminal_api.cross_site import is_cross_site
from terminal_api.load import Crowded, Errand, SentAway, crowded_retry_after_s, shared_slots
from terminal_api.paths import is_lane_path, is_picture_path, lane_path
from terminal_api.whole_requests import MAY_BE_CUT, RECEIVING_S
from terminal_protocol import (
    Ack,
    BodyReading,
    NotThisMessage,
    RetCode,
    UnreadableBody,
    read_body,
)

logger = logging.getLogger(__name__)

_PATH = re.compile(
    r"^(?P<secret>/t(?:/(?P<token>[^/]*))?)?/\+?(?P<kind>sy[a-z]*)(?:/(?P<device_id>.*))?$"
)
_ERRAND = re.compile(r"^(?:/t/[^/]*)?/\+?(?P<kind>syface|syrecord)(?:/|$)")
_ERRANDS = {"syface": Errand.DOOR, "syrecord": Errand.POLL}
_PICTURE = re.compile(r"^/i/(?P<name>[A-Za-z0-9_\-]{1,80})\.jpg$")
_POSTED: dict[str, Callable[[Admission, BodyReading], Answered]] = {
    "syface": records.terminal_views.face,
    "syattribute": records.terminal_views.attribute,
    "syresult": faces.terminal_views.result,
    "syheartbeat": devices.terminal_views.heartbeat,
}
_RETRY_AFTER_S = 10
_SECONDS = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6})?", re.ASCII)
_BEGAN = "menjin.began"
# How long nginx took to receive the request before it passed it on; no more than this is believed.
_RECEIVING_MAX_S = 600.0

GetResponse = Callable[[HttpRequest], HttpResponse]


class Unanswerable(Exception):
    """The request can never be understood or allowed: a code of chapter 7 and a sentence."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class TooOften(Exception):
    """The caller has used up its share; what it sends is worth repeating a little later."""


class TerminalLane:
    """Middleware that answers terminals itself and passes everything else on."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.slots = shared_slots()
        self._sent_away = SentAway()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.META[_BEGAN] = timezone.now()
        if not is_lane_path(request.path_info):
            return self.get_response(request)
        request.path_info = path = lane_path(request.path_info)
        answer = self._picture if is_picture_path(path) else self._message
        return self._seated(answer, request)

    def _seated(self, answer: GetResponse, request: HttpRequest) -> HttpResponse:
        """Answer as soon as there is a slot, or send the caller away before it costs anything."""
        errand = _errand(request.path_info)
        try:
            with self.slots.taken(errand):
                response = self._guard(answer, request)
        except Crowded:
            self._sent_away.count(errand)
            response = _busy("platform is busy", retry_after_s=crowded_retry_after_s())
        if response.status_code != 304:
            # Else servers answer in pieces, which not every terminal can put together.
            response["Content-Length"] = str(len(response.content))
        return response

    def _guard(self, answer: GetResponse, request: HttpRequest) -> HttpResponse:
        """Turn every failure into something a terminal can read."""
        try:
            return answer(request)
        except Unanswerable as refusal:
            return _refused(refusal.code, refusal.reason)
        except TooOften:
            return _busy("too many requests")
        except (UnreadableBody, NotThisMessage) as error:
            if request.META.get(MAY_BE_CUT):
                return _busy("request broke off")
            if isinstance(error, UnreadableBody):
                return _refused(RetCode.PARAM_INVALID, f"body cannot be read: {error.code}")
            return _refused(RetCode.MISSING_PARAM, "nothing in the body belongs to this message")
        except (RequestDataTooBig, TooLargeUnpacked):
            return _refused(RetCode.PARAM_INVALID, "body is too large")
        except UnknownEncoding as error:
            # Nothing is wrong with what it sends: it may keep it until this is understood.
            logger.warning("terminal_encoding_unknown encoding=%.40r", str(error))
            response = _busy("body is compressed in a way that is not understood")
            response["Accept-Encoding"] = "gzip, deflate"
            return response
        except PicturesBusy:
            return _busy("too many pictures at once", retry_after_s=PICTURES_RETRY_AFTER_S)
        except (UnreadablePostError, RawPostDataException):
            return _busy("request broke off")
        except (DatabaseError, InterfaceError):
            logger.exception("terminal_request_unserved")
            return _busy("database is away")
        except Exception:
            # The border of the lane: a terminal must never see a 500, and keeps its upload.
            logger.exception("terminal_request_failed")
            return _busy("internal error")

    def _picture(self, request: HttpRequest) -> HttpResponse:
        found = _PICTURE.match(request.path_info)
        if found is None or request.method not in {"GET", "HEAD"}:
            return HttpResponse("no such picture\n", status=404, content_type="text/plain")
        return faces.terminal_views.picture(request, found["name"])

    def _message(self, request: HttpRequest) -> HttpResponse:
        found = _PATH.match(request.path_info)
        kind = found["kind"] if found is not None else ""
        if found is None or (kind != "syrecord" and kind not in _POSTED):
            _note_refused(request, RefusedReason.NO_SUCH_PATH)
            raise Unanswerable(RetCode.NOT_SUPPORTED, "no such terminal address")
        expected = "GET" if kind == "syrecord" else "POST"
        if request.method != expected:
            _note_refused(request, RefusedReason.WRONG_METHOD)
            raise Unanswerable(RetCode.METHOD_NOT_ALLOWED, f"this address takes {expected}")
        if expected == "POST" and is_cross_site(request.META):
            logger.warning("terminal_cross_site address=%s", client_address(request))
            raise Unanswerable(RetCode.PARAM_INVALID, "sent by a page of another site")
        _check_size(request)
        # Under /t/ without a segment there is a token, the empty one, which nobody has.
        token = found["token"] or "" if found["secret"] else None
        admission = _admitted(request, kind, token, found["device_id"] or "")
        return self._recorded(admission, kind, request)

    def _recorded(self, admission: Admission, kind: str, request: HttpRequest) -> HttpResponse:
        """Answer an admitted terminal and keep the exchange, refused and broken ones too."""
        started = time.perf_counter()
        said: dict[str, Any] = dict(request.GET.items())
        answered = Answered({})

        def answer(request: HttpRequest) -> HttpResponse:
            nonlocal said, answered
            if kind == "syrecord":
                answered = faces.terminal_views.sync(admission, request)
            else:
                body = _body_of(request)
                said = body.data
                answered = _POSTED[kind](admission, body)
                if body.repairs:
                    answered.note["repairs"] = list(body.repairs)
                    repairs_count(terminal_id=admission.terminal.pk, repairs=body.repairs)
            return JsonResponse(answered.body)

        response = self._guard(answer, request)
        exchange = Exchange(
            at=time.time(),
            kind=kind,
            address=admission.address,
            status=response.status_code,
            said=masked(said),
            answered=_shown(answered.body or json.loads(response.content)),
            note=answered.note,
            took_ms=round((time.perf_counter() - started) * 1000, 1),
        )
        exchange_keep(
            terminal_id=admission.terminal.pk, exchange=exchange, is_quiet=answered.is_quiet
        )
        return response


def _errand(path: str) -> Errand:
    """Tell what a request is about by its path alone, which nobody has looked at yet."""
    found = _ERRAND.match(path)
    return _ERRANDS[found["kind"]] if found else Errand.REST


def _check_size(request: HttpRequest) -> None:
    length = str(request.META.get("CONTENT_LENGTH") or "0")
    if length.isdecimal() and int(length) > settings.TERMINAL_BODY_LIMIT_BYTES:
        raise Unanswerable(RetCode.PARAM_INVALID, "body is too large")


def _body_of(request: HttpRequest) -> BodyReading:
    encoding = str(request.META.get("HTTP_CONTENT_ENCODING") or "")
    unpacked = unpack(request.body, encoding, limit=settings.TERMINAL_BODY_LIMIT_BYTES)
    body = read_body(unpacked.raw, str(request.META.get("CONTENT_TYPE") or ""))
    if not unpacked.repairs:
        return body
    return replace(body, repairs=(*unpacked.repairs, *body.repairs))


def _admitted(request: HttpRequest, kind: str, token: str | None, device_id: str) -> Admission:
    address = client_address(request)
    ask = admit_heartbeat if kind == "syheartbeat" else admit
    outcome = ask(token=token, device_id=device_id, address=address)
    if isinstance(outcome, Refusal):
        if not stranger_may_call(address=address, peer=peer_address(request.META)):
            raise TooOften
        logger.info("terminal_refused code=%s reason=%s", outcome.code, outcome.reason)
        _note_refused(request, outcome.word, site_id=outcome.site_id)
        raise Unanswerable(outcome.code, outcome.reason)
    try:
        is_taken = call_taken(
            terminal_id=outcome.terminal.pk,
            address=address,
            used_token=outcome.token is not None,
            asked=request.GET.get("lastQueryTime", "") if kind == "syrecord" else "",
            mark=outcome.mark,
        )
    except AdmissionOutdated:
        # Not from memory this time, since its mark has been learnt.
        return _admitted(request, kind, token, device_id)
    if not is_taken:
        logger.info("terminal_too_often terminal=%s", outcome.terminal.pk)
        raise TooOften
    return replace(outcome, began=_began(request))


def _note_refused(
    request: HttpRequest, reason: RefusedReason, *, site_id: int | None = None
) -> None:
    """Keep a refused call for the page that shows them."""
    address = client_address(request)
    refused_note(path=request.path_info, address=address, reason=reason, site_id=site_id)


def _began(request: HttpRequest) -> datetime:
    """Return when a request began to arrive; a terminal gains nothing by saying it otherwise."""
    seen_at: datetime = request.META[_BEGAN]
    said = request.headers.get("X-Receiving-S", "")
    receiving_s = float(said) if _SECONDS.fullmatch(said) else 0.0
    # Under ASGI what stood in front of Django is told by the scope.
    facts = getattr(request, "scope", request.META)
    receiving_s += facts.get(RECEIVING_S, 0.0)
    return seen_at - timedelta(seconds=min(receiving_s, _RECEIVING_MAX_S))


def _shown(answer: dict[str, Any]) -> dict[str, Any]:
    """Return what is kept of an answer; of a list of people only its length."""
    inner = answer.get("serviceResponse")
    if isinstance(inner, dict):
        return {"list": len(inner["list"]), "lastQueryTime": inner["lastQueryTime"]}
    return answer


def _refused(code: str, reason: str) -> HttpResponse:
    return JsonResponse(Ack(code, reason).to_wire())


def _busy(reason: str, *, retry_after_s: int = _RETRY_AFTER_S) -> HttpResponse:
    answer = Ack(RetCode.INTERNAL_ERROR, reason).to_wire()
    return JsonResponse(answer, status=503, headers={"Retry-After": str(retry_after_s)})
