"""Cost of watching the terminal's page for the door.

A whole terminal, with its real models and its page on a real socket, is shown a video of people who
walk up to it, at the speed at which it plays. In turns there are no viewers, and as many as the
page takes: a process of its own signs in, takes every picture it can get and polls the state.
Measured is the processor time of the whole terminal for each picture of the camera, on one core:
what watching adds to it is what the door could have to wait for. Yardstick is the same terminal in
the same run without viewers. How long the door's loop was busy with a picture is reported as well;
on a machine that does other work it says little.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from _report import Timing, conclude, print_table, rounds, standard_arguments, stay_on_one_core

from edge_agent.config import AgentConfig, parse_config
from edge_agent.door.pipeline import Devices
from edge_agent.drivers.base import Frame
from edge_agent.drivers.clock import SystemClock
from edge_agent.drivers.relay_simulated import SimulatedRelay
from edge_agent.drivers.thermometer import NoThermometer
from edge_agent.service.assembly import assemble
from edge_agent.service.parts import Parts
from face_engine import install_models, install_portraits, load_engine
from tests.support.videos import FPS, frames

PASSWORD = "123456"
WATCHERS = 4
# A fifth more work while four people watch is what a door has to spare at the least.
DEMANDED = 0.8


class Film:
    """A `Camera` that plays pictures and notes how long the door was busy with each."""

    def __init__(self) -> None:
        self.busy_s: list[float] = []
        self.cpu_s = 0.0
        self._left: list[Any] = []
        self._given_s: float | None = None
        self._due_s = 0.0

    def load(self, pictures: Sequence[Any]) -> None:
        """Play these next."""
        self._left = list(reversed(pictures))
        self.busy_s, self._given_s = [], None
        self.cpu_s = time.process_time()
        self._due_s = time.perf_counter()

    async def open(self) -> None:
        """Nothing to open."""

    async def next_frame(self) -> Frame | None:
        """See `Camera.next_frame`."""
        if self._given_s is not None:
            self.busy_s.append(time.perf_counter() - self._given_s)
        if not self._left:
            self.cpu_s = time.process_time() - self.cpu_s
            return None
        self._due_s += 1 / FPS
        await asyncio.sleep(max(0.0, self._due_s - time.perf_counter()))
        self._given_s = time.perf_counter()
        return Frame(image=self._left.pop())

    async def close(self) -> None:
        """Nothing to close."""


class PortEventLog:
    """An `EventLog` that remembers where the page is."""

    def __init__(self) -> None:
        self.port: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def write(self, event: str, line: str, **facts: Any) -> None:
        """See `EventLog.write`."""
        if event == "page":
            self.port.set_result(facts["port"])


def watch(port: int) -> None:
    """Watch with as many viewers as are admitted, and not on the door's core."""
    if hasattr(os, "sched_setaffinity"):
        others = set(range(os.cpu_count() or 1)) - os.sched_getaffinity(0)
        os.sched_setaffinity(0, others or {0})
    url = f"http://127.0.0.1:{port}"
    is_told = threading.Event()

    def take(path: str, pause_s: float) -> None:
        with httpx.Client(base_url=url, trust_env=False, headers={"Origin": url}) as browser:
            browser.post("/sign-in", json={"password": PASSWORD}).raise_for_status()
            number = "0"
            while True:
                is_told.wait()
                answer = browser.get(path, params={"after": number})
                number = answer.headers.get("Menjin-Picture", number)
                time.sleep(pause_s)

    takers = [("/picture", 0.0)] * WATCHERS + [("/state", 2.0)] * WATCHERS
    for one in takers:
        threading.Thread(target=take, args=one, daemon=True).start()
    for line in sys.stdin:
        is_told.set() if line == "watch\n" else is_told.clear()
        print("done", flush=True)


