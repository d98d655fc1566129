"""Pings mean that the terminal is alive, and stop when it is not."""

import asyncio
import os
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edge_agent.config.sections import WatchdogConfig
from edge_agent.door.watched_camera import WatchedCamera
from edge_agent.drivers.base import Frame
from edge_agent.drivers.exceptions import DriverError, DriverTimeout
from edge_agent.drivers.relay_simulated import SimulatedRelay
from edge_agent.recognition.recogniser import Recogniser
from edge_agent.service.assembly import _door_check, _relay_check
from edge_agent.service.live_state import LiveFile, read_live_state
from edge_agent.service.service_manager import ServiceManager
from edge_agent.service.supervision import Supervisor
from edge_agent.service.watchdog import Watchdog
from edge_agent.storage.database import Database
from tests.support.edge.fakes import FakeEngine, ListCamera, ListEventLog, ManualClock, person_image


class ListAlarm:
    """An `Alarm` that remembers for how long it was set."""

    def __init__(self) -> None:
        self.set_s: list[float] = []

    def set(self, after_s: float) -> None:
        self.set_s.append(after_s)


class Systemd:
    """A real notification socket, and a watchdog that listens at its other end."""

    def __init__(self, folder: Path, clock: ManualClock, config: WatchdogConfig) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / "notify"))
        self._socket.setblocking(False)
        self.clock = clock
        self.event_log = ListEventLog()
        self.alarm = ListAlarm()
        self.ports = ("127.0.0.1", 8899, 9000)
        self.live = LiveFile(folder)
        self.watchdog = Watchdog(
            config,
            clock=clock,
            event_log=self.event_log,
            live=self.live,
            ports=lambda: self.ports,
            manager=ServiceManager(str(folder / "notify"), watchdog_s=20.0),
            alarm=self.alarm,
        )

    def received(self) -> list[str]:
        """Return what was told since the last question."""
        reported = []
        while True:
            try:
                reported.append(self._socket.recv(1000).decode())
            except BlockingIOError:
                return reported

    async def look(self, after_s: float = 1.0) -> list[str]:
        """Let time go by, look, and let threads answer that can; return what was told."""
        self.clock.advance(after_s)
        self.watchdog.check()
        for one in self.watchdog._answers:
            if one._asking is not None:
                await asyncio.wait([one._asking], timeout=0.2)
        return self.received()

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def systemd(tmp_path: Path, clock: ManualClock) -> Iterator[Systemd]:
    made = Systemd(tmp_path, clock, WatchdogConfig(exit_after_s=40, answer_within_s=10))
    yield made
    made.close()


@pytest.fixture
async def recogniser() -> AsyncIterator[Recogniser]:
    """Return an open recogniser."""
    made = Recogniser(FakeEngine(), least_similarity=0, detector_px=320)
    await made.open()
    yield made
    await made.close()


async def test_it_is_ready_once(systemd: Systemd) -> None:
    systemd.watchdog.ready()
    systemd.watchdog.ready()

    assert systemd.received() == ["READY=1"]


async def test_pings_come_at_half_the_interval(systemd: Systemd) -> None:
    reported = [await systemd.look() for _ in range(40)]

    at_s = [second for second, messages in enumerate(reported) if "WATCHDOG=1" in messages]
    assert len(at_s) in {4, 5}
    assert max(later - earlier for earlier, later in pairwise(at_s)) <= 10
    assert [one for messages in reported for one in messages if "STATUS" in one] == [
        "STATUS=all is well"
    ]
    assert set(systemd.alarm.set_s) == {40.0}


@pytest.mark.parametrize("stuck", ["database", "models"])
async def test_thread_that_hangs_stops_the_pings_and_the_alarm(
    systemd: Systemd, database: Database, recogniser: Recogniser, stuck: str
) -> None:
    """A model or a disk that hangs cannot be cured from within, so whoever listens must act."""
    systemd.watchdog.watch_thread("the database", lambda: database.run(lambda _: None))
    systemd.watchdog.watch_thread("the models", recogniser.answer)
    hold, held = threading.Event(), threading.Event()

    def hang(_: Any = None) -> None:
        held.set()
        hold.wait(30)

    try:
        await systemd.look()
        working: Any = database.run(hang) if stuck == "database" else recogniser._run(hang)
        hanging = asyncio.ensure_future(working)
        assert await asyncio.to_thread(held.wait, 10)
        await systemd.look()  # the question that will get no answer
        alarms = len(systemd.alarm.set_s)

        reported = await systemd.look(10.5)

        name = "the database" if stuck == "database" else "the models"
        assert reported == [f"STATUS={name} does not answer"]
        assert len(systemd.alarm.set_s) == alarms
        assert systemd.event_log.events[-1]["troubles"] == [f"{name} does not answer"]
    finally:
        hold.set()
    await hanging
    # The first look takes the late answer in, if it is there by then; the second does in any case.
    assert "WATCHDOG=1" in [*await systemd.look(), *await systemd.look()]
    assert systemd.event_log.lines[-1] == "watchdog: goes on"


