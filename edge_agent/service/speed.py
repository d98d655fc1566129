"""Benchmark of this computer as a terminal: each step of a visit, and the whole."""

import asyncio
import dataclasses
import os
import platform
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_agent.config import AgentConfig, DecisionPolicy
from edge_agent.door import Devices
from edge_agent.drivers import Frame, SystemClock
from edge_agent.drivers.folder_camera import FolderCameraOptions
from edge_agent.drivers.relay_simulated import SimulatedRelay
from edge_agent.drivers.thermometer import NoThermometer
from edge_agent.recognition import Library
from edge_agent.service.assembly import assemble
from edge_agent.service.live_state import agent_version
from edge_agent.storage import DATABASE_NAME, EnrolledPerson, open_read_only, read_enrolled
from face_engine import DetectedFace, FaceEngine, RgbImage

_WARM_UP: Final = 5
_QUERIES: Final = 64
_SEED: Final = 20260101
_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_PACKAGES: Final = ("numpy", "onnxruntime", "faiss-cpu", "pillow")


@dataclass(frozen=True, slots=True)
class SpeedPlan:
    """Plan of the measurement.

    Attributes:
        config: of the terminal; its data is only read.
        engine: the face models.
        pictures: each with a face; (height, width, 3) uint8, RGB.
        people: so many random people are compared with, beside those held.
        frames: how often each step is measured.
        disk: folder on the disk that records are written to while measuring.
    """

    config: AgentConfig
    engine: FaceEngine
    pictures: Sequence[RgbImage] = field(repr=False)
    people: int
    frames: int
    disk: Path


@dataclass(frozen=True, slots=True)
class Step:
    """Milliseconds of one step, from sorted runs (nearest rank)."""

    name: str
    p50_ms: float
    p99_ms: float
    runs: int


@dataclass(frozen=True, slots=True)
class SpeedReport:
    """Result of the measurement.

    Attributes:
        steps: of a visit, and ``numpy product``: the yardstick for the index.
        ratio: how many times faster the index is than the yardstick, by the medians.
        people: random ones, and those the terminal holds.
        machine: where it ran.
    """

    steps: tuple[Step, ...]
    ratio: float
    people: tuple[int, int]
    machine: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return the same as JSON values."""
        return {
            "steps": [dataclasses.asdict(one) for one in self.steps],
            "ratio": self.ratio,
            "people_random": self.people[0],
            "people_held": self.people[1],
            "machine": self.machine,
        }


def measure_speed(plan: SpeedPlan) -> SpeedReport:
    """Measure; takes up to a minute and loads one core.

    Raises:
        ValueError: a picture shows no face.
    """
    engine, size = plan.engine, plan.config.detector_px
    seen = [(one, engine.detect(one, size=size)) for one in plan.pictures]
    if not all(faces for _, faces in seen):
        raise ValueError("a picture shows no face")
    shown = [(image, faces[0]) for image, faces in seen]
    visitors = np.concatenate([engine.describe(image, [face]) for image, face in shown])
    people = _people(plan)
    random_people = _random_people(engine, plan.people, first_id=len(people))
    all_people = [*people, *random_people, *_as_people(engine, visitors, 10_000_000)]
    models = _measured(_looks(plan, shown), plan.frames)
    search = _measured(_searches(plan, all_people), plan.frames)
    decision = asyncio.run(_decisions(plan, all_people))
    steps = (*models, *search, _step("picture to decision", decision))
    medians = {one.name: one.p50_ms for one in steps}
    return SpeedReport(
        steps=steps,
        ratio=round(medians["numpy product"] / medians["1:N match"], 2),
        people=(plan.people, len(people)),
        machine=machine_facts(),
    )


def machine_facts() -> dict[str, Any]:
    """Describe this computer."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "threads": {name: os.environ.get(name, "") for name in _THREADS},
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "menjin": agent_version(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
    }


def _looks(
    plan: SpeedPlan, shown: Sequence[tuple[RgbImage, DetectedFace]]
) -> dict[str, Callable[[int], object]]:
    engine, size = plan.engine, plan.config.detector_px

    def find(number: int) -> object:
        return engine.detect(shown[number % len(shown)][0], size=size)

    def describe(number: int) -> object:
        image, face = shown[number % len(shown)]
        return engine.describe(image, [face])

    return {"find faces": find, "describe a face": describe}


