"""A camera on the network: RTSP (RFC 2326) with JPEG over RTP (RFC 2435) in the same connection.

Real sockets and real packets, so that FFmpeg inside OpenCV is really what reads them.
"""

import base64
import contextlib
import re
import socket
import socketserver
import struct
import threading
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

_RATE_HZ = 25
_CLOCK_HZ = 90_000
_FRAGMENT = 1200
_JPEG = 26  # payload type


class Jpeg:
    """The parts of a baseline JPEG that RFC 2435 sends."""

    def __init__(self, octets: bytes) -> None:
        self.tables = b""
        place = 2
        while octets[place] == 0xFF:
            marker, length = octets[place + 1], int.from_bytes(octets[place + 2 : place + 4])
            body = octets[place + 4 : place + 2 + length]
            if marker == 0xDB:
                for begin in range(0, len(body), 65):
                    self.tables += body[begin + 1 : begin + 65]
            elif marker == 0xC0:
                self.height, self.width = struct.unpack(">HH", body[1:5])
                self.kind = {0x21: 0, 0x22: 1}[body[7]]
            place += 2 + length
            if marker == 0xDA:
                break
        self.scan = octets[place:-2]


class RtspCamera:
    """Serves one picture, in a colour that can be changed, to whoever plays it.

    Attributes:
        played: how often somebody began to play.
        password: asked for when not empty, with the name ``door``.
    """

    def __init__(self) -> None:
        self.played = 0
        self.password = ""
        self.colour = (200, 0, 0)  # red, green, blue
        self.is_stalled = False
        self.port = 0
        self._server: socketserver.ThreadingTCPServer | None = None
        self._clients: set[socket.socket] = set()

    def start(self) -> None:
        """Listen; again on the same port after `stop`."""
        camera = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                camera._serve(self.request)

        socketserver.ThreadingTCPServer.allow_reuse_address = True
        server = socketserver.ThreadingTCPServer(("127.0.0.1", self.port), Handler)
        server.daemon_threads = True
        self.port = server.server_address[1]
        self._server = server
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Lose the network: nobody listens, and connections break off."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
        for client in list(self._clients):
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def url(self, *, password: str = "") -> str:
        who = f"door:{password}@" if password else ""
        return f"rtsp://{who}127.0.0.1:{self.port}/live"

    def _serve(self, client: socket.socket) -> None:
        self._clients.add(client)
        try:
            self._talk(client)
        except OSError:
            return  # hung up
        finally:
            self._clients.discard(client)
            client.close()

    def _talk(self, client: socket.socket) -> None:
        stream = client.makefile("rb")
        while first := stream.readline():
            head = [first.decode().strip()]
            while (line := stream.readline().strip()) != b"":
                head.append(line.decode())
            method = head[0].split()[0]
            fields = dict(re.split(r":\s*", one, maxsplit=1) for one in head[1:])
            status, extra, body = self._answer(method, fields)
            answer = [f"RTSP/1.0 {status}", f"CSeq: {fields['CSeq']}", *extra]
            if body:
                answer.append(f"Content-Length: {len(body)}")
            client.sendall("\r\n".join([*answer, "", body]).encode())
            if method == "PLAY":
                self._play(client)

    def _answer(self, method: str, fields: dict[str, str]) -> tuple[str, list[str], str]:
        wanted = "Basic " + base64.b64encode(f"door:{self.password}".encode()).decode()
        if self.password and fields.get("Authorization") != wanted:
            return "401 Unauthorized", ['WWW-Authenticate: Basic realm="camera"'], ""
        if method == "OPTIONS":
            return "200 OK", ["Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"], ""
        if method == "DESCRIBE":
            about = (
                "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=door\r\nt=0 0\r\n"
                f"m=video 0 RTP/AVP {_JPEG}\r\na=control:track1\r\na=framerate:{_RATE_HZ}\r\n"
            )
            base = f"rtsp://127.0.0.1:{self.port}/live/"
            return "200 OK", ["Content-Type: application/sdp", f"Content-Base: {base}"], about
        if method == "SETUP" and "TCP" not in fields["Transport"]:
            return "461 Unsupported Transport", [], ""
        if method == "SETUP":
            return "200 OK", ["Session: 7", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"], ""
        return "200 OK", ["Session: 7"], ""

    def _play(self, client: socket.socket) -> None:
        import cv2

        self.played += 1
        sequence, stamp = 0, 0
        while True:
            picture: NDArray[np.uint8] = np.full((48, 64, 3), self.colour[::-1], dtype=np.uint8)
            _, octets = cv2.imencode(".jpg", picture)
            if not self.is_stalled:
                sequence = self._send(client, Jpeg(octets.tobytes()), sequence, stamp)
            stamp += _CLOCK_HZ // _RATE_HZ
            time.sleep(1 / _RATE_HZ)

    @staticmethod
    def _send(client: Any, jpeg: Jpeg, sequence: int, stamp: int) -> int:
        for begin in range(0, len(jpeg.scan), _FRAGMENT):
            part = jpeg.scan[begin : begin + _FRAGMENT]
            is_last = begin + _FRAGMENT >= len(jpeg.scan)
            head = struct.pack(
                ">BBHII", 0x80, is_last << 7 | _JPEG, sequence & 0xFFFF, stamp & 0xFFFFFFFF, 7
            )
            head += begin.to_bytes(4)  # type-specific, nothing, and the offset
            head += bytes([jpeg.kind, 255, jpeg.width // 8, jpeg.height // 8])
            if begin == 0:
                head += struct.pack(">BBH", 0, 0, len(jpeg.tables)) + jpeg.tables
            client.sendall(b"$\0" + struct.pack(">H", len(head) + len(part)) + head + part)
            sequence += 1
        return sequence
