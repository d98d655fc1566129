"""Finding faces: any size of picture, tight crops, tilted heads."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from face_engine import DetectedFace, FaceEngine
from face_engine._detector import non_maximum_suppression
from face_engine.base import RgbImage


def _scaled(image: RgbImage, factor: float) -> RgbImage:
    size = (round(image.shape[1] * factor), round(image.shape[0] * factor))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))


def _cropped(image: RgbImage, face: DetectedFace, margin: float) -> RgbImage:
    """The box of a face times a factor, cut at the edges of the picture."""
    left, top, width, height = face.box
    x0, x1 = left + width * (1 - margin) / 2, left + width * (1 + margin) / 2
    y0, y1 = top + height * (1 - margin) / 2, top + height * (1 + margin) / 2
    return np.ascontiguousarray(image[max(0, round(y0)) : round(y1), max(0, round(x0)) : round(x1)])


def _cosine(engine: FaceEngine, one: RgbImage, other: RgbImage) -> float:
    first, second = engine.largest_descriptor(one), engine.largest_descriptor(other)
    assert first is not None
    assert second is not None
    return float(first @ second)


@pytest.mark.parametrize("size", [160, 320, 333, 480, 640])
def test_any_detection_size_finds_the_same_face(
    engine: FaceEngine, obama: RgbImage, size: int
) -> None:
    usual = engine.detect(obama)[0]

    faces = engine.detect(obama, size=size)

    assert len(faces) == 1
    assert faces[0].box == pytest.approx(usual.box, abs=0.1 * usual.size_px)


@pytest.mark.parametrize("factor", [0.08, 0.2, 0.7, 1.6])
def test_boxes_and_landmarks_follow_the_size_of_the_picture(
    engine: FaceEngine, obama: RgbImage, factor: float
) -> None:
    usual = engine.detect(obama)[0]

    face = engine.detect(_scaled(obama, factor))[0]

    tolerance = max(1.5, 0.04 * usual.size_px * factor)
    assert face.landmarks == pytest.approx(usual.landmarks * factor, abs=tolerance)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 900), (900, 3), (31, 33), (2000, 40)])
def test_odd_sizes_are_taken(engine: FaceEngine, width: int, height: int) -> None:
    assert engine.detect(np.full((height, width, 3), 80, dtype=np.uint8)) == []


def test_noise_is_no_face(engine: FaceEngine, rng: np.random.Generator) -> None:
    assert engine.detect(rng.integers(0, 255, (240, 320, 3), dtype=np.uint8)) == []


@pytest.mark.parametrize("margin", [1.0, 1.3, 2.0])
@pytest.mark.parametrize("height_px", [60, 112, 300])
def test_tight_crops_of_terminals_are_found_and_recognised(
    engine: FaceEngine, obama: RgbImage, margin: float, height_px: int
) -> None:
    crop = _cropped(obama, engine.detect(obama)[0], margin)

    small = _scaled(crop, height_px / crop.shape[0])

    assert len(engine.detect(small)) == 1
    assert _cosine(engine, small, obama) > 0.8


def test_a_face_larger_than_the_picture_is_found_by_the_second_look(
    engine: FaceEngine, portrait_images: dict[str, RgbImage]
) -> None:
    """Less than half of the face's box: the first look misses one, the one with margins none."""
    crops = [_cropped(image, engine.detect(image)[0], 0.4) for image in portrait_images.values()]

    assert [len(engine.detect(crop)) for crop in crops] == [1] * len(crops)


@pytest.mark.slow
@pytest.mark.parametrize("angle_deg", [-30, -15, 15, 30])
def test_a_tilted_head_is_recognised(
    engine: FaceEngine, portrait_images: dict[str, RgbImage], angle_deg: int
) -> None:
    """The network alone sees a tilt of 30 degrees as 5, and the descriptor is lost with it."""
    for image in portrait_images.values():
        turned = np.asarray(
            Image.fromarray(image).rotate(angle_deg, expand=True, resample=Image.Resampling.BICUBIC)
        )

        assert _cosine(engine, turned, image) > 0.85


def test_main_face_comes_first(engine: FaceEngine, portrait_images: dict[str, RgbImage]) -> None:
    large, small = portrait_images["obama.jpg"], _scaled(portrait_images["biden.jpg"], 0.5)
    canvas = np.zeros((max(large.shape[0], small.shape[0]), 1500, 3), dtype=np.uint8)
    canvas[: small.shape[0], : small.shape[1]] = small
    canvas[: large.shape[0], 1500 - large.shape[1] :] = large

    faces = engine.detect(canvas)

    assert len(faces) == 2
    assert faces[0].box[0] > 590 > faces[1].box[0]
    assert faces[0].box[2] * faces[0].box[3] > faces[1].box[2] * faces[1].box[3]


def test_a_crowd_is_found_and_described(engine: FaceEngine, obama: RgbImage) -> None:
    """More faces than get a close look."""
    tile = _scaled(_cropped(obama, engine.detect(obama)[0], 2.0), 0.18)
    crowd = np.tile(tile, (4, 3, 1))

    faces = engine.detect(crowd, size=320)
    rows = engine.describe(crowd, faces)

    assert len(faces) == 12
    assert float((rows @ rows[0]).min()) > 0.7


def _boxes(rows: list[tuple[float, float, float, float]]) -> np.ndarray:
    boxes = np.array(rows, dtype=np.float32).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return boxes


_PLACES = st.floats(0, 100, width=32)
_SIDES = st.floats(1, 50, width=32)


@given(
    rows=st.lists(st.tuples(_PLACES, _PLACES, _SIDES, _SIDES), min_size=1, max_size=25),
    data=st.data(),
)
def test_suppression_keeps_the_best_and_nothing_that_overlaps(
    rows: list[tuple[float, float, float, float]], data: st.DataObject
) -> None:
    boxes = _boxes(rows)
    scores = np.array(
        data.draw(st.lists(st.floats(0, 1, width=32), min_size=len(rows), max_size=len(rows))),
        dtype=np.float32,
    )

    kept = non_maximum_suppression(boxes, scores, 0.3)

    def overlap(one: int, other: int) -> float:
        low = np.maximum(boxes[one, :2], boxes[other, :2])
        high = np.minimum(boxes[one, 2:], boxes[other, 2:])
        shared = float(np.prod(np.clip(high - low, 0, None)))
        areas = [float(np.prod(boxes[row, 2:] - boxes[row, :2])) for row in (one, other)]
        return shared / (sum(areas) - shared)

    assert scores[kept[0]] == scores.max()
    assert [float(scores[row]) for row in kept] == sorted(map(float, scores[kept]), reverse=True)
    for place, one in enumerate(kept):
        assert all(overlap(one, other) <= 0.3 + 1e-5 for other in kept[:place])
    for row in set(range(len(rows))) - set(kept):
        assert any(overlap(row, one) > 0.3 - 1e-5 and scores[one] >= scores[row] for one in kept)
