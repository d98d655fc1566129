"""Decoding: what cameras send becomes pixels, what is no picture becomes a code."""

import io
import subprocess
import sys
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from face_engine import ImageUnreadable, decode_image
from tests.support.tools import module


def _encoded(size: tuple[int, int], kind: str, mode: str = "RGB", **options: object) -> bytes:
    gradient = np.linspace(0, 255, size[0] * size[1] * 3).reshape(size[1], size[0], 3)
    sink = io.BytesIO()
    Image.fromarray(gradient.astype(np.uint8)).convert(mode).save(sink, kind, **options)
    return sink.getvalue()


def _code(raw: bytes, **limits: int) -> str:
    with pytest.raises(ImageUnreadable) as caught:
        decode_image(raw, **limits)
    return caught.value.code


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP"])
def test_common_formats_become_upright_rgb(kind: str) -> None:
    image = decode_image(_encoded((40, 30), kind))

    assert image.shape == (30, 40, 3)
    assert image.dtype == np.uint8
    assert not image.flags.writeable


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "1", "LA", "RGBA", "I;16"])
def test_every_colour_mode_becomes_rgb(mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    picture = (
        Image.fromarray(np.full((6, 8), 40_000, dtype=np.uint16))
        if mode == "I;16"
        else Image.new("RGB", (8, 6), (255, 0, 0)).convert(mode)
    )
    sink = io.BytesIO()
    picture.save(sink, kind)

    assert decode_image(sink.getvalue()).shape == (6, 8, 3)


def test_sixteen_bit_grey_keeps_its_brightness() -> None:
    sink = io.BytesIO()
    Image.fromarray(np.full((4, 4), 65535 // 2, dtype=np.uint16)).save(sink, "PNG")

    assert decode_image(sink.getvalue()).mean() == pytest.approx(127, abs=1)


def test_transparency_lies_on_white() -> None:
    sink = io.BytesIO()
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(sink, "PNG")

    assert decode_image(sink.getvalue()).min() == 255


def test_orientation_written_by_the_camera_is_applied() -> None:
    picture = Image.new("RGB", (40, 20), (0, 0, 255))
    picture.paste((255, 0, 0), (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise by 90 degrees to see it upright
    sink = io.BytesIO()
    picture.save(sink, "JPEG", exif=exif.tobytes(), quality=95)

    image = decode_image(sink.getvalue())

    assert image.shape == (40, 20, 3)
    assert image[5, 10, 0] > 200
    assert image[35, 10, 2] > 200


def test_heic_of_a_phone_is_read() -> None:
    pillow_heif = module("pillow_heif", extra="server")
    picture = Image.new("RGB", (64, 48), (10, 200, 30))
    sink = io.BytesIO()
    pillow_heif.from_pillow(picture).save(sink, quality=90)

    image = decode_image(sink.getvalue())

    assert image.shape == (48, 64, 3)
    assert image[20, 20, 1] > 150


def test_heic_without_its_library_is_an_unsupported_format() -> None:
    """In a process of its own: once registered, the library stays."""
    pillow_heif = module("pillow_heif", extra="server")
    sink = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (64, 48))).save(sink)
    program = (
        "import sys; sys.modules['pillow_heif'] = None\n"
        "import importlib.util as u; real = u.find_spec\n"
        "import face_engine._image as m\n"
        "m.find_spec = lambda name: None if name == 'pillow_heif' else real(name)\n"
        "try: m.decode_image(sys.stdin.buffer.read())\n"
        "except m.ImageUnreadable as e: print(e.code)\n"
    )

    outcome = subprocess.run(
        [sys.executable, "-c", program], input=sink.getvalue(), capture_output=True, check=True
    )

    assert outcome.stdout.strip() == b"unsupported_format"


def test_large_jpeg_is_reduced_while_enough_pixels_remain() -> None:
    raw = _encoded((800, 600), "JPEG")

    assert decode_image(raw, enough_px=200).shape == (150, 200, 3)
    assert decode_image(raw, enough_px=201).shape == (300, 400, 3)
    assert decode_image(raw, enough_px=None).shape == (600, 800, 3)


def test_small_jpeg_is_never_reduced() -> None:
    assert decode_image(_encoded((399, 300), "JPEG"), enough_px=200).shape == (300, 399, 3)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "empty"),
        (b"\0", "not_an_image"),
        (b"hello, I am a photo", "not_an_image"),
        (b"\xff\xd8", "truncated"),
        (b"\x89PNG\r\n\x1a\n", "truncated"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported_format"),
        (b"\xef\xbb\xbf <?xml version='1.0'?><svg/>", "unsupported_format"),
        (b"GIF89a\1\0\1\0\0\0\0;", "unsupported_format"),
        (b"%PDF-1.7", "unsupported_format"),
        (b"\0\0\0\x20ftypavif" + bytes(20), "unsupported_format"),
    ],
)
def test_what_is_no_picture_says_why(raw: bytes, code: str) -> None:
    assert _code(raw) == code


def test_half_a_jpeg_is_truncated() -> None:
    raw = _encoded((200, 200), "JPEG")

    assert _code(raw[: len(raw) // 2]) == "truncated"


def test_too_many_bytes_are_refused_before_decoding() -> None:
    raw = _encoded((50, 50), "PNG")

    assert _code(raw, max_bytes=len(raw) - 1) == "too_large"


def test_too_many_pixels_are_refused_before_decoding() -> None:
    assert _code(_encoded((101, 100), "PNG"), max_pixels=10_000) == "too_large"


@pytest.mark.parametrize("side", [12_000, 60_000])
def test_decompression_bomb_is_refused(side: int) -> None:
    """A PNG of some kilobytes that claims gigabytes of pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        checksum = zlib.crc32(name + body).to_bytes(4, "big")
        return len(body).to_bytes(4, "big") + name + body + checksum

    header = side.to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    pixels = zlib.compress(bytes(1_000_000))
    raw = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels)

    assert _code(raw) == "too_large"


@given(raw=st.binary(max_size=300))
def test_arbitrary_bytes_never_raise_anything_else(raw: bytes) -> None:
    with pytest.raises(ImageUnreadable):
        decode_image(raw)


@settings(max_examples=150)
@given(
    kind=st.sampled_from(["JPEG", "PNG", "WEBP", "BMP"]),
    cut=st.floats(0, 1),
    flips=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=6),
)
def test_damaged_pictures_decode_or_say_why(
    kind: str, cut: float, flips: list[tuple[float, int]]
) -> None:
    raw = bytearray(_encoded((24, 20), kind))
    for place, value in flips:
        raw[int(place * len(raw))] = value

    try:
        image = decode_image(bytes(raw[: int(cut * len(raw))]), max_pixels=1_000_000)
    except ImageUnreadable as error:
        assert error.code in {
            *("empty", "not_an_image", "truncated", "too_large", "unsupported_format"),
        }
    else:
        assert image.ndim == 3