async def test_thread_that_answers_with_an_error_is_alive(systemd: Systemd) -> None:
    """A full disk is no reason to start again and again."""

    async def fail() -> None:
        raise OSError("disk full")

    systemd.watchdog.watch_thread("the database", fail)

    reported = [await systemd.look(9.5) for _ in range(3)]

    assert all("WATCHDOG=1" in messages for messages in reported)


async def test_loop_that_ended_stops_the_pings(systemd: Systemd, clock: ManualClock) -> None:
    door, uplink = (
        Supervisor(name, clock=clock, event_log=systemd.event_log) for name in ("a", "b")
    )

    async def ends() -> None:
        return

    systemd.watchdog.watch_loop("door", door)
    systemd.watchdog.watch_loop("uplink", uplink)
    await door.supervise(ends)
    assert "WATCHDOG=1" in await systemd.look()

    await uplink.supervise(ends)

    assert await systemd.look(20) == ["STATUS=uplink has ended; door stopped; uplink stopped"]


async def test_end_is_told_unless_the_same_process_begins_anew(systemd: Systemd) -> None:
    systemd.watchdog.stopping(is_restart=True)
    assert systemd.received() == ["STATUS=starts anew"]

    systemd.watchdog.stopping(is_restart=False)
    assert systemd.received() == ["STOPPING=1"]


async def test_state_is_written_when_it_changes_and_gone_at_the_end(
    systemd: Systemd, clock: ManualClock, tmp_path: Path
) -> None:
    door = Supervisor("door", clock=clock, event_log=systemd.event_log)
    systemd.watchdog.watch_loop("door", door)
    await systemd.live.open()
    await systemd.look()
    await systemd.live.written()
    first = read_live_state(tmp_path)
    assert first is not None
    assert (first.loops, first.port) == ({"door": "starting"}, 8899)
    inode = (tmp_path / "agent.live.json").stat().st_ino

    await systemd.look()
    await systemd.live.written()
    assert (tmp_path / "agent.live.json").stat().st_ino == inode
    os.utime(tmp_path / "agent.live.json", (0, 0))
    await systemd.look(61)
    await systemd.live.written()
    renewed = (tmp_path / "agent.live.json").stat()
    assert renewed.st_ino == inode
    assert renewed.st_mtime > 0
    systemd.ports = ("127.0.0.1", 0, 9000)
    await systemd.look()
    await systemd.live.written()
    changed = read_live_state(tmp_path)
    await systemd.live.close()

    assert changed is not None
    assert changed.port == 0
    assert read_live_state(tmp_path) is None


def test_looks_are_quick_enough_for_the_shortest_limit(tmp_path: Path, clock: ManualClock) -> None:
    quick = Systemd(tmp_path, clock, WatchdogConfig(exit_after_s=0.4, answer_within_s=30))
    quick.close()

    assert quick.watchdog.check_every_s == pytest.approx(0.1)


async def test_door_that_works_on_a_picture_for_ever_is_stuck(clock: ManualClock) -> None:
    camera = WatchedCamera(ListCamera([Frame(person_image(0))]), clock=clock, silence_s=0)
    sign = _door_check(camera, 33.0)
    await camera.next_frame()

    clock.advance(33)
    assert sign(clock.monotonic()) == ""
    clock.advance(1)
    assert sign(clock.monotonic()) == "the door works on one picture for ever"
    await camera.next_frame()
    assert sign(clock.monotonic()) == ""


class SilentCamera(ListCamera):
    """A `Camera` that neither gives a picture nor fails, as a hung USB device."""

    async def next_frame(self) -> Frame | None:
        await asyncio.Event().wait()
        return None


async def test_silent_camera_becomes_an_error_and_no_stuck_door(clock: ManualClock) -> None:
    camera = WatchedCamera(SilentCamera(), clock=clock, silence_s=0.01)

    with pytest.raises(DriverTimeout, match=r"no picture for 0\.01 s"):
        await camera.next_frame()

    clock.advance(1000)
    assert _door_check(camera, 33.0)(clock.monotonic()) == ""


class StuckRelay(SimulatedRelay):
    """A relay whose contact does not come off."""

    async def _switch(self, *, energised: bool) -> None:
        if not energised:
            raise DriverError("stuck")
        await super()._switch(energised=energised)


async def test_relay_that_does_not_release_is_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    relay = StuckRelay()
    devices: Any = SimpleNamespace(relay=relay)
    sign = _relay_check(devices)
    assert sign(0.0) == ""
    await relay.open()
    await relay.pulse(20)
    assert sign(0.0) == ""

    loop = asyncio.get_running_loop()
    now = loop.time
    with monkeypatch.context() as patch:
        patch.setattr(loop, "time", lambda: now() + 11)
        assert sign(0.0) == "the relay does not release"

    assert relay._releasing is not None
    relay._releasing.cancel()
    await asyncio.wait([relay._releasing])
