"""nginx as it is shipped: people sign in, terminals call, and its logs keep secrets.

The real program with the shipped files, in front of the servers of docker-compose.yml.
"""

import asyncio
import contextlib
import http.client
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import websockets

from tests.support.nginx import ADDRESS, Behind, Nginx
from tests.support.processes import free_port, kill_group, program, start, wait_listening
from tests.support.production import Production
from tests.support.raw_http import exchange
from tests.support.raw_requests import own, shipped
from tests.support.tools import tool

# The shape of a site's secret, and of a picture's.
SECRET = "xN4b-Kp9_wQ2vR7tYc3LmA"
PICTURE = "Zq8Picture_of-somebody5"
PASSWORD = "a long word for the tests"
USER = f"""
from django.contrib.auth.models import User
User.objects.create_superuser("keeper", password={PASSWORD!r})
from devices.services import site_create
print(site_create(code="gate", name="Gate", auto_approve=True).tokens.get().token)
"""


@pytest.fixture(scope="module")
def nginx() -> str:
    """Return the path of the program."""
    return tool("nginx", package="nginx-light")


class Platform:
    """WSGI and ASGI servers of production behind nginx."""

    def __init__(self, folder: Path, nginx: str) -> None:
        production = Production(folder, name="proxied", redis=11)
        production.environment |= {
            "MENJIN_VAR": str(folder),
            "TRUSTED_PROXIES": f"{ADDRESS},127.0.0.2",
        }
        self.wsgi, self.asgi = free_port(), free_port()
        production.manage("migrate", "--verbosity", "0")
        self.token = production.manage("shell", "-v", "0", "-c", USER)
        places = Behind(self.wsgi, self.asgi, folder)
        self.nginx = Nginx(folder / "nginx", nginx, places, proxies=("127.0.0.2",))
        self.signed = Nginx(folder / "signed", nginx, places, is_self_signed=False)
        commands = {
            "wsgi": production.command(self.wsgi, workers=1),
            "asgi": [
                program("uvicorn"), "--host", "127.0.0.1", "--port", str(self.asgi),
                "--lifespan", "off", "--no-proxy-headers", "menjin.asgi:application",
            ],
        }  # fmt: skip
        self._running: list[subprocess.Popen[bytes]] = []
        for name, command in commands.items():
            log = folder / name
            process = start(command, production.environment, log=log, own_group=True)
            self._running.append(process)
            wait_listening(process, getattr(self, name), log)
        self.nginx.start()
        self.signed.start()

    def stop(self) -> None:
        """End all of it."""
        self.nginx.stop()
        self.signed.stop()
        for process in self._running:
            with contextlib.suppress(ProcessLookupError):
                kill_group(process)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory, nginx: str) -> Iterator[Platform]:
    """Return the platform as it runs in production."""
    running = Platform(tmp_path_factory.mktemp("proxied"), nginx)
    yield running
    running.stop()


class Browser:
    """What a browser keeps between pages: cookies, and the certificate it trusts."""

    def __init__(self, nginx: Nginx) -> None:
        self.tls = ssl.create_default_context(cafile=str(nginx.tls / "certificate.pem"))
        self.port = nginx.https_port
        self.cookies: dict[str, str] = {}
        self.set: list[str] = []

    def ask(self, method: str, path: str, **form: str) -> http.client.HTTPResponse:
        """Ask for a page; a form is posted with the token of the one before."""
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=30, context=self.tls
        )
        origin = f"https://127.0.0.1:{self.port}"
        headers = {"Cookie": "; ".join(f"{key}={value}" for key, value in self.cookies.items())}
        body = None
        if method == "POST":
            headers |= {
                "Content-Type": "application/x-www-form-urlencoded",
                "Origin": origin,
                "Referer": origin + path,
            }
            body = urlencode(form)
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        self.page = response.read().decode(errors="replace")
        self.set = response.headers.get_all("Set-Cookie") or []
        for line in self.set:
            key, _, value = line.split(";")[0].partition("=")
            self.cookies[key] = value
        connection.close()
        return response

    def sign_in(self, page: str) -> http.client.HTTPResponse:
        """Fill in and send the form of a page."""
        assert self.ask("GET", page).status == 200
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.page)
        assert found is not None
        return self.ask(
            "POST", page, username="keeper", password=PASSWORD, csrfmiddlewaretoken=found[1]
        )


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.parametrize("page", ["/admin/login/?next=/admin/", "/sign-in/"])
def test_people_sign_in_over_tls(platform: Platform, page: str) -> None:
    browser = Browser(platform.nginx)

    answer = browser.sign_in(page)

    assert answer.status == 302, browser.page
    (session,) = [line for line in browser.set if line.startswith("sessionid=")]
    assert "; Secure" in session
    assert "; HttpOnly" in session
    assert browser.ask("GET", "/admin/").status == 200
    assert "keeper" in browser.page
    assert browser.ask("GET", "/api/v1/sites/").status == 200


