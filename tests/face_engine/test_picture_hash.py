"""The same picture is known again however it is encoded; another picture is another."""

import io
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from face_engine import (
    RgbImage,
    are_hashes_near,
    decode_image,
    is_same_picture,
    picture_hash,
)
from face_engine._picture_hash import correlation

NAMES = ["obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg"]


def square(path: Path) -> RgbImage:
    """Return the upper square of a portrait, 500 px wide as photos on file are."""
    frame = Image.open(path).convert("RGB")
    side = min(frame.size)
    return np.asarray(frame.crop((0, 0, side, side)).resize((500, 500)))


def copied(
    image: RgbImage, *, quality: int = 70, scale: float = 1.0, brightness: float = 1.0
) -> RgbImage:
    frame = Image.fromarray(image)
    frame = frame.resize((round(frame.width * scale), round(frame.height * scale)))
    buffer = io.BytesIO()
    ImageEnhance.Brightness(frame).enhance(brightness).save(buffer, "JPEG", quality=quality)
    return decode_image(buffer.getvalue())


def is_known_again(one: RgbImage, other: RgbImage) -> bool:
    is_near = are_hashes_near(picture_hash(one), picture_hash(other))
    return is_near and is_same_picture(one, other)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "change",
    [
        {},
        {"quality": 10},
        {"quality": 95},
        {"scale": 0.4},
        {"scale": 2.5},
        {"brightness": 1.2},
        {"brightness": 0.7},
        {"quality": 40, "scale": 0.6, "brightness": 0.9},
    ],
    ids=str,
)
def test_copies_are_known_again(
    portraits: dict[str, Path], name: str, change: dict[str, float]
) -> None:
    photo = square(portraits[name])

    assert is_known_again(photo, copied(photo, **change))  # type: ignore[arg-type]


def test_different_photos_of_one_person_are_different(portraits: dict[str, Path]) -> None:
    photos = [square(portraits[name]) for name in NAMES]

    for one, other in combinations(photos, 2):
        assert not are_hashes_near(picture_hash(one), picture_hash(other))
        assert not is_same_picture(one, other)


@pytest.mark.parametrize("change", ["moved", "mirrored", "nearer"])
def test_person_who_moved_before_the_same_wall_is_another_picture(
    portraits: dict[str, Path], change: str
) -> None:
    photo = square(portraits["obama.jpg"])
    other = {
        "moved": np.roll(photo, 40, axis=1),
        "mirrored": photo[:, ::-1],
        "nearer": np.asarray(Image.fromarray(photo[60:-60, 60:-60]).resize((500, 500))),
    }[change]

    assert not is_known_again(photo, np.ascontiguousarray(other))


def test_plain_area_is_like_nothing(portraits: dict[str, Path]) -> None:
    plain = np.full((300, 300, 3), 128, dtype=np.uint8)

    assert correlation(plain, plain) == 0.0
    assert not is_known_again(plain, square(portraits["obama.jpg"]))


def test_hash_is_sixteen_digits_of_any_size() -> None:
    for shape in ((1, 1, 3), (9, 8, 3), (3000, 10, 3)):
        assert len(picture_hash(np.zeros(shape, dtype=np.uint8))) == 16
