"""``make run``'s program: everything starts, a door opens, and everything stops."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(var: Path, port: int, *options: str) -> subprocess.Popen[str]:
    """Start the demonstration on its own database."""
    environment = {
        **os.environ,
        "MENJIN_VAR": str(var),
        "DJANGO_SETTINGS_MODULE": "menjin.settings.embedded",
    }
    return subprocess.Popen(
        [sys.executable, "manage.py", "demo", "--port", str(port), *options],
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

    deadline = time.monotonic() + 30
    while is_listening(port) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not is_listening(port)
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
