"""Metadata of a picture file: removed before decoding, except for the orientation.

Decoders read far more of it than is needed here, and fail, warn or take long over what they cannot
make sense of. Pixels need none of it.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

_JPEG_START: Final = b"\xff\xd8"
_PNG_START: Final = b"\x89PNG\r\n\x1a\n"

# Segments with a length that stand before the first scan; at anything else the decoder takes over.
_JPEG_APP: Final = range(0xE0, 0xF0)
_JPEG_COMMENT: Final = 0xFE
_JPEG_SEGMENTS: Final = frozenset(
    {*range(0xC0, 0xD0), 0xDB, 0xDC, 0xDD, 0xDE, 0xDF, *_JPEG_APP, _JPEG_COMMENT}
)
# The two that tell colours, with the length from which on decoders look into them.
_JPEG_COLOURS: Final = {0xE0: (b"JFIF\0", 14), 0xEE: (b"Adobe", 12)}
_JPEG_FILL: Final = re.compile(rb"\xff+")
_PNG_PIXELS: Final = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})

_EXIF_START: Final = b"Exif\0\0"
_XMP_JPEG: Final = b"http://ns.adobe.com/xap/1.0/\0"
_XMP_PNG: Final = b"XML:com.adobe.xmp\0"
_XMP_ORIENTATION: Final = re.compile(rb'tiff:Orientation(?:="|>)([1-8])')

_BYTE_ORDERS: Final[dict[bytes, Literal["little", "big"]]] = {b"II": "little", b"MM": "big"}
_ORIENTATION_TAG: Final = 0x0112
# Bytes of one number by TIFF type: BYTE, SHORT, LONG.
_NUMBER_BYTES: Final = {1: 1, 3: 2, 4: 4}
_ENTRY_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class BarePicture:
    """A file without its metadata.

    Attributes:
        raw: what the decoder gets; of a kind that is not taken apart here, the file as it came.
        orientation: 1 to 8 as in EXIF, by what was left out.
    """

    raw: bytes
    orientation: int = 1


def bare_picture(raw: bytes) -> BarePicture:
    """Remove metadata from a JPEG or PNG; never raises."""
    if raw.startswith(_JPEG_START):
        return _bare_jpeg(raw)
    if raw.startswith(_PNG_START):
        return _bare_png(raw)
    return BarePicture(raw)


def orientation_of(exif: bytes, xmp: bytes = b"") -> int:
    """Return the orientation by EXIF, else by XMP, else 1. Never raises.

    Args:
        exif: a TIFF header with its directories, or nothing.
        xmp: an XMP packet, or nothing.
    """
    found = _exif_orientation(exif)
    if found is None and (xmp_orientation := _XMP_ORIENTATION.search(xmp)):
        found = int(xmp_orientation[1])
    return found if found is not None and 1 <= found <= 8 else 1


def _exif_orientation(exif: bytes) -> int | None:
    tiff = exif.removeprefix(_EXIF_START)
    order = _BYTE_ORDERS.get(tiff[:2])
    if order is None:
        return None
    start = int.from_bytes(tiff[4:8], order)
    entries = int.from_bytes(tiff[start : start + 2], order)
    for number in range(entries):
        at = start + 2 + _ENTRY_BYTES * number
        entry = tiff[at : at + _ENTRY_BYTES]
        if len(entry) < _ENTRY_BYTES:
            return None
        if int.from_bytes(entry[:2], order) == _ORIENTATION_TAG:
            length = _NUMBER_BYTES.get(int.from_bytes(entry[2:4], order), 0)
            return int.from_bytes(entry[8 : 8 + length], order)
    return None


def _bare_jpeg(raw: bytes) -> BarePicture:
    kept = [_JPEG_START]
    exif = xmp = b""
    at = len(_JPEG_START)
    while (fill := _JPEG_FILL.match(raw, at)) is not None:
        begin = fill.end() - 1
        marker = raw[begin + 1] if begin + 1 < len(raw) else 0
        end = begin + 2 + int.from_bytes(raw[begin + 2 : begin + 4])
        if marker not in _JPEG_SEGMENTS or not begin + 4 <= end <= len(raw):
            break
        body = raw[begin + 4 : end]
        if marker == 0xE1 and body.startswith(_EXIF_START):
            exif = exif or body
        elif marker == 0xE1 and body.startswith(_XMP_JPEG):
            xmp = xmp or body
        if _is_for_pixels(marker, body):
            kept.append(raw[begin:end])
        at = end
    return BarePicture(b"".join((*kept, raw[at:])), orientation_of(exif, xmp))


def _is_for_pixels(marker: int, body: bytes) -> bool:
    if marker in _JPEG_COLOURS:
        start, length = _JPEG_COLOURS[marker]
        return body.startswith(start) and len(body) >= length
    return marker not in _JPEG_APP and marker != _JPEG_COMMENT


def _bare_png(raw: bytes) -> BarePicture:
    kept = [_PNG_START]
    exif = xmp = b""
    at = len(_PNG_START)
    while at + 12 <= len(raw):
        end = at + 12 + int.from_bytes(raw[at : at + 4])
        if end > len(raw):
            break
        name = raw[at + 4 : at + 8]
        if name in _PNG_PIXELS:
            kept.append(raw[at:end])
        elif name == b"eXIf":
            exif = exif or raw[at + 8 : end - 4]
        elif name == b"iTXt" and raw.startswith(_XMP_PNG, at + 8):
            xmp = xmp or raw[at + 8 : end - 4]
        at = end
    return BarePicture(b"".join((*kept, raw[at:])), orientation_of(exif, xmp))
