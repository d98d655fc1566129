"""Views of /syrecord and /syresult (seed 9.1 and 9.4), and of the pictures terminals fetch."""

import logging

from django.conf import settings
from django.core.files.storage import default_storage

from devices.services import Admission, Answered
from faces.services import (
    BadPictureAddress,
    Feedback,
    deliveries_answered,
    photo_fetched,
    picture_grant,
    picture_root,
    sync_answer,
)
from terminal_protocol import (
    Ack,
    BodyReading,
    RetCode,
    TerminalReply,
    TerminalRequest,
    read_feedback,
)

logger = logging.getLogger(__name__)

_USER_ID_MAX = 32
# Larger than any Unix time in milliseconds; what does not fit a bigint is a full sync anyway.
_CURSOR_MAX = 2**62


def sync(admission: Admission, request: TerminalRequest) -> Answered:
    """Answer a poll for library changes; an unreadable cursor means a full sync."""
    raw = request.query_fields().get("lastQueryTime", "0").strip()
    asked = int(raw) if raw.isdecimal() and len(raw) <= 19 else 0
    answer = sync_answer(
        terminal=admission.terminal,
        last_query_time=min(asked, _CURSOR_MAX),
        picture_root=picture_root(request.called_host),
        caller=admission.caller,
    )
    operations = [entry.operation for entry in answer.entries]
    note = {
        "save": operations.count("save"),
        "delete": operations.count("delete"),
        "cursor": answer.last_query_time,
    }
    return Answered(answer.to_wire(), note, is_idle=not operations)


def result(admission: Admission, body: BodyReading) -> Answered:
    """Take in what became of faces on the terminal."""
    feedback, faults = read_feedback(body.data, *body.further)
    # No person on file has a longer id; cut short it could be another person's.
    ours = [one for one in feedback if len(one.user_id) <= _USER_ID_MAX]
    deliveries_answered(
        terminal=admission.terminal,
        results=[Feedback(user_id=one.user_id, code=one.code, message=one.message) for one in ours],
        caller=admission.caller,
    )
    too_long = ["result_user_id_too_long"] if len(ours) < len(feedback) else []
    note = {"results": len(ours), "faults": [*faults, *too_long]}
    return Answered(Ack(RetCode.SUCCESS, "Success").to_wire(), note)


def picture(request: TerminalRequest, name: str) -> TerminalReply:
    """Give a terminal the photo its signed address grants while it may hold it, and note that."""
    try:
        grant = picture_grant(name)
    except BadPictureAddress as error:
        return _plain(404, f"{error}\n")
    photo = photo_fetched(grant, address=request.address)
    if photo is None:
        return _plain(410, "gone\n")
    etag = f'"{photo.sha256[:32]}"'
    if request.header("if-none-match") == etag:
        return TerminalReply(304, {"ETag": etag})
    headers = {
        "Content-Type": "image/jpeg",
        "ETag": etag,
        "Cache-Control": "private, max-age=3600",
    }
    if settings.ACCEL_LOCATION:
        location = f"{settings.ACCEL_LOCATION}{photo.name}"
        return TerminalReply(200, {**headers, "X-Accel-Redirect": location})
    try:
        with default_storage.open(photo.name) as stored:
            return TerminalReply(200, headers, stored.read())
    except FileNotFoundError:
        logger.exception("photo_file_missing photo=%s", photo.photo_id)
        return _plain(410, "gone\n")


def _plain(status: int, text: str) -> TerminalReply:
    return TerminalReply(status, {"Content-Type": "text/plain"}, text.encode())
