"""/syrecord and /syresult of seed 9.1 and 9.4, and the pictures terminals fetch."""

import logging

from django.conf import settings
from django.core.files.storage import default_storage
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified

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
from server_common.addresses import called_host, client_address
from terminal_protocol import Ack, BodyReading, RetCode, read_feedback

logger = logging.getLogger(__name__)

_USER_ID_MAX = 32
# Larger than any Unix time in milliseconds; what does not fit a bigint is a full sync anyway.
_CURSOR_MAX = 2**62


def sync(admission: Admission, request: HttpRequest) -> Answered:
    """Answer a poll for library changes; an unreadable cursor means a full sync."""
    raw = request.GET.get("lastQueryTime", "0").strip()
    asked = int(raw) if raw.isdecimal() and len(raw) <= 19 else 0
    answer = sync_answer(
        terminal=admission.terminal,
        last_query_time=min(asked, _CURSOR_MAX),
        picture_root=picture_root(called_host(request.META)),
        caller=admission.caller,
    )
    told = [entry.operation for entry in answer.entries]
    note = {
        "save": told.count("save"),
        "delete": told.count("delete"),
        "cursor": answer.last_query_time,
    }
    return Answered(answer.to_wire(), note, is_quiet=not told)


def result(admission: Admission, body: BodyReading) -> Answered:
    """Take in what became of faces on the terminal."""
    feedback, faults = read_feedback(body.data, *body.further)
    # Nobody on file has a longer id; cut short it could be somebody else's.
    ours = [one for one in feedback if len(one.user_id) <= _USER_ID_MAX]
    deliveries_answered(
        terminal=admission.terminal,
        results=[Feedback(user_id=one.user_id, code=one.code, message=one.message) for one in ours],
        caller=admission.caller,
    )
    too_long = ["result_user_id_too_long"] if len(ours) < len(feedback) else []
    note = {"results": len(ours), "faults": [*faults, *too_long]}
    return Answered(Ack(RetCode.SUCCESS, "Success").to_wire(), note)


def picture(request: HttpRequest, name: str) -> HttpResponse:
    """Give a terminal the photo its signed address grants while it may hold it, and note that."""
    try:
        grant = picture_grant(name)
    except BadPictureAddress as error:
        return HttpResponse(f"{error}\n", status=404, content_type="text/plain")
    photo = photo_fetched(grant, address=client_address(request))
    if photo is None:
        return HttpResponse("gone\n", status=410, content_type="text/plain")
    etag = f'"{photo.sha256[:32]}"'
    if request.headers.get("If-None-Match") == etag:
        return HttpResponseNotModified(headers={"ETag": etag})
    if settings.ACCEL_LOCATION:
        response = HttpResponse(content_type="image/jpeg")
        response["X-Accel-Redirect"] = f"{settings.ACCEL_LOCATION}{photo.name}"
    else:
        try:
            with default_storage.open(photo.name) as stored:
                response = HttpResponse(stored.read(), content_type="image/jpeg")
        except FileNotFoundError:
            logger.exception("photo_file_missing photo=%s", photo.photo_id)
            return HttpResponse("gone\n", status=410, content_type="text/plain")
    response["ETag"] = etag
    response["Cache-Control"] = "private, max-age=3600"
    return response
