"""Body buffering in front of an ASGI application (``body_buffer``)."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote_to_bytes

from django.conf import settings
from django.utils.encoding import repercent_broken_unicode

from server_common.addresses import is_trusted_peer
from terminal_api.body_buffer import (
    DRAINED,
    RECEIVING_S,
    STALLED_S,
    BodyMemory,
    RequestRefused,
    body_limit,
    broke_off,
    no_memory,
    too_large,
)

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[..., Awaitable[None]]

# After so long a body must have come at this rate, or it is not waited for any longer.
_SLOW_AFTER_S = 20.0
_SLOW_BYTES_PER_S = 2048


class _ClientDisconnected(Exception):
    """The client has disconnected and gets no answer."""


class BodyBufferAsgi:
    """ASGI application that passes on requests with whole bodies, and refuses all others."""

    def __init__(
        self,
        application: Application,
        *,
        stalled_s: float = STALLED_S,
        memory: BodyMemory | None = None,
    ) -> None:
        self._application = application
        self._stalled_s = stalled_s
        self._memory = memory or BodyMemory(settings.BODIES_LIMIT_BYTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, here or behind."""
        scope = _as_sent(scope)
        length = _header(scope, b"content-length")
        if length in {b"", b"0"} and not _header(scope, b"transfer-encoding"):
            await self._application(scope, receive, send)
            return
        began_s = time.monotonic()
        body = bytearray()
        try:
            await self._read(body, scope, receive, int(length) if length.isdigit() else None)
            scope[RECEIVING_S] = time.monotonic() - began_s
            await self._application(scope, _Replayed(bytes(body), receive), send)
        except RequestRefused as refused:
            await _answer(refused, send)
        except _ClientDisconnected:
            return
        finally:
            self._memory.give_back(len(body))

    async def _read(
        self, body: bytearray, scope: Scope, receive: Receive, length: int | None
    ) -> None:
        """Read the body into memory that is reserved for it.

        Raises:
            RequestRefused: it is too large, does not come whole, or there is no memory for it.
            _ClientDisconnected: its sender is gone.
        """
        path = scope["path"]
        limit = body_limit(path)
        if length is not None and length > DRAINED * limit:
            raise too_large(path)
        started = time.monotonic()
        taken, more = 0, True
        while more and taken <= DRAINED * limit:
            try:
                message = await asyncio.wait_for(receive(), self._stalled_s)
            except TimeoutError:
                is_large = max(taken, length or 0) > limit
                raise (too_large(path) if is_large else broke_off(path)) from None
            if message["type"] != "http.request":
                raise _ClientDisconnected
            piece = message.get("body", b"")
            taken += len(piece)
            if taken <= limit:
                if not self._memory.take(len(piece)):
                    raise no_memory(path)
                body += piece
            more = message.get("more_body", False)
            took_s = time.monotonic() - started
            if more and took_s > _SLOW_AFTER_S and taken < took_s * _SLOW_BYTES_PER_S:
                raise broke_off(path)
        if taken > limit:
            raise too_large(path)


class _Replayed:
    """Receive channel of the application: the whole body at once, then what else comes."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        body, self._body = self._body, None
        if body is None:
            return await self._receive()
        return {"type": "http.request", "body": body, "more_body": False}


def _as_sent(scope: Scope) -> Scope:
    """Return a request's scope with its path byte for byte, and without what is not believed.

    Servers decode paths as UTF-8 and lose what is none; here it stays percent-encoded, as Django's
    WSGI handler has it.
    """
    if raw := scope.get("raw_path"):
        path = repercent_broken_unicode(unquote_to_bytes(raw)).decode()
        scope = {**scope, "path": path}
    peer = (scope.get("client") or [""])[0]
    if _header(scope, b"x-forwarded-proto") and not is_trusted_peer(peer):
        kept = [one for one in scope["headers"] if one[0] != b"x-forwarded-proto"]
        scope = {**scope, "headers": kept}
    return scope


def _header(scope: Scope, wanted: bytes) -> bytes:
    return next((value for name, value in scope["headers"] if name == wanted), b"")


async def _answer(refused: RequestRefused, send: Send) -> None:
    headers = {
        "content-type": "application/json",
        "content-length": str(len(refused.content)),
        "connection": "close",
        **{name.lower(): value for name, value in refused.headers.items()},
    }
    await send(
        {
            "type": "http.response.start",
            "status": refused.status,
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": refused.content})
