"""Requests as bytes over a bare socket, and what is answered."""

import http.client
import io
import json
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

_PATIENCE_S = 15.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One response. ``body`` is an object where it is JSON, text or bytes otherwise."""

    status: int
    body: Any
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back for a request.

    Attributes:
        answers: the responses, at most as many as were waited for.
        took_s: until the last of them was there, or the server hung up, or patience ended.
        closed: whether the server hung up within the moment after the last response.
    """

    answers: list[Answer] = field(default_factory=list)
    took_s: float = 0.0
    closed: bool = False


class _Wire:
    """Lends one buffered reader to the responses that follow each other on a connection."""

    def __init__(self, reader: io.BufferedReader) -> None:
        self._reader = reader

    def makefile(self, *_: Any, **__: Any) -> "_Wire":
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def close(self) -> None:
        """Stay open for the next response."""


def exchange(
    port: int,
    raw: bytes,
    *,
    answers: int = 1,
    close_within_s: float = 0.5,
    patience_s: float = _PATIENCE_S,
    source: str = "127.0.0.1",
    says_no_more: bool = False,
) -> Heard:
    """Send bytes as they are and return what is answered.

    Args:
        port: of a server on loopback.
        raw: what is sent.
        answers: how many responses are waited for.
        close_within_s: how long is waited for the server to hang up afterwards.
        patience_s: how long is waited for responses.
        source: address to call from.
        says_no_more: whether this half of the connection is ended behind the bytes (FIN).
    """
    heard: list[Answer] = []
    started = time.monotonic()
    head = raw[:5] == b"HEAD "
    with socket.create_connection(
        ("127.0.0.1", port), timeout=patience_s, source_address=(source, 0)
    ) as connection:
        # Refused before it was all said; the refusal may still be there to be read.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(raw)
            if says_no_more:
                connection.shutdown(socket.SHUT_WR)
        wire = _Wire(connection.makefile("rb"))
        try:
            while len(heard) < answers and (found := _response(wire, is_head=head)) is not None:
                heard.append(found)
        except (ConnectionResetError, TimeoutError):
            pass  # nothing more was said
        took_s = time.monotonic() - started
        connection.settimeout(close_within_s)
        try:
            closed = connection.recv(1) == b""
        except TimeoutError:
            closed = False
        except ConnectionResetError:
            closed = True
    return Heard(heard, took_s, closed)


def _response(wire: _Wire, *, is_head: bool) -> Answer | None:
    response = http.client.HTTPResponse(wire, method="HEAD" if is_head else "GET")  # type: ignore[arg-type]
    try:
        response.begin()
    except (http.client.BadStatusLine, http.client.RemoteDisconnected):
        return None
    try:
        content = response.read()
    except http.client.IncompleteRead as cut:
        content = b"(cut) " + cut.partial
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, _content(content, headers), headers)


def _content(raw: bytes, headers: dict[str, str]) -> Any:
    if headers.get("content-type", "").startswith("application/json") and raw:
        return json.loads(raw)
    return raw
