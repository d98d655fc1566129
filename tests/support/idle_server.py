"""The terminal API as it is served, and the same with every request answered in full."""

import io
import json
from typing import Any

import pytest

from devices.models import Terminal
from faces.models import Library
from terminal_api.answer import TerminalApi, answer_fully
from terminal_api.urls import Match, resolve
from terminal_api.wsgi import TerminalApiWsgi
from terminal_protocol import TerminalReply, TerminalRequest
from tests.support.people import enrol
from tests.support.wire import WireClient


class InFull(TerminalApi):
    """Answers everything in full."""

    def answer(self, request: TerminalRequest) -> TerminalReply:
        return answer_fully(request, resolve(request.path))


class Server:
    """The whole application as a server calls it; knows what was answered in full."""

    def __init__(self, token: str, device_id: str = "0000001") -> None:
        self.use(TerminalApi(full=self.fully))
        self.token = token
        self.device_id = device_id
        self.in_full = 0
        self.status = ""
        self.headers: dict[str, str] = {}

    def use(self, api: TerminalApi) -> None:
        """Answer by this one from now on."""
        self._application = TerminalApiWsgi(self._behind, api=api)

    def fully(self, request: TerminalRequest, match: Match) -> TerminalReply:
        """Answer in full, but for closing the connection that the test's transaction is on."""
        self.in_full += 1
        return answer_fully(request, match)

    def _behind(self, environ: dict[str, Any], start_response: Any) -> Any:
        raise AssertionError("no request of a terminal gets to Django")

    def ask(
        self, method: str, path: str, *, query: str = "", body: bytes = b"", **more: str
    ) -> dict[str, Any]:
        """Return the JSON of an answer."""
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "SCRIPT_NAME": "",
            "QUERY_STRING": query,
            "SERVER_NAME": "testserver",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": "testserver",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)) if body else "",
            "wsgi.input": io.BytesIO(body),
            "wsgi.url_scheme": "http",
            "wsgi.errors": io.StringIO(),
            **more,
        }

        def start(status: str, headers: list[tuple[str, str]], _error: Any = None) -> None:
            self.status, self.headers = status, dict(headers)

        return dict(json.loads(b"".join(self._application(environ, start))))

    def poll(self, cursor: int | str, **more: Any) -> dict[str, Any]:
        """Return the answer to a poll."""
        path = f"/t/{self.token}/syrecord/{self.device_id}"
        return self.ask("GET", path, query=f"lastQueryTime={cursor}", **more)

    def beat(self, body: bytes = b'{"Heartinfo": {"deviceid": "1", "ServerURL": ""}}') -> Any:
        """Return the answer to a heartbeat."""
        return self.ask("POST", f"/t/{self.token}/syheartbeat/{self.device_id}", body=body)


@pytest.fixture
def server(token: str) -> Server:
    """Return the application with nothing remembered."""
    return Server(token)


@pytest.fixture
def cursor(wire: WireClient, terminal: Terminal, library: Library) -> int:
    """Return the cursor of the terminal, which holds one person."""
    enrol(library, "1")
    wire.sync()
    return wire.cursor