class Watchers:
    """Viewers in a process of their own."""

    def __init__(self, port: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--watch", str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def write(self, word: str) -> None:
        """Start or pause the viewers."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the viewers' process has no input")
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        if self._process.stdout.readline() != "done\n":
            raise RuntimeError("there are no viewers")

    def end(self) -> None:
        """End the viewers."""
        self._process.communicate("rest\n")


@dataclass(slots=True)
class Spent:
    """Cost of the pictures of some rounds.

    Attributes:
        cpu_s: processor time of the terminal for a picture, mean of each round.
        busy_s: how long the door's loop was busy, each picture.
    """

    cpu_s: list[float] = field(default_factory=list)
    busy_s: list[float] = field(default_factory=list)

    def add(self, film: Film) -> None:
        """Add a round."""
        self.cpu_s.append(film.cpu_s / len(film.busy_s))
        self.busy_s += film.busy_s


async def measure(
    config: AgentConfig, pictures: Sequence[Any], *, repeats: int, warm_up: int
) -> tuple[Spent, Spent, int]:
    """Return the cost without and with all viewers, and the number of live pictures."""
    event_log, clock, film = PortEventLog(), SystemClock(), Film()
    devices = Devices(film, SimulatedRelay(), NoThermometer(), clock)
    parts: Parts = assemble(config, devices, clock, load_engine(), event_log)
    await parts.database.open()
    await parts.interfaces.terminal.settings.load()
    await parts.door.recogniser.open()
    await devices.relay.open()
    alone, watched = Spent(), Spent()
    async with parts.upstream.client:
        page = asyncio.create_task(parts.interfaces.page.run())
        port = await event_log.port
        watchers = await asyncio.to_thread(Watchers, port)
        for number in range(-warm_up, repeats):
            for word, spent in (("rest", alone), ("watch", watched)):
                await asyncio.to_thread(watchers.write, word)
                film.load(pictures)
                await parts.door.pipeline.run()
                if number >= 0:
                    spent.add(film)
        await asyncio.to_thread(watchers.end)
        page.cancel()
        await asyncio.wait([page])
    await devices.relay.close()
    await parts.door.recogniser.close()
    await parts.database.close()
    return alone, watched, parts.interfaces.page.pictures.encoded


def main() -> int:
    """Measure and print."""
    parser = standard_arguments(__doc__.splitlines()[0], repeats=12)
    parser.add_argument("--walks", type=int, default=3, help="people in each round")
    parser.add_argument("--watch", type=int, default=0, help="used by this script itself")
    arguments = parser.parse_args()
    if arguments.watch:
        watch(arguments.watch)
        return 0
    print(stay_on_one_core())
    install_models()
    portraits = install_portraits()
    names = ["obama2.jpg", "biden.jpg", "astronaut.png"]
    walk = [portraits[names[number % len(names)]] for number in range(arguments.walks)]
    pictures = list(frames(walk, seed=arguments.seed))
    repeats, warm_up = rounds(arguments)
    with tempfile.TemporaryDirectory() as folder:
        table = {
            "device_id": "bench",
            "base_url": "http://127.0.0.1:9/t/bench",
            "decide": "local",
            "library_max_age_s": 0,
            # A person who comes again is a new visit, so that every round does the same.
            "camera": {"visit_gap_s": 0},
            "page": {"port": 0, "watchers_most": WATCHERS},
        }
        config = parse_config(table, base=Path(folder))
        alone, watched, encoded = asyncio.run(
            measure(config, pictures, repeats=repeats, warm_up=min(1, warm_up))
        )
    kept = {}
    rows = []
    for name, spent in (("no viewers", alone), (f"{WATCHERS} watch", watched)):
        cpu, busy = Timing(name, tuple(spent.cpu_s)), Timing(name, tuple(spent.busy_s))
        rows.append(
            (
                name,
                f"{cpu.median_ms:.2f}",
                *(f"{busy.percentile_ms(percent):.1f}" for percent in (50, 90, 99)),
            )
        )
        kept[name] = {"cpu": cpu.summary(), "busy": busy.summary()}
    print_table(("ms for a picture", "processor", "busy p50", "p90", "p99"), rows)
    print(f"{len(alone.busy_s)} pictures of 640 x 480 each way, {encoded} live pictures made")
    ratio = statistics.median(alone.cpu_s) / statistics.median(watched.cpu_s)
    return conclude(
        arguments,
        name="page",
        ratio=ratio,
        demanded=DEMANDED,
        outcome=kept | {"live_pictures": encoded},
    )


if __name__ == "__main__":
    sys.exit(main())
