"""Memory that decoding a picture takes, computed from its header.

Counted is the memory of the worst moment: buffers of the decoder, its pixels, and what they are
turned into. A small file may cost thousands of times its length.
"""

from typing import Final

from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import JpegImageFile

from face_engine._pixels import PIECE_PIXELS, RESULT_BYTES, result_size

# Pillow keeps three channels in four bytes, and two as well.
_PIXEL_BYTES: Final = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
_OTHER_PIXEL_BYTES: Final = 4
# What a piece takes on its way to RGB, which most pictures are already.
_PIECE_BYTES: Final = {"RGB": 12}
_OTHER_PIECE_BYTES: Final = 26
# What decoders hold a pixel beside that, measured with benchmarks/bench_picture_memory.py: WebP two
# canvases, its own pixels and what it hands over twice; HEIF planes and what it hands over.
_EXTRA_BYTES: Final = {"WEBP": 14, "HEIF": 10}
# Run lengths of a BMP are unpacked in two steps.
_RUN_LENGTHS: Final = (BmpImageFile.COMPRESSIONS["RLE8"], BmpImageFile.COMPRESSIONS["RLE4"])
_RUN_LENGTHS_EXTRA: Final = 3
_COEFFICIENT_BYTES: Final = 2
_BLOCK_PX: Final = 8


def decoding_cost(
    image: Image.Image,
    raw: bytes,
    *,
    factor: int,
    scans: list[int] | None,
    beside_another: bool = False,
) -> int:
    """Return the bytes of memory that decoding a picture takes.

    Args:
        image: opened and not loaded; a JPEG told already by how much it is to be reduced.
        raw: its file.
        factor: by which its sides are divided after it has been decoded.
        scans: where those of a JPEG begin; finding them again would take milliseconds.
        beside_another: it is decoded to be compared with an earlier result of the same size.
    """
    pixels = image.width * image.height
    native = _PIXEL_BYTES.get(image.mode, _OTHER_PIXEL_BYTES) * pixels
    extra = _EXTRA_BYTES.get(image.format or "", 0) * pixels
    if isinstance(image, JpegImageFile):
        extra += _coefficients(image, raw, scans or [])
    elif isinstance(image, BmpImageFile) and image.info.get("compression") in _RUN_LENGTHS:
        extra += _RUN_LENGTHS_EXTRA * pixels
    width, height = result_size(image.size, factor)
    result = RESULT_BYTES * width * height
    # Turned, the result is there twice, but nothing else any more.
    worst = max(native + extra + result, 2 * result) + (2 * result if beside_another else 0)
    piece = _PIECE_BYTES.get(image.mode, _OTHER_PIECE_BYTES) * min(pixels, PIECE_PIXELS)
    # Decoders keep the file, and some a copy of it.
    return 2 * len(raw) + piece + worst


def _coefficients(image: JpegImageFile, raw: bytes, starts: list[int]) -> int:
    """Return the memory of a progressive JPEG: all of it at full size, before any reduction."""
    is_split = bool(starts) and raw[starts[0] + 4 : starts[0] + 5] != bytes([image.layers])
    if "progressive" not in image.info and len(starts) < 2 and not is_split:
        return 0
    width, height = full_size(image)
    # A component has no more samples than the picture pixels, rounded up to whole blocks of the
    # widest kind.
    most_h = max((layer[1] for layer in image.layer), default=1)
    most_v = max((layer[2] for layer in image.layer), default=1)
    across = -(-width // (most_h * _BLOCK_PX)) * _BLOCK_PX
    down = -(-height // (most_v * _BLOCK_PX)) * _BLOCK_PX
    samples = sum(across * layer[1] * down * layer[2] for layer in image.layer)
    return _COEFFICIENT_BYTES * samples


def full_size(image: JpegImageFile) -> tuple[int, int]:
    """Return width and height in the file, before any reduction."""
    scale = image.decoderconfig[0] if image.decoderconfig else 1
    return image.width * max(1, scale), image.height * max(1, scale)
