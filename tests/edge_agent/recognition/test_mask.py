"""A mask is told where it can be seen, and nothing is guessed."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from benchmarks.measure_mask import COLOURS, conditions, with_mask
from edge_agent.recognition.mask import Mask, judge_mask
from face_engine import DetectedFace, FaceEngine, decode_image, install_models, load_engine

Faces = list[tuple[np.ndarray, DetectedFace]]


@pytest.fixture(scope="module")
def engine() -> FaceEngine:
    install_models()
    return load_engine()


@pytest.fixture(scope="module")
def faces(engine: FaceEngine, portraits: dict[str, Path]) -> Faces:
    found = []
    for path in portraits.values():
        image = decode_image(path.read_bytes())
        found.append((image, engine.detect(image, size=320)[0]))
    return found


def judged(engine: FaceEngine, picture: np.ndarray) -> Mask | None:
    seen = engine.detect(picture, size=320)
    return judge_mask(picture, seen[0]) if seen else None


def test_a_bare_face_never_wears_a_mask_and_is_mostly_called_bare(
    engine: FaceEngine, faces: Faces
) -> None:
    plain = Counter(judged(engine, image) for image, _ in faces)
    reported = [judged(engine, picture) for image, _ in faces for _, picture in conditions(image)]

    assert Mask.WORN not in reported
    assert plain[Mask.BARE] >= 4


@pytest.mark.parametrize("colour", COLOURS)
def test_a_mask_is_seen(engine: FaceEngine, faces: Faces, colour: str) -> None:
    reported = [judged(engine, with_mask(image, face, COLOURS[colour])) for image, face in faces]

    assert Mask.BARE not in reported
    assert reported.count(Mask.WORN) >= 4


def test_a_mask_of_the_colour_of_skin_is_unknown(engine: FaceEngine, faces: Faces) -> None:
    for image, face in faces:
        column, row = face.landmarks[[0, 3]].mean(axis=0).astype(int)
        skin = tuple(int(one) for one in image[row, column])

        assert judged(engine, with_mask(image, face, skin)) in {Mask.UNKNOWN, None}  # type: ignore[arg-type]


def test_darkness_and_nonsense_are_unknown(faces: Faces) -> None:
    image, face = faces[0]
    line = DetectedFace(face.box, 0.9, np.zeros((5, 2), dtype=np.float32))

    assert judge_mask((image * 0.1).astype(np.uint8), face) is Mask.UNKNOWN
    assert judge_mask(image, line) is Mask.UNKNOWN
