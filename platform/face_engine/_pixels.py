"""Conversion of decoded pixels to upright RGB in tiles, so that only the result is large."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from PIL import Image

from face_engine.base import RgbImage

RESULT_BYTES: Final = 3
# Width and height of one piece, multiples of the largest factor.
_PIECE: Final = (2048, 128)
PIECE_PIXELS: Final = _PIECE[0] * _PIECE[1]
# Up to here an RGB picture is copied at once, which takes no more than result and piece are counted
# with: two copies in place of one and twelve bytes a pixel of the piece (`_decoding_cost`).
_WHOLE_PIXELS: Final = 4 * PIECE_PIXELS
_FACTORS: Final = (8, 4, 2)

_Box = tuple[int, int, int, int]


def factor_for(size: tuple[int, int], enough_px: int | None) -> int:
    """Return the reduction factor of both sides: 1, 2, 4 or 8, as JPEG decoders have it."""
    if enough_px is None:
        return 1
    longer = max(size)
    return next((factor for factor in _FACTORS if longer >= factor * enough_px), 1)


def result_size(size: tuple[int, int], factor: int) -> tuple[int, int]:
    """Return the size after a reduction, width first; a remainder counts as a whole pixel."""
    width, height = size
    return -(-width // factor), -(-height // factor)


def rgb_pixels(image: Image.Image, factor: int) -> RgbImage:
    """Return a picture's pixels, transparency laid on white, each side divided by a factor."""
    image.load()
    if factor == 1 and image.mode == "RGB" and image.width * image.height <= _WHOLE_PIXELS:
        return np.asarray(image)
    width, height = result_size(image.size, factor)
    pixels = np.empty((height, width, RESULT_BYTES), dtype=np.uint8)
    white_level = _white_level(image)
    for box in _boxes(image.size):
        piece = image if box == (0, 0, *image.size) else image.crop(box)
        shown = _on_white(piece, white_level)
        if factor > 1:
            shown = shown.reduce(factor)
        left, top = box[0] // factor, box[1] // factor
        pixels[top : top + shown.height, left : left + shown.width] = np.asarray(shown)
    return pixels


def _boxes(size: tuple[int, int]) -> Iterator[_Box]:
    width, height = size
    across, down = _PIECE
    for top in range(0, height, down):
        for left in range(0, width, across):
            yield left, top, min(left + across, width), min(top + down, height)


def _white_level(image: Image.Image) -> float:
    """Return the white level of a picture of more than eight bits; 0 for any other."""
    if not image.mode.startswith("I;16") and image.mode not in ("I", "F"):
        return 0.0
    extrema = image.getextrema()
    highest = extrema[1] if isinstance(extrema, tuple) else 0.0
    return 65535.0 if isinstance(highest, int | float) and highest > 255 else 255.0


def _on_white(image: Image.Image, white_level: float) -> Image.Image:
    if image.mode == "RGB":
        return image
    if white_level:
        levels = np.asarray(image, dtype=np.float32)
        scaled = np.clip(levels * (255.0 / white_level), 0, 255)
        return Image.fromarray(scaled.astype(np.uint8)).convert("RGB")
    if "A" in image.getbands() or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")
