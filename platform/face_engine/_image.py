"""Bytes to pixels: tolerant of what cameras write, strict about size, silent about contents."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Final

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from face_engine.base import RgbImage
from face_engine.exceptions import ImageFault, ImageUnreadable

_FORMATS: Final = ("JPEG", "PNG", "WEBP", "BMP")
_OWN_MAGIC: Final = (b"\xff\xd8", b"\x89PNG", b"RIFF", b"BM")
_FOREIGN_MAGIC: Final = (
    *(b"GIF8", b"II*\0", b"MM\0*", b"%PDF", b"8BPS", b"\0\0\1\0", b"\xff\x0a", b"qoif"),
    *(b"<svg", b"<?xml", b"\0\0\0\x0cjP", b"\0\0\0\x0cJXL"),
)

DEFAULT_MAX_BYTES: Final = 20 * 1024 * 1024
DEFAULT_MAX_PIXELS: Final = 50_000_000
DEFAULT_ENOUGH_PX: Final = 1024
"""Longer side that suffices for everything here: the detector looks at 320 px, a stored photo has
at most 500 px, and a face that fills a tenth of the width still has 100 px."""


# What Pillow's decoders raise on damaged files; seen with files cut at every length and with bytes
# flipped at random (tests/face_engine/test_image.py).
_DECODER_ERRORS: Final = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
)


def decode_image(
    raw: bytes,
    *,
    max_bytes: int = DEFAULT_MAX_BYTES,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    enough_px: int | None = DEFAULT_ENOUGH_PX,
) -> RgbImage:
    """Decode a picture as sent by a terminal, a phone or a browser.

    The orientation written by the camera is applied, transparency is laid on white. JPEG, PNG,
    WebP and BMP are read; HEIC where ``pillow_heif`` is installed. A JPEG much larger than needed
    is decoded at a half, a quarter or an eighth, which costs a fraction of the time.

    Args:
        raw: the file.
        max_bytes: longest file accepted.
        max_pixels: largest width times height accepted, judged before anything is decoded.
        enough_px: a JPEG may be reduced as long as its longer side keeps this many pixels;
            None decodes at full size.

    Returns:
        Shape (height, width, 3), uint8, RGB, contiguous, read-only.

    Raises:
        ImageUnreadable: with code ``empty``, ``not_an_image``, ``truncated``, ``too_large`` or
            ``unsupported_format``.
    """
    if not raw:
        raise ImageUnreadable("empty")
    if len(raw) > max_bytes:
        raise ImageUnreadable("too_large")
    with _opened(raw) as image:
        if image.width * image.height > max_pixels:
            raise ImageUnreadable("too_large")
        if image.width < 1 or image.height < 1:
            raise ImageUnreadable("not_an_image")
        return _decode(image, enough_px)


@contextmanager
def _opened(raw: bytes) -> Iterator[Image.Image]:
    formats = (*_FORMATS, "HEIF") if _register_heif() else _FORMATS
    try:
        image = Image.open(io.BytesIO(raw), formats=formats)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageUnreadable("too_large") from error
    except UnidentifiedImageError as error:
        raise ImageUnreadable(_why_not_identified(raw)) from error
    except _DECODER_ERRORS as error:
        raise ImageUnreadable("truncated") from error
    with image:
        yield image


def _decode(image: Image.Image, enough_px: int | None) -> RgbImage:
    if enough_px is not None and image.format in ("JPEG", "MPO"):
        _draft(image, enough_px)
    try:
        image.load()
        upright = ImageOps.exif_transpose(image)
        return _freeze(np.asarray(_on_white(upright)))
    except _DECODER_ERRORS as error:
        raise ImageUnreadable("truncated") from error


def _draft(image: Image.Image, enough_px: int) -> None:
    """Let the JPEG decoder reduce; it takes the strongest reduction that keeps the asked size."""
    longer = max(image.size)
    if longer >= 2 * enough_px:
        image.draft(
            None,
            (
                max(1, image.width * enough_px // longer),
                max(1, image.height * enough_px // longer),
            ),
        )


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        levels = np.asarray(image, dtype=np.float32)
        highest = max(255.0, float(levels.max(initial=0.0)))
        scaled = np.clip(levels * (255.0 / (65535.0 if highest > 255.0 else 255.0)), 0, 255)
        return Image.fromarray(scaled.astype(np.uint8)).convert("RGB")
    if "A" in image.getbands() or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _freeze(pixels: RgbImage) -> RgbImage:
    pixels.flags.writeable = False
    return pixels


def _register_heif() -> bool:
    """Teach Pillow HEIC when the optional library is there; whether it is."""
    if "HEIF" in Image.OPEN:
        return True
    if find_spec("pillow_heif") is None:
        return False
    import pillow_heif

    pillow_heif.register_heif_opener()
    return True


def _why_not_identified(raw: bytes) -> ImageFault:
    """Tell a cut picture, and a picture of a kind not read here, from what is no picture."""
    start = raw[:64].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if raw.startswith(_OWN_MAGIC):
        return "truncated"
    if raw[4:8] == b"ftyp" or start.startswith(tuple(magic.lower() for magic in _FOREIGN_MAGIC)):
        return "unsupported_format"
    return "not_an_image"
