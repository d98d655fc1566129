"""Listening ports of an application, with connection limits and error answers of its own.

aiohttp answers by itself what never became a request, in plain text and repeating some of it. Each
connection stands before aiohttp's and lets nothing out that the application did not answer.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

SERVER: Final = "menjin-edge-agent"
"""Header ``Server`` that every answer of an application must have; others are replaced."""
_MARK: Final = f"\r\nServer: {SERVER}\r\n".encode()
_KEEPALIVE_S: Final = 15.0  # also how long a client may take to begin
_LINGERING_S: Final = 2.0
_BACKLOG: Final = 128

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """Answer sent in place of aiohttp's own error pages.

    Attributes:
        content_type: of `body`.
        body: of an answer with this status of HTTP.
        headers: besides content type and length.
    """

    content_type: str
    body: Callable[[int], bytes]
    headers: dict[str, str] = field(default_factory=dict)

    def written(self, status_line: bytes) -> bytes:
        """Return the whole answer for a status line without its line end."""
        content = self.body(int(status_line.split()[1]))
        headers = {
            "Content-Type": self.content_type,
            "Content-Length": str(len(content)),
            "Connection": "close",
            "Server": SERVER,
            **self.headers,
        }
        lines = "".join(f"{name}: {text}\r\n" for name, text in headers.items())
        return status_line + b"\r\n" + lines.encode() + b"\r\n" + content


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How many connections there may be at once, and of one address; 0 for any number."""

    most: int = 0
    most_of_one: int = 0


class Listener:
    """One application on one port."""

    def __init__(
        self,
        app: web.Application,
        error_answer: ErrorAnswer,
        *,
        shutdown_s: float,
        limits: ConnectionLimits | None = None,
    ) -> None:
        """Prepare; nothing is opened.

        Args:
            app: answers requests; each of its answers has the header `SERVER`.
            error_answer: for what never became a request.
            shutdown_s: how long a request that is being answered may take at the end.
            limits: of connections; None for none.
        """
        self._runner = web.AppRunner(
            app,
            access_log=None,  # addresses carry signatures
            logger=_aiohttp_logger,
            keepalive_timeout=_KEEPALIVE_S,
            lingering_time=_LINGERING_S,
            shutdown_timeout=shutdown_s,
        )
        self._error_answer = error_answer
        self._limits = limits or ConnectionLimits()
        self._open: Counter[object] = Counter()
        self._server: asyncio.Server | None = None

    async def open(self, host: str, port: int) -> int:
        """Listen; returns the port, which is another one for port 0.

        Raises:
            OSError: the port is taken, or cannot be used.
        """
        if self._runner.server is None:
            await self._runner.setup()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, host, port, backlog=_BACKLOG)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening and end the requests being answered."""
        if self._server is not None:
            self._server.close()
        await self._runner.cleanup()

    def _connection(self) -> "_Connection":
        server = self._runner.server
        if server is None:
            raise RuntimeError("the application is not set up")
        return _Connection(server(), self._error_answer, self._open, self._limits)


class _Connection(asyncio.Protocol):
    """One counted connection around the one of aiohttp."""

    def __init__(
        self,
        inner: asyncio.Protocol,
        error_answer: ErrorAnswer,
        counted: "Counter[object]",
        limits: ConnectionLimits,
    ) -> None:
        self._inner = inner
        self._error_answer = error_answer
        self._counted = counted
        self._limits = limits
        self._remote: object = None
        self._is_refused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername")
        self._remote = peer[0] if isinstance(peer, tuple) else peer
        most, most_of_one = self._limits.most, self._limits.most_of_one
        is_full = bool(most) and self._counted.total() >= most
        self._is_refused = is_full or (
            bool(most_of_one) and self._counted[self._remote] >= most_of_one
        )
        if self._is_refused:
            logger.info("connection_refused open=%s", self._counted.total())
            transport.close()
            return
        self._counted[self._remote] += 1
        # It is used as a transport and is no more than that.
        guarded: Any = _GuardedTransport(transport, self._error_answer)
        self._inner.connection_made(guarded)

    def data_received(self, data: bytes) -> None:
        if not self._is_refused:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return None if self._is_refused else self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._is_refused:
            return
        self._counted[self._remote] -= 1
        if not self._counted[self._remote]:
            del self._counted[self._remote]
        self._inner.connection_lost(exc)


class _GuardedTransport:
    """A transport that replaces an answer without the header `SERVER`; all else passes through."""

    def __init__(self, transport: Any, error_answer: ErrorAnswer) -> None:
        self._transport = transport
        self._error_answer = error_answer
        self._is_replaced = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        self.writelines((data,))

    def writelines(self, parts: Iterable[bytes]) -> None:
        if self._is_replaced:
            return
        written = list(parts)
        foreign_status = _foreign_status(bytes(written[0])) if written else b""
        if foreign_status:
            self._is_replaced = True
            written = [self._error_answer.written(foreign_status)]
        self._transport.writelines(written)


def _foreign_status(data: bytes) -> bytes:
    """Return the status line of an answer that is not the application's; empty otherwise."""
    if not data.startswith(b"HTTP/1."):
        return b""
    head = data.partition(b"\r\n\r\n")[0] + b"\r\n"
    status_line = head.partition(b"\r\n")[0]
    is_invitation = status_line.split()[1:2] == [b"100"]
    return b"" if is_invitation or _MARK in head else status_line


class _ClientErrorFilter(logging.Filter):
    """Log filter that drops errors caused by clients, with the content they sent."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if isinstance(error, HttpProcessingError):
            logger.info("request_unreadable error=%s", type(error).__name__)
            return False
        # A caller that has gone, or content that was not as it was announced.
        return not isinstance(error, ConnectionError | web.RequestPayloadError)


_aiohttp_logger = logging.getLogger(f"{__name__}.aiohttp")
_aiohttp_logger.addFilter(_ClientErrorFilter())
