"""Short id of each request, in its log lines and in ``X-Request-Id`` of its answer."""

import logging
import os
import random
from collections.abc import Callable
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponse

request_id: ContextVar[str] = ContextVar("menjin_request_id", default="-")

# No secret, and each number from the operating system lets another thread go first.
_NUMBERS = random.Random()  # noqa: S311
os.register_at_fork(after_in_child=_NUMBERS.seed)


def new_request_id() -> str:
    """Return an id for a request: eight hexadecimal digits, to find its lines in the log."""
    return f"{_NUMBERS.getrandbits(32):08x}"


class RequestIdMiddleware:
    """Give each request an id of its own; an id sent by the caller is not trusted."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = request_id.set(new_request_id())
        try:
            response = self.get_response(request)
            response["X-Request-Id"] = request_id.get()
            return response
        finally:
            request_id.reset(token)


class RequestIdFilter(logging.Filter):
    """Put the current request's id onto every log record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        return True
