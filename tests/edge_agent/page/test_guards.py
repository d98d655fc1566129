"""What comes from elsewhere, and what is no request at all."""

import gzip
import string
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.page.views import ROUTES
from tests.support.edge.running_page import WATCHED_SECURITY, RunningPage, Starter


@pytest.mark.parametrize("path", ["/", "/sign-in", "/static/page.js", "/state", "/nothing"])
async def test_every_answer_carries_the_security_headers(page: RunningPage, path: str) -> None:
    answer = await page.get(path)

    assert {name: answer.headers[name] for name in WATCHED_SECURITY} == WATCHED_SECURITY
    policy = dict(
        part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


async def test_pages_hold_no_script_and_no_style_of_their_own(page: RunningPage) -> None:
    """The policy would block them, and nothing comes from another computer."""
    shown = [(await page.get("/sign-in")).text]
    await page.sign_in()
    shown += [(await page.get("/")).text]
    shown += [(await page.get(f"/static/{name}")).text for name in ("page.js", "page.css")]

    for text in shown:
        assert "<style" not in text
        assert " style=" not in text
        assert " onclick=" not in text
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in text
        assert "<script>" not in text


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 303),
        ("127.0.0.1:8897", 303),
        ("192.168.7.7:9", 303),
        ("[::1]:8897", 303),
        ("localhost:8897", 303),
        ("LOCALHOST", 303),
        ("door.example", 303),
        ("door.example.:8897", 303),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("door.example.evil.example", 421),
        ("localhost.evil.example:8897", 421),
        ("[::1", 400),
        ("127.0.0.1@evil.example", 400),
        ("127.0.0.1:8897/evil", 400),
        ("", 400),
        ("2130706433", 421),
    ],
)
async def test_a_name_that_leads_here_is_not_enough(start: Starter, host: str, status: int) -> None:
    """DNS rebinding: the browser of a visitor brings a foreign name along."""
    page = await start(names=["door.example"])

    answer = await page.get("/", headers={"Host": host})

    assert answer.status_code == status
    if status != 303:
        assert "[page] names" in answer.text


@pytest.mark.parametrize("lines", [b"", b"Host: 127.0.0.1\r\nHost: evil.example\r\n"])
async def test_no_host_or_two_are_refused(page: RunningPage, lines: bytes) -> None:
    answer = await page.raw(b"GET / HTTP/1.0\r\n" + lines + b"\r\n")

    assert answer.split(b"\r\n")[0].split()[1] == b"400"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://evil.example", "Sec-Fetch-Site": None},
        {"Origin": "null", "Sec-Fetch-Site": None},
        {"Origin": None, "Sec-Fetch-Site": None},
        {"Origin": None},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "file://"},
        {"Origin": "http://[::1"},
    ],
)
async def test_changes_from_other_pages_are_not_done(
    page: RunningPage, headers: dict[str, str | None]
) -> None:
    """Another port of this computer is another page, too: cookies would go along with it."""
    await page.sign_in()

    for path, body in (("/open", {"reason": "x"}), ("/sync", {}), ("/sign-out", {})):
        answer = await page.post(path, body, headers=headers)
        assert (answer.status_code, answer.json()["problem"]) == (403, "origin")
    assert (await page.try_password("123456", **headers)).status_code == 403
    assert (await page.get("/state")).status_code == 200
    assert not page.parts.upstream.sync._asked.is_set()


@pytest.mark.parametrize("token", [None, "", "wrong", "x" * 8000])
async def test_cookie_alone_changes_nothing(page: RunningPage, token: str | None) -> None:
    await page.sign_in()
    page.token = "x"

    for path in ("/open", "/sync", "/sign-out"):
        answer = await page.post(path, {"reason": "x"}, headers={"Menjin-Token": token})
        assert (answer.status_code, answer.json()["problem"]) == (403, "token")


async def test_token_of_another_session_is_not_good(page: RunningPage) -> None:
    await page.sign_in()
    earlier = page.token
    page.http.cookies.clear()
    await page.sign_in()

    answer = await page.post("/sync", headers={"Menjin-Token": earlier})

    assert answer.json()["problem"] == "token"


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None]
)
async def test_content_that_a_form_can_send_is_not_taken(
    page: RunningPage, kind: str | None
) -> None:
    await page.sign_in()

    answer = await page.post("/open", {"reason": "x"}, headers={"Content-Type": kind})

    assert (answer.status_code, answer.json()["problem"]) == (415, "content")


@pytest.mark.parametrize(
    "path",
    [
        "/static/../server.py",
        "/static/..%2fserver.py",
        "/static/%2e%2e/server.py",
        "/static/....//server.py",
        "/static//etc/passwd",
        "/static/page.css/",
        "/static/page.css%00.js",
        "/static/",
        "/static",
        "//static/page.css",
        "/../../etc/passwd",
        "/html/page.html",
        "/passes/1/../../etc/passwd",
        "/passes/../1/picture",
    ],
)
async def test_no_address_leads_out(page: RunningPage, path: str) -> None:
    await page.sign_in()
    answer = await page.raw(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n".encode()
        + f"Cookie: {'; '.join(f'{k}={v}' for k, v in page.http.cookies.items())}\r\n\r\n".encode()
    )

    assert answer.split(b"\r\n")[0].split()[1] == b"404"
    assert b"import" not in answer
    assert b"root:" not in answer