@pytest.mark.slow
@pytest.mark.postgres
def test_live_socket_works_over_tls(platform: Platform) -> None:
    browser = Browser(platform.nginx)
    browser.sign_in("/sign-in/")
    place = f"127.0.0.1:{browser.port}"

    async def watch() -> None:
        async with websockets.connect(
            f"wss://{place}/ws/live/",
            ssl=browser.tls,
            origin=websockets.Origin(f"https://{place}"),
            additional_headers={"Cookie": f"sessionid={browser.cookies['sessionid']}"},
        ) as live:
            assert "hello" in str(await live.recv())
            await asyncio.to_thread(_upload, platform.nginx.port, platform.token)
            async for message in live:
                if "7001" in str(message):
                    return

    asyncio.run(asyncio.wait_for(watch(), 30))


def _upload(port: int, token: str) -> None:
    body = '{"userId": "7001", "screenTime": 1589000000, "temperature": "36.5"}'
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(
        "POST", f"/t/{token}/syface/door-1", body, {"Content-Type": "application/json"}
    )
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    connection.close()


@pytest.mark.slow
@pytest.mark.postgres
def test_plain_http_is_for_terminals_only(platform: Platform) -> None:
    port, elsewhere = platform.nginx.port, f"https://127.0.0.1:{platform.nginx.https_port}"

    def asked(
        path: str, *fields: bytes, source: str = "127.0.0.1", host: bytes = b"127.0.0.1"
    ) -> Any:
        lines = [b"GET " + path.encode() + b" HTTP/1.1", b"Host: " + host, *fields]
        return exchange(port, b"\r\n".join(lines) + b"\r\n\r\n", source=source).answers[0]

    poll = asked(f"/t/{platform.token}/syrecord/door-1?lastQueryTime=0")
    assert (poll.status, poll.body["ret"]) == (200, "0") if "ret" in poll.body else poll.body
    assert asked(f"/i/{PICTURE}.jpg").status in {404, 410}
    for path in ("/admin/login/?next=/admin/", "/", "/api/v1/sites/", "/static/a.css", "/ws/live/"):
        answer = asked(path)
        assert (answer.status, answer.headers["location"]) == (307, elsewhere + path)
        assert "strict-transport-security" not in answer.headers
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        # Nobody is sent to a place that is none of ours.
        for host in (b"evil.example", b"127.0.0.1.evil.example", b""):
            away = asked(path, host=host)
            assert away.status in {400, 421}
            assert "location" not in away.headers
    assert asked("/t/x/syrecord/y", host=b"anything").status == 200
    # Nobody but a proxy that is trusted can say that TLS has ended before.
    said = b"X-Forwarded-Proto: https"
    assert asked("/admin/login/", said).status == 307
    assert asked("/admin/login/", said, source="127.0.0.2").status == 200
    assert asked("/admin/login/", b"X-Forwarded-Proto: http", source="127.0.0.2").status == 307


@pytest.mark.slow
@pytest.mark.postgres
def test_terminals_may_use_tls_as_well(platform: Platform) -> None:
    browser = Browser(platform.nginx)

    answer = browser.ask("GET", f"/t/{platform.token}/syrecord/door-1?lastQueryTime=0")

    assert answer.status == 200
    assert "lastQueryTime" in browser.page


