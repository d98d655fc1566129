"""A terminal that looks at thousands of pictures holds no more than at the beginning.

The loop at its true size and with the true models is measured by benchmarks/measure_memory.py.
"""

import asyncio
import gc
import ssl
import threading
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge_agent.config import parse_config
from edge_agent.door.pipeline import Devices
from edge_agent.drivers.base import Frame
from edge_agent.drivers.relay_simulated import SimulatedRelay
from edge_agent.drivers.thermometer import NoThermometer
from edge_agent.service.assembly import Parts, assemble
from tests.support.edge.fakes import FakeEngine, ListEventLog, person_image, person_jpeg
from tests.support.fake_platform import FakePlatform
from tests.support.film_clock import FilmClock

WALK = [person_image(shade) for shade in (100, 100, 100, 100, 0, 0, 0, 0, 200, 200, 200, 0, 0, 0)]
PICTURES, TENTH = 1400, 140
# Libraries fill their caches by some 100 KB; an upload kept for each visit would be 500 KB.
GROWTH_MOST_BYTES = 200_000


@dataclass(frozen=True)
class Holding:
    bytes: int
    files: int
    threads: int


class WatchedCamera:
    """A `Camera` that looks at the process after every tenth of its pictures."""

    def __init__(self, clock: FilmClock, platform: FakePlatform, event_log: ListEventLog) -> None:
        self._clock, self._platform, self._event_log = clock, platform, event_log
        self.shown = 0
        self.holdings: list[Holding] = []

    async def open(self) -> None:
        """Nothing to open."""

    async def next_frame(self) -> Frame | None:
        if self.shown % TENTH == 0:
            self.holdings.append(self._look())
        if self.shown == PICTURES:
            return None
        self.shown += 1
        self._clock.skip(0.4)
        await asyncio.sleep(0)
        return Frame(image=WALK[self.shown % len(WALK)])

    def _look(self) -> Holding:
        # What these two remember is theirs, not the terminal's.
        platform = self._platform
        for kept in (platform.raw_bodies, platform.passes, platform.readings, platform.requests):
            kept.clear()
        platform.polls.clear()
        self._event_log.lines.clear()
        self._event_log.events.clear()
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
        files = len(list(Path("/proc/self/fd").iterdir()))
        # The substitute has a thread for each connection.
        own = [one for one in threading.enumerate() if "process_request" not in one.name]
        return Holding(held, files, len(own))

    async def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
def _traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


async def run(parts: Parts) -> None:
    await parts.database.open()
    await parts.interfaces.terminal.settings.load()
    async with parts.upstream.client:
        await parts.door.recogniser.open()
        await parts.door.devices.relay.open()
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
        await parts.door.devices.relay.close()
        await parts.door.recogniser.close()
    await parts.database.close()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are counted in /proc")
@pytest.mark.usefixtures("_traced")
async def test_memory_files_and_threads_stay_over_thousands_of_pictures(
    tmp_path: Path, platform: FakePlatform, tls: ssl.SSLContext
) -> None:
    platform.enrol("1001", "Ann", person_jpeg(100))
    platform.opens_for = {"1001"}
    config = parse_config(
        {
            **{"device_id": "0000001", "base_url": platform.base_url, "unlock_delay_ms": 20},
            **{"sync_interval_s": 0.5, "heartbeat_interval_s": 0.5, "answer_timeout_s": 60.0},
            "camera": {"visit_gap_s": 1.0},
            "looking": {"good_quality": 0.0, "least_quality": 0.0, "decide_after_s": 0.0},
            "api": {"port": 0, "push_port": 0, "record_pictures_max": 20},
        },
        base=tmp_path,
    )
    clock, event_log = FilmClock(), ListEventLog()
    camera = WatchedCamera(clock, platform, event_log)
    devices = Devices(camera, SimulatedRelay(), NoThermometer(), clock)
    parts = assemble(config, devices, clock, FakeEngine(), event_log)
    parts.upstream.client.tls = tls

    await run(parts)

    assert parts.door.pipeline.visits > 100
    warm, last = camera.holdings[2], camera.holdings[-1]
    assert last.bytes - warm.bytes < GROWTH_MOST_BYTES, camera.holdings
    assert last.threads <= warm.threads, camera.holdings
    # Connections of the substitute come and go; none may stay for each visit.
    assert last.files <= warm.files + 20, camera.holdings
