"""docker-compose.yml is kept true: the same processes with the same settings are started here."""

import asyncio
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import websockets
import yaml
from psycopg2 import sql

from tests.support.nginx import Behind, Nginx
from tests.support.processes import ROOT, free_port, program, start, stop, wait_listening
from tests.support.terminal_api import PASSWORD, terminal_server
from tests.support.tools import tool
from tests.support.waiting import wait_until

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
OWN = ("wsgi", "asgi", "worker", "calls", "push", "beat")


def test_every_service_of_the_design_is_there() -> None:
    assert {"postgres", "redis", "nginx", *OWN} <= set(COMPOSE["services"])
    for name in OWN:
        assert "prepare" in COMPOSE["services"][name]["depends_on"]


def test_every_variable_is_explained() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    named = set(re.findall(r"\$\{(\w+)", text))
    explained = set(re.findall(r"^#? ?(\w+)=", (ROOT / ".env.example").read_text(), re.M))

    assert named - explained == set()


def test_every_program_is_installed() -> None:
    for name in OWN:
        assert Path(program(COMPOSE["services"][name]["command"][0])).exists()


def test_every_mounted_file_is_in_the_project() -> None:
    for service in COMPOSE["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (ROOT / source).is_file()
            else:
                assert source in COMPOSE["volumes"]


def test_images_are_pinned_by_digest() -> None:
    named = [service["image"] for service in COMPOSE["services"].values() if "image" in service]
    named = [name for name in named if not name.startswith("menjin:")]
    named += re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.M)

    assert len(named) == 4
    for name in named:
        assert re.fullmatch(r"[a-z]+:[0-9]+\.[0-9.]+-[a-z\-]+@sha256:[0-9a-f]{64}", name), name


def test_the_image_is_made_of_named_files() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = {word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]}
    kept_out, *let_in = [
        line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] != "#"
    ]

    assert kept_out == "*"
    assert {line[1:] for line in let_in if line.startswith("!")} == copied
    assert all((ROOT / name).exists() for name in copied)
    packages = {
        path.relative_to(ROOT).parts[0] for path in ROOT.glob("*/") if (path / "models").is_dir()
    }
    assert packages <= copied
    # Whoever else copies a whole checkout leaves its secrets behind, too.
    assert "**/.env*" in let_in


