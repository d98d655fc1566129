"""Memory of a terminal over 100,000 pictures of its camera.

The whole loop of a terminal, as `edge_agent.service.assembly` builds it, with the real models:
motion gate, faces, tracks, descriptor, 1:N, disk, queue, platform over loopback, simulated relay.
People walk by again and again, with an empty corridor between them. Prints memory, file handles and
threads after every tenth of the pictures. Yardstick: what was held after the second tenth, when
every cache is full and the records table has begun to forget."""

import argparse
import asyncio
import gc
import multiprocessing
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from _report import machine

from edge_agent.config import AgentConfig, parse_config
from edge_agent.door.pipeline import Devices
from edge_agent.drivers.absent import NoCardReader, NoPrompter
from edge_agent.drivers.base import Frame
from edge_agent.drivers.relay_simulated import SimulatedRelay
from edge_agent.drivers.thermometer import NoThermometer
from edge_agent.service.assembly import assemble
from edge_agent.service.parts import Parts
from face_engine import install_models, install_portraits, load_engine
from tests.support.fake_platform import FakePlatform, serving
from tests.support.film_clock import FilmClock
from tests.support.videos import FPS, frames

KNOWN = ("obama.jpg", "biden.jpg")
WALKERS = ("obama2.jpg", "astronaut.png", "biden.jpg", "obama3.jpg")


class ForgetfulPlatform(FakePlatform):
    """A platform that counts uploads and keeps none of them."""

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, Any, dict[str, str]]:
        """See `FakePlatform.answer`."""
        reply = super().answer(method, target, body)
        for kept in (self.raw_bodies, self.passes, self.readings, self.requests, self.polls):
            kept.clear()
        return reply


def serve(tell: Any, stop: Event) -> None:
    """Run the platform in a process of its own, so that its memory is not measured."""
    platform = ForgetfulPlatform()
    platform.opens_for = {name.partition(".")[0] for name in KNOWN}
    portraits = install_portraits()
    with serving(platform):
        for name in KNOWN:
            user_id = name.partition(".")[0]
            platform.enrol(user_id, user_id, portraits[name].read_bytes())
        tell.put(platform.base_url)
        stop.wait()


@dataclass(frozen=True)
class Reading:
    """Resources of the process.

    Attributes:
        rss_mb: memory in use.
        files: open file handles, sockets included.
    """

    frames: int
    seconds: float
    rss_mb: float
    files: int
    threads: int


