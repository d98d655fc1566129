"""The photo that is kept of a person and sent to terminals."""

import io

import numpy as np
import pytest
from PIL import Image

from face_engine import DetectedFace, FaceEngine, assess, decode_image, normalise_photo
from face_engine.base import RgbImage

PORTRAITS = ["astronaut.png", "biden.jpg", "obama.jpg", "obama2.jpg", "obama3.jpg"]


@pytest.mark.parametrize("name", PORTRAITS)
def test_photo_is_a_square_jpeg_of_the_size_terminals_want(
    engine: FaceEngine, portrait_images: dict[str, RgbImage], name: str
) -> None:
    image = portrait_images[name]

    photo = normalise_photo(image, engine.detect(image)[0])

    with Image.open(io.BytesIO(photo)) as picture:
        assert picture.format == "JPEG"
        assert picture.mode == "RGB"
        assert picture.width == picture.height
        assert 300 <= picture.width <= 500
        assert not picture.getexif()
        assert "icc_profile" not in picture.info
    # Seed 9.2: pictures travel in base64 of at most 700 K.
    assert len(photo) * 4 / 3 < 700_000


@pytest.mark.parametrize("name", PORTRAITS)
def test_photo_shows_the_same_person_well(
    engine: FaceEngine, portrait_images: dict[str, RgbImage], name: str
) -> None:
    image = portrait_images[name]
    faces = engine.detect(image)

    photo = decode_image(normalise_photo(image, faces[0]))

    found = engine.detect(photo)
    assert assess(photo, found).acceptable
    same = engine.describe(photo, found[:1])[0] @ engine.describe(image, faces[:1])[0]
    assert float(same) > 0.93


def test_photo_shows_the_square_around_the_face(obama: RgbImage) -> None:
    """A face of 160 x 200 px: a square of 2.2 times 200, which needs no scaling."""
    face = DetectedFace((400.0, 200.0, 160.0, 200.0), 0.9, np.zeros((5, 2), dtype=np.float32))

    photo = decode_image(normalise_photo(obama, face))

    assert photo.shape == (440, 440, 3)
    wanted = obama[300 - 220 : 300 + 220, 480 - 220 : 480 + 220]
    assert np.abs(photo.astype(int) - wanted).mean() < 2


def test_photo_is_the_same_every_time(engine: FaceEngine, obama: RgbImage) -> None:
    face = engine.detect(obama)[0]

    assert normalise_photo(obama, face) == normalise_photo(obama.copy(), face)


def test_a_face_in_the_corner_is_moved_inside(engine: FaceEngine, obama: RgbImage) -> None:
    left, top, width, height = engine.detect(obama)[0].box
    corner = np.ascontiguousarray(obama[round(top - 0.1 * height) :, round(left - 0.1 * width) :])

    photo = decode_image(normalise_photo(corner, engine.detect(corner)[0]))

    assert photo.shape[0] == photo.shape[1]
    assert len(engine.detect(photo)) == 1


def test_a_tight_crop_is_extended_and_enlarged(engine: FaceEngine, obama: RgbImage) -> None:
    left, top, width, height = (round(value) for value in engine.detect(obama)[0].box)
    tight = np.asarray(
        Image.fromarray(obama[top : top + height, left : left + width]).resize((88, 120))
    )

    photo = decode_image(normalise_photo(tight, engine.detect(tight)[0]))

    assert photo.shape == (300, 300, 3)
    assert len(engine.detect(photo)) == 1


def test_noise_of_a_dark_camera_can_be_written_too() -> None:
    """Pillow refuses optimised JPEG of more than a byte a pixel; only noise has that much."""
    noise = np.random.default_rng(1).integers(0, 256, (600, 600, 3), dtype=np.uint8)
    face = DetectedFace((200.0, 200.0, 200.0, 200.0), 0.9, np.zeros((5, 2), dtype=np.float32))

    assert decode_image(normalise_photo(noise, face)).shape == (440, 440, 3)
