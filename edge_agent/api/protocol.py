"""aiohttp's server, made to answer in JSON even where HTTP itself was not understood."""

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from edge_agent.api.answers import CallRefused, refusal
from terminal_protocol.codes import RetCode

logger = logging.getLogger(__name__)


class _JsonHandler(RequestHandler):
    """One connection."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what never became a call, without repeating any of it."""
        if status >= 500:
            logger.error("request_failed", exc_info=exc)
        else:
            logger.info("request_unreadable status=%s error=%s", status, type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was begun already")
        is_callers = status < 500
        code = RetCode.PARAM_INVALID if is_callers else RetCode.UNKNOWN_ERROR
        answer = refusal(CallRefused(code, "request not understood" if is_callers else "unknown"))
        response = web.Response(
            status=status, body=json.dumps(answer).encode(), content_type="application/json"
        )
        response.force_close()
        return response

    def log_exception(self, *args: Any, **options: Any) -> None:
        """Leave out content that was not as announced: its caller has been told."""
        if not isinstance(options.get("exc_info"), web.RequestPayloadError):
            super().log_exception(*args, **options)


class JsonServer(web.Server):
    """Makes such connections; nothing is logged by address, which carries signatures."""

    def __init__(self, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> None:
        super().__init__(handler, access_log=None, keepalive_timeout=15.0, lingering_time=2.0)

    def __call__(self) -> RequestHandler:
        """Make the handler of a new connection."""
        return _JsonHandler(self, loop=self._loop, **self._kwargs)
