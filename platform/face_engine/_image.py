"""Bytes to pixels: tolerant of what cameras write, strict about size, silent about contents."""

import hashlib
import io
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Final

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from face_engine._jpeg_scans import SCANS_MOST, scan_starts, scans_tell_all
from face_engine._metadata import bare_picture, orientation_of
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


_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_JPEG_START: Final = b"\xff\xd8"
_JPEG_END: Final = b"\xff\xd9"
# Stand in for what is missing of a JPEG, to see which rows depend on it; without any marker, and
# the decoder's own zeros are met by a one from the first bit on.
_NOISE: Final = hashlib.shake_256(b"anything").digest(4096).replace(b"\xff", b"\0")
_FILLINGS: Final = (b"\xaa" + _NOISE, b"\xd5" + _NOISE[::-1])


@dataclass(frozen=True, slots=True)
class PartialImage:
    """As much of a picture as its file holds.

    Attributes:
        pixels: as `decode_image` returns them; grey where the file holds nothing.
        is_cut: the file ends before the picture's end mark.
        is_whole: every row is there all the same.
    """

    pixels: RgbImage
    is_cut: bool = False
    is_whole: bool = True


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
    is decoded at a half, a quarter or an eighth, which costs a fraction of the time. One that
    lacks nothing but its end mark is a picture like any other.

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
            ``unsupported_format``. Nothing else leaves, whatever the bytes are.
    """
    found = decode_partial(raw, max_bytes=max_bytes, max_pixels=max_pixels, enough_px=enough_px)
    if not found.is_whole:
        raise ImageUnreadable("truncated")
    return found.pixels


def decode_partial(
    raw: bytes,
    *,
    max_bytes: int = DEFAULT_MAX_BYTES,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    enough_px: int | None = DEFAULT_ENOUGH_PX,
) -> PartialImage:
    """Decode a picture as `decode_image` does, and a JPEG that breaks off as far as it goes.

    Raises:
        ImageUnreadable: as `decode_image`; ``truncated`` when not a single row is there.
    """
    if not raw:
        raise ImageUnreadable("empty")
    if len(raw) > max_bytes:
        raise ImageUnreadable("too_large")
    limits = _Limits(max_pixels, enough_px)
    try:
        return _decode(raw, limits)
    except ImageUnreadable:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError) as error:
        raise ImageUnreadable("too_large") from error
    except UnidentifiedImageError as error:
        raise ImageUnreadable(_why_not_identified(raw)) from error
    except Exception as error:
        # The border to libraries that fail in more ways than anybody could list.
        raise ImageUnreadable("truncated") from error


@dataclass(frozen=True, slots=True)
class _Limits:
    """What `decode_image` was asked for."""

    max_pixels: int
    enough_px: int | None


def _decode(raw: bytes, limits: _Limits) -> PartialImage:
    bare = bare_picture(raw)
    is_jpeg = bare.raw.startswith(_JPEG_START)
    if is_jpeg and len(scan_starts(bare.raw)) > SCANS_MOST:
        raise ImageUnreadable("too_large")
    try:
        return PartialImage(_pixels(bare.raw, bare.orientation, limits))
    except OSError as error:
        if not is_jpeg or isinstance(error, UnidentifiedImageError):
            raise
        partial = _decode_cut(bare.raw, limits)
        if partial is None:
            raise
    turned = _turn(Image.fromarray(partial.pixels), bare.orientation)
    return replace(partial, pixels=_freeze(np.asarray(turned)))


def _decode_cut(raw: bytes, limits: _Limits) -> PartialImage | None:
    """Decode a JPEG that ends too early; None when there is nothing to see of it.

    The decoder fills up with grey what it has not got when an end mark follows, and with noise when
    noise follows: rows that look the same either way are there.
    """
    # A marker that was cut in two, or tables of a scan that is not there, would swallow the end.
    begun = max(raw.rfind(b"\xff\xc4"), raw.rfind(b"\xff\xda"))
    for kept in (raw.rstrip(b"\xff"), raw[: max(begun, 0)]):
        try:
            header = _header(kept + _JPEG_END)
            pixels = _pixels(kept + _JPEG_END, 1, limits)
            others = [_pixels(kept + one + _JPEG_END, 1, limits) for one in _FILLINGS]
        except OSError:
            continue
        differing = np.any([(pixels != one).any(axis=(1, 2)) for one in others], axis=0)
        rows = int(differing.argmax()) if differing.any() else len(pixels)
        is_whole = rows == len(pixels) and scans_tell_all(kept, components=header.layers)
        # A progressive picture comes whole and coarse, and grows finer.
        if rows or ("progressive" in header.info and pixels.min() < pixels.max()):
            return PartialImage(pixels, is_cut=True, is_whole=is_whole)
    return None


def _header(raw: bytes) -> JpegImageFile:
    with Image.open(io.BytesIO(raw), formats=["JPEG"]) as image:
        if not isinstance(image, JpegImageFile):
            raise UnidentifiedImageError("no JPEG")
        return image


def _pixels(raw: bytes, orientation: int, limits: _Limits) -> RgbImage:
    formats = (*_FORMATS, "HEIF") if _register_heif() else _FORMATS
    with Image.open(io.BytesIO(raw), formats=formats) as image:
        if image.width * image.height > limits.max_pixels:
            raise ImageUnreadable("too_large")
        if image.width < 1 or image.height < 1:
            raise ImageUnreadable("not_an_image")
        if limits.enough_px is not None and image.format == "JPEG":
            _draft(image, limits.enough_px)
        if image.format == "WEBP":
            orientation = orientation_of(image.info.get("exif", b""), image.info.get("xmp", b""))
        return _freeze(np.asarray(_turn(_on_white(image), orientation)))


def _turn(image: Image.Image, orientation: int) -> Image.Image:
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


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
