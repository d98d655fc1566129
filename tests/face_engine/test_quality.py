"""Photos a manager might bring, and what the engine says about them."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from face_engine import (
    PROBLEM_WORDS,
    FaceEngine,
    QualityLimits,
    QualityProblem,
    QualityReport,
    assess,
    judge_photo,
)
from face_engine._manifest import load_manifest
from face_engine._quality import head_pose_deg
from face_engine.base import RgbImage

PORTRAITS = ["astronaut.png", "biden.jpg", "obama.jpg", "obama2.jpg", "obama3.jpg"]


def _judged(engine: FaceEngine, image: RgbImage) -> QualityReport:
    return assess(image, engine.detect(image))


def _with_face_px(engine: FaceEngine, image: RgbImage, face_px: float) -> RgbImage:
    factor = face_px / engine.detect(image)[0].size_px
    size = (round(image.shape[1] * factor), round(image.shape[0] * factor))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))


@pytest.mark.parametrize("name", PORTRAITS)
def test_official_portraits_are_acceptable(
    engine: FaceEngine, portrait_images: dict[str, RgbImage], name: str
) -> None:
    report = _judged(engine, portrait_images[name])

    assert report.acceptable
    assert report.problems == ()
    assert report.face_count == 1
    assert report.face_px > 80
    assert abs(report.roll_deg) < 6


@pytest.mark.parametrize("name", PORTRAITS)
def test_blurred_face(engine: FaceEngine, portrait_images: dict[str, RgbImage], name: str) -> None:
    image = portrait_images[name]
    radius = 0.03 * engine.detect(image)[0].size_px
    blurred = np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))

    report = _judged(engine, blurred)

    assert QualityProblem.BLURRED in report.problems
    assert not report.acceptable


@pytest.mark.parametrize("name", PORTRAITS)
def test_dark_face_is_dark_but_not_called_blurred(
    engine: FaceEngine, portrait_images: dict[str, RgbImage], name: str
) -> None:
    dark = (portrait_images[name] * 0.2).astype(np.uint8)

    problems = _judged(engine, dark).problems

    assert QualityProblem.TOO_DARK in problems
    assert QualityProblem.BLURRED not in problems


@pytest.mark.parametrize("name", PORTRAITS)
def test_half_the_light_is_not_half_as_sharp(
    engine: FaceEngine, portrait_images: dict[str, RgbImage], name: str
) -> None:
    image = portrait_images[name]
    faces = engine.detect(image)

    dimmed = assess((image * 0.5).astype(np.uint8), faces)

    assert dimmed.sharpness == pytest.approx(assess(image, faces).sharpness, rel=0.1)


@pytest.mark.parametrize("name", PORTRAITS)
def test_more_and_more_light_is_first_of_all_too_bright(
    engine: FaceEngine, portrait_images: dict[str, RgbImage], name: str
) -> None:
    image = portrait_images[name]
    reports = (
        _judged(engine, np.clip(image * gain, 0, 255).astype(np.uint8))
        for gain in np.arange(1.1, 3.0, 0.1)
    )

    first_complaint = next(report for report in reports if not report.acceptable)

    assert first_complaint.problems == (QualityProblem.TOO_BRIGHT,)


@pytest.mark.parametrize("name", PORTRAITS)
def test_face_in_haze(engine: FaceEngine, portrait_images: dict[str, RgbImage], name: str) -> None:
    hazy = (150 + 0.2 * (portrait_images[name] - 150.0)).astype(np.uint8)

    assert QualityProblem.LOW_CONTRAST in _judged(engine, hazy).problems


@pytest.mark.parametrize("face_px", [30, 50, 75])
def test_small_face(engine: FaceEngine, obama: RgbImage, face_px: int) -> None:
    report = _judged(engine, _with_face_px(engine, obama, face_px))

    assert QualityProblem.FACE_TOO_SMALL in report.problems
    assert report.face_px == pytest.approx(face_px, rel=0.15)


@pytest.mark.parametrize("angle_deg", [-40, 40])
def test_tilted_head(engine: FaceEngine, obama: RgbImage, angle_deg: int) -> None:
    picture = Image.fromarray(obama)
    turned = np.asarray(picture.rotate(angle_deg, expand=True, resample=Image.Resampling.BICUBIC))

    report = _judged(engine, turned)

    assert QualityProblem.TILTED in report.problems
    # Pillow turns against the clock, the report counts with it.
    assert report.roll_deg == pytest.approx(-angle_deg, abs=8)


def _turned(image: RgbImage, angle_deg: int) -> RgbImage:
    picture = Image.fromarray(image)
    return np.asarray(picture.rotate(angle_deg, expand=True, resample=Image.Resampling.BICUBIC))


@pytest.mark.parametrize("name", PORTRAITS)
@pytest.mark.parametrize("angle_deg", [-60, 60, 90, 180])
def test_a_face_that_lies_is_not_enrolled(
    engine: FaceEngine, portrait_images: dict[str, RgbImage], name: str, angle_deg: int
) -> None:
    """Its eyes are read out of a mouth, "upright": one that stood on its head was accepted."""
    _, report = judge_photo(engine, _turned(portrait_images[name], angle_deg))

    # Where no face is seen as it is, the photo is turned: "no face" would be the wrong advice.
    assert QualityProblem.TILTED in report.problems


@pytest.mark.parametrize("angle_deg", [75, -120, 150])
def test_a_small_face_in_a_large_photo_that_lies_is_called_tilted(
    engine: FaceEngine, obama: RgbImage, angle_deg: int
) -> None:
    """As a phone's photo: the face takes up a small part of it."""
    small = _with_face_px(engine, obama, 200)
    wide = np.full((1800, 2400, 3), 128, dtype=np.uint8)
    wide[500 : 500 + small.shape[0], 900 : 900 + small.shape[1]] = small[:1300, :1500]

    _, report = judge_photo(engine, _turned(wide, angle_deg))

    assert report.problems == (QualityProblem.TILTED,)


