"""Run of a fleet from its start to its report."""

import asyncio
import io
import os
import platform
import random
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
from PIL import Image

from face_engine import decode_image
from fleet.arrivals import Arrivals
from fleet.behaviour import TerminalBehaviour
from fleet.progress import Meter, Progress
from fleet.statistics import Statistics
from fleet.terminal import LightTerminal
from terminal_protocol import SyncAnswer

_CHECK_EVERY_S: Final = 0.2
_SNAPSHOT_PX: Final = 300  # seed 9.1: pictures of 300 to 500 px are best


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """Plan of a fleet run.

    Attributes:
        base_urls: BaseUrls of sites; terminals are spread over them. They hold secrets.
        prefix: of the terminals' names, before their number.
        duration_s: how long people arrive.
        ramp_s: the terminals start one after the other within this time.
        drain_s: afterwards, how long to wait for what was not answered.
        seed: same seed, same arrivals.
        show_every_s: seconds between two moments that are shown.
        begun: what every terminal holds from the beginning; None for new terminals.
    """

    base_urls: tuple[str, ...] = field(repr=False)
    terminals: int
    arrivals: Arrivals
    behaviour: TerminalBehaviour = field(default_factory=TerminalBehaviour)
    prefix: str = "fleet-"
    duration_s: float = 60.0
    ramp_s: float = 10.0
    drain_s: float = 30.0
    seed: int = 1
    connections: int = 256
    show_every_s: float = 2.0
    begun: SyncAnswer | None = field(default=None, repr=False)


def snapshots_of(pictures: Sequence[Path]) -> list[bytes]:
    """Return pictures encoded as terminals send them: JPEG of 300 px.

    Raises:
        OSError: a file cannot be read.
        ImageUnreadable: a file is no picture.
    """
    found = []
    for path in pictures:
        small = Image.fromarray(decode_image(path.read_bytes()))
        small.thumbnail((_SNAPSHOT_PX, _SNAPSHOT_PX))
        sink = io.BytesIO()
        small.save(sink, "JPEG", quality=80)
        found.append(sink.getvalue())
    return found


async def run_fleet(
    plan: FleetPlan,
    *,
    snapshots: Sequence[bytes],
    show: Callable[[Progress], None],
    stop: asyncio.Event | None = None,
) -> dict[str, Any]:
    """Run a fleet to its end.

    Args:
        plan: what to do.
        snapshots: JPEGs that are sent along.
        show: called every ``show_every_s`` with the progress.
        stop: when it is set, no visitor arrives any more and what waits is not waited for.

    Returns:
        The report; JSON values, without addresses.
    """
    statistics = Statistics()
    rng = random.Random(plan.seed)  # noqa: S311 - a simulation, not a secret
    limits = aiohttp.TCPConnector(limit=plan.connections, force_close=False)
    timeout = aiohttp.ClientTimeout(total=plan.behaviour.timeout_s)
    begin_s = time.monotonic()
    async with aiohttp.ClientSession(connector=limits, timeout=timeout) as http:
        fleet = _fleet(plan, http, statistics, snapshots, rng)
        lives = [
            asyncio.create_task(
                one.live(
                    plan.arrivals.moments(plan.duration_s, random.Random(rng.random())),  # noqa: S311
                    starts_after_s=plan.ramp_s * number / plan.terminals,
                )
            )
            for number, one in enumerate(fleet)
        ]
        watch = asyncio.create_task(_watch(plan, fleet, statistics, show))
        stop = stop or asyncio.Event()
        try:
            in_step_s = await _until_over(plan, fleet, lives, begin_s, stop)
            await _drain(fleet, plan.drain_s, stop)
        finally:
            await _ended([*lives, watch])
    seconds = time.monotonic() - begin_s
    report = _report(plan, fleet, statistics, seconds, in_step_s)
    return {**report, "was_stopped": stop.is_set()}


