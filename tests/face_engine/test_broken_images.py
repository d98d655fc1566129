"""Whatever a file holds, decoding gives a picture or says why not, and takes no time over it."""

import io
import os
import struct
import subprocess
import sys
import time

import numpy as np
import pillow_heif
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from face_engine import ImageUnreadable, decode_image, decode_partial
from tests.support.broken_pictures import png_chunk
from tests.support.processes import ROOT

CASES = ROOT / "tests/support/picture_cases"
RED, BLUE = (200, 30, 30), (30, 30, 200)


def halves(width: int = 64, height: int = 48) -> Image.Image:
    """Return a picture whose left half is red and whose right half is blue."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height))
    return image


def noise(side: int = 96) -> Image.Image:
    """Return a picture no two rows of which are the same."""
    rows = np.random.default_rng(1).integers(0, 255, (side // 8, side // 8, 3), dtype=np.uint8)
    return Image.fromarray(rows).resize((side, side), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    sink = io.BytesIO()
    image.save(sink, kind, **options)
    return sink.getvalue()


def exif(*entries: tuple[int, int, int, int], order: str = "<") -> bytes:
    """A TIFF directory: tag, type, count and value of each entry, as they are."""
    start = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 8)
    packed = []
    for tag, kind, count, value in entries:
        reported = (
            struct.pack(f"{order}HH", value, 0) if kind == 3 else struct.pack(f"{order}I", value)
        )
        packed.append(struct.pack(f"{order}HHI", tag, kind, count) + reported)
    head = struct.pack(f"{order}H", len(entries))
    return start + head + b"".join(packed) + bytes(4)


def with_segment(raw: bytes, marker: int, payload: bytes) -> bytes:
    return raw[:2] + struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload + raw[2:]


TURNED = (0x0112, 3, 1, 6)
POISON = {
    "a byte where a number belongs": exif(TURNED, (0x0213, 1, 1, 1)),
    "a pointer to nowhere": exif(TURNED, (0x8769, 4, 1, 0xFFFFFFFF)),
    "a pointer to itself": exif(TURNED, (0x8825, 4, 1, 8)),
    "a type that does not exist": exif(TURNED, (0x010F, 999, 1, 1)),
    "more values than bytes": exif(TURNED, (0x010F, 2, 0xFFFFFFFF, 8)),
    "a fraction by zero": exif(TURNED, (0x011A, 5, 1, 26)),
    "a maker's note of nothing": exif(TURNED, (0x927C, 7, 0, 0)),
    "the orientation as a long": exif((0x0112, 4, 1, 6)),
    "the other byte order": exif(TURNED, (0x0213, 1, 1, 1), order=">"),
    "more entries than there are": exif(TURNED)[:8] + b"\xff\xff" + exif(TURNED)[10:],
}


@pytest.mark.parametrize("tiff", POISON.values(), ids=POISON)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF"])
def test_odd_metadata_costs_nothing(kind: str, tiff: bytes) -> None:
    """Only the orientation is read of it, and applied to the pixels alone."""
    if kind == "JPEG":
        raw = with_segment(encoded(halves(), kind), 0xE1, b"Exif\0\0" + tiff)
    elif kind == "PNG":
        plain = encoded(halves(), kind)
        raw = plain[:33] + png_chunk(b"eXIf", tiff) + plain[33:]
    elif kind == "WEBP":
        raw = encoded(halves(), kind, exif=tiff)
    else:
        sink = io.BytesIO()
        pillow_heif.from_pillow(halves()).save(sink, exif=b"Exif\0\0" + tiff)
        raw = sink.getvalue()

    image = decode_image(raw)

    if kind == "HEIF":  # turned by the container, never by EXIF; the encoder turned it for us
        assert image.shape[2] == 3
        return
    assert image.shape == (64, 48, 3)
    assert image[5, 24, 0] > 150  # red is above now
    assert image[58, 24, 2] > 150


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_orientation_that_does_not_exist_turns_nothing(orientation: int) -> None:
    tiff = exif((0x0112, 3, 1, orientation))
    raw = with_segment(encoded(halves(), "JPEG"), 0xE1, b"Exif\0\0" + tiff)

    assert decode_image(raw).shape == (48, 64, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("told_by", ["exif", "xmp"])
def test_every_orientation_is_as_pillow_turns_it(orientation: int, told_by: str) -> None:
    noted = Image.Exif()
    noted[0x0112] = orientation
    drawn = noise().crop((0, 0, 80, 48))
    options = {
        "exif": {"exif": noted},
        "xmp": {"xmp": b'<x xmlns:tiff="t" tiff:Orientation="%d"/>' % orientation},
    }[told_by]
    raw = encoded(drawn, "JPEG", quality=95, **options)
    with Image.open(io.BytesIO(raw)) as opened:
        expected = np.asarray(ImageOps.exif_transpose(opened))

    assert (decode_image(raw) == expected).all()


@pytest.mark.parametrize(
    ("marker", "payload"),
    [
        (0xE0, b"JFIF\0"),  # too short for what it is
        (0xEE, b"Adobe"),
        (0xE2, b"MPF\0" + exif((0xB001, 4, 1, 2), (0xB002, 7, 32, 8))),
        (0xE2, b"MPF\0nonsense"),
        (0xE2, b"ICC_PROFILE\0"),
        (0xED, b"Photoshop 3.0\0" + b"8BIM\x03\xed\0\0\0\0\0\x02ab"),
        (0xE1, b"Exif\0\0"),
        (0xE1, b"Exif\0\0II*\0"),
    ],
)
def test_odd_segments_of_a_jpeg_cost_nothing(marker: int, payload: bytes) -> None:
    raw = with_segment(encoded(halves(), "JPEG"), marker, payload)

    assert decode_image(raw).shape == (48, 64, 3)


@pytest.mark.parametrize("name", [b"iCCP", b"zTXt", b"iTXt", b"tIME", b"acTL", b"eXIf", b"cHRM"])
def test_odd_chunks_of_a_png_cost_nothing(name: bytes) -> None:
    plain = encoded(halves(), "PNG")

    for chunk in (png_chunk(name, b""), png_chunk(name, b"x\0\0nonsense")):
        assert decode_image(plain[:33] + chunk + plain[33:]).shape == (48, 64, 3)
        broken = chunk[:-1] + bytes([chunk[-1] ^ 1])
        assert decode_image(plain[:33] + broken + plain[33:]).shape == (48, 64, 3)


@pytest.mark.parametrize("name", ["exif-poison-byte.jpg", "exif-control-reads-fine.jpg"])
def test_cases_from_the_field_are_read_and_turned(name: str) -> None:
    assert decode_image((CASES / name).read_bytes()).shape == (160, 200, 3)


def test_jpeg_that_lacks_its_end_mark_only_is_whole() -> None:
    raw = (CASES / "doubt-jpeg-without-eoi.jpg").read_bytes()

    found = decode_partial(raw)

    assert (found.is_cut, found.is_whole) == (True, True)
    assert found.pixels.shape == (200, 160, 3)
    assert (decode_image(raw) == found.pixels).all()
    assert (decode_image(raw + b"\xff\xd9") == found.pixels).all()


@pytest.mark.parametrize("is_progressive", [False, True])
def test_jpeg_is_kept_as_far_as_it_goes(is_progressive: bool) -> None:
    """However little is missing; the more there is, the more is seen, to the last byte."""
    raw = encoded(noise(48), "JPEG", quality=85, progressive=is_progressive)
    whole = decode_image(raw)
    known = 0
    first = None

    for end in range(1, len(raw)):
        try:
            found = decode_partial(raw[:end])
        except ImageUnreadable as error:
            assert error.code == ("not_an_image" if end == 1 else "truncated")
            assert known < 8, "what was seen with less must be seen with more"
            continue
        first = first or end
        assert found.is_cut
        differing = (found.pixels != whole).any(axis=(1, 2))
        rows = differing.argmax() if differing.any() else len(whole)
        if not is_progressive:
            assert rows >= known - 1
            known = max(known, int(rows))
        if found.is_whole:
            assert (found.pixels == whole).all()
        else:
            with pytest.raises(ImageUnreadable):
                decode_image(raw[:end])

    assert first is not None
    assert first < 0.75 * len(raw)
    assert decode_partial(raw[:-2]).is_whole


def test_half_a_picture_shows_its_upper_half_turned_as_it_is() -> None:
    drawn = noise(160)
    noted = Image.Exif()
    noted[0x0112] = 3  # upside down
    raw = encoded(drawn, "JPEG", quality=95, exif=noted)
    whole = decode_image(raw)

    found = decode_partial(raw[: len(raw) * 6 // 10])

    assert not found.is_whole
    assert (found.pixels[-32:] == whole[-32:]).all()
    assert np.ptp(found.pixels[:16]) < 60  # nothing was there


def test_first_scan_of_a_progressive_picture_is_no_whole_picture() -> None:
    """It covers everything, and no face should be enrolled from it."""
    raw = encoded(noise(), "JPEG", quality=85, progressive=True)
    second = raw.index(b"\xff\xda", raw.index(b"\xff\xda") + 2)
    table = raw.rindex(b"\xff\xc4", 0, second)

    found = decode_partial(raw[:table])

    assert (found.is_cut, found.is_whole) == (True, False)


def test_thousands_of_scans_are_not_worked_through() -> None:
    """Each takes a pass over all pixels: 300 KB would keep a processor busy for hours."""
    raw = encoded(Image.new("L", (4000, 4000), 90), "JPEG", progressive=True)
    last = raw.rindex(b"\xff\xda")

    begun_s = time.process_time()
    with pytest.raises(ImageUnreadable) as caught:
        decode_image(raw[:last] + raw[last:-2] * 5000 + raw[-2:])

    assert caught.value.code == "too_large"
    assert time.process_time() - begun_s < 2


def test_what_stands_behind_a_picture_are_no_scans() -> None:
    """Phones append films, and films hold any bytes."""
    raw = encoded(halves(), "JPEG")

    assert decode_image(raw + b"\xff\xda" * 1000).shape == (48, 64, 3)


@given(raw=st.binary(max_size=200), kind=st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"]))
def test_arbitrary_heads_never_raise_anything_else(raw: bytes, kind: bytes) -> None:
    with pytest.raises(ImageUnreadable):
        decode_image(kind + raw)


@pytest.mark.slow
def test_broken_files_of_every_kind_decode_or_say_why() -> None:
    """A short run of the command; docs/proofs.md tells of the long one."""
    done = subprocess.run(
        [sys.executable, "benchmarks/fuzz_images.py", "--inputs", "1500", "--seed", "7"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "1500 files of seed 7, 0 failures" in done.stdout
