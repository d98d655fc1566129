"""Small files that become large pictures, as somebody would send them to fill a server's memory."""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Final

from PIL import Image

from tests.support.broken_pictures import png_chunk

# Channels by PNG colour type (PNG specification, 11.2.2).
_CHANNELS: Final = {"grey": (0, 1), "RGB": (2, 3), "palette": (3, 1), "RGBA": (6, 4)}
_ROWS: Final = 100
_PNG_START: Final = b"\x89PNG\r\n\x1a\n"


def heavy_png(
    side: int, colours: str = "RGB", *, bits: int = 8, is_transparent: bool = False
) -> bytes:
    """Return a black PNG of side × side pixels, a thousandth of their bytes long.

    Args:
        side: of the square, in pixels.
        colours: ``grey``, ``RGB``, ``palette`` or ``RGBA``.
        bits: of a channel.
        is_transparent: a palette's only colour is.
    """
    number, channels = _CHANNELS[colours]
    row = 1 + -(-side * channels * bits // 8)
    header = struct.pack(">IIBBBBB", side, side, bits, number, 0, 0, 0)
    chunks = [png_chunk(b"IHDR", header)]
    if colours == "palette":
        chunks.append(png_chunk(b"PLTE", bytes(3)))
    if is_transparent:
        chunks.append(png_chunk(b"tRNS", bytes(1)))
    chunks += [png_chunk(b"IDAT", piece) for piece in _zeros(row, side)]
    return b"".join((_PNG_START, *chunks, png_chunk(b"IEND", b"")))


def _zeros(row: int, rows: int) -> Iterator[bytes]:
    """Yield zeros as zlib packs them; a hundred rows are packed once and repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    many = packer.compress(bytes(_ROWS * row)) + packer.flush(zlib.Z_FULL_FLUSH)
    yield b"\x78\xda"
    for _ in range(rows // _ROWS):
        yield many
    length = row * rows
    rest = packer.compress(bytes(rows % _ROWS * row)) + packer.flush()
    # Adler-32 of zeros: one sum stays 1, the other counts them (RFC 1950, 8.2).
    yield rest + struct.pack(">HH", length % 65521, 1)


def heavy_picture(kind: str, side: int, mode: str = "RGB", **options: object) -> bytes:
    """Return a picture of one colour, as Pillow writes it."""
    sink = io.BytesIO()
    Image.new(mode, (side, side)).save(sink, kind, **options)
    return sink.getvalue()


def heavy_bmp(side: int) -> bytes:
    """Return a grey BMP of run lengths, 255 pixels in two bytes."""
    row = b"\xff\1" * (side // 255) + bytes([side % 255, 1]) * bool(side % 255) + b"\0\0"
    rows = row * side + b"\0\1"
    colours = bytes(1024)
    start = 14 + 40 + len(colours)
    head = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, len(rows), 0, 0, 256, 0)
    return struct.pack("<2sIII", b"BM", start + len(rows), 0, start) + head + colours + rows
