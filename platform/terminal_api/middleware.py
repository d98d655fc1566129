"""Terminal API as a middleware of Django: for ASGI, ``manage.py serve`` and Django's test client.

Stands before sessions, CSRF and HTML exist. It only translates.
"""

from collections.abc import Callable
from functools import partial

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.http.request import RawPostDataException, UnreadablePostError

from terminal_api.answer import TerminalApi
from terminal_api.paths import api_path
from terminal_api.request import receiving_s_of, request_of
from terminal_protocol import BodyIncomplete, BodyTooLarge, TerminalReply

GetResponse = Callable[[HttpRequest], HttpResponse]


class TerminalApiMiddleware:
    """Answer terminals and pass everything else on."""

    def __init__(self, get_response: GetResponse, *, api: TerminalApi | None = None) -> None:
        self.get_response = get_response
        self.api = api or TerminalApi()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = api_path(request.path_info)
        if path is None:
            return self.get_response(request)
        asked = request_of(
            request.META,
            path=path,
            read_body=partial(_body_of, request),
            # Under ASGI what stood in front of Django is noted in the scope.
            receiving_s=receiving_s_of(getattr(request, "scope", request.META)),
        )
        return _response_of(self.api.answer(asked))


def _body_of(request: HttpRequest) -> bytes:
    try:
        return request.body
    except RequestDataTooBig as error:
        raise BodyTooLarge from error
    except (UnreadablePostError, RawPostDataException) as error:
        raise BodyIncomplete from error


def _response_of(reply: TerminalReply) -> HttpResponse:
    response = HttpResponse(reply.body, status=reply.status, headers=dict(reply.headers))
    if "Content-Type" not in reply.headers:
        del response["Content-Type"]
    if reply.status != 304:
        # Else servers answer in pieces, which not every terminal can put together.
        response["Content-Length"] = str(len(reply.body))
    return response