@pytest.mark.slow
@pytest.mark.postgres
def test_a_self_signed_certificate_is_never_made_compulsory(platform: Platform) -> None:
    """A browser that was told so once would not let its user past it any more."""
    found = {
        name: Browser(one).ask("GET", "/sign-in/").headers.get_all("Strict-Transport-Security")
        for name, one in {"self-signed": platform.nginx, "signed": platform.signed}.items()
    }

    assert found == {"self-signed": None, "signed": ["max-age=3600"]}


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.parametrize(
    "path",
    ["/sign-in/", "/static/console/icon.svg", "/static/none.css", "/t/x/syrecord/y", "/i/none.jpg",
     "/protected/none", "/.well-known/acme-challenge/none", "/%zz"],
)  # fmt: skip
def test_every_answer_says_what_may_be_loaded_and_how_it_is_reached(
    platform: Platform, path: str
) -> None:
    """Once each: what the platform has said is not said twice."""
    for nginx, hsts in ((platform.nginx, None), (platform.signed, ["max-age=3600"])):
        headers = Browser(nginx).ask("GET", path).headers

        (policy,) = headers.get_all("Content-Security-Policy") or [""]
        assert policy.startswith("default-src 'none'"), path
        assert headers.get_all("Strict-Transport-Security") == hsts