def test_secrets_of_an_installation_are_not_versioned() -> None:
    done = subprocess.run(
        ["git", "check-ignore", "--no-index", ".env", ".env.local", "key.pem", ".env.example"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.split() == [".env", ".env.local", "key.pem"]


def test_the_proxy_reads_the_platforms_files_as_their_owner() -> None:
    nginx = COMPOSE["services"]["nginx"]

    assert nginx["user"] == "10001:10001"
    made = (ROOT / "Dockerfile").read_text()
    assert "--gid 10001 menjin" in made
    assert "--uid 10001 --gid menjin" in made
    assert nginx["depends_on"]["prepare"]["condition"] == "service_completed_successfully"
    assert "tls_prepare /etc/menjin-tls " in COMPOSE["services"]["prepare"]["command"][-1]


def test_only_the_proxy_may_say_who_calls() -> None:
    """Callers from outside come from the gateway of the same network."""
    address = COMPOSE["services"]["nginx"]["networks"]["default"]["ipv4_address"]
    given = COMPOSE["services"]["wsgi"]["environment"]["TRUSTED_PROXIES"]
    (pool,) = COMPOSE["networks"]["default"]["ipam"]["config"]

    assert given == f"${{TRUSTED_PROXIES:-{address}}}"
    assert f"TRUSTED_PROXIES={address}\n" in (ROOT / ".env.example").read_text()
    assert ip_address(address) in ip_network(pool["subnet"])
    # Uvicorn would believe this machine by itself.
    assert "--no-proxy-headers" in COMPOSE["services"]["asgi"]["command"]


def test_nginx_can_read_its_files(tmp_path: Path) -> None:
    nginx = Nginx(tmp_path / "nginx", tool("nginx", package="nginx-light"), Behind(1, 2, tmp_path))

    done = subprocess.run(nginx.command("-t"), capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr


def test_nginx_asks_services_and_ports_that_are_there() -> None:
    text = (ROOT / "docker" / "nginx.conf").read_text()
    asked = set(re.findall(r"server (\w+):(\d+);", text))
    served = {
        (name, COMPOSE["services"][name]["command"][number + 1])
        for name in OWN
        for number, word in enumerate(COMPOSE["services"][name]["command"])
        if word == "--port"
    }

    assert asked == served
    # Pictures of people stay off the open web; what stays out of the logs: test_nginx.py.
    assert re.search(r"location /protected/ \{\s*internal;", text)


class Production:
    """The processes of the compose file, on free ports and a database of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {"wsgi": free_port(), "asgi": free_port()}
        given = COMPOSE["services"]["wsgi"]["environment"]
        own = {
            "DATABASE_URL": os.environ["TEST_DATABASE_URL"].rsplit("/", 1)[0] + "/composed",
            "REDIS_URL": os.environ["TEST_REDIS_URL"].rsplit("/", 1)[0] + "/5",
            "SECRET_KEY": "k" * 60,
            "FIELD_KEY": "field-key-of-the-tests-only-0123456789-abcdef",
            "ALLOWED_HOSTS": "127.0.0.1",
            "CSRF_TRUSTED_ORIGINS": "",
            "PUBLIC_URL": "",
            "MENJIN_PICTURE_URL": "",
            "TRUSTED_PROXIES": "",
            "MENJIN_CALL_NETWORKS": "127.0.0.0/8",
            "MENJIN_OWN_SERVICES": given["MENJIN_OWN_SERVICES"],
            "MENJIN_VAR": str(folder),
            "MENJIN_CACHE": os.environ.get("MENJIN_CACHE", ""),
            "MENJIN_ACCEL_LOCATION": "/protected/",
        }
        # Every setting the file makes is made here, and no other.
        assert set(given) == {*own, "DJANGO_SETTINGS_MODULE"}
        self.environment = {**own, "DJANGO_SETTINGS_MODULE": given["DJANGO_SETTINGS_MODULE"]}
        if not self.environment["MENJIN_CACHE"]:
            del self.environment["MENJIN_CACHE"]
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def manage(self, *arguments: str) -> str:
        """Run a management command and return what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def start(self) -> None:
        """Start every process with the file's own arguments, ports and addresses aside."""
        for name in OWN:
            command = list(COMPOSE["services"][name]["command"])
            command = [word.replace("0.0.0.0", "127.0.0.1") for word in command]
            command = [word.replace("/var/lib/menjin", str(self.folder)) for word in command]
            if name in self.ports:
                command[command.index("--port") + 1] = str(self.ports[name])
            command[0] = program(command[0])
            self.running[name] = start(command, self.environment, log=self.folder / name)
        for name, port in self.ports.items():
            wait_listening(self.running[name], port, self.folder / name)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Ask the WSGI server and return the JSON it answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["wsgi"], timeout=30)
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, {"Content-Type": "application/json", **headers})
        response = connection.getresponse()
        raw = response.read()
        connection.close()
        assert response.status in {200, 201, 202}, (path, response.status, raw[:500])
        return json.loads(raw)

    def logs(self) -> str:
        """Return what all processes have printed."""
        return "\n".join((self.folder / name).read_text() for name in OWN)


@pytest.fixture
def production(tmp_path: Path) -> Iterator[Production]:
    """Return the running platform on a fresh database."""
    server = psycopg2.connect(os.environ["TEST_DATABASE_URL"])
    # Databases are made outside of transactions, which ``with`` would begin.
    server.autocommit = True
    server.cursor().execute(sql.SQL("DROP DATABASE IF EXISTS composed WITH (FORCE)"))
    server.cursor().execute(sql.SQL("CREATE DATABASE composed"))
    server.close()
    platform = Production(tmp_path)
    platform.manage("migrate", "--verbosity", "0")
    platform.start()
    yield platform
    for process in platform.running.values():
        if process.poll() is None:
            stop(process, signal.SIGKILL)


async def first_message(port: int, session: str, connected: asyncio.Event) -> dict[str, Any]:
    """Return the first record or alert the live page is told."""
    headers = {"Cookie": f"sessionid={session}"}
    async with websockets.connect(
        f"ws://127.0.0.1:{port}/ws/live/",
        additional_headers=headers,
        origin=websockets.Origin(f"http://127.0.0.1:{port}"),
    ) as live:
        connected.set()
        while True:
            message: dict[str, Any] = json.loads(await asyncio.wait_for(live.recv(), 20))
            if "Gate" in json.dumps(message) or "record" in message:
                return message


@pytest.mark.slow
@pytest.mark.postgres
def test_the_processes_of_the_compose_file_serve_one_door(production: Production) -> None:
    token = production.manage("api_token", "checker", "--create-superuser")
    login = {"Authorization": f"Token {token}"}
    session = production.manage(
        "shell",
        "-v",
        "0",
        "-c",
        "from importlib import import_module;from django.conf import settings;"
        "from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY;"
        "from django.contrib.auth.models import User;u=User.objects.get();"
        "s=import_module(settings.SESSION_ENGINE).SessionStore();"
        "s[SESSION_KEY]=str(u.pk);s[HASH_SESSION_KEY]=u.get_session_auth_hash();"
        "s[BACKEND_SESSION_KEY]='django.contrib.auth.backends.ModelBackend';"
        "s.save();print(s.session_key)",
    )
    site = production.ask(
        "POST", "/api/v1/sites/", {"code": "gate", "name": "Gate", "auto_approve": True}, **login
    )
    base = "/t/" + site["base_url"].rsplit("/", 1)[1]

    assert production.ask("POST", f"{base}/syheartbeat/1", {})["ret"] == "0"

    async def pass_and_watch() -> dict[str, Any]:
        connected = asyncio.Event()
        watching = asyncio.create_task(first_message(production.ports["asgi"], session, connected))
        await asyncio.wait_for(connected.wait(), 20)
        body = {"userId": "7", "screenTime": 1589000000, "temperature": "36.5"}
        answer = await asyncio.to_thread(production.ask, "POST", f"{base}/syface/1", body)
        assert (answer["ret"], answer["openDoor"]) == ("0", 0)
        return await watching

    assert "7" in json.dumps(asyncio.run(pass_and_watch()))

    assert production.ask("POST", "/api/v1/index/rebuild/", **login) == {"queued": 1}
    wait_until(lambda: production.ask("GET", "/api/v1/index/", **login)["built_at"], every=0.2)
    # Beat's first round has the worker write the heartbeat to the database.
    wait_until(
        lambda: production.ask("GET", "/api/v1/devices/", **login)["results"][0]["last_address"],
        40,
        every=0.5,
    )

    # A door is opened by its own queue, and the one who asked sees that it was.
    with terminal_server() as gate:
        device = production.ask("GET", "/api/v1/devices/", **login)["results"][0]["id"]
        called = {"api_address": gate.address, "api_password": PASSWORD}
        production.ask("PATCH", f"/api/v1/devices/{device}/", called, **login)
        asked = production.ask(
            "POST", f"/api/v1/devices/{device}/open/", {"reason": "post"}, **login
        )
        deadline = time.monotonic() + 10
        while asked["state"] in {"queued", "sending"}:
            assert time.monotonic() < deadline, production.logs()
            time.sleep(0.1)
            asked = production.ask("GET", f"/api/v1/commands/{asked['id']}/", **login)
        assert (asked["state"], gate.state.opened) == ("done", ["post"]), production.logs()

    codes = {name: stop(process) for name, process in production.running.items()}

    assert set(codes.values()) <= {0, -signal.SIGTERM}, codes
    assert "Traceback" not in production.logs()
    assert base not in production.logs()
