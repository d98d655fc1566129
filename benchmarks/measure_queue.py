"""Disk use of a terminal in 30 days without a network.

15,000 visits at true size are put into the queue of a terminal as its door does it, record and
upload in one transaction, with a budget and without one; then the network comes back and the queue
is emptied, in order, to a platform over loopback in another process, which checks the order and
notes how old each visit is. Prints the file's size on the way, the time of one visit, and how fast
the queue empties. Yardstick, in the same run on the same disk: the same bytes appended to a plain
file, each synchronised.
"""

import argparse
import asyncio
import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, Final

import numpy as np
from _report import machine, print_table

from edge_agent.config.sections import QueueConfig
from edge_agent.drivers.clock import SystemClock
from edge_agent.storage.database import Database
from edge_agent.storage.disk_quota import DiskQuota
from edge_agent.storage.outbox import Outbox
from edge_agent.storage.people_rows import Match
from edge_agent.storage.records import RecordLog, Retention, Visit
from edge_agent.upstream.platform_client import PlatformClient
from edge_agent.upstream.uplink import Uplink
from edge_agent.upstream.uploads import UploadWriter
from terminal_protocol import FaceMatch, TemperatureReading
from tests.support.fake_platform import FakePlatform, serving

DAYS: Final = 30
MIB: Final = 2**20


class CheckingPlatform(FakePlatform):
    """A platform that notes what arrives and keeps no picture."""

    def __init__(self) -> None:
        super().__init__()
        self.counted: Counter[str] = Counter()
        self.last: dict[str, datetime] = {}
        self.oldest_days = 0.0

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, Any, dict[str, str]]:
        """See `FakePlatform.answer`."""
        reply = super().answer(method, target, body)
        for kind, arrived in (("pass", self.passes), ("stranger", self.readings)):
            for one in arrived:
                self._note(kind, one)
            arrived.clear()
        self.raw_bodies.clear()
        self.requests.clear()
        return reply

    def _note(self, kind: str, one: FaceMatch | TemperatureReading) -> None:
        at = one.captured_at
        if at is None:
            self.counted["without a moment"] += 1
            return
        if kind in self.last and at <= self.last[kind]:
            self.counted["out of order or twice"] += 1
        self.last[kind] = at
        self.oldest_days = max(self.oldest_days, (datetime.now(UTC) - at).total_seconds() / 86400)
        self.counted[kind] += 1
        self.counted["with their picture" if one.image else "without it"] += 1


def serve(tell: Any, stop: Event) -> None:
    """Run the platform until stopped, then report what arrived."""
    platform = CheckingPlatform()
    with serving(platform):
        tell.put(platform.base_url)
        stop.wait()
    tell.put((dict(platform.counted), platform.oldest_days))


@dataclass
class Course:
    """Result of one course of 30 days.

    Attributes:
        kept_ms: time of each visit.
        sizes_mb: of the file, each fifth of the way.
        drained_s: how long the queue took to empty.
    """

    name: str
    kept_ms: list[float] = field(default_factory=list)
    sizes_mb: list[float] = field(default_factory=list)
    drained_s: float = 0.0
    end_mb: float = 0.0
    given_up: int = 0
    arrived: dict[str, int] = field(default_factory=dict)
    oldest_days: float = 0.0


class Terminal:
    """Parts of a terminal that store visits and send them."""

    def __init__(self, folder: Path, budget_bytes: int) -> None:
        self.path = folder / "agent.sqlite3"
        config = QueueConfig(max_bytes=budget_bytes, free_min_bytes=0)
        quota = DiskQuota(self.path, config)
        self.database = Database(self.path, quota=quota)
        self.outbox = Outbox(self.database)
        self.records = RecordLog(
            self.database,
            device_mark="queue",
            retention=Retention(DAYS, 100_000, 500),
            quota=quota,
        )
        self._writer = UploadWriter("queue", "", "", action_code=1, mask_assumed=False)

    async def keep(self, number: int, at: datetime, picture: bytes) -> None:
        """Put a visit on disk; every fifth is a stranger."""
        if number % 5 == 0:
            body = self._writer.temperature(
                captured_at=at, temperature_c=36.5, limit_c=37.3, snapshot=picture
            )
            visit = Visit(at, None, 36.5, 37.3, None, picture)
            await self.records.keep(visit, "syattribute", body)
            return
        match = Match(str(number), "", "user", 80)
        body = self._writer.face_match(match, captured_at=at, temperature_c=36.5, snapshot=picture)
        await self.records.keep(Visit(at, match, 36.5, 37.3, None, picture), "syface", body)

    @property
    def size_mb(self) -> float:
        """Return the size of the file and of its companions."""
        return sum(one.stat().st_size for one in self.path.parent.glob("agent.sqlite3*")) / MIB


