"""Both adapters hand the same request on, and the same reply back."""

import io
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from terminal_api.answer import TerminalApi
from terminal_api.load import Priority
from terminal_api.middleware import TerminalApiMiddleware
from terminal_api.urls import TERMINAL_URLS, resolve
from terminal_api.wsgi import TerminalApiWsgi
from terminal_protocol import TerminalReply, TerminalRequest

pytestmark = pytest.mark.sqlite


class Echo(TerminalApi):
    """Keeps the request and gives a reply that was made before."""

    def __init__(self, reply: TerminalReply) -> None:
        super().__init__()
        self._reply = reply
        self.request: TerminalRequest | None = None
        self.body = b""

    def answer(self, request: TerminalRequest) -> TerminalReply:
        self.request = request
        # It may be asked for twice.
        assert request.read_body() == request.read_body()
        self.body = request.read_body()
        return self._reply


def behind(_: HttpRequest) -> HttpResponse:
    return HttpResponse("behind")


def environ_of(path: str, query: str, body: bytes, **more: str) -> dict[str, Any]:
    """Return the variables of a request as a server makes them."""
    return {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path.encode().decode("latin-1"),
        "SCRIPT_NAME": "",
        "QUERY_STRING": query,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "wsgi.url_scheme": "http",
        **more,
    }


def asked(environ: dict[str, Any], reply: TerminalReply) -> list[tuple[Any, ...]]:
    """Return what each adapter made of a request and of its reply."""
    from django.core.handlers.wsgi import WSGIRequest

    found = []
    for body in (environ["wsgi.input"].getvalue(),) * 2:
        api = Echo(reply)
        told: dict[str, Any] = {}
        one = {**environ, "wsgi.input": io.BytesIO(body)}
        if found:
            response = TerminalApiMiddleware(behind, api=api)(WSGIRequest(one))
            told = {"status": response.status_code, **dict(response.items())}
            content = response.content
        else:

            def start(status: str, headers: list[tuple[str, str]], told: Any = told) -> None:
                told.update({"status": int(status.split()[0]), **dict(headers)})
                told.pop("X-Request-Id")

            content = b"".join(TerminalApiWsgi(lambda *_: [], api=api)(one, start))
        request = api.request
        assert request is not None
        facts = (request.method, request.path, request.query, dict(request.headers))
        found.append((*facts, request.address, request.peer, request.called_host, api.body, told))
        assert content == reply.body
    return found


@given(
    path=st.sampled_from(["/t/x/syface/1", "//syface//南", "/t/x/syface/%C4%CF", "/i/x.jpg"]),
    query=st.sampled_from(["", "lastQueryTime=5", "a=%E5%8D%97&a=b", "\u00e5\u008d\u0097"]),
    body=st.binary(max_size=20),
    more=st.fixed_dictionaries(
        {},
        optional={
            "REQUEST_METHOD": st.sampled_from(["post", "Get"]),
            "HTTP_HOST": st.sampled_from(["door:8000", "door_server", "a b"]),
            "HTTP_ORIGIN": st.just("http://elsewhere"),
            "HTTP_IF_NONE_MATCH": st.just('"x"'),
            "HTTP_CONTENT_ENCODING": st.just("gzip"),
            "REMOTE_ADDR": st.sampled_from(["10.0.0.1", "2001:db8::1", ""]),
        },
    ),
    status=st.sampled_from([200, 304, 404, 503]),
)
def test_requests_and_replies_are_the_same(
    path: str, query: str, body: bytes, more: dict[str, str], status: int
) -> None:
    reply = TerminalReply(status, {} if status == 304 else {"Content-Type": "text/plain"}, b"")

    first, second = asked(environ_of(path, query, body, **more), reply)

    assert first == second
    assert first[0] == more.get("REQUEST_METHOD", "POST").upper()
    assert ("Content-Length" in first[-1]) is (status != 304)


def test_what_is_no_terminals_is_passed_on() -> None:
    def django(_environ: Any, start: Any) -> list[bytes]:
        start("200 OK", [])
        return [b"behind"]

    environ = environ_of("/api/v1/sites/", "", b"")

    assert TerminalApiWsgi(django)(environ, lambda *_: None) == [b"behind"]
    request = RequestFactory().get("/admin/")
    assert TerminalApiMiddleware(behind)(request).content == b"behind"


@pytest.mark.parametrize("prefix", ["", "/t/token", "/t/token/+", "/+"])
def test_each_address_of_the_table_is_found(prefix: str) -> None:
    for url in TERMINAL_URLS:
        if url.pattern.startswith("/i/"):
            continue
        path = (prefix + url.pattern.replace("<device_id>", "d 1")).replace("+/", "+")
        match = resolve(path)
        assert (match.url, match.name) == (url, "d 1")
        assert match.token == ("token" if "token" in prefix else None)


def test_what_stands_in_no_table_has_no_url() -> None:
    for path in ("/sy", "/synothing/1", "/t", "/t/token", "/t/token/admin"):
        assert resolve(path).url is None
        assert resolve(path).priority is Priority.NORMAL
    assert resolve("/i/bad name.jpg").name == ""
    assert resolve("/i/abc.jpg").name == "abc"
