"""Enrolment photo of a person, as it is stored and sent to terminals."""

import io
from typing import Final

import numpy as np
from PIL import Image

from face_engine.base import DetectedFace, RgbImage

# Seed, 9.1.1: JPEG only, best between 300 x 300 and 500 x 500 pixels.
MIN_PHOTO_PX: Final = 300
MAX_PHOTO_PX: Final = 500

# Side of the cut, in sides of the face: hair, chin and some background, which detectors of
# terminals need. It may shrink towards the second number before the picture has to be extended.
_WANTED_MARGIN = 2.2
_LEAST_MARGIN = 1.4
_JPEG_QUALITY = 92


def normalise_photo(image: RgbImage, face: DetectedFace) -> bytes:
    """Cut a square around a face and write it as a JPEG of 300 to 500 px without metadata.

    The same picture and face always give the same bytes (with the same Pillow). Where the square
    reaches beyond the picture, its edge is continued.

    Args:
        image: the whole photo.
        face: a face found in it.
    """
    height, width = image.shape[:2]
    left, top, box_width, box_height = face.box
    longer = max(box_width, box_height)
    wanted = min(_WANTED_MARGIN * longer, float(min(width, height)))
    side = max(1, round(max(wanted, _LEAST_MARGIN * longer)))
    x = _place(left + box_width / 2, side, width)
    y = _place(top + box_height / 2, side, height)
    cut = Image.fromarray(_window(image, x, y, side))
    target = min(max(side, MIN_PHOTO_PX), MAX_PHOTO_PX)
    if target != side:
        cut = cut.resize((target, target), Image.Resampling.LANCZOS)
    try:
        return _jpeg(cut, is_optimised=True)
    except OSError:
        # Pillow's buffer for optimised files holds a byte a pixel; noise needs more.
        return _jpeg(cut, is_optimised=False)


def _jpeg(picture: Image.Image, *, is_optimised: bool) -> bytes:
    sink = io.BytesIO()
    picture.save(sink, format="JPEG", quality=_JPEG_QUALITY, subsampling=0, optimize=is_optimised)
    return sink.getvalue()


def _place(centre: float, side: int, length: int) -> int:
    """Return the start of a span around a centre, moved inside as far as it fits."""
    start = round(centre - side / 2)
    if side <= length:
        return min(max(0, start), length - side)
    return min(max(length - side, start), 0)


def _window(image: RgbImage, x: int, y: int, side: int) -> RgbImage:
    height, width = image.shape[:2]
    rows = np.clip(np.arange(y, y + side), 0, height - 1)
    columns = np.clip(np.arange(x, x + side), 0, width - 1)
    return np.ascontiguousarray(image[rows[:, None], columns[None, :]])
