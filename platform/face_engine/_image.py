"""Decoding of pictures: tolerant of cameras' formats, strict about size."""

import hashlib
import io
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Final

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from face_engine._budget import PictureHold
from face_engine._decoding_cost import decoding_cost
from face_engine._jpeg_scans import SCANS_MOST, are_scans_complete, scan_starts
from face_engine._metadata import bare_picture, orientation_of
from face_engine._orientation import upright
from face_engine._pixels import factor_for, rgb_pixels
from face_engine.base import RgbImage
from face_engine.exceptions import ImageFault, ImageTooHeavy, ImageUnreadable, PicturesBusy

_FORMATS: Final = ("JPEG", "PNG", "WEBP", "BMP")
_OWN_MAGIC: Final = (b"\xff\xd8", b"\x89PNG", b"RIFF", b"BM")
_FOREIGN_MAGIC: Final = (
    *(b"GIF8", b"II*\0", b"MM\0*", b"%PDF", b"8BPS", b"\0\0\1\0", b"\xff\x0a", b"qoif"),
    *(b"<svg", b"<?xml", b"\0\0\0\x0cjP", b"\0\0\0\x0cJXL"),
)

DEFAULT_MAX_BYTES: Final = 20 * 1024 * 1024
DEFAULT_MAX_PIXELS: Final = 51_000_000
DEFAULT_MAX_DECODED_BYTES: Final = 256 * 1024 * 1024
DEFAULT_ENOUGH_PX: Final = 1024
"""Longer side that suffices for everything here: the detector looks at 320 px, a stored photo has
at most 500 px, and a face that fills a tenth of the width still has 100 px."""


_JPEG_START: Final = b"\xff\xd8"
_JPEG_END: Final = b"\xff\xd9"
# Stand in for what is missing of a JPEG, to see which rows depend on it; without any marker, and
# the decoder's own zeros are met by a one from the first bit on.
_NOISE: Final = hashlib.shake_256(b"anything").digest(4096).replace(b"\xff", b"\0")
_FILLINGS: Final = (b"\xaa" + _NOISE, b"\xd5" + _NOISE[::-1])


