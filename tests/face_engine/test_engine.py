"""The whole engine on real portraits, against recorded numbers and against itself."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from face_engine import FaceEngine, ModelMissing, load_engine
from face_engine._engine import OnnxFaceEngine
from face_engine.assets import model_manifests
from face_engine.base import RgbImage

RECORDED: dict[str, Any] = json.loads(
    (Path(__file__).parent / "recorded" / "portraits.json").read_text(encoding="utf-8")
)
NAMES = sorted(RECORDED["portraits"])
# Pixels. Another build of the JPEG decoder or of onnxruntime may round differently; a change of
# method moves landmarks by more.
PLACE_TOLERANCE_PX = 0.5
COSINE_TOLERANCE = 1e-4


def test_recorded_numbers_are_of_these_models(engine: FaceEngine) -> None:
    digests = {manifest.name: manifest.files[0].sha256 for manifest in model_manifests()}

    assert RECORDED["models"] == digests
    assert RECORDED["contract_id"] == engine.contract_id


@pytest.mark.parametrize("name", NAMES)
def test_detections_are_as_recorded(
    engine: FaceEngine, portrait_images: dict[str, RgbImage], name: str
) -> None:
    expected = RECORDED["portraits"][name]["faces"]

    faces = engine.detect(portrait_images[name])

    assert len(faces) == len(expected)
    for face, wanted in zip(faces, expected, strict=True):
        assert face.box == pytest.approx(wanted["box"], abs=PLACE_TOLERANCE_PX)
        assert face.score == pytest.approx(wanted["score"], abs=0.005)
        assert face.landmarks == pytest.approx(
            np.array(wanted["landmarks"]), abs=PLACE_TOLERANCE_PX
        )


@pytest.mark.parametrize("name", NAMES)
def test_descriptors_are_as_recorded(
    engine: FaceEngine, portrait_images: dict[str, RgbImage], name: str
) -> None:
    wanted = np.array(RECORDED["portraits"][name]["descriptor"])

    descriptor = engine.largest_descriptor(portrait_images[name])

    assert descriptor is not None
    assert float(descriptor @ wanted) >= (1 - COSINE_TOLERANCE) * np.linalg.norm(wanted)


def test_portraits_of_one_person_are_the_same_person_and_others_are_not(
    engine: FaceEngine, portrait_images: dict[str, RgbImage]
) -> None:
    rows = {name: engine.largest_descriptor(image) for name, image in portrait_images.items()}
    same = {"obama.jpg", "obama2.jpg", "obama3.jpg"}

    for first, one in rows.items():
        for second, other in rows.items():
            assert one is not None
            assert other is not None
            is_same = first == second or {first, second} <= same
            assert (float(one @ other) >= engine.threshold) == is_same, (first, second)


def test_descriptors_have_length_one_and_the_promised_shape(
    engine: FaceEngine, obama: RgbImage
) -> None:
    faces = engine.detect(obama)

    rows = engine.describe(obama, faces * 3)

    assert rows.shape == (3, engine.dimension)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(3), abs=1e-5)


@pytest.mark.slow
def test_a_batch_answers_like_one_by_one(
    engine: FaceEngine, portrait_images: dict[str, RgbImage], obama: RgbImage
) -> None:
    """More faces than one run takes, so that the turns are covered as well."""
    assert isinstance(engine, OnnxFaceEngine)
    chips = [engine.align(image, engine.detect(image)[0]) for image in portrait_images.values()]
    batch = engine.describe_chips(chips * 8)

    single = np.concatenate([engine.describe_chips([chip]) for chip in chips])

    assert batch.shape == (40, engine.dimension)
    assert (batch[:5] * single).sum(axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    assert np.array_equal(batch[:5], batch[35:])


def test_no_faces_give_no_rows(engine: FaceEngine, obama: RgbImage) -> None:
    assert engine.describe(obama, []).shape == (0, engine.dimension)


def test_nothing_to_see_gives_no_descriptor(engine: FaceEngine) -> None:
    assert engine.largest_descriptor(np.full((200, 300, 3), 90, dtype=np.uint8)) is None


@pytest.mark.slow
def test_eight_threads_get_the_answers_of_one(
    engine: FaceEngine, portrait_images: dict[str, RgbImage]
) -> None:
    images = list(portrait_images.values()) * 3
    alone = [engine.largest_descriptor(image) for image in images]

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(engine.largest_descriptor, images))

    for one, other in zip(alone, together, strict=True):
        assert one is not None
        assert other is not None
        assert float(one @ other) >= 1 - 1e-5


def test_engine_is_loaded_once_even_when_eight_threads_ask(model_dir: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        engines = list(pool.map(lambda _: load_engine(model_dir), range(8)))

    assert len({id(engine) for engine in engines}) == 1


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_engine_works_in_a_forked_child(engine: FaceEngine, model_dir: Path) -> None:
    """Web servers fork their workers after loading; the child must get an engine of its own."""
    program = (
        "import os, sys, numpy as np\n"
        "from pathlib import Path\n"
        "from face_engine import load_engine\n"
        "folder = Path(sys.argv[1])\n"
        "parent = load_engine(folder)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    own = load_engine(folder)\n"
        "    own.warm_up()\n"
        "    os._exit(0 if own is not parent else 7)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )

    outcome = subprocess.run([sys.executable, "-c", program, str(model_dir)], timeout=60)

    assert outcome.returncode == 0


def test_missing_models_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="face_engine install"):
        load_engine(tmp_path)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((10, 10), dtype=np.uint8),
        np.zeros((10, 10, 4), dtype=np.uint8),
        np.zeros((10, 10, 3), dtype=np.float32),
        np.zeros((0, 10, 3), dtype=np.uint8),
    ],
)
def test_what_is_no_rgb_picture_is_refused(engine: FaceEngine, image: RgbImage) -> None:
    with pytest.raises(ValueError, match="RGB"):
        engine.detect(image)


def test_contract_names_model_digest_and_alignment(engine: FaceEngine) -> None:
    assert engine.contract_id == "sface-2021dec-int8bq-fb143eea/align1"
    assert engine.dimension == 128
