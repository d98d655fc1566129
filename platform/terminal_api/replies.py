"""Replies to failures, in the form that terminals can read.

HTTP 200 with ``ret`` when repeating would not help, HTTP 503 with ``Retry-After`` when it would
(DESIGN, "Answers to terminals").
"""

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from django.db import DatabaseError, InterfaceError

from face_engine import PicturesBusy
from faces.services import PICTURES_RETRY_AFTER_S
from terminal_api.content_encoding import TooLargeUnpacked, UnknownEncoding
from terminal_protocol import (
    Ack,
    BodyIncomplete,
    BodyTooLarge,
    RetCode,
    TerminalReply,
    TerminalRequest,
    UnreadableBody,
    WrongMessageType,
)

logger = logging.getLogger(__name__)

RETRY_AFTER_S = 10
_JSON = {"Content-Type": "application/json"}


class Unanswerable(Exception):
    """The request can never be understood or allowed: a code of chapter 7 and a sentence."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class TooOften(Exception):
    """The caller has used up its share; what it sends is worth repeating a little later."""


FORESEEN = (
    Unanswerable,
    TooOften,
    UnreadableBody,
    WrongMessageType,
    BodyTooLarge,
    TooLargeUnpacked,
    UnknownEncoding,
    PicturesBusy,
    BodyIncomplete,
)


def json_reply(
    answer: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> TerminalReply:
    """Return a reply in JSON."""
    return TerminalReply(status, {**_JSON, **(headers or {})}, json.dumps(answer).encode())


def busy(
    reason: str, *, retry_after_s: int = RETRY_AFTER_S, headers: Mapping[str, str] | None = None
) -> TerminalReply:
    """Return the reply to a request that is worth repeating."""
    answer = Ack(RetCode.INTERNAL_ERROR, reason).to_wire()
    retry = {"Retry-After": str(retry_after_s)}
    return json_reply(answer, status=503, headers={**retry, **(headers or {})})


def guarded(request: TerminalRequest, work: Callable[[], TerminalReply]) -> TerminalReply:
    """Do work on a request; the one place where every failure becomes a reply."""
    try:
        return work()
    except FORESEEN as error:
        return foreseen_reply(error, request)
    except (DatabaseError, InterfaceError):
        logger.exception("terminal_request_unserved")
        return busy("database is away")
    except Exception:
        # The border of the API: a terminal must never see a 500, and keeps its upload.
        logger.exception("terminal_request_failed")
        return busy("internal error")


def foreseen_reply(error: Exception, request: TerminalRequest) -> TerminalReply:
    """Return the reply to a failure among ``FORESEEN``."""
    if isinstance(error, TooOften):
        return busy("too many requests")
    if isinstance(error, PicturesBusy):
        return busy("too many pictures at once", retry_after_s=PICTURES_RETRY_AFTER_S)
    is_cut = request.may_be_cut and isinstance(error, UnreadableBody | WrongMessageType)
    if is_cut or isinstance(error, BodyIncomplete):
        return busy("request broke off")
    if isinstance(error, UnknownEncoding):
        # Nothing is wrong with what it sends: it may keep it until this is understood.
        logger.warning("terminal_encoding_unknown encoding=%.40r", str(error))
        reason = "body is compressed in a way that is not understood"
        return busy(reason, headers={"Accept-Encoding": "gzip, deflate"})
    return json_reply(Ack(*_refusal_of(error)).to_wire())


def _refusal_of(error: Exception) -> tuple[str, str]:
    """Return code and reason of a failure that no repeating mends."""
    if isinstance(error, Unanswerable):
        return error.code, error.reason
    if isinstance(error, UnreadableBody):
        return RetCode.PARAM_INVALID, f"body cannot be read: {error.code}"
    if isinstance(error, WrongMessageType):
        return RetCode.MISSING_PARAM, "nothing in the body belongs to this message"
    return RetCode.PARAM_INVALID, "body is too large"