@pytest.mark.parametrize("name", PORTRAITS)
@pytest.mark.parametrize("angle_deg", [-10, 0, 10])
def test_a_head_held_a_little_aside_is_enrolled(
    engine: FaceEngine, portrait_images: dict[str, RgbImage], name: str, angle_deg: int
) -> None:
    _, report = judge_photo(engine, _turned(portrait_images[name], angle_deg))

    assert report.problems == ()


def test_the_tilt_is_measured_where_the_face_is_seen_best(
    engine: FaceEngine, obama: RgbImage
) -> None:
    _, report = judge_photo(engine, _turned(obama, 180))

    assert report.problems == (QualityProblem.TILTED,)
    assert abs(report.roll_deg) == pytest.approx(180, abs=8)


def test_two_people(engine: FaceEngine, portrait_images: dict[str, RgbImage]) -> None:
    left = _with_face_px(engine, portrait_images["obama.jpg"], 150)[:600]
    right = _with_face_px(engine, portrait_images["biden.jpg"], 150)[:600]
    height = min(left.shape[0], right.shape[0])
    both = np.concatenate([left[:height], right[:height]], axis=1)

    report = _judged(engine, both)

    assert report.problems[0] == QualityProblem.SEVERAL_FACES
    assert report.face_count == 2


def test_a_small_face_in_the_background_does_not_matter(
    engine: FaceEngine, portrait_images: dict[str, RgbImage]
) -> None:
    image = portrait_images["obama.jpg"].copy()
    passer_by = _with_face_px(engine, portrait_images["astronaut.png"], 40)
    image[300 : 300 + passer_by.shape[0], : passer_by.shape[1]] = passer_by

    report = assess(image, engine.detect(image, size=640))

    assert report.face_count == 2
    assert report.acceptable


def test_nobody(engine: FaceEngine) -> None:
    report = _judged(engine, np.full((300, 300, 3), 128, dtype=np.uint8))

    assert report.problems == (QualityProblem.NO_FACE,)
    assert (report.acceptable, report.face_count, report.face_px) == (False, 0, 0.0)


def test_limits_can_be_set(engine: FaceEngine, obama: RgbImage) -> None:
    strict = QualityLimits(min_face_px=400)

    report = assess(obama, engine.detect(obama), limits=strict)

    assert report.problems == (QualityProblem.FACE_TOO_SMALL,)


def test_a_face_cut_by_the_edge_is_measured(engine: FaceEngine, obama: RgbImage) -> None:
    left, _, width, _ = engine.detect(obama)[0].box
    cut = np.ascontiguousarray(obama[:, : round(left + 0.8 * width)])

    report = _judged(engine, cut)

    assert report.face_count == 1
    assert report.brightness > 0


def _seen_from(yaw_deg: float, pitch_deg: float) -> np.ndarray:
    """Five points of a simple head, turned and seen from far away.

    The head is flat but for the nose; its points are those of the template with the nose at the
    height where the detector puts it.
    """
    descriptor = load_manifest("sface-2021dec").descriptor
    assert descriptor is not None
    flat = descriptor.template.astype(np.float64)
    eyes, mouth = flat[:2].mean(axis=0), flat[3:].mean(axis=0)
    flat[2] = eyes + 0.58 * (mouth - eyes)
    depth = np.zeros(5)
    depth[2] = 0.5 * np.hypot(*(flat[1] - flat[0]))
    yaw, pitch = np.radians([yaw_deg, pitch_deg])
    x = flat[:, 0] * np.cos(yaw) + depth * np.sin(yaw)
    depth = depth * np.cos(yaw) - flat[:, 0] * np.sin(yaw) * 0
    y = flat[:, 1] * np.cos(pitch) + depth * np.sin(pitch)
    return np.column_stack([x, y]).astype(np.float32)


@pytest.mark.parametrize("yaw_deg", [-45, -20, 0, 20, 45])
def test_yaw_of_a_model_head(yaw_deg: float) -> None:
    assert head_pose_deg(_seen_from(yaw_deg, 0))[0] == pytest.approx(yaw_deg, abs=4)


@pytest.mark.parametrize("pitch_deg", [-30, -15, 0, 15, 30])
def test_pitch_of_a_model_head(pitch_deg: float) -> None:
    assert head_pose_deg(_seen_from(0, pitch_deg))[1] == pytest.approx(pitch_deg, abs=4)


def test_a_head_turned_far_is_turned_away(engine: FaceEngine, obama: RgbImage) -> None:
    from dataclasses import replace

    face = engine.detect(obama)[0]
    turned = replace(face, landmarks=_seen_from(50, 0) * 3 + 300)

    assert QualityProblem.TURNED_AWAY in assess(obama, [turned]).problems


def test_every_problem_has_words() -> None:
    assert set(PROBLEM_WORDS) == set(QualityProblem)
    assert all(words.endswith(".") for words in PROBLEM_WORDS.values())