def _wild(port: int) -> list[bytes]:
    """Return requests that carry secrets where nobody expects them."""
    paths = [
        f"/t/{SECRET}/syface/x", f"//t/{SECRET}/syface/x", f"/%74/{SECRET}/syface/x",
        f"/a/../t/{SECRET}/syface/x", f"/T/{SECRET}/x", f"/api/v1/t/{SECRET}/x",
        f"/static/../t/{SECRET}", f"/i/{PICTURE}.jpg", f"/%69/{PICTURE}.jpg",
        f"/protected/i/{PICTURE}.jpg", f"/static/{PICTURE}", f"/admin/?next=/t/{SECRET}/",
        f"http://127.0.0.1:{port}/t/{SECRET}/x", f"/unreadable/t/{SECRET}", f"/ws/t/{SECRET}/",
        f"/.well-known/acme-challenge/{SECRET}", f"/t/{SECRET}/syface/a b", f"t/{SECRET}/x",
        f"/t/{SECRET}/%zz", f"/t/{SECRET}/%00", f"/t/{SECRET}/../../../../x",
    ]  # fmt: skip
    found: list[bytes] = []
    for path in paths:
        for method in ("GET", "POST", "FETCH", "post"):
            head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            found.append((head + "Content-Length: 2\r\n\r\n{}").encode())
    path = f"/t/{SECRET}/syface/x"
    short = SECRET[:19]
    found += [
        f"GET /{place}/{short} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        for place in ("sign-in", "sign-out", "healthz", "live", "sessions", "wall", "ws", "admin")
    ]
    found += [
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 90000000\r\n\r\n{{".encode(),
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n".encode() + b"a" * 90000,
        f"GET {path} HTTP/9.1\r\nHost: x\r\n\r\n".encode(),
        f"GET {path}\r\n\r\n".encode(),
        f"GET {path} HTTP/1.1\r\nHost: /t/{SECRET}\r\n\r\n".encode(),
        f"GET {path} HTTP/1.1\r\nHost: x\r\nContent-Length: a\r\n\r\n".encode(),
        f"GET {path} HTTP/1.1\r\nHost: x\r\n{SECRET}\0: a\r\n\r\n".encode(),
        f"GET {path} HTTP/1.1\r\nHost: x\r\nA: {'a' * 40000}\r\n\r\n".encode(),
        f"GET {path}{'a' * 40000} HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
        f"GET /favicon.ico HTTP/1.1\r\nHost: x\r\nReferer: http://x{path}\r\n\r\n".encode(),
        f"GET /admin/ HTTP/1.1\r\nHost: x\r\nReferer: http://x{path}\r\n"
        "X-Forwarded-Proto: https\r\n\r\n".encode(),
        f"GET /admin/ HTTP/1.1\r\nHost: x\r\nUser-Agent: {path}\r\n\r\n".encode(),
        f"{path} HTTP/1.1\r\n\r\n".encode(),
    ]
    return found


def _break_off(port: int, raw: bytes) -> None:
    """Send a part of a request, and reset the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.sendall(raw)


@pytest.mark.slow
def test_no_log_of_nginx_carries_a_secret(tmp_path: Path, nginx: str) -> None:
    """Not when nobody is behind it, nor when what is sent is broken, nor when its disk is."""
    proxy = Nginx(
        tmp_path / "nginx",
        nginx,
        Behind(free_port(), free_port(), tmp_path),
        proxies=("127.0.0.2",),
    )
    proxy.start()
    # The folder for bodies is none: nginx finds that critical.
    shutil.rmtree(proxy.folder / "client_body")
    (proxy.folder / "client_body").touch()
    cases = [case.raw for case in (*shipped(), *own())]
    cases = [raw.replace(b"{{TOKEN}}", SECRET.encode()) for raw in cases]
    cases = [raw.replace(b"abc.jpg", f"{PICTURE}.jpg".encode()) for raw in cases]
    cases += _wild(proxy.port)
    try:
        with ThreadPoolExecutor(24) as pool:
            sent = [
                pool.submit(exchange, proxy.port, raw, patience_s=10.0, close_within_s=0.1)
                for raw in cases
            ]
            heard = [one.result() for one in sent]
            list(pool.map(lambda raw: _break_off(proxy.port, raw[: len(raw) * 2 // 3]), cases))
            # Plain HTTP on the port of TLS, too.
            list(pool.map(lambda raw: exchange(proxy.https_port, raw), _wild(proxy.port)))
    finally:
        proxy.stop()

    assert {503, 400} <= {one.answers[0].status for one in heard if one.answers}
    logs = proxy.logs()
    assert logs["access.log"].count("(terminal)") > 100
    assert "upstream=502" in logs["access.log"]
    for name, said in logs.items():
        found = [line for line in said.splitlines() if SECRET[:19] in line or PICTURE in line]
        assert found == [], name


@pytest.mark.slow
def test_what_happens_to_people_is_in_the_access_log(tmp_path: Path, nginx: str) -> None:
    proxy = Nginx(tmp_path / "nginx", nginx, Behind(free_port(), free_port(), tmp_path))
    proxy.start()
    try:
        browser = Browser(proxy)
        browser.ask("GET", "/admin/devices/site/3/change/?_popup=1")
        browser.ask("GET", "/t/a/syrecord/b")
    finally:
        proxy.stop()

    page, terminal = proxy.logs()["access.log"].splitlines()
    assert " GET /admin/devices/site/3/change/ 502 " in page
    assert " GET (terminal) 503 " in terminal


@pytest.mark.slow
def test_half_requests_keep_nobody_out(tmp_path: Path, nginx: str) -> None:
    """Hundreds of connections say nothing more: terminals are answered, those are hung up on."""
    proxy = Nginx(tmp_path / "nginx", nginx, Behind(free_port(), free_port(), tmp_path))
    proxy.start()
    poll = b"GET /t/a/syrecord/b HTTP/1.1\r\nHost: x\r\n\r\n"
    halves = [b"POST /t/a/syface/b HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{", poll[:-2]]
    with contextlib.ExitStack() as opened:
        opened.callback(proxy.stop)
        held = []
        for number in range(600):
            one = opened.enter_context(socket.create_connection(("127.0.0.1", proxy.port)))
            one.sendall(halves[number % 2])
            held.append(one)
        heard = exchange(proxy.port, poll)
        assert heard.answers[0].status == 503  # nobody is behind it here
        assert heard.took_s < 2
        for one in held:
            one.settimeout(15)
            # What it says, if anything, and the end.
            with contextlib.suppress(ConnectionResetError):
                while one.recv(4096):
                    pass
