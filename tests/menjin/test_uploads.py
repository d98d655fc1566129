"""Pictures as terminals really send them: any format, any damage, one clean JPEG or a fault."""

import hashlib
import io
import json
import random
import re
import time
import zlib
from pathlib import Path
from typing import Any

import pillow_heif
import pytest
from PIL import Image, ImageChops

from devices.models import Site, Terminal
from faces.models import Person
from records.models import Picture, Record
from server_common.stored_files import files_named
from tests.support.factories import make_site, make_terminal, wire_of
from tests.support.sent_pictures import BLUE, RED, WHITE, encoded, sent, shown, stored, two_colours
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def heic(image: Image.Image) -> bytes:
    """Return a picture as an iPhone writes it."""
    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, quality=90)
    return buffer.getvalue()


def png_of_one_colour(width: int, height: int) -> bytes:
    """Return a sound PNG of black pixels, a bit each, however large; the file stays small."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4)

    packer = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8) * 100
    packed = b"".join(packer.compress(row) for _ in range(height // 100)) + packer.flush()
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes((1, 0, 0, 0, 0))
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", packed), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def is_about(colour: Any, expected: tuple[int, int, int]) -> bool:
    """Tell whether a pixel has a colour, as far as JPEG keeps colours."""
    return all(abs(one - other) < 40 for one, other in zip(colour, expected, strict=True))


def upload(wire: WireClient, raw: bytes, **fields: Any) -> Record:
    """Post a pass with this picture, see it answered as stored, and return its record."""
    answer = wire.post(
        "syface", {"userId": "1", "screenTime": 1487295360, **fields, "img": sent(raw)}
    )
    assert answer["ret"] == "0"
    return Record.objects.latest("id")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "HEIC"])
def test_a_picture_of_any_kind_is_stored_as_a_jpeg(
    wire: WireClient, terminal: Terminal, kind: str
) -> None:
    image = two_colours()

    record = upload(wire, heic(image) if kind == "HEIC" else encoded(image, kind))

    found = shown(record)
    assert (found.format, found.mode, found.size) == ("JPEG", "RGB", (96, 64))
    assert is_about(found.getpixel((20, 32)), RED)
    assert is_about(found.getpixel((76, 32)), BLUE)
    assert [fault for fault in record.faults if fault.startswith("image")] == []


@pytest.mark.parametrize(
    ("orientation", "size", "red_at"),
    [
        (1, (96, 64), (20, 32)),
        (2, (96, 64), (76, 32)),
        (3, (96, 64), (76, 32)),
        (6, (64, 96), (32, 20)),
        (8, (64, 96), (32, 76)),
    ],
)
def test_the_cameras_orientation_is_applied(
    wire: WireClient,
    terminal: Terminal,
    orientation: int,
    size: tuple[int, int],
    red_at: tuple[int, int],
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation

    record = upload(wire, encoded(two_colours(), "JPEG", exif=exif))

    found = shown(record)
    assert found.size == size
    assert record.picture is not None
    assert (record.picture.width, record.picture.height) == size
    assert is_about(found.getpixel(red_at), RED)
    assert is_about(found.getpixel((size[0] - 1 - red_at[0], size[1] - 1 - red_at[1])), BLUE)


def test_what_a_camera_wrote_beside_the_picture_is_not_stored(
    wire: WireClient, terminal: Terminal
) -> None:
    exif = Image.Exif()
    exif[0x010E] = "described-somewhere"
    exif.get_ifd(0x8825)[1] = "N"
    raw = encoded(
        two_colours(), "JPEG", exif=exif, comment=b"said-somewhere", icc_profile=b"profiled" * 20
    )
    assert b"described-somewhere" in raw
    assert b"said-somewhere" in raw

    record = upload(wire, raw)

    kept = stored(record)
    for trace in (b"described-somewhere", b"said-somewhere", b"profiled", b"Exif", b"GPS"):
        assert trace not in kept
    found = shown(record)
    assert not found.getexif()
    assert set(found.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_what_stands_behind_a_picture_is_not_stored(wire: WireClient, terminal: Terminal) -> None:
    record = upload(wire, encoded(two_colours(), "JPEG") + b"<script>alert(1)</script>")

    kept = stored(record)
    assert kept.startswith(b"\xff\xd8")
    assert kept.endswith(b"\xff\xd9")
    assert b"script" not in kept


def test_transparency_is_laid_on_white(wire: WireClient, terminal: Terminal) -> None:
    image = two_colours().convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 48, 64))

    found = shown(upload(wire, encoded(image, "PNG")))

    assert is_about(found.getpixel((20, 32)), WHITE)
    assert is_about(found.getpixel((76, 32)), BLUE)


def test_a_large_picture_is_stored_no_longer_than_1280_px(
    wire: WireClient, terminal: Terminal
) -> None:
    found = shown(upload(wire, encoded(two_colours(4000, 3000), "JPEG")))

    assert max(found.size) <= 1280
    assert found.width / found.height == pytest.approx(4 / 3, abs=0.01)


_JPEG = encoded(two_colours(), "JPEG")
_SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
_UNREADABLE = {
    "jpeg-cut-in-half": (_JPEG[: len(_JPEG) // 2], "image_truncated"),
    "jpeg-cut-in-its-head": (_JPEG[:30], "image_truncated"),
    "jpeg-of-two-bytes": (b"\xff\xd8", "image_truncated"),
    "png-cut": (encoded(two_colours(), "PNG")[:60], "image_truncated"),
    "heic-cut": (heic(two_colours())[:400], "image_truncated"),
    "svg": (_SVG, "image_unsupported_format"),
    "svg-with-xml-head": (b'<?xml version="1.0"?>\n' + _SVG, "image_unsupported_format"),
    "gif": (encoded(two_colours(), "GIF"), "image_unsupported_format"),
    "tiff": (encoded(two_colours(), "TIFF"), "image_unsupported_format"),
    "pdf": (b"%PDF-1.7\n", "image_unsupported_format"),
    "text": (b"hello, this is no picture at all", "image_not_an_image"),
    "zeros": (bytes(5000), "image_not_an_image"),
}


@pytest.mark.parametrize(("raw", "fault"), _UNREADABLE.values(), ids=_UNREADABLE)
@pytest.mark.parametrize("kind", ["syface", "syattribute"])
def test_a_picture_that_cannot_be_read_costs_nothing_but_the_picture(
    wire: WireClient, terminal: Terminal, kind: str, raw: bytes, fault: str
) -> None:
    body = {"userId": "1", "temperature": "36.5", "screenTime": 1487295360, "img": sent(raw)}

    assert wire.post(kind, body)["ret"] == "0"

    record = Record.objects.get()
    assert record.picture is None
    assert fault in record.faults
    assert float(record.temperature_c or 0) == 36.5
    assert Picture.objects.count() == 0


@pytest.mark.parametrize("size", [(30_000, 30_000), (10_000, 6_000)], ids=["900M", "60M"])
def test_a_decompression_bomb_is_not_unpacked(
    wire: WireClient, terminal: Terminal, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unpacked(*_: object) -> None:
        raise AssertionError("it must not be decoded")

    raw = png_of_one_colour(*size)
    assert len(raw) < 200_000
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", unpacked)

    record = upload(wire, raw)

    assert record.picture is None
    assert "image_too_large" in record.faults


@pytest.mark.parametrize(
    ("image", "fault"),
    [
        ("", "image_missing"),
        (None, "image_missing"),
        ("   ", "image_missing"),
        ("====", "image_missing"),
        ("data:image/jpeg;base64,", "image_missing"),
        ("no base64!", "image_not_base64"),
        ("QUJDR", "image_not_base64"),
        (17, "image_not_base64"),
        (["QUJD"], "image_not_base64"),
        ({"data": "QUJD"}, "image_not_base64"),
    ],
)
def test_no_picture_is_a_fault_and_no_refusal(
    wire: WireClient, terminal: Terminal, image: Any, fault: str
) -> None:
    assert wire.post("syface", {"userId": "1", "img": image})["ret"] == "0"

    record = Record.objects.get()
    assert fault in record.faults
    assert record.picture is None


def noise(width: int, height: int) -> Image.Image:
    """Return a picture that hardly compresses."""
    data = random.Random(3).randbytes(width * height * 3)
    return Image.frombytes("RGB", (width, height), data)


def test_a_picture_of_700_k_in_base64_is_stored(wire: WireClient, terminal: Terminal) -> None:
    """Seed 9.2: at most 700 K after base64."""
    raw = encoded(noise(600, 500), "JPEG", quality=90)
    raw += bytes(700 * 1024 * 3 // 4 - len(raw))
    assert len(sent(raw)) == 700 * 1024

    found = shown(upload(wire, raw))

    assert found.size == (600, 500)


@pytest.mark.parametrize("write", ["wrapped", "data-url", "url-safe", "unpadded"])
def test_base64_is_read_in_every_notation(wire: WireClient, terminal: Terminal, write: str) -> None:
    text = sent(encoded(noise(40, 40), "JPEG") + b"\0")
    assert "+" in text
    assert "/" in text
    written = {
        "wrapped": "\r\n".join(text[start : start + 76] for start in range(0, len(text), 76)),
        "data-url": f"data:image/jpeg;base64,{text}",
        "url-safe": text.translate(str.maketrans("+/", "-_")),
        "unpadded": text.rstrip("="),
    }[write]

    wire.post("syface", {"userId": "1", "img": written})

    assert shown(Record.objects.get()).size == (40, 40)


def test_a_picture_over_the_limit_for_pictures_is_a_fault(
    wire: WireClient, terminal: Terminal, settings: Any
) -> None:
    settings.PHOTO_LIMIT_BYTES = len(_JPEG) - 1

    assert "image_too_large" in upload(wire, _JPEG).faults


def test_a_body_is_refused_above_the_limit_and_stored_at_it(
    wire: WireClient, terminal: Terminal, settings: Any
) -> None:
    body = json.dumps({"userId": "1", "img": sent(_JPEG)})
    settings.TERMINAL_BODY_LIMIT_BYTES = len(body)

    assert wire.post("syface", body + " ")["ret"] == "30001"
    assert Record.objects.count() == 0

    assert wire.post("syface", body)["ret"] == "0"
    assert Record.objects.get().picture is not None


def test_the_portrait_on_the_card_is_cleaned_as_well(wire: WireClient, terminal: Terminal) -> None:
    record = upload(wire, _JPEG, IDCardImg=sent(encoded(two_colours(32, 32), "BMP")))

    assert record.id_card_picture is not None
    with record.id_card_picture.image.open() as file:
        assert Image.open(file, formats=["JPEG"]).size == (32, 32)


def test_a_broken_portrait_on_the_card_is_told_from_a_broken_picture(
    wire: WireClient, terminal: Terminal
) -> None:
    record = upload(wire, _JPEG, IDCardImg=sent(_SVG))

    assert record.picture is not None
    assert "id_card_image_unsupported_format" in record.faults
    assert "image_unsupported_format" not in record.faults


# Content addressing


def test_a_picture_is_stored_under_its_content(wire: WireClient, terminal: Terminal) -> None:
    record = upload(wire, _JPEG)

    assert record.picture is not None
    digest = hashlib.sha256(stored(record)).hexdigest()
    assert record.picture.sha256 == digest
    # And by chance: no file gets a name that another one has had (decision 0028).
    assert re.search(rf"/{digest[:2]}/{digest}-[0-9a-f]{{16}}\.jpg$", str(record.picture.image))


def test_the_same_picture_is_stored_once_whatever_brought_it(
    wire: WireClient, terminal: Terminal
) -> None:
    image = two_colours()
    records = [
        upload(wire, raw, screenTime=1487295360 + number)
        for number, raw in enumerate(
            [encoded(image, "PNG"), encoded(image, "BMP"), encoded(image, "PNG", compress_level=1)]
        )
    ]

    assert len({record.pk for record in records}) == 3
    assert len({record.picture_id for record in records}) == 1
    assert Picture.objects.count() == 1


def test_sites_do_not_share_pictures(wire: WireClient, terminal: Terminal) -> None:
    ours = upload(wire, _JPEG)
    theirs = upload(wire_of(make_terminal(make_site())), _JPEG)

    assert ours.picture is not None
    assert theirs.picture is not None
    assert ours.picture.sha256 == theirs.picture.sha256
    assert ours.picture.image.name != theirs.picture.image.name
    assert not ImageChops.difference(shown(ours), shown(theirs)).getbbox()


def test_a_file_without_row_is_not_adopted_by_the_next_same_picture(
    wire: WireClient, terminal: Terminal
) -> None:
    """A crash between file and row leaves a file, which the sweep may be moving just now."""
    first = upload(wire, _JPEG)
    assert first.picture is not None
    name, kept = first.picture.image.name, stored(first)
    Record.objects.all().delete()
    Picture.objects.all().delete()

    again = upload(wire, _JPEG)

    assert again.picture is not None
    assert again.picture.image.name != name
    assert stored(again) == kept
    own = str(again.picture.image)
    assert files_named([str(name), own]) == {own}


@pytest.mark.slow
def test_a_real_face_arrives_the_same_in_every_format(
    wire: WireClient, site: Site, terminal: Terminal, obama: Person, portraits: dict[str, Path]
) -> None:
    """What was decoded is still the same face to whoever looks: verification is enforced."""
    Site.objects.filter(pk=site.pk).update(verification="enforce")
    image = Image.open(portraits["obama2.jpg"]).convert("RGB")
    sideways = Image.Exif()
    sideways[0x0112] = 6
    versions = {
        "png": encoded(image, "PNG"),
        "webp": encoded(image, "WEBP", quality=90),
        "heic": heic(image),
        "turned": encoded(
            image.transpose(Image.Transpose.ROTATE_90), "JPEG", quality=92, exif=sideways
        ),
    }

    for number, raw in enumerate(versions.values()):
        record = upload(wire, raw, userId="1001", screenTime=int(time.time()) - number)
        assert record.verification == "match"
        assert record.door_opened
