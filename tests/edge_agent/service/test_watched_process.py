"""A terminal that hangs is ended and begins anew: in processes of its own, with real hangs."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.config import load_config
from edge_agent.drivers.clock import SystemClock
from edge_agent.service.live_state import read_live_state
from edge_agent.service.own_api import call_own
from face_engine import install_models
from tests.support.fake_platform import FakePlatform
from tests.support.processes import ROOT

# A driver of another package whose pictures hang the thread that looks at them, or whose camera
# hangs the event loop, once a file says so.
MODULE = """
import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_agent.drivers.base import Frame


class Hanging(np.ndarray):
    @property
    def ndim(self):
        while True:
            time.sleep(1)


class HangingCamera:
    def __init__(self, folder):
        self._folder = folder

    async def open(self):
        pass

    async def next_frame(self):
        await asyncio.sleep(0.02)
        image = np.zeros((64, 64, 3), dtype=np.uint8)
        if (self._folder / "hang-loop").exists():
            while True:
                time.sleep(1)
        if (self._folder / "hang-models").exists():
            return Frame(image.view(Hanging), is_visit=True)
        return Frame(image, is_visit=True)

    async def close(self):
        pass


@dataclass(frozen=True, slots=True)
class HangingOptions:
    folder: Path = Path(".")

    def make(self):
        return HangingCamera(self.folder)
"""


@pytest.fixture(scope="module", autouse=True)
def _models() -> None:
    """Install the face models; does nothing when they are there."""
    install_models()


class Door:
    """A configured terminal with that camera; starts its process as a supervisor does."""

    def __init__(self, folder: Path, base_url: str) -> None:
        self.folder = folder
        self._base_url = base_url
        self._processes: list[subprocess.Popen[str]] = []
        (folder / "hanging_door.py").write_text(MODULE)
        info = folder / "hanging_door-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hanging-door\nVersion: 1.0\n")
        entry = "[menjin.cameras]\nhanging = hanging_door:HangingOptions\n"
        (info / "entry_points.txt").write_text(entry)

    def start(self, watchdog: str, **environment: str) -> subprocess.Popen[str]:
        config = self.folder / "agent.toml"
        config.write_text(
            f'device_id = "0000001"\nbase_url = "{self._base_url}"\ndata_dir = "data"\n'
            'decide = "local"\n[camera]\ndriver = "hanging"\nfolder = "."\n'
            f"[api]\nport = 0\npush_port = 0\n[watchdog]\n{watchdog}\n"
        )
        path = os.pathsep.join([str(self.folder), *sys.path])
        process = subprocess.Popen(
            [sys.executable, "-m", "edge_agent", "run", "--config", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": path, **environment},
        )
        self._processes.append(process)
        return process

    def hang(self, what: str) -> None:
        (self.folder / f"hang-{what}").touch()

    def heal(self) -> None:
        for path in self.folder.glob("hang-*"):
            path.unlink()

    def clean_up(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.communicate()


@pytest.fixture
def door(tmp_path: Path, platform: FakePlatform) -> Iterator[Door]:
    platform.enrol("1001", "Ann", None)
    made = Door(tmp_path, platform.base_url)
    yield made
    made.clean_up()


@pytest.fixture
def notified(tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """Return the socket on which systemd would listen, and its address."""
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(address)
        yield bound, address


def hear(bound: socket.socket, wanted: str, *, within_s: float) -> bool:
    """Wait for a message; whether it came before so much silence."""
    deadline = time.monotonic() + within_s
    while (left_s := deadline - time.monotonic()) > 0:
        bound.settimeout(left_s)
        try:
            if wanted in bound.recv(4000).decode().splitlines():
                return True
        except TimeoutError:
            return False
    return False


def hear_until(bound: socket.socket, *wanted: str, within_s: float = 60) -> list[str]:
    """Return what is told until all of this was told."""
    reported: list[str] = []
    deadline = time.monotonic() + within_s
    while not set(wanted) <= set(reported):
        bound.settimeout(max(0.001, deadline - time.monotonic()))
        reported += bound.recv(4000).decode().splitlines()
    return reported


@pytest.mark.slow
@pytest.mark.parametrize("what", ["models", "loop"])
def test_systemd_hears_no_more_and_starts_it_again(
    door: Door, notified: tuple[socket.socket, str], what: str
) -> None:
    bound, address = notified
    environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "3000000"}
    agent = door.start("answer_within_s = 1.0", **environment)
    assert hear(bound, "READY=1", within_s=60)
    assert hear(bound, "WATCHDOG=1", within_s=3)

    door.hang(what)
    while hear(bound, "WATCHDOG=1", within_s=3):
        pass  # as systemd does: three seconds without a word are too many
    agent.send_signal(signal.SIGABRT)
    _, reported = agent.communicate(timeout=20)

    assert agent.returncode == -signal.SIGABRT
    assert re.search(r'hanging_door.py", line \d+ in (ndim|next_frame)', reported)
    killed = read_live_state(door.folder / "data")
    assert killed is not None
    assert killed.troubles == (
        ("the thread of the face models does not answer",) if what == "models" else ()
    )
    door.heal()
    again = door.start("answer_within_s = 1.0", **environment)
    assert hear(bound, "READY=1", within_s=60)
    again.send_signal(signal.SIGTERM)
    assert hear(bound, "STOPPING=1", within_s=20)
    assert again.wait(20) == 0
    assert read_live_state(door.folder / "data") is None


@pytest.mark.slow
def test_reboot_by_a_platform_is_no_end_to_systemd(
    door: Door, notified: tuple[socket.socket, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """8.1.9 replaces the process by a new one of the same number; STOPPING=1 would end it."""
    bound, address = notified
    agent = door.start("", NOTIFY_SOCKET=address, WATCHDOG_USEC="2000000")
    monkeypatch.syspath_prepend(door.folder)  # the driver, for this process
    config = load_config(door.folder / "agent.toml")
    reported = hear_until(bound, "READY=1", "STATUS=all is well")
    while (live := read_live_state(door.folder / "data")) is None or not live.port:
        reported += hear_until(bound, "WATCHDOG=1")

    answer = asyncio.run(call_own(config, "reboot", clock=SystemClock()))
    reported += hear_until(bound, "READY=1")

    assert answer.is_ok
    assert agent.poll() is None
    assert "STATUS=starts anew" in reported
    assert "STOPPING=1" not in reported
    agent.send_signal(signal.SIGTERM)
    assert agent.wait(20) == 0


@pytest.mark.slow
def test_without_systemd_it_ends_itself_and_says_where_it_hung(door: Door) -> None:
    agent = door.start("exit_after_s = 3.0\nanswer_within_s = 1.0")
    door.hang("loop")

    _, reported = agent.communicate(timeout=60)

    assert agent.returncode == 1
    assert "Timeout (0:00:03)!" in reported
    assert re.search(r'hanging_door.py", line \d+ in next_frame', reported)
