"""``make run``'s program: everything starts, a door opens, and everything stops."""

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.support import migrated
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(var: Path, port: int, *options: str) -> subprocess.Popen[str]:
    """Start the demonstration on its own database."""
    return manage(var, "demo", "--port", str(port), *options)


def manage(var: Path, *arguments: str, **more: str) -> subprocess.Popen[str]:
    """Start a command of ``manage.py`` on its own database."""
    environment = {
        **os.environ,
        "MENJIN_VAR": str(var),
        "DJANGO_SETTINGS_MODULE": "menjin.settings.embedded",
        **more,
    }
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def is_listening(port: int) -> bool:
    """Tell whether somebody listens on a port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return False
    return True


def test_residents_get_in_and_strangers_do_not(tmp_path: Path) -> None:
    process = start(tmp_path, free_port(), "--visits", "4")

    told, _ = process.communicate(timeout=120)

    assert process.returncode == 0, told
    assert re.search(r"sign in as +admin +with password +\S{8,}", told)
    assert told.count("platform says open → relay pulsed 3000 ms") == 2
    assert "astronaut walked by → nobody" in told
    assert told.count("platform says keep closed") == 1  # the visitor with a fever
    assert "Traceback" not in told
    assert told.rstrip().endswith("stopped")
    # The platform calls it as well: its records come by push, and pages can open its door.
    assert "push_changed terminal=1 connected=True" in told


@pytest.fixture
def migrated_var(tmp_path: Path) -> Path:
    """Return a folder with a database that is up to date; the first test begins with none."""
    migrated.sqlite_into(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("migrated_var")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_running(tmp_path: Path, number: signal.Signals) -> None:
    port = free_port()
    process = start(tmp_path, port)
    assert process.stdout is not None
    for line in process.stdout:
        if "walked by" in line:
            break

    process.send_signal(number)
    process.wait(timeout=30)

    wait_until(lambda: not is_listening(port))
    process.stdout.close()


def test_a_taken_port_is_named_with_the_way_out(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = int(taken.getsockname()[1])

        told, _ = start(tmp_path, port).communicate(timeout=60)

    assert f"port {port}" in told
    assert "make run PORT=" in told
    assert "Traceback" not in told


def told(var: Path, *arguments: str, **more: str) -> tuple[int, str]:
    """Run a command to its end; returns its exit code and all it said."""
    process = manage(var, *arguments, **more)
    said, _ = process.communicate(timeout=120)
    return process.returncode, said


def in_database(var: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(var / "menjin.sqlite3", timeout=20)) as database:
        found = database.execute(statement).fetchall()
        database.commit()
        return found


def serve(var: Path, host: str, port: int) -> subprocess.Popen[str]:
    """Serve until it answers."""
    process = manage(var, "serve", "--host", host, "--port", str(port))
    deadline = time.monotonic() + 60
    while not is_listening(port):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return process


def end(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=30)[0]


@pytest.mark.usefixtures("migrated_var")
def test_the_demonstration_reaches_the_network_closed_or_not_at_all(tmp_path: Path) -> None:
    """README told to serve it at 0.0.0.0: names and photos for everybody, and an open door."""
    port = free_port()
    beyond = ("--host", "0.0.0.0", "--port", str(port))
    code, said = told(tmp_path, "demo", *beyond, "--visits", "1")
    assert code != 0
    assert "manage.py demo --close" in said
    assert "walked by" not in said
    assert not is_listening(port)
    # Somebody made it their own; it is the demonstration all the same.
    in_database(tmp_path, "UPDATE devices_site SET code = 'ours', name = 'Our house'")
    for arguments, more in (
        (("serve", *beyond), {}),
        (("demo", *beyond), {}),
        (("demo", "--port", str(port)), {"HOST": "0.0.0.0"}),
    ):
        code, said = told(tmp_path, *arguments, **more)
        assert code != 0
        for words in ("Our house", "demo --close", "demo --remove"):
            assert words in said
        assert "Traceback" not in said
    assert "sign in as" not in said

    code, said = told(tmp_path, "demo", "--close")
    assert (code, "closed" in said) == (0, True)
    process = serve(tmp_path, "0.0.0.0", port)
    with urlopen(f"http://127.0.0.1:{port}/syrecord/0000777?lastQueryTime=0") as answer:
        assert json.load(answer)["ret"] == "10005"
    code, said = told(tmp_path, "demo", "--remove")
    assert (code != 0, "stop it first" in said) == (True, True)
    end(process)
    assert in_database(tmp_path, "SELECT auto_approve, allow_bare_path FROM devices_site") == [
        (0, 0)
    ]


@pytest.mark.usefixtures("migrated_var")
def test_a_closed_demonstration_goes_on_and_an_erased_one_begins_anew(tmp_path: Path) -> None:
    first = told(tmp_path, "demo", "--port", str(free_port()), "--visits", "2")[1]
    assert "platform says open → relay pulsed 3000 ms" in first
    password = re.search(r"with password +(\S+)", first)
    assert password is not None

    told(tmp_path, "demo", "--close")
    closed = told(tmp_path, "demo", "--port", str(free_port()), "--visits", "4")
    assert closed[0] == 0, closed[1]
    assert closed[1].count("platform says open → relay pulsed 3000 ms") == 2

    for words in ('erased "Demo community": 2 people', "no demonstration here any more"):
        code, said = told(tmp_path, "demo", "--remove")
        assert (code, words in said) == (0, True), said
    for table in ("devices_site", "faces_person", "records_record", "records_picture"):
        assert in_database(tmp_path, f"SELECT * FROM {table}") == []
    assert [user for (user,) in in_database(tmp_path, "SELECT username FROM auth_user")] == [
        "admin"
    ]
    assert [one for one in (tmp_path / "media").rglob("*") if one.is_file()] == []
    assert [one.name for one in (tmp_path / "demo").iterdir()] == ["admin.json"]
    # Nothing is in the way of the network now.
    end(serve(tmp_path, "0.0.0.0", free_port()))

    again = told(tmp_path, "demo", "--port", str(free_port()), "--visits", "1")
    assert again[0] == 0, again[1]
    assert password[0] in again[1]


@pytest.mark.parametrize("how", ["--close", "--remove"])
def test_where_nothing_is_there_is_nothing_to_end(tmp_path: Path, how: str) -> None:
    code, said = told(tmp_path, "demo", how)

    assert (code, "there is no demonstration here" in said) == (0, True), said


def test_a_database_that_is_not_up_to_date_is_not_served_to_a_network(tmp_path: Path) -> None:
    code, said = told(tmp_path, "serve", "--host", "0.0.0.0", "--port", str(free_port()))

    assert code != 0
    assert "manage.py migrate" in said
    assert "Traceback" not in said
