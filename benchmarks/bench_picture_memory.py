"""What does a picture cost in memory, alone and twelve at once, and does the memory come back?

Each case runs in a process of its own: memory before, at the worst moment and after, as the system
counts it (resident set, Linux). Beside it what the decoder said that it would take, which is what
the budget counts. Yardstick: the decoder of an earlier commit (``--before``), without a budget, on
the same files and machine.
"""

import argparse
import inspect
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from _earlier_decoder import earlier_decoder
from _report import RESULTS, machine

import face_engine
from face_engine import FaceEngineError, decode_image

_NAMES = vars(face_engine)
# An earlier decoder knows the limits by their former name, or not at all.
_WAIT_LIMITS = _NAMES.get("WaitLimits", _NAMES.get("Patience", float))(60.0)

_MB = 2**20
_BUDGET = 384 * _MB
_LEFT_MB, _RETURNED_WITHIN_S = 32, 15.0


def _files(scale: float) -> dict[str, Callable[[], bytes]]:
    """Return how each file is made; only the parent does, so that it costs the child nothing."""
    import pillow_heif

    from tests.support.heavy_pictures import heavy_bmp, heavy_picture, heavy_png

    pillow_heif.register_heif_opener()
    large, middle, usual = (max(64, round(side * scale)) for side in (7000, 4000, 1000))
    whole = heavy_picture("JPEG", large)
    return {
        "png-49-mpx": lambda: heavy_png(large),
        "png-49-mpx-rgba": lambda: heavy_png(large, "RGBA"),
        "png-49-mpx-16-bit": lambda: heavy_png(large, "RGB", bits=16),
        "png-49-mpx-grey-16-bit": lambda: heavy_png(large, "grey", bits=16),
        "png-49-mpx-one-bit": lambda: heavy_png(large, "grey", bits=1),
        "png-49-mpx-palette": lambda: heavy_png(large, "palette", is_transparent=True),
        "png-16-mpx": lambda: heavy_png(middle),
        "webp-16-mpx": lambda: heavy_picture("WEBP", middle, quality=20, method=0),
        "webp-9-mpx-rgba": lambda: heavy_picture(
            "WEBP", middle * 3 // 4, "RGBA", lossless=True, method=0
        ),
        "webp-9-mpx": lambda: heavy_picture("WEBP", middle * 3 // 4, quality=20, method=0),
        "heif-9-mpx": lambda: heavy_picture("HEIF", middle * 3 // 4, quality=10),
        "bmp-16-mpx-run-lengths": lambda: heavy_bmp(middle),
        "jpeg-49-mpx": lambda: whole,
        "jpeg-49-mpx-cmyk": lambda: heavy_picture("JPEG", large, "CMYK"),
        "jpeg-49-mpx-progressive": lambda: heavy_picture("JPEG", large, progressive=True),
        "jpeg-49-mpx-cut": lambda: whole[: len(whole) * 3 // 4],
        "jpeg-1-mpx": lambda: heavy_picture("JPEG", usual),
    }


@dataclass(frozen=True)
class Cost:
    """Cost of one case.

    Attributes:
        weight_mb: what the decoder said of one picture, 0 where it says nothing.
        outcomes: how often each end came: ``decoded`` or a code.
    """

    before_mb: float
    peak_mb: float
    after_mb: float
    seconds: float
    weight_mb: float
    outcomes: Mapping[str, int]

    @property
    def grown_mb(self) -> float:
        """Return the peak of the memory taken."""
        return self.peak_mb - self.before_mb


def _memory_mb(name: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


class _Weighed:
    """Wrapper of a reservation that records the requested memory."""

    def __init__(self, hold: Any) -> None:
        self._hold = hold
        self.weight = 0

    def take(self, weight: int) -> None:
        """See `PictureHold.take`."""
        self.weight = max(self.weight, weight)
        self._hold.take(weight)


def _decode(raw: bytes, budget: Any, outcomes_seen: list[tuple[str, int]]) -> None:
    try:
        if budget is None:
            decode_image(raw)
            outcomes_seen.append(("decoded", 0))
            return
        with budget.hold(_WAIT_LIMITS) as hold:
            weighed: Any = _Weighed(hold)
            decode_image(raw, hold=weighed)
            outcomes_seen.append(("decoded", weighed.weight))
    except FaceEngineError as error:
        outcomes_seen.append((str(error.code), 0))


def child(path: Path, count: int) -> None:
    """Decode one file so many times at once and print what it cost; the process does only this."""
    has_budget = "hold" in inspect.signature(decode_image).parameters
    budget = vars(face_engine)["PictureBudget"](_BUDGET) if has_budget else None
    raw = path.read_bytes()
    outcomes_seen: list[tuple[str, int]] = []
    # Libraries and their tables come with the first picture.
    _decode((path.parent / "warm-up").read_bytes(), budget, [])
    before = _memory_mb("VmRSS")
    started = time.perf_counter()
    threads = [
        threading.Thread(target=_decode, args=(raw, budget, outcomes_seen)) for _ in range(count)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    seconds = time.perf_counter() - started
    outcomes = {
        name: sum(one == name for one, _ in outcomes_seen)
        for name in {one for one, _ in outcomes_seen}
    }
    weight = max((weight for _, weight in outcomes_seen), default=0) / _MB
    peak, after = _memory_mb("VmHWM"), _memory_mb("VmRSS")
    # What is left after the last picture is returned a little later.
    deadline = time.monotonic() + _RETURNED_WITHIN_S
    while after - before > _LEFT_MB and time.monotonic() < deadline:
        time.sleep(0.2)
        after = _memory_mb("VmRSS")
    print(json.dumps([before, peak, after, seconds, weight, outcomes]))


def measured(path: Path, count: int, source: Path | None) -> Cost:
    """Return the cost of a file, decoded so many times at once by the code at `source`."""
    # Our own, else that of the earlier commit; the script's folder always comes first.
    paths = [str(source)] if source else []
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, __file__, "--child", str(path), "--count", str(count)]
    finished = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
    return Cost(*json.loads(finished.stdout))


def _row(name: str, count: int, way: str, cost: Cost) -> None:
    ends = " ".join(f"{key}={value}" for key, value in sorted(cost.outcomes.items()))
    print(
        f"{name:<24} {count:>3} {way:<7} {cost.before_mb:>7.0f} {cost.peak_mb:>7.0f}"
        f" {cost.after_mb:>7.0f} {cost.grown_mb:>7.0f} {cost.weight_mb:>7.0f}"
        f" {cost.seconds:>7.2f}  {ends}",
        flush=True,
    )


def main() -> int:
    """Measure and print; 1 when a picture took more than it said or memory did not come back."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--before", metavar="COMMIT", help="earlier decoder to measure beside ours")
    parser.add_argument(
        "--only",
        metavar="WORD",
        default="",
        help="only the file of this name, else those with this in it",
    )
    parser.add_argument("--scale", type=float, default=1.0, help="of the sides of the pictures")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="small pictures and no result file: does it still work?",
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the result file")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, default=12, help="pictures at once")
    chosen = parser.parse_args()
    if chosen.child:
        child(chosen.child, chosen.count)
        return 0
    if chosen.quick:
        chosen.scale = 0.05
    with tempfile.TemporaryDirectory() as kept:
        return _compared(chosen, Path(kept))


def _compared(chosen: argparse.Namespace, folder: Path) -> int:
    from tests.support.heavy_pictures import heavy_picture

    ways: dict[str, Path | None] = {"ours": None}
    if chosen.before:
        ways["before"] = earlier_decoder(chosen.before, folder)
    (folder / "warm-up").write_bytes(heavy_picture("JPEG", 64))
    print(
        f"{'picture':<24} {'n':>3} {'way':<7} {'before':>7} {'peak':>7} {'after':>7}"
        f" {'grown':>7} {'weight':>7} {'s':>7}  (MB)"
    )
    kept, is_good = [], True
    files = _files(chosen.scale)
    only = {chosen.only} & set(files) or {name for name in files if chosen.only in name}
    for name, made in files.items():
        if name not in only:
            continue
        path = folder / name
        path.write_bytes(made())
        for count in (1, chosen.count):
            costs = {way: measured(path, count, source) for way, source in ways.items()}
            for way, cost in costs.items():
                _row(name, count, way, cost)
                kept.append({"picture": name, "count": count, "way": way, **vars(cost)})
            ours = costs["ours"]
            if "before" in costs:
                ratio = costs["before"].grown_mb / max(1.0, ours.grown_mb)
                print(f"{'':<24} {count:>3} before / ours: {ratio:.1f}")
            # A tenth and 8 MB for what is no picture: threads, the file itself, the interpreter.
            allowed = min(count * ours.weight_mb, _BUDGET / _MB) * 1.1 + 8
            is_good = is_good and (not ours.weight_mb or ours.grown_mb <= allowed)
            is_good = is_good and ours.after_mb - ours.before_mb <= _LEFT_MB
    print(f"machine: {machine()}")
    if not chosen.quick:
        now = datetime.now(UTC)
        path = chosen.results / f"{now:%Y-%m-%d}-picture_memory.json"
        command = [Path(sys.argv[0]).name, *sys.argv[1:]]
        report = {
            "at": f"{now:%FT%T}Z",
            "command": command,
            "machine": machine(),
            "results": kept,
        }
        path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        print(f"written: {path}")
    # Of small pictures it is not the pixels that count.
    return 0 if is_good or chosen.quick else 1


if __name__ == "__main__":
    sys.exit(main())
