"""Terminal API as a WSGI application in front of Django's, as production runs it.

It only translates.
"""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from django.core.handlers.wsgi import get_path_info
from django.db import close_old_connections

from server_common.request_ids import new_request_id, request_id
from terminal_api.answer import TerminalApi, answer_fully
from terminal_api.paths import api_path
from terminal_api.request import receiving_s_of, request_of
from terminal_api.urls import Match
from terminal_protocol import BodyIncomplete, TerminalReply, TerminalRequest

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


class TerminalApiWsgi:
    """Answer terminals and pass everything else on to Django."""

    def __init__(self, application: Application, *, api: TerminalApi | None = None) -> None:
        self._application = application
        self._api = api or TerminalApi(full=_fully)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request, here or behind."""
        path = api_path(get_path_info(environ))
        if path is None:
            return self._application(environ, start_response)
        request = request_of(
            environ,
            path=path,
            read_body=_Body(environ),
            receiving_s=receiving_s_of(environ),
        )
        token = request_id.set(new_request_id())
        try:
            reply = self._api.answer(request)
            headers = [*_headers_of(reply), ("X-Request-Id", request_id.get())]
        finally:
            request_id.reset(token)
        start_response(_status_of(reply), headers)
        return [reply.body]


def _fully(request: TerminalRequest, match: Match) -> TerminalReply:
    # As Django does before each of its requests.
    close_old_connections()
    return answer_fully(request, match)


class _Body:
    """Reads the body once, however often it is asked for."""

    def __init__(self, environ: Environ) -> None:
        self._environ = environ
        self._read: bytes | None = None

    def __call__(self) -> bytes:
        if self._read is None:
            length = self._environ.get("CONTENT_LENGTH") or "0"
            size = int(length) if length.isdecimal() else 0
            try:
                self._read = self._environ["wsgi.input"].read(size) if size else b""
            except OSError as error:
                raise BodyIncomplete from error
        return self._read


def _status_of(reply: TerminalReply) -> str:
    return f"{reply.status} {HTTPStatus(reply.status).phrase}"


def _headers_of(reply: TerminalReply) -> list[tuple[str, str]]:
    headers = list(reply.headers.items())
    if reply.status != 304:
        # Else servers answer in pieces, which not every terminal can put together.
        headers.append(("Content-Length", str(len(reply.body))))
    return headers
