"""Perceptual hash: detects the same photo, encoded again or scaled.

Two looks. A hash of 64 bits, whether each of 72 fields is darker than the next, is kept with a
photo and compared for nothing; only where it is near are both pictures laid over each other.
Cropped or turned pictures are other pictures.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face_engine.base import RgbImage

_ROWS = 8
# Of 64. Encoded anew, scaled or a fifth brighter, copies of the portraits differ in 7 at most,
# different photos of one person in 21 and more (tests/face_engine/test_picture_hash.py).
_NEAR_BITS = 12
_LAID_PX = 64
# Correlation of grey values: of such copies 0.986 and more, of different photos below 0.6.
_SAME = 0.98


def picture_hash(image: RgbImage) -> str:
    """Return 16 hex digits that copies of a picture share but for a few bits.

    Args:
        image: (h, w, 3) uint8 RGB, upright.
    """
    grey = _grey(image, _ROWS + 1, _ROWS)
    bits = (grey[:, 1:] > grey[:, :-1]).flatten()
    return np.packbits(bits).tobytes().hex()


def are_hashes_near(one: str, other: str) -> bool:
    """Return whether the hashes of two pictures are near enough to compare the pictures."""
    return (int(one, 16) ^ int(other, 16)).bit_count() <= _NEAR_BITS


def is_same_picture(one: RgbImage, other: RgbImage) -> bool:
    """Return whether two pictures are the same apart from encoding, size and brightness."""
    return correlation(one, other) >= _SAME


def correlation(one: RgbImage, other: RgbImage) -> float:
    """Return how alike the grey values of two pictures are, laid over each other: −1 to 1.

    0 where one of them is a plain area, which is like everything.
    """
    flat = [_grey(image, _LAID_PX, _LAID_PX).flatten() for image in (one, other)]
    first, second = (values - values.mean() for values in flat)
    length = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / length if length else 0.0


def _grey(image: RgbImage, width: int, height: int) -> NDArray[np.float32]:
    frame = Image.fromarray(image)
    small = frame.resize((width, height), Image.Resampling.BOX)
    return np.asarray(small.convert("L"), dtype=np.float32)
