"""Shared parts of the benchmarks: measure in turns, describe the machine, print, store.

A benchmark compares something of this project with a yardstick **in one run on one machine**; the
ratio is what counts. Candidates are run in turns, in an order that changes by a fixed seed, so
that a machine whose speed drifts slows all of them alike.
"""

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of repeated runs of one candidate."""

    name: str
    seconds: tuple[float, ...]

    def percentile_ms(self, percent: float) -> float:
        """Milliseconds not exceeded by this share of the runs (nearest rank)."""
        ordered = sorted(self.seconds)
        rank = min(len(ordered) - 1, max(0, round(percent / 100 * (len(ordered) - 1))))
        return ordered[rank] * 1e3

    @property
    def median_ms(self) -> float:
        """Median in milliseconds."""
        return self.percentile_ms(50)

    def summary(self) -> dict[str, float]:
        """Return the summary that is stored."""
        return {
            "runs": len(self.seconds),
            "min_ms": round(self.percentile_ms(0), 4),
            "p10_ms": round(self.percentile_ms(10), 4),
            "median_ms": round(self.median_ms, 4),
            "p90_ms": round(self.percentile_ms(90), 4),
            "max_ms": round(self.percentile_ms(100), 4),
        }


def measure_in_turns(
    candidates: Mapping[str, Callable[[int], object]], *, repeats: int, warm_up: int, seed: int
) -> list[Timing]:
    """Time each candidate `repeats` times, in turns.

    Args:
        candidates: name to what is timed; receives the number of the round.
        repeats: counted rounds.
        warm_up: rounds before, not counted.
        seed: of the order within each round.
    """
    names = list(candidates)
    order = random.Random(seed)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for round_number in range(-warm_up, repeats):
        order.shuffle(names)
        for name in names:
            start = time.perf_counter()
            candidates[name](max(0, round_number))
            elapsed = time.perf_counter() - start
            if round_number >= 0:
                seconds[name].append(elapsed)
    return [Timing(name, tuple(seconds[name])) for name in candidates]


def start_again_on_one_thread() -> None:
    """Replace this process by itself with libraries limited to one thread each.

    They read the variables when they are loaded, which has happened when a main function runs.
    """
    if all(os.environ.get(name) == "1" for name in _THREAD_VARIABLES):
        return
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def stay_on_one_core() -> str:
    """Bind this process, and those it starts, to one core where the system can; say which."""
    if not hasattr(os, "sched_setaffinity"):
        return "not bound to a core"
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return f"bound to core {core}"


def machine() -> dict[str, Any]:
    """Where this runs: processor, system, Python, commit, versions that matter."""
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "commit": _commit(),
        "packages": {name: _version(name) for name in ("numpy", "onnxruntime", "pillow")},
    }


def standard_arguments(description: str, *, repeats: int) -> argparse.ArgumentParser:
    """A parser with the options every benchmark has."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=repeats, help="counted rounds")
    parser.add_argument("--warm-up", type=int, default=5, help="rounds before, not counted")
    parser.add_argument("--seed", type=int, default=20260101, help="seed of everything random")
    parser.add_argument(
        "--quick", action="store_true", help="few rounds and no result file: does it still work?"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the result file")
    return parser


def rounds(arguments: argparse.Namespace) -> tuple[int, int]:
    """Counted rounds and rounds of warm-up, few when ``--quick`` was given."""
    if arguments.quick:
        return min(3, arguments.repeats), 1
    return arguments.repeats, arguments.warm_up


def print_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table, first column to the left, the others to the right."""
    cells = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    for row in cells:
        first, *others = (
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join([first, *others]))


def conclude(
    arguments: argparse.Namespace,
    *,
    name: str,
    ratio: float,
    demanded: float,
    outcome: Mapping[str, Any],
) -> int:
    """Print machine and ratio, write the result file, and judge.

    Args:
        arguments: of the command.
        name: of the benchmark; part of the name of the file.
        ratio: how many times faster than the yardstick.
        demanded: the least ratio that is enough.
        outcome: further numbers to keep.

    Returns:
        Exit code: 0, or 1 when the ratio is not enough; always 0 when quick.
    """
    where = machine()
    print(f"machine: {where['cpu']}, {where['cores']} cores, {where['system']}")
    print(f"ratio: {ratio:.2f} times the yardstick's speed (demanded: {demanded:g})")
    if arguments.quick:
        return 0
    now = datetime.now(UTC)
    kept = {
        "benchmark": name,
        "at": now.isoformat(timespec="seconds"),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "machine": where,
        "ratio": round(ratio, 3),
        "demanded": demanded,
        **outcome,
    }
    arguments.results.mkdir(parents=True, exist_ok=True)
    path = arguments.results / f"{now:%Y-%m-%d}-{name}.json"
    path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    print(f"written: {path}")
    return 0 if ratio >= demanded else 1


def _cpu_name() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or "unknown"
    names = [line.split(":", 1)[1].strip() for line in text.splitlines() if "model name" in line]
    return names[0] if names else platform.processor() or "unknown"


def _commit() -> str:
    outcome = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return outcome.stdout.strip() or "unknown"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
