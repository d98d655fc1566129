"""How much faster does a photo become an identity than with face_recognition, on one thread?

From the bytes of a photo to the person of a gallery: decode, find the face, describe it, compare
with everybody. Yardstick: the usual pipeline of the package face_recognition (load_image_file,
face_locations, face_encodings, face_distance) with its defaults. It runs in an environment of its
own under the cache, made at the first run: face_recognition and its models from the package index,
and dlib as a ready-made wheel (``--compile-dlib``: compiled here, which takes minutes, cmake and a
C++ compiler). Both sides see the same photos, in turns, on the same core.

Photos: the demonstration portraits. Gallery: two of the people, enrolled from one photo each, and
random vectors up to the size asked for. Quality beside speed: the people each side recognised.
"""

import argparse
import json
import math
import os
import random
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
from _report import (
    Timing,
    conclude,
    print_table,
    rounds,
    standard_arguments,
    start_again_on_one_thread,
    stay_on_one_core,
)

from face_engine import FaissIndex, decode_image, install_models, install_portraits, load_engine
from face_engine.assets import cache_root

DEMANDED = 15.0
NO_MATCH = "no match"
ENROLLED = {"obama": "obama.jpg", "biden": "biden.jpg"}
EXPECTED = {
    "obama.jpg": "obama",
    "obama2.jpg": "obama",
    "obama3.jpg": "obama",
    "biden.jpg": "biden",
    "astronaut.png": NO_MATCH,
}
DLIB_WHEEL, DLIB_SOURCE = "dlib-bin==20.0.1.post1", "dlib==20.0.1"
# Without their dependencies, which would compile dlib in any case.
PIPELINE = ("face_recognition==1.3.0", "face_recognition_models==0.3.0")
# face_recognition_models asks for pkg_resources, which setuptools had until version 80.
SUPPORT = ("numpy", "pillow", "click", "setuptools<81")

Seconds = dict[str, tuple[list[float], list[float]]]


