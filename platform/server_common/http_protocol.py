"""HTTP/1.x of the embedded server: uvicorn's, as tolerant as terminals need it.

Uvicorn reads requests by the letter and says no in plain text. Terminals write names in their own
character set into addresses, send a byte too many, or speak HTTP/1.0 (decision 0020).
"""

import asyncio
import json
import re
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from server_common.addresses import is_trusted_peer, neighbourhood
from server_common.connection_limits import Connections

HEAD_MAX_BYTES = 64 * 1024
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_LINE = re.compile(rb"(?P<method>[A-Za-z]+) (?P<target>\S+) (?P<version>HTTP/1\.[01])(?=\r?\n)")
_ABSOLUTE = re.compile(rb"(?i)\Ahttps?://[^/?#]*")
_NO_CODING = re.compile(rb"(?im)^transfer-encoding[ \t]*:[ \t]*identity[ \t]*\r?\n")
_HOST_LINE = re.compile(rb"(?im)^host[ \t]*:")
_UNREADABLE = "request cannot be read"
_BROKE_OFF = "request broke off"


def mended(head: bytes) -> bytes:
    """Return a request's head as h11 can read it; what it means stays the same.

    Bytes beyond ASCII in the path are percent-encoded, scheme and host in front of it and a
    fragment behind it are left out, a request that names no host names an empty one, and a
    transfer coding that is none (identity) is not named. CONNECT is written small: no caller
    opens a tunnel here, and h11 would take any answer for the beginning of one.

    Args:
        head: request line and fields, with the empty line behind them.
    """
    head = head.lstrip(b"\r\n")
    found = _LINE.match(head)
    if found is None:
        return head
    target = _ABSOLUTE.sub(b"", found["target"].partition(b"#")[0], count=1) or b"/"
    target = b"".join(bytes((one,)) if 0x20 < one < 0x7F else b"%%%02X" % one for one in target)
    method = b"connect" if found["method"] == b"CONNECT" else found["method"]
    line = b" ".join((method, target, found["version"]))
    fields = _NO_CODING.sub(b"", head[found.end() :])
    if not _HOST_LINE.search(fields):
        line += b"\r\nHost: "
    return line + fields


class TolerantHttp(H11Protocol):
    """One connection.

    Attributes:
        head_within_s: in which a request must have begun and got to its body.
        read_within_s: for which an answer may stand still before its reader has taken what is
            sent already.
    """

    head_within_s = 20.0
    read_within_s = 30.0
    all_connections = Connections()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._head = b""
        self._head_timer: asyncio.TimerHandle | None = None
        self._read_timer: asyncio.TimerHandle | None = None
        self._has_said_all = False
        self._is_socket = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_head()
        peer = self.client[0] if self.client else ""
        # Of a proxy of ours the number says nothing about its callers.
        if not self.all_connections.enter(
            transport, "" if is_trusted_peer(peer) else neighbourhood(peer)
        ):
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.all_connections.leave(self.transport)
        self._stop_waiting()
        self._stop_read_timer()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Wait for the reader of an answer, but not for ever."""
        super().pause_writing()
        self._stop_read_timer()
        self._read_timer = self.loop.call_later(self.read_within_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: it has read."""
        self._stop_read_timer()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        """Hand bytes on; those of a head once it is whole."""
        if self.conn.their_state is not h11.IDLE:
            super().data_received(data)
            self._note_whole()
            return
        self._head += data
        end = _HEAD_END.search(self._head.lstrip(b"\r\n"))
        if end is None and len(self._head) <= HEAD_MAX_BYTES:
            self._unset_keepalive_if_required()
            self._wait_for_head()
            self.all_connections.begin(self.transport)
            return
        self._stop_waiting()
        whole, self._head = self._head.lstrip(b"\r\n"), b""
        cut = end.end() if end else len(whole)
        super().data_received(mended(whole[:cut]) + whole[cut:])
        self._note_whole()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep the connection for the answers to what came whole before its caller said no more.

        TLS knows no half of a connection: there it ends at once.
        """
        self._has_said_all = True
        return self.scheme != "https" and self._is_answering()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand the connection over to a socket, which is no half request."""
        self._is_socket = True
        self.all_connections.work(self.transport)
        super().handle_websocket_upgrade(event)

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be read, in the shape that terminals know."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            self._answer(400, "30001", _UNREADABLE)
        elif not cycle.response_started:
            # The head was well, what follows is not: sent again it may arrive whole.
            self._answer(503, "50002", _BROKE_OFF)
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.close()

    def on_response_complete(self) -> None:
        """Begin anew; what came behind the request goes the way of all heads."""
        rest = b""
        if self.conn.our_state is h11.DONE and self.conn.their_state is h11.DONE:
            rest = self.conn.trailing_data[0]
            self.conn = h11.Connection(h11.SERVER, HEAD_MAX_BYTES)
        self.all_connections.rest(self.transport)
        super().on_response_complete()
        if rest:
            self.data_received(rest)
        if self._has_said_all and not self._is_answering():
            self.transport.close()

    def _is_answering(self) -> bool:
        """Tell whether a request whose body is all there waits for the end of its answer."""
        is_whole = self.conn.their_state not in {h11.IDLE, h11.SEND_BODY}
        return is_whole and not (self.cycle is None or self.cycle.response_complete)

    def _note_whole(self) -> None:
        if self._is_answering():
            self.all_connections.work(self.transport)
        elif self.conn.their_state is h11.SEND_BODY and not self._is_socket:
            self.all_connections.begin(self.transport)

    def _answer(self, status: int, code: str, reason: str) -> None:
        content = json.dumps({"ret": code, "desc": reason}).encode()
        fields = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(content))),
            ("Connection", "close"),
        ]
        if status == 503:
            fields.append(("Retry-After", "10"))
        events: tuple[Any, ...] = (
            h11.Response(status_code=status, headers=fields),
            h11.Data(data=content),
            h11.EndOfMessage(),
        )
        for event in events:
            self.transport.write(self.conn.send(event) or b"")

    def _wait_for_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_within_s, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_read_timer(self) -> None:
        if self._read_timer is not None:
            self._read_timer.cancel()
            self._read_timer = None


class CountedSocket(WebSocketsSansIOProtocol):
    """A WebSocket on a connection that ``TolerantHttp`` has handed over."""

    all_connections = Connections()

    def connection_lost(self, exc: Exception | None) -> None:
        self.all_connections.leave(self.transport)
        super().connection_lost(exc)


def limited(connections: Connections) -> tuple[type[TolerantHttp], type[CountedSocket]]:
    """Return the protocols of a server whose connections are these."""

    class Http(TolerantHttp):
        all_connections = connections

    class Socket(CountedSocket):
        all_connections = connections

    return Http, Socket
