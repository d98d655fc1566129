"""Is decoding a usual picture as quick with the budget as it was without?

What terminals and phones send, decoded in turns by today's code, as the platform does it with a
hold of the budget, and by the decoder of an earlier commit (``--before``) on the same machine. Each
way has a process of its own, because the budget returns memory to the system; processes
answer one picture at a time, so a machine whose speed drifts slows both alike. Counted is CPU time,
and the time by the clock beside it.
"""

import inspect
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from _earlier_decoder import earlier_decoder
from _report import Timing, conclude, print_table, rounds, standard_arguments
from PIL import Image

import face_engine
from face_engine import decode_image

# The last commit without a budget.
_BEFORE = "1df45d3"
_BUDGET = 384 * 2**20
# A twentieth slower would be seen; less is what two runs of the same code differ by.
_DEMANDED = 0.95


def _textured(width: int, height: int) -> Image.Image:
    """Return a picture of as much detail as a camera's: soft noise over a coarse pattern."""
    draw = np.random.default_rng(3)
    coarse = draw.integers(0, 255, (height // 40 + 1, width // 40 + 1, 3), dtype=np.uint8)
    picture = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    noise = draw.integers(-9, 9, (height, width, 1), dtype=np.int16)
    levels = np.clip(np.asarray(picture, dtype=np.int16) + noise, 0, 255)
    return Image.fromarray(levels.astype(np.uint8))


def _file(kind: str, width: int, height: int, *, orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    sink = io.BytesIO()
    _textured(width, height).save(sink, kind, quality=85, exif=exif)
    return sink.getvalue()


_FILES: dict[str, Callable[[], bytes]] = {
    "terminal's JPEG, 640 × 480": lambda: _file("JPEG", 640, 480),
    "terminal's JPEG, 1280 × 720": lambda: _file("JPEG", 1280, 720),
    "phone's JPEG, 12 Mpx, turned": lambda: _file("JPEG", 4032, 3024, orientation=6),
    "PNG, 640 × 480": lambda: _file("PNG", 640, 480),
}


def child() -> None:
    """Decode the files named on standard input, a line each, and print the time of each."""
    decode = _ways()
    for line in sys.stdin:
        raw = Path(line.rstrip("\n")).read_bytes()
        started, began = time.perf_counter(), time.process_time()
        decode(raw)
        spent = time.process_time() - began
        print(time.perf_counter() - started, spent, flush=True)


def _ways() -> Callable[[bytes], Any]:
    """Return the decoding function: with a reservation where the decoder knows one."""
    if "hold" not in inspect.signature(decode_image).parameters:
        return decode_image
    names = vars(face_engine)
    # The decoder of an earlier commit knows the limits by their former name.
    wait_limits = (names.get("WaitLimits") or names["Patience"])(60.0)
    budget = names["PictureBudget"](_BUDGET)

    def decode(raw: bytes) -> None:
        with budget.hold(wait_limits) as hold:
            pixels = decode_image(raw, hold=hold)
            hold.keep(pixels.nbytes)

    return decode


class _Decoder:
    """A process that decodes by one of the two codes."""

    def __init__(self, stack: ExitStack, source: Path | None) -> None:
        environment = {**os.environ, "PYTHONPATH": str(source) if source else ""}
        self._process = stack.enter_context(
            subprocess.Popen(
                [sys.executable, __file__, "--child"],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        stack.callback(self._end)

    def _end(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()

    def took(self, path: Path) -> tuple[float, float]:
        """Return the seconds that one decoding took, by the clock and of CPU."""
        questions, answers = self._process.stdin, self._process.stdout
        if questions is None or answers is None:
            raise RuntimeError("the process has no pipes")
        questions.write(f"{path}\n")
        questions.flush()
        elapsed, spent = answers.readline().split()
        return float(elapsed), float(spent)


def main() -> int:
    """Measure, print and keep; 1 when a usual picture is slower than before."""
    parser = standard_arguments(__doc__.splitlines()[0], repeats=60)
    parser.add_argument("--before", metavar="COMMIT", default=_BEFORE, help="earlier decoder")
    parser.add_argument("--child", action="store_true", help="decode what is asked for")
    chosen = parser.parse_args()
    if chosen.child:
        child()
        return 0
    repeats, warm_up = rounds(chosen)
    rows, kept, ratios = [], {}, []
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        root = Path(folder)
        decoders = {
            "before": _Decoder(stack, earlier_decoder(chosen.before, root)),
            "now": _Decoder(stack, None),
        }
        for number, (name, made) in enumerate(_FILES.items()):
            path = root / f"{number}.picture"
            path.write_bytes(made())
            spent = _in_turns(decoders, path, repeats=repeats, warm_up=warm_up)
            before, now = (spent[f"{way} cpu"].percentile_ms(25) for way in decoders)
            ratios.append(before / now)
            clock = (spent[way].median_ms for way in decoders)
            rows.append([name, *(f"{ms:.2f}" for ms in (before, now, *clock)), f"{ratios[-1]:.2f}"])
            kept[name] = {way: timing.summary() for way, timing in spent.items()}
    print_table(["ms", "CPU before", "CPU now", "clock before", "clock now", "before / now"], rows)
    outcome = {"before_commit": chosen.before, "pictures": kept}
    return conclude(
        chosen,
        name="picture_decode",
        ratio=min(ratios),
        demanded=_DEMANDED,
        outcome=outcome,
    )


def _in_turns(
    decoders: dict[str, _Decoder], path: Path, *, repeats: int, warm_up: int
) -> dict[str, Timing]:
    seconds: dict[str, list[float]] = {}
    for number in range(-warm_up, repeats):
        # Who is first changes, and nothing else.
        for way in sorted(decoders, reverse=number % 2 == 0):
            elapsed, spent = decoders[way].took(path)
            if number >= 0:
                seconds.setdefault(way, []).append(elapsed)
                seconds.setdefault(f"{way} cpu", []).append(spent)
    return {name: Timing(name, tuple(values)) for name, values in seconds.items()}


if __name__ == "__main__":
    sys.exit(main())