class Yardstick:
    """Worker process with face_recognition, for comparison."""

    def __init__(self, interpreter: Path, portraits: dict[str, Path], arguments: Any) -> None:
        worker = Path(__file__).with_name("_face_recognition_worker.py")
        self._process = subprocess.Popen(
            [interpreter, worker], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        enrol = {who: str(portraits[name]) for who, name in ENROLLED.items()}
        fillers = arguments.gallery - len(enrol)
        self._ask({"enrol": enrol, "fillers": fillers, "seed": arguments.seed})

    def recognise(self, path: Path) -> tuple[str, float]:
        """Return the name on a photo, and the seconds from its bytes to the name."""
        answer = self._ask({"photo": str(path)})
        return answer["person"], answer["seconds"]

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        sink, source = self._pipes()
        sink.write(json.dumps(question) + "\n")
        sink.flush()
        line = source.readline()
        if not line:
            raise RuntimeError("face_recognition ended early; its words are above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("no pipes to face_recognition")
        return self._process.stdin, self._process.stdout

    def __enter__(self) -> Self:
        """For ``with``."""
        return self

    def __exit__(self, *reason: object) -> None:
        """End the process."""
        sink, source = self._pipes()
        sink.close()
        self._process.wait(timeout=60)
        source.close()


def main() -> int:
    """Run the benchmark; exit code 1 when it is too slow or names a wrong person."""
    arguments = _arguments()
    start_again_on_one_thread()
    folder, portraits = install_models(print), install_portraits(print)
    interpreter = _environment(compile_dlib=arguments.compile_dlib)
    print(stay_on_one_core())
    recognise = _menjin(folder, portraits, arguments)
    with Yardstick(interpreter, portraits, arguments) as yardstick:
        seconds, answers = _measure(recognise, yardstick, portraits, arguments)
    timings = {
        name: (Timing("menjin", tuple(ours)), Timing("face_recognition", tuple(theirs)))
        for name, (ours, theirs) in seconds.items()
    }
    ratios = {name: theirs.median_ms / ours.median_ms for name, (ours, theirs) in timings.items()}
    _show(timings, ratios, answers)
    code = conclude(
        arguments,
        name="photo_to_identity",
        ratio=math.exp(sum(map(math.log, ratios.values())) / len(ratios)),
        demanded=DEMANDED,
        outcome={
            "gallery": arguments.gallery,
            "dlib": DLIB_SOURCE if arguments.compile_dlib else DLIB_WHEEL,
            "ratio_by_photo": {name: round(ratio, 2) for name, ratio in ratios.items()},
            "timings": {
                name: {timing.name: timing.summary() for timing in pair}
                for name, pair in timings.items()
            },
            "answers": answers,
        },
    )
    return code if all(answers[name][0] == who for name, who in EXPECTED.items()) else 1


def _arguments() -> argparse.Namespace:
    parser = standard_arguments(__doc__.split("\n", 1)[0], repeats=15)
    parser.set_defaults(warm_up=2)
    parser.add_argument("--gallery", type=int, default=1000, help="people to compare with")
    parser.add_argument("--compile-dlib", action="store_true", help="do not use the ready wheel")
    arguments = parser.parse_args()
    if arguments.gallery < len(ENROLLED):
        parser.error(f"--gallery must be at least {len(ENROLLED)}")
    return arguments


def _menjin(
    folder: Path, portraits: dict[str, Path], arguments: argparse.Namespace
) -> Callable[[bytes], str]:
    """The pipeline of this project, with its gallery filled."""
    engine = load_engine(folder, threads=1)
    index = FaissIndex(engine.dimension)
    names = list(ENROLLED)
    known = []
    for who in names:
        own = engine.largest_descriptor(decode_image(portraits[ENROLLED[who]].read_bytes()))
        if own is None:
            raise SystemExit(f"no face in {ENROLLED[who]}")
        known.append(own)
    generator = np.random.default_rng(arguments.seed)
    random_rows = generator.normal(size=(arguments.gallery - len(known), engine.dimension))
    random_rows /= np.linalg.norm(random_rows, axis=1, keepdims=True)
    rows = np.concatenate([np.stack(known), random_rows]).astype(np.float32)
    index.add(np.arange(len(rows), dtype=np.int64), rows)

    def recognise(raw: bytes) -> str:
        descriptor = engine.largest_descriptor(decode_image(raw))
        if descriptor is None:
            return NO_MATCH
        scores, ids = index.search(descriptor[None], 1)
        nearest = int(ids[0, 0])
        if scores[0, 0] < engine.threshold:
            return NO_MATCH
        return names[nearest] if nearest < len(names) else f"filler{nearest - len(names)}"

    return recognise


def _measure(
    recognise: Callable[[bytes], str],
    yardstick: Yardstick,
    portraits: dict[str, Path],
    arguments: argparse.Namespace,
) -> tuple[Seconds, dict[str, tuple[str, str]]]:
    """Return seconds by photo and the recognised names; (this project, the other)."""
    repeats, warm_up = rounds(arguments)
    order, names = random.Random(arguments.seed), list(portraits)
    seconds: Seconds = {name: ([], []) for name in portraits}
    answers: dict[str, tuple[str, str]] = {}
    for turn in range(-warm_up, repeats):
        order.shuffle(names)
        for name in names:
            raw = portraits[name].read_bytes()
            start = time.perf_counter()
            person = recognise(raw)
            ours = time.perf_counter() - start
            other_person, theirs = yardstick.recognise(portraits[name])
            answers[name] = (person, other_person)
            if turn >= 0:
                seconds[name][0].append(ours)
                seconds[name][1].append(theirs)
    return seconds, answers


def _show(
    timings: dict[str, tuple[Timing, Timing]],
    ratios: dict[str, float],
    answers: dict[str, tuple[str, str]],
) -> None:
    print_table(
        ["photo", "menjin ms", "face_recognition ms", "ratio", "menjin: who", "the other: who"],
        [
            [
                name,
                f"{ours.median_ms:.1f}",
                f"{theirs.median_ms:.1f}",
                f"{ratios[name]:.1f}",
                *answers[name],
            ]
            for name, (ours, theirs) in timings.items()
        ],
    )
    total = sum(theirs.median_ms for _, theirs in timings.values())
    ours = sum(ours.median_ms for ours, _ in timings.values())
    print(
        f"all photos together: {total / ours:.1f}; least of one photo: {min(ratios.values()):.1f}"
    )
    print("the ratio below is the geometric mean over the photos")


def _environment(*, compile_dlib: bool) -> Path:
    """Interpreter of the yardstick's environment, made when it is not there."""
    dlib = DLIB_SOURCE if compile_dlib else DLIB_WHEEL
    folder = cache_root() / "benchmarks" / f"face_recognition-{dlib.replace('==', '-')}"
    interpreter = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ready = folder / "ready"
    if ready.is_file():
        return interpreter
    print(f"making an environment for face_recognition with {dlib} (once)")
    venv.create(folder, with_pip=True, clear=True)
    pip = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *SUPPORT], check=True)
    subprocess.run([*pip, dlib], check=True)
    subprocess.run([*pip, "--no-deps", *PIPELINE], check=True)
    subprocess.run([interpreter, "-W", "ignore", "-c", "import face_recognition"], check=True)
    ready.touch()
    return interpreter


if __name__ == "__main__":
    sys.exit(main())