def holding(shown: int, since_s: float) -> Reading:
    """Read the resources of this process (Linux)."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return Reading(
        shown,
        time.perf_counter() - since_s,
        pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
        len(list(Path("/proc/self/fd").iterdir())),
        threading.active_count(),
    )


@dataclass
class Film:
    """A `Camera` that shows the same walks over and over, as fast as they are taken.

    Attributes:
        pictures: of the walks.
        total: how many pictures are shown in all.
        every: after so many, what the process holds is noted in `readings`.
    """

    pictures: Sequence[Any]
    clock: FilmClock
    total: int
    every: int
    readings: list[Reading] = field(default_factory=list)
    shown: int = 0
    begun_s: float = field(default_factory=time.perf_counter)

    async def open(self) -> None:
        """Nothing to open."""

    async def next_frame(self) -> Frame | None:
        """See `Camera.next_frame`."""
        if self.shown % self.every == 0:
            self.readings.append(holding(self.shown, self.begun_s))
            _print(self.readings[-1])
        if self.shown >= self.total:
            return None
        picture = self.pictures[self.shown % len(self.pictures)]
        self.shown += 1
        self.clock.skip(1 / FPS)
        await asyncio.sleep(0)
        return Frame(image=picture)

    async def close(self) -> None:
        """Nothing to close."""


class OpeningCounter:
    """An `EventLog` that counts openings."""

    def __init__(self) -> None:
        self.opened = 0

    def write(self, event: str, line: str, **facts: Any) -> None:
        """See `EventLog.write`."""
        self.opened += bool(facts.get("open_door"))


def walks(empty: int) -> Iterator[Any]:
    """Yield four people who walk by, each followed by an empty corridor.

    Args:
        empty: pictures of the corridor after each of them.
    """
    portraits = install_portraits()
    for number, name in enumerate(WALKERS):
        walk = list(frames([portraits[name]], seed=number))
        yield from walk
        # The last three are empty; their noise differs, as a camera's does.
        yield from (walk[-3 + one % 3] for one in range(empty))


async def run(parts: Parts) -> None:
    """Run the loops of a terminal until its film ends and the queue is empty."""
    async with AsyncExitStack() as stack:
        for part in (parts.database, parts.door.recogniser, parts.door.devices.relay):
            stack.push_async_callback(part.close)
            await part.open()
        await parts.interfaces.terminal.time.load()
        await parts.interfaces.terminal.settings.load()
        await stack.enter_async_context(parts.upstream.client)
        loops = [
            asyncio.create_task(work())
            for work in (
                parts.upstream.uplink.run,
                parts.upstream.sync.run,
                parts.upstream.heartbeat.run,
                parts.interfaces.api.run,
            )
        ]
        await parts.upstream.sync.first_round_done.wait()
        await parts.door.pipeline.run()
        await parts.upstream.uplink.wait_empty()
        for loop in loops:
            loop.cancel()
        await asyncio.wait(loops)


def configured(base_url: str, folder: Path) -> AgentConfig:
    """Return the configuration of the terminal."""
    table = {
        **{"device_id": "memory", "base_url": base_url, "data_dir": str(folder)},
        **{"decide": "platform-then-local", "unlock_delay_ms": 20, "sync_interval_s": 2.0},
        **{"answer_timeout_s": 30.0, "heartbeat_interval_s": 2.0},
        "camera": {"visit_gap_s": 1.0, "folder": str(folder)},
        "api": {"port": 0, "push_port": 0, "record_pictures_max": 500, "records_max": 5000},
    }
    return parse_config(table, base=folder)


def measured(base_url: str, chosen: argparse.Namespace) -> tuple[Film, Parts, OpeningCounter]:
    """Show the film to a terminal; returns it with its readings."""
    clock, event_log = FilmClock(), OpeningCounter()
    engine = load_engine()
    pictures = list(walks(chosen.empty))
    film = Film(pictures, clock, chosen.frames, max(1, chosen.frames // 10))
    devices = Devices(film, SimulatedRelay(), NoThermometer(), clock, NoPrompter(), NoCardReader())
    with tempfile.TemporaryDirectory() as folder:
        config = configured(base_url, Path(folder))
        parts = assemble(config, devices, clock, engine, event_log)
        asyncio.run(run(parts))
    return film, parts, event_log


def _print(reading: Reading) -> None:
    print(
        f"{reading.frames:>8} pictures  {reading.seconds:>7.1f} s  {reading.rss_mb:>7.1f} MB"
        f"  {reading.files:>3} files  {reading.threads:>3} threads",
        flush=True,
    )


def main() -> int:
    """Measure and print; 1 when more was held at the end than a twentieth above the yardstick."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=100_000, help="pictures shown in all")
    parser.add_argument("--empty", type=int, default=26, help="empty pictures after each person")
    chosen = parser.parse_args()
    install_models()
    context = multiprocessing.get_context("spawn")
    tell, stop = context.Queue(), context.Event()
    platform = context.Process(target=serve, args=(tell, stop))
    platform.start()
    try:
        film, parts, event_log = measured(tell.get(timeout=60), chosen)
    finally:
        stop.set()
        platform.join(20)
    yardstick, last = film.readings[2], film.readings[-1]
    growth_mb = last.rss_mb - yardstick.rss_mb
    print(
        f"{parts.door.pipeline.faces_seen} faces seen, {parts.door.pipeline.visits} visits decided,"
        f" {event_log.opened} times opened"
    )
    print(f"grown by {growth_mb:+.1f} MB from the second tenth on, ratio"
          f" {last.rss_mb / yardstick.rss_mb:.3f}")  # fmt: skip
    print(machine())
    return 0 if last.rss_mb <= 1.05 * yardstick.rss_mb else 1


if __name__ == "__main__":
    sys.exit(main())
