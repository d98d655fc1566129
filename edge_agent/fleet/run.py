"""A fleet from its start to its report."""

import asyncio
import io
import os
import platform
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
from PIL import Image

from edge_agent.fleet.arrivals import Arrivals
from edge_agent.fleet.statistics import Statistics
from edge_agent.fleet.terminal import Habits, LightTerminal

_SNAPSHOT_PX: Final = 300  # seed 9.1: pictures of 300 to 500 px are best
_SHOW_EVERY_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """What a fleet is to do.

    Attributes:
        base_urls: BaseUrls of sites; terminals are spread over them. They hold secrets.
        prefix: of the terminals' names, before their number.
        duration_s: how long people arrive.
        ramp_s: the terminals start one after the other within this time.
        drain_s: afterwards, how long to wait for what was not answered.
        seed: same seed, same arrivals.
    """

    base_urls: tuple[str, ...] = field(repr=False)
    terminals: int
    arrivals: Arrivals
    habits: Habits = field(default_factory=Habits)
    prefix: str = "fleet-"
    duration_s: float = 60.0
    ramp_s: float = 10.0
    drain_s: float = 30.0
    seed: int = 1
    connections: int = 256


def snapshots_of(pictures: Sequence[Path]) -> list[bytes]:
    """Return pictures as terminals send them: JPEG of 300 px."""
    found = []
    for path in pictures:
        with Image.open(path) as opened:
            small = opened.convert("RGB")
        small.thumbnail((_SNAPSHOT_PX, _SNAPSHOT_PX))
        sink = io.BytesIO()
        small.save(sink, "JPEG", quality=80)
        found.append(sink.getvalue())
    return found


async def run_fleet(
    plan: FleetPlan, *, snapshots: Sequence[bytes], show: Callable[[str], None]
) -> dict[str, Any]:
    """Run a fleet to its end.

    Args:
        plan: what to do.
        snapshots: JPEGs that are sent along.
        show: is given a line every two seconds.

    Returns:
        The report; JSON values, without addresses.
    """
    statistics = Statistics()
    chance = random.Random(plan.seed)  # noqa: S311 - a simulation, not a secret
    limits = aiohttp.TCPConnector(limit=plan.connections, force_close=False)
    timeout = aiohttp.ClientTimeout(total=plan.habits.timeout_s)
    begin_s = time.monotonic()
    async with aiohttp.ClientSession(connector=limits, timeout=timeout) as http:
        fleet = [
            LightTerminal(
                base_url=plan.base_urls[number % len(plan.base_urls)],
                device_id=f"{plan.prefix}{number:05d}",
                http=http,
                habits=plan.habits,
                statistics=statistics,
                snapshots=snapshots,
                chance=random.Random(chance.random()),  # noqa: S311 - as above
            )
            for number in range(plan.terminals)
        ]
        lives = [
            asyncio.create_task(
                one.live(
                    plan.arrivals.moments(plan.duration_s, random.Random(chance.random())),  # noqa: S311
                    starts_after_s=plan.ramp_s * number / plan.terminals,
                )
            )
            for number, one in enumerate(fleet)
        ]
        watch = asyncio.create_task(_watch(fleet, statistics, begin_s, show))
        try:
            in_step_s = await _until_over(plan, fleet, lives, begin_s)
        finally:
            for task in (*lives, watch):
                task.cancel()
            await asyncio.wait([*lives, watch])
        await _drain(fleet, plan.drain_s)
    seconds = time.monotonic() - begin_s
    return _report(plan, fleet, statistics, seconds, in_step_s)


async def _until_over(
    plan: FleetPlan,
    fleet: Sequence[LightTerminal],
    lives: Sequence["asyncio.Task[None]"],
    begin_s: float,
) -> float | None:
    """Wait until the time is over; seconds until all were in step, None when they never were."""
    in_step_s = None
    while (left_s := begin_s + plan.duration_s - time.monotonic()) > 0:
        done, _ = await asyncio.wait(lives, timeout=min(0.2, left_s))
        for task in done:
            task.result()  # a terminal's loops never end, so it failed
        if in_step_s is None and all(one.in_step for one in fleet):
            in_step_s = time.monotonic() - begin_s
    return in_step_s


async def _drain(fleet: Sequence[LightTerminal], most_s: float) -> None:
    """Let everybody send what waits, as long as there is time."""
    tasks = [asyncio.create_task(one.drain()) for one in fleet if one.waiting]
    if not tasks:
        return
    await asyncio.wait(tasks, timeout=most_s)
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome


async def _watch(
    fleet: Sequence[LightTerminal],
    statistics: Statistics,
    begin_s: float,
    show: Callable[[str], None],
) -> None:
    before, then_s = 0, begin_s
    while True:
        await asyncio.sleep(_SHOW_EVERY_S)
        now_s = time.monotonic()
        rate = (statistics.requests - before) / (now_s - then_s)
        before, then_s = statistics.requests, now_s
        show(_line(fleet, statistics, now_s - begin_s, rate))


def _line(
    fleet: Sequence[LightTerminal], statistics: Statistics, seconds: float, rate: float
) -> str:
    passes = statistics.latencies.get("syface") or statistics.latencies.get("syheartbeat")
    times = "" if passes is None else (
        f", passes p50 {passes.quantile_ms(0.5):.0f} p99 {passes.quantile_ms(0.99):.0f} ms"
    )  # fmt: skip
    in_step = sum(one.in_step for one in fleet)
    held = sum(len(one.held) for one in fleet)
    nobody = ", nobody is in any library (are the terminals approved?)"
    return (
        f"{seconds:5.0f} s  {rate:6.0f} requests/s{times}, visits {statistics.told},"
        f" answered {statistics.answered}, opened {statistics.opened},"
        f" in step {in_step}/{len(fleet)}, errors {statistics.errors.total()}"
        f"{'' if held or not in_step else nobody}"
    )


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
            "habits": asdict(plan.habits),
        },
        "seconds": round(seconds, 2),
        "requests_per_s": round(summary["requests"] / seconds, 1),
        **summary,
        "unanswered": sum(one.waiting for one in fleet),
        "people_held": sum(len(one.held) for one in fleet),
        "terminals_in_step": sum(one.in_step for one in fleet),
        "all_in_step_after_s": None if in_step_s is None else round(in_step_s, 2),
    }