def _fleet(
    plan: FleetPlan,
    http: aiohttp.ClientSession,
    statistics: Statistics,
    snapshots: Sequence[bytes],
    rng: random.Random,
) -> list[LightTerminal]:
    return [
        LightTerminal(
            base_url=plan.base_urls[number % len(plan.base_urls)],
            device_id=f"{plan.prefix}{number:05d}",
            http=http,
            behaviour=plan.behaviour,
            statistics=statistics,
            snapshots=snapshots,
            rng=random.Random(rng.random()),  # noqa: S311 - a simulation, not a secret
            begun=plan.begun,
        )
        for number in range(plan.terminals)
    ]


async def _until_over(
    plan: FleetPlan,
    fleet: Sequence[LightTerminal],
    lives: Sequence["asyncio.Task[None]"],
    begin_s: float,
    stop: asyncio.Event,
) -> float | None:
    """Wait until the end; returns the seconds until all were in sync, None when never."""
    in_step_s = None
    over_s = begin_s + plan.duration_s
    waiting = asyncio.create_task(_done_or_stopped(lives, stop, most_s=plan.duration_s))
    try:
        # A terminal's loops never end, so when one does it failed, and that is raised here.
        while (left_s := over_s - time.monotonic()) > 0 and not waiting.done():
            await asyncio.wait({waiting}, timeout=min(_CHECK_EVERY_S, left_s))
            if in_step_s is None and all(one.in_step for one in fleet):
                in_step_s = time.monotonic() - begin_s
    finally:
        waiting.cancel()
        await asyncio.wait({waiting})
    if not waiting.cancelled():
        waiting.result()
    await _ended(lives)
    return in_step_s


async def _done_or_stopped(
    tasks: Sequence["asyncio.Task[None]"], stop: asyncio.Event, *, most_s: float
) -> None:
    """Wait until all are done or one fails, a stop is asked for, or for so long."""
    stopped = asyncio.create_task(stop.wait())
    count = len(tasks)
    try:
        async with asyncio.timeout(most_s):
            for done in asyncio.as_completed([stopped, *tasks]):
                await done
                count -= 1
                if stopped.done() or not count:
                    return
    except TimeoutError:
        return
    finally:
        stopped.cancel()


async def _ended(tasks: Sequence["asyncio.Task[None]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def _drain(fleet: Sequence[LightTerminal], most_s: float, stop: asyncio.Event) -> None:
    """Let all terminals send their queues, until the time is over or a stop is requested."""
    tasks = [asyncio.create_task(one.drain()) for one in fleet if one.waiting]
    if not tasks:
        return
    try:
        await _done_or_stopped(tasks, stop, most_s=most_s)
    finally:
        await _ended(tasks)


async def _watch(
    plan: FleetPlan,
    fleet: Sequence[LightTerminal],
    statistics: Statistics,
    show: Callable[[Progress], None],
) -> None:
    meter = Meter(fleet, statistics, planned_s=plan.duration_s)
    while True:
        await asyncio.sleep(plan.show_every_s)
        show(meter.read())


def _own_costs() -> dict[str, float]:
    """Return the resources used by this process, to see the fleet's own share of the load."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "cpu_s": round(used.ru_utime + used.ru_stime, 2),
        "most_memory_mb": round(used.ru_maxrss / 1024, 1),  # Linux counts in KiB
    }


def _report(
    plan: FleetPlan,
    fleet: Sequence[LightTerminal],
    statistics: Statistics,
    seconds: float,
    in_step_s: float | None,
) -> dict[str, Any]:
    summary = statistics.summary()
    return {
        "machine": {
            "cores": os.cpu_count(),
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
        },
        "plan": {
            "terminals": plan.terminals,
            "sites": len(plan.base_urls),
            "duration_s": plan.duration_s,
            "seed": plan.seed,
            "arrivals": asdict(plan.arrivals),
            "habits": asdict(plan.behaviour),
        },
        "fleet": _own_costs(),
        "seconds": round(seconds, 2),
        "requests_per_s": round(summary["requests"] / seconds, 1),
        **summary,
        "unanswered": sum(one.waiting for one in fleet),
        "people_held": sum(len(one.held) for one in fleet),
        "terminals_in_step": sum(one.in_step for one in fleet),
        "all_in_step_after_s": None if in_step_s is None else round(in_step_s, 2),
    }