def _searches(
    plan: SpeedPlan, all_people: Sequence[EnrolledPerson]
) -> dict[str, Callable[[int], object]]:
    engine = plan.engine
    library = Library(
        contract_id=engine.contract_id,
        dimension=engine.dimension,
        threshold=engine.threshold,
        least_similarity=plan.config.match_similarity,
    )
    library.replace(all_people)
    vectors = np.stack([one.descriptor for one in all_people])
    queries = _unit_vectors(_QUERIES, engine.dimension, seed=_SEED + 1)

    def match(number: int) -> object:
        return library.match(queries[number % _QUERIES])

    def product(number: int) -> object:
        return int(np.argmax(vectors @ queries[number % _QUERIES]))

    return {"1:N match": match, "numpy product": product}


async def _decisions(plan: SpeedPlan, all_people: list[EnrolledPerson]) -> list[float]:
    """Seconds from picture to decision, with record and upload on disk, by the local rule."""
    spent_s: list[float] = []
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(
            tempfile.TemporaryDirectory(dir=plan.disk, prefix="menjin-bench-")
        )
        config = dataclasses.replace(
            plan.config,
            data_dir=Path(folder),
            decide=DecisionPolicy.LOCAL,
            library_max_age_s=0.0,
            temperature_required=False,
        )
        clock = SystemClock()
        devices = Devices(
            FolderCameraOptions().make(), SimulatedRelay(), NoThermometer(), clock=clock
        )
        parts = assemble(config, devices, clock, plan.engine, _NoEventLog())
        for part in (parts.database, parts.door.recogniser, parts.door.devices.relay):
            stack.push_async_callback(part.close)
            await part.open()
        await parts.interfaces.terminal.settings.load()
        await parts.door.recogniser.hold(all_people)
        for number in range(-_WARM_UP, plan.frames):
            frame = Frame(plan.pictures[number % len(plan.pictures)], is_visit=True)
            begin_s = time.perf_counter()
            await parts.door.pipeline.process(frame)
            if number >= 0:
                spent_s.append(time.perf_counter() - begin_s)
    return spent_s


class _NoEventLog:
    """An `EventLog` that writes nothing."""

    def write(self, event: str, line: str, **facts: Any) -> None:
        """See `EventLog.write`; nothing happens."""


def _measured(candidates: Mapping[str, Callable[[int], object]], rounds: int) -> tuple[Step, ...]:
    """Time candidates in alternating order, so that a slow period affects all alike."""
    order = random.Random(_SEED)  # noqa: S311 - an order, not a secret
    names = list(candidates)
    spent_s: dict[str, list[float]] = {name: [] for name in names}
    for number in range(-_WARM_UP, rounds):
        order.shuffle(names)
        for name in names:
            begin_s = time.perf_counter()
            candidates[name](max(number, 0))
            if number >= 0:
                spent_s[name].append(time.perf_counter() - begin_s)
    return tuple(_step(name, spent_s[name]) for name in candidates)


def _step(name: str, spent_s: Sequence[float]) -> Step:
    ordered = sorted(spent_s)

    def rank_ms(percent: float) -> float:
        return round(ordered[round(percent / 100 * (len(ordered) - 1))] * 1000, 3)

    return Step(name, rank_ms(50), rank_ms(99), len(ordered))


def _people(plan: SpeedPlan) -> list[EnrolledPerson]:
    path = plan.config.data_dir / DATABASE_NAME
    if not path.exists():
        return []
    with closing(open_read_only(path)) as connection:
        held = read_enrolled(connection, plan.engine.dimension)
    return [one for one in held if one.contract_id == plan.engine.contract_id]


def _random_people(engine: FaceEngine, count: int, *, first_id: int) -> list[EnrolledPerson]:
    vectors = _unit_vectors(count, engine.dimension, seed=_SEED)
    # Row ids of the database are far below this.
    return _as_people(engine, vectors, 20_000_000 + first_id)


def _as_people(
    engine: FaceEngine, vectors: NDArray[np.float32], first_id: int
) -> list[EnrolledPerson]:
    return [
        EnrolledPerson(
            first_id + number, f"bench-{first_id + number}", "", "", engine.contract_id, one
        )
        for number, one in enumerate(vectors)
    ]


def _unit_vectors(count: int, dimension: int, *, seed: int) -> NDArray[np.float32]:
    """Return (count, dimension) float32, each row of length 1, evenly in all directions."""
    drawn = np.random.default_rng(seed).standard_normal((count, dimension), dtype=np.float32)
    lengths = np.linalg.norm(drawn, axis=1, keepdims=True)
    return np.asarray(drawn / lengths, dtype=np.float32)


def _cpu() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or "unknown"
    names = ("model name", "Model", "Hardware")  # the last two: Raspberry Pi and other ARM boards
    for name in names:
        for line in text.splitlines():
            if line.partition("\t")[0].strip() == name:
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
