"""Body buffering in front of a WSGI application (``body_buffer``)."""

import io
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from http import HTTPStatus
from queue import SimpleQueue
from typing import Any

from django.core.handlers.wsgi import get_path_info

from server_common.addresses import is_trusted_proxy
from terminal_api.body_buffer import (
    DRAINED,
    MAY_BE_CUT,
    RECEIVING_S,
    STALLED_S,
    RequestRefused,
    body_limit,
    broke_off,
    too_large,
)

logger = logging.getLogger(__name__)

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

# So many bytes at least must come in ``STALLED_S``.
_PIECE_BYTES = 8 * 1024
# Threads that wait for bodies which do not come; each ends when its caller hangs up.
_READERS_MAX = 256


class BodyStalled(Exception):
    """The rest of a body did not come in time."""


class _Reader(threading.Thread):
    """Thread that makes one read after the other for callers that can stop waiting for it."""

    def __init__(self, idle: "deque[_Reader]") -> None:
        super().__init__(name="menjin-body", daemon=True)
        self._idle = idle
        self.jobs: SimpleQueue[tuple[Any, int, Future[bytes]]] = SimpleQueue()

    def run(self) -> None:
        while True:
            source, size, done = self.jobs.get()
            try:
                found = source.read(size)
            except Exception as error:
                # Raised where it is waited for.
                self._idle.append(self)
                done.set_exception(error)
            else:
                # Before the waiting caller wakes, which may want the next piece at once.
                self._idle.append(self)
                done.set_result(found)


class BodyReaders:
    """Pool of threads that read bodies within a time, although the server's own reads have none.

    Args:
        stalled_s: how long one read may take.
        most: threads that read at once.
    """

    def __init__(self, *, stalled_s: float = STALLED_S, most: int = _READERS_MAX) -> None:
        self._stalled_s = stalled_s
        self._threads_left = threading.Semaphore(most)
        self._idle: deque[_Reader] = deque()

    def read(self, source: Any, size: int) -> bytes:
        """Read ``size`` bytes, or as many as there are.

        Raises:
            BodyStalled: they did not come in time, or the sender hung up.
        """
        done: Future[bytes] = Future()
        self._reader().jobs.put((source, size, done))
        try:
            return done.result(self._stalled_s)
        except OSError as error:  # TimeoutError is one, too
            raise BodyStalled from error

    def _reader(self) -> _Reader:
        try:
            return self._idle.pop()
        except IndexError:
            pass  # all are busy, or this is the first
        if not self._threads_left.acquire(blocking=False):
            logger.warning("body_readers_busy all wait for bodies that do not come")
            raise BodyStalled
        reader = _Reader(self._idle)
        reader.start()
        return reader


class BodyBufferWsgi:
    """WSGI application that passes on requests with whole bodies, and refuses all others."""

    def __init__(self, application: Application, *, readers: BodyReaders | None = None) -> None:
        self._application = application
        self._readers = readers or BodyReaders()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request, here or behind."""
        if "HTTP_X_FORWARDED_PROTO" in environ and not is_trusted_proxy(environ):
            # Only a trusted proxy can say that its connection to the caller is TLS.
            del environ["HTTP_X_FORWARDED_PROTO"]
        length = environ.get("CONTENT_LENGTH") or ""
        if length in {"", "0"} and "HTTP_TRANSFER_ENCODING" not in environ:
            return self._application(environ, start_response)
        began_s = time.monotonic()
        try:
            body = self._body(environ, int(length) if length.isdecimal() else None)
        except RequestRefused as refused:
            headers = {
                "Content-Type": "application/json",
                "Content-Length": str(len(refused.content)),
                "Connection": "close",
                **refused.headers,
            }
            status = f"{refused.status} {HTTPStatus(refused.status).phrase}"
            start_response(status, list(headers.items()))
            return [refused.content]
        environ[MAY_BE_CUT] = environ.pop("HTTP_TRANSFER_ENCODING", None) is not None
        environ["CONTENT_LENGTH"] = str(len(body))
        environ["wsgi.input"] = io.BytesIO(body)
        environ[RECEIVING_S] = time.monotonic() - began_s
        return self._application(environ, start_response)

    def _body(self, environ: Environ, length: int | None) -> bytes:
        """Read the body.

        Raises:
            RequestRefused: it is too large, or does not come whole.
        """
        path = get_path_info(environ)
        limit = body_limit(path)
        if length is not None and length > DRAINED * limit:
            raise too_large(path)
        most = DRAINED * limit if length is None else length
        body = bytearray()
        taken = 0
        try:
            while taken < most:
                size = min(_PIECE_BYTES, most - taken)
                piece = self._readers.read(environ["wsgi.input"], size)
                taken += len(piece)
                if taken <= limit:
                    body += piece
                if len(piece) < size:
                    break
        except BodyStalled:
            raise (
                too_large(path) if max(taken, length or 0) > limit else broke_off(path)
            ) from None
        if taken > limit:
            raise too_large(path)
        if length is not None and taken < length:
            raise broke_off(path)
        return bytes(body)