async def live(course: Course, terminal: Terminal, chosen: argparse.Namespace) -> None:
    """Simulate the days without a network."""
    rng = random.Random(chosen.seed)
    begins, step = datetime.now(UTC) - timedelta(days=DAYS), timedelta(days=DAYS) / chosen.visits
    for number in range(chosen.visits):
        picture = rng.randbytes(chosen.picture_bytes)
        begun = time.perf_counter()
        await terminal.keep(number, begins + number * step, picture)
        course.kept_ms.append((time.perf_counter() - begun) * 1e3)
        if (number + 1) % (chosen.visits // 5) == 0:
            course.sizes_mb.append(terminal.size_mb)
    course.given_up = (await terminal.outbox.counts()).given_up


async def drain(course: Course, terminal: Terminal, base_url: str) -> None:
    """Restore the network and drain the queue."""
    clock = SystemClock()
    async with PlatformClient(base_url=base_url, device_id="queue", timeout_s=15.0) as client:
        uplink = Uplink(outbox=terminal.outbox, client=client, clock=clock, rng=random.Random(1))
        begun = time.perf_counter()
        while await uplink.step() == 0.0:
            pass
        course.drained_s = time.perf_counter() - begun


async def live_and_drain(
    name: str, budget_bytes: int, base_url: str, chosen: argparse.Namespace
) -> Course:
    """Run one course in a folder of its own."""
    course = Course(name)
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        terminal = Terminal(Path(folder), budget_bytes)
        await terminal.database.open()
        await live(course, terminal, chosen)
        await drain(course, terminal, base_url)
        await terminal.database.checkpoint()
        course.end_mb = terminal.size_mb
        await terminal.database.close()
    return course


def run(name: str, budget_bytes: int, chosen: argparse.Namespace) -> Course:
    """Run one course beside a platform in a process of its own."""
    context = multiprocessing.get_context("spawn")
    tell, stop = context.Queue(), context.Event()
    platform = context.Process(target=serve, args=(tell, stop))
    platform.start()
    try:
        course = asyncio.run(live_and_drain(name, budget_bytes, tell.get(timeout=60), chosen))
    finally:
        stop.set()
    course.arrived, course.oldest_days = tell.get(timeout=60)
    platform.join(20)
    return course


def plain_file(chosen: argparse.Namespace) -> list[float]:
    """Append the same bytes to a file, each synchronised; milliseconds."""
    rng = random.Random(chosen.seed)
    taken = []
    with tempfile.TemporaryFile(dir=chosen.folder) as stream:
        for _ in range(min(2000, chosen.visits)):
            # Base64 in the upload, plain in the record.
            content = rng.randbytes(chosen.picture_bytes * 7 // 3)
            begun = time.perf_counter()
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
            taken.append((time.perf_counter() - begun) * 1e3)
    return taken


def report(courses: list[Course], plain: list[float], chosen: argparse.Namespace) -> None:
    """Print the measurements."""
    print(f"{chosen.visits} visits in {DAYS} days, {chosen.picture_bytes} bytes a picture")
    print_table(
        ["course", "p50 ms", "p99 ms", "MB each fifth", "given up", "drained /s", "MB at the end"],
        [
            [
                *(one.name, *(f"{np.percentile(one.kept_ms, share):.2f}" for share in (50, 99))),
                " ".join(f"{size:.0f}" for size in one.sizes_mb),
                one.given_up,
                f"{chosen.visits / one.drained_s:.0f}",
                f"{one.end_mb:.0f}",
            ]
            for one in courses
        ],
    )
    p50, p99 = np.percentile(plain, 50), np.percentile(plain, 99)
    print(f"plain file, synchronised: p50 {p50:.2f} ms, p99 {p99:.2f} ms")
    for one in courses:
        print(f"ratio of {one.name}: {np.percentile(one.kept_ms, 50) / p50:.2f} at p50")
        words = ", ".join(f"{count} {what}" for what, count in sorted(one.arrived.items()))
        print(f"arrived of {one.name}: {words}; the oldest {one.oldest_days:.1f} days old")
    print(machine())


def main() -> int:
    """Measure and print; 1 when a visit did not arrive once and in order."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--visits", type=int, default=15_000, help="in 30 days")
    parser.add_argument("--picture-bytes", type=int, default=60_000, help="length of a picture")
    parser.add_argument("--budget-mb", type=int, default=256, help="of the course with a budget")
    parser.add_argument("--folder", help="on the disk to be measured; the usual one for nothing")
    parser.add_argument("--seed", type=int, default=20260101, help="of the pictures")
    chosen = parser.parse_args()
    plain = plain_file(chosen)
    courses = [
        run(f"a budget of {chosen.budget_mb} MB", chosen.budget_mb * MIB, chosen),
        run("no budget", 2**42, chosen),
    ]
    report(courses, plain, chosen)
    is_right = all(
        one.arrived.get("pass", 0) + one.arrived.get("stranger", 0) == chosen.visits
        and not one.arrived.get("out of order or twice")
        for one in courses
    )
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