async def test_nothing_of_an_address_gets_into_headers(page: RunningPage) -> None:
    for path in (
        "/?language=zh%0d%0aX-Evil:1",
        "/sign-in?language=en%0aSet-Cookie:a=b",
        "/%0d%0aX:1",
    ):
        answer = await page.raw(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
        )
        head = answer.split(b"\r\n\r\n")[0].lower()
        assert b"evil" not in head
        assert b"set-cookie:" not in head.replace(b"set-cookie: menjin", b"")


@pytest.mark.parametrize(
    "path",
    ["/", "/sign-in", "/sign-out", "/state", "/picture", "/open", "/sync", "/static/page.js"],
)
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_other_methods_are_refused(page: RunningPage, path: str, method: str) -> None:
    answer = await page.http.request(method, page.page_url + path)

    assert answer.status_code == 405
    assert answer.headers["Allow"] in {"GET", "POST", "GET, POST"}


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nA\x00: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"A: " + b"b" * 70_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        b"GET * HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
        b"CONNECT evil.example:1 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
        b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
async def test_what_is_no_request_gets_a_clear_answer(page: RunningPage, sent: bytes) -> None:
    answer = await page.raw(sent)

    assert b"Traceback" not in answer
    status = int(answer.split()[1]) if answer else 400
    assert 300 <= status < 500
    assert (await page.get("/sign-in")).status_code == 200


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, b"{", 400),
        ({}, b"[1]", 400),
        ({}, b"null", 400),
        ({}, b"\xff\xfe", 400),
        ({}, b"[" * 4000, 400),
        ({}, b'{"password": "' + b"x" * 5000 + b'"}', 413),
        ({"Content-Encoding": "gzip"}, b"no gzip", 400),
        ({"Content-Type": "application/json; charset=nonsense"}, b"{}", 400),
        ({"Content-Type": "\xff"}, b"{}", 415),
        ({"Cookie": "=;=;;\x01\x7f=\xff"}, b"{}", 400),
    ],
)
async def test_broken_content_gets_a_clear_answer(
    page: RunningPage, headers: dict[str, str], body: bytes, status: int
) -> None:
    lines = {
        "Host": f"127.0.0.1:{page.port}",
        "Origin": page.page_url,
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **headers,
    }
    head = "".join(f"{name}: {text}\r\n" for name, text in lines.items()).encode("latin-1")

    answer = await page.raw(b"POST /sign-in HTTP/1.1\r\n" + head + b"\r\n" + body)

    assert int(answer.split()[1]) == status


async def test_compressed_bomb_is_stopped_at_the_limit(page: RunningPage) -> None:
    answer = await page.post(
        "/sign-in", gzip.compress(b" " * 50_000_000), headers={"Content-Encoding": "gzip"}
    )

    assert answer.status_code == 413


ADDRESSES = list(dict.fromkeys(one.path.partition("{")[0] for one in ROUTES))
TEXTS = st.text(alphabet=string.printable + "é二\x00", max_size=30)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    path=st.sampled_from(ADDRESSES),
    tail=TEXTS,
    query=TEXTS,
    cookie=TEXTS,
    method=st.sampled_from(["GET", "POST", "HEAD"]),
    body=st.binary(max_size=60),
)
async def test_nothing_a_visitor_sends_is_the_terminals_fault(
    caplog: pytest.LogCaptureFixture,
    page: RunningPage,
    path: str,
    tail: str,
    query: str,
    cookie: str,
    method: str,
    body: bytes,
) -> None:
    if not page.token:
        await page.somebody_comes(200)
    if (await page.get("/state")).status_code == 401:  # one of the requests signs out
        await page.sign_in()
    cookies = "; ".join(f"{name}={text}" for name, text in page.http.cookies.items())
    clean = cookie.encode("latin-1", "replace").replace(b"\r", b"").replace(b"\n", b"")
    sent = b"".join(
        [
            f"{method} {path}{quote(tail, safe='/%.')}?after={quote(query)} HTTP/1.1\r\n".encode(),
            f"Host: 127.0.0.1:{page.port}\r\nOrigin: {page.page_url}\r\n".encode(),
            f"Menjin-Token: {page.token}\r\nCookie: {cookies}; ".encode() + clean,
            b"\r\nContent-Type: application/json\r\nConnection: close",
            f"\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body,
        ]
    )

    answer = await page.raw(sent)

    assert answer[:7] == b"HTTP/1."
    assert int(answer.split()[1]) < 500
    assert not [one for one in caplog.records if one.levelname == "ERROR"]
