"""Starting Menjin's own processes for tests that kill them."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(
    arguments: list[str],
    environment: Mapping[str, str],
    *,
    log: Path,
    own_group: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a program of the environment the tests run in; its output goes to ``log``.

    ``own_group`` makes it the leader of a process group, so that its workers can be killed with it.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            arguments,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=own_group,
        )


def program(name: str) -> str:
    """Return the path of a console script of the environment the tests run in."""
    return str(Path(sys.executable).parent / name)


def wait_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until a process answers on its port; fail with its log when it ended instead."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(log.read_text())
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("it did not listen in time:\n" + log.read_text())


def stop(process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGTERM) -> int:
    """Send a signal and return the exit code; a process that does not end is a failure."""
    if process.poll() is None:
        process.send_signal(number)
    return process.wait(timeout=20)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a leader and all it started, none of whom can do anything about it."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=20)
