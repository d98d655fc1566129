"""aiohttp's server with a bound on connections, and its own answers kept plain."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from edge_agent.page.guards import HEADERS

logger = logging.getLogger(__name__)

# A browser opens six at most; a terminal is no place for hundreds.
_CONNECTIONS_MAX: Final = 64
_CONNECTIONS_OF_ONE_MAX: Final = 32
_KEEPALIVE_S: Final = 15.0  # also how long somebody may take to begin


class _PageHandler(RequestHandler):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection in, unless there are too many."""
        super().connection_made(transport)
        remote = _remote(self)
        others = list(self._manager.connections) if self._manager is not None else []
        of_one = sum(_remote(one) == remote for one in others)
        if len(others) > _CONNECTIONS_MAX or of_one > _CONNECTIONS_OF_ONE_MAX:
            logger.info("page_connection_refused open=%s", len(others))
            self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what was no HTTP, without repeating any of it."""
        if isinstance(exc, ConnectionError):
            raise exc  # nobody is there to be answered
        if status >= 500:
            logger.error("page_request_failed", exc_info=exc)
        else:
            logger.info("page_request_unreadable status=%s error=%s", status, type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was begun already")
        words = "The request could not be understood.\n" if status < 500 else "Trouble.\n"
        response = web.Response(status=status, text=words, headers=HEADERS)
        response.force_close()
        return response


class PageConnections(web.Server):
    """Makes such connections; nothing is logged by address."""

    def __init__(self, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> None:
        super().__init__(
            handler, access_log=None, keepalive_timeout=_KEEPALIVE_S, lingering_time=2.0
        )

    def __call__(self) -> RequestHandler:
        """Make the handler of a new connection."""
        return _PageHandler(self, loop=self._loop, **self._kwargs)


def _remote(handler: RequestHandler) -> object:
    peer = handler.peername
    return peer[0] if isinstance(peer, tuple) else peer