@dataclass(frozen=True, slots=True)
class PartialImage:
    """Part of a picture that could be decoded.

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
    max_decoded_bytes: int = DEFAULT_MAX_DECODED_BYTES,
    enough_px: int | None = DEFAULT_ENOUGH_PX,
    hold: PictureHold | None = None,
) -> RgbImage:
    """Decode a picture as sent by a terminal, a phone or a browser.

    The orientation written by the camera is applied, transparency is laid on white. JPEG, PNG,
    WebP and BMP are read; HEIC where ``pillow_heif`` is installed. A picture much larger than
    needed is returned at a half, a quarter or an eighth; a JPEG is decoded that way, which costs a
    fraction of time and memory. One that lacks nothing but its end mark is a picture like any
    other.

    Args:
        raw: the file.
        max_bytes: longest file accepted.
        max_pixels: largest width times height accepted, judged before anything is decoded.
        max_decoded_bytes: most memory that decoding may take at its worst moment, judged before.
        enough_px: a picture may be reduced as long as its longer side keeps this many pixels;
            None returns it at full size.
        hold: takes that memory from a budget; its owner gives it back.

    Returns:
        Shape (height, width, 3), uint8, RGB, contiguous, read-only.

    Raises:
        ImageUnreadable: with code ``empty``, ``not_an_image``, ``truncated``, ``too_large`` or
            ``unsupported_format``. Nothing else leaves, whatever the bytes are.
        PicturesBusy: there is no room in the budget of ``hold``; never without one.
    """
    found = decode_partial(
        raw,
        max_bytes=max_bytes,
        max_pixels=max_pixels,
        max_decoded_bytes=max_decoded_bytes,
        enough_px=enough_px,
        hold=hold,
    )
    if not found.is_whole:
        raise ImageUnreadable("truncated")
    return found.pixels


def decode_partial(
    raw: bytes,
    *,
    max_bytes: int = DEFAULT_MAX_BYTES,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    max_decoded_bytes: int = DEFAULT_MAX_DECODED_BYTES,
    enough_px: int | None = DEFAULT_ENOUGH_PX,
    hold: PictureHold | None = None,
) -> PartialImage:
    """Decode like `decode_image`, and a truncated JPEG as far as it goes.

    Raises:
        ImageUnreadable: as `decode_image`; ``truncated`` when not a single row is there.
    """
    if not raw:
        raise ImageUnreadable("empty")
    if len(raw) > max_bytes:
        raise ImageTooHeavy
    limits = _Limits(max_pixels, max_decoded_bytes, enough_px, hold)
    try:
        return _decode(raw, limits)
    except (ImageUnreadable, PicturesBusy):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError) as error:
        raise ImageTooHeavy from error
    except UnidentifiedImageError as error:
        raise ImageUnreadable(_why_not_identified(raw)) from error
    except Exception as error:
        # The border to libraries that fail in more ways than anybody could list.
        raise ImageUnreadable("truncated") from error


@dataclass(frozen=True, slots=True)
class _Limits:
    """Limits of `decode_image`."""

    max_pixels: int
    max_decoded_bytes: int
    enough_px: int | None
    hold: PictureHold | None
    is_beside_another: bool = False

    def admit(self, weight: int) -> None:
        """Reserve the memory of a picture, or refuse it."""
        if weight > self.max_decoded_bytes:
            raise ImageTooHeavy
        if self.hold is not None:
            self.hold.take(weight)


def _decode(raw: bytes, limits: _Limits) -> PartialImage:
    bare = bare_picture(raw)
    is_jpeg = bare.raw.startswith(_JPEG_START)
    scans = scan_starts(bare.raw) if is_jpeg else []
    if len(scans) > SCANS_MOST:
        raise ImageTooHeavy
    try:
        return PartialImage(_pixels(bare.raw, bare.orientation, limits, scans))
    except OSError as error:
        if not is_jpeg or isinstance(error, UnidentifiedImageError):
            raise
        # Without where it happened, which holds all that was decoded there.
        failure = error.with_traceback(None)
    partial = _decode_cut(bare.raw, limits)
    if partial is None:
        raise failure
    return replace(partial, pixels=_upright(partial.pixels, bare.orientation))


def _decode_cut(raw: bytes, limits: _Limits) -> PartialImage | None:
    """Decode a truncated JPEG; None when nothing of it is visible.

    The decoder fills up with grey what it has not got when an end mark follows, and with noise when
    noise follows: rows that look the same either way are there.
    """
    limits = replace(limits, is_beside_another=True)
    # A marker that was cut in two, or tables of a scan that is not there, would swallow the end.
    begun = max(raw.rfind(b"\xff\xc4"), raw.rfind(b"\xff\xda"))
    for kept in (raw.rstrip(b"\xff"), raw[: max(begun, 0)]):
        try:
            header = _header(kept + _JPEG_END)
            pixels = _pixels(kept + _JPEG_END, 1, limits)
            # One at a time: each is as large as the picture.
            differing = np.zeros(len(pixels), dtype=bool)
            for one in _FILLINGS:
                other = _pixels(kept + one + _JPEG_END, 1, limits)
                differing |= (pixels != other).any(axis=(1, 2))
                del other
        except OSError:
            continue
        rows = int(differing.argmax()) if differing.any() else len(pixels)
        is_whole = rows == len(pixels) and are_scans_complete(kept, components=header.layers)
        # A progressive picture comes whole and coarse, and grows finer.
        if rows or ("progressive" in header.info and pixels.min() < pixels.max()):
            return PartialImage(pixels, is_cut=True, is_whole=is_whole)
    return None


def _header(raw: bytes) -> JpegImageFile:
    with Image.open(io.BytesIO(raw), formats=["JPEG"]) as image:
        if not isinstance(image, JpegImageFile):
            raise UnidentifiedImageError("no JPEG")
        return image


def _pixels(
    raw: bytes, orientation: int, limits: _Limits, scans: list[int] | None = None
) -> RgbImage:
    formats = (*_FORMATS, "HEIF") if _register_heif() else _FORMATS
    with Image.open(io.BytesIO(raw), formats=formats) as image:
        if image.width * image.height > limits.max_pixels:
            raise ImageTooHeavy
        if image.width < 1 or image.height < 1:
            raise ImageUnreadable("not_an_image")
        is_jpeg = isinstance(image, JpegImageFile)
        if limits.enough_px is not None and is_jpeg:
            _draft(image, limits.enough_px)
        factor = 1 if is_jpeg else factor_for(image.size, limits.enough_px)
        if is_jpeg and scans is None:
            scans = scan_starts(raw)
        limits.admit(
            decoding_cost(
                image, raw, factor=factor, scans=scans, beside_another=limits.is_beside_another
            )
        )
        if image.format == "WEBP":
            orientation = orientation_of(image.info.get("exif", b""), image.info.get("xmp", b""))
        pixels = rgb_pixels(image, factor)
        # Before the result is turned, because that makes a second one.
        image.close()
    return _upright(pixels, orientation)


def _upright(pixels: RgbImage, orientation: int) -> RgbImage:
    return _freeze(upright(pixels, orientation))


def _draft(image: Image.Image, enough_px: int) -> None:
    """Let the JPEG decoder reduce as far as the wanted size allows."""
    longer = max(image.size)
    if longer >= 2 * enough_px:
        image.draft(
            None,
            (
                max(1, image.width * enough_px // longer),
                max(1, image.height * enough_px // longer),
            ),
        )


def _freeze(pixels: RgbImage) -> RgbImage:
    pixels.flags.writeable = False
    return pixels


def _register_heif() -> bool:
    """Register HEIC with Pillow if the optional library is there; returns whether it is."""
    if "HEIF" in Image.OPEN:
        return True
    if find_spec("pillow_heif") is None:
        return False
    import pillow_heif

    pillow_heif.register_heif_opener()
    return True


def _why_not_identified(raw: bytes) -> ImageFault:
    """Distinguish a truncated picture and an unsupported format from what is no picture."""
    start = raw[:64].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if raw.startswith(_OWN_MAGIC):
        return "truncated"
    if raw[4:8] == b"ftyp" or start.startswith(tuple(magic.lower() for magic in _FOREIGN_MAGIC)):
        return "unsupported_format"
    return "not_an_image"
