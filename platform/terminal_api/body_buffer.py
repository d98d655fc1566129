"""Request bodies read whole before Django sees them: limits of size, time and memory.

A terminal on a bad line announces more than it sends, sends in pieces without saying how much, or
stops in the middle. Both servers read such bodies here, in front of Django and alike
(``body_buffer_wsgi``, ``body_buffer_asgi``; decision 0020).
"""

import json
import threading
from typing import Any

from django.conf import settings

from terminal_api.paths import api_path
from terminal_api.urls import resolve
from terminal_protocol import Ack, RetCode

# So long a body may stand still; its sender is answered within ten seconds then. nginx says the
# same (client_body_timeout).
STALLED_S = 8.0
# Of a body that is too large so much more is read, times its limit, that its sender, or the proxy
# in between, is ready for the answer.
DRAINED = 2
# Variable of a request whose server cannot tell whether its body is all there: granian reads pieces
# (chunked) up to the first that is none, and does not say so.
MAY_BE_CUT = "menjin.body_may_be_cut"
# Variable of a request (WSGI), and key of its scope (ASGI): for how many seconds its body was read.
RECEIVING_S = "menjin.receiving_s"
_RETRY_AFTER_S = 10


class RequestRefused(Exception):
    """Request refused in front of Django, with its answer: JSON as ``content``."""

    def __init__(
        self, status: int, answer: dict[str, Any], headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(status)
        self.status = status
        self.content = json.dumps(answer).encode()
        self.headers = headers or {}


def body_limit(path: str) -> int:
    """Return how many bytes a request to a path may carry."""
    ours = api_path(path)
    if ours is not None:
        return resolve(ours).body_limit
    return settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0


def too_large(path: str) -> RequestRefused:
    """Refuse a body over the limit, which no repeating makes smaller."""
    if api_path(path) is not None:
        return RequestRefused(200, Ack(RetCode.PARAM_INVALID, "body is too large").to_wire())
    detail = "This is larger than the platform takes."
    return RequestRefused(413, {"error": "too_large", "detail": detail})


def broke_off(path: str) -> RequestRefused:
    """Refuse a body whose rest does not come; sent again it may arrive whole."""
    headers = {"Retry-After": str(_RETRY_AFTER_S)}
    if api_path(path) is not None:
        return RequestRefused(
            503, Ack(RetCode.INTERNAL_ERROR, "request broke off").to_wire(), headers
        )
    detail = "The rest of this request did not come."
    return RequestRefused(408, {"error": "request_timeout", "detail": detail})


def no_memory(path: str) -> RequestRefused:
    """Refuse a body for which there is no memory now."""
    headers = {"Retry-After": str(_RETRY_AFTER_S)}
    if api_path(path) is not None:
        return RequestRefused(
            503, Ack(RetCode.INTERNAL_ERROR, "platform is busy").to_wire(), headers
        )
    detail = "Too much is being sent at once. Try again in a moment."
    return RequestRefused(503, {"error": "busy", "detail": detail}, headers)


class BodyMemory:
    """Memory for the bodies that a process holds at once; used from any thread."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        """Take memory for so many bytes more; False where there is none."""
        with self._lock:
            if self._taken + size > self._most:
                return False
            self._taken += size
            return True

    def give_back(self, size: int) -> None:
        """Give back what was taken."""
        with self._lock:
            self._taken -= size
