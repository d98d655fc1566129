"""Pictures broken in every way that a decoder may meet; the same ones for the same seed."""

import io
import random
import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np
import pillow_heif
from PIL import Image

_PNG_START = b"\x89PNG\r\n\x1a\n"
_TAGS = (0x0100, 0x010E, 0x010F, 0x0112, 0x011A, 0x0128, 0x0132, 0x0201, 0x0202, 0x0213, 0x8769)
_MORE_TAGS = (0x8825, 0xA005, 0x927C, 0x9286, 0x014A, 0xC4A5, 0xB001, 0xB002, 0x9C9B, 0xFFFF, 0)
_CHUNKS = (
    *(b"iCCP", b"zTXt", b"iTXt", b"tEXt", b"eXIf", b"tIME", b"pHYs", b"cHRM", b"gAMA", b"sRGB"),
    *(b"acTL", b"fcTL", b"fdAT", b"tRNS", b"PLTE", b"IHDR", b"sBIT", b"hIST", b"bKGD", b"cICP"),
    *(b"IDAT", b"IEND", b"ZZZZ", b"a\0\xffc"),
)


class BrokenPictures:
    """An endless row of damaged files of the formats that are read, each with the way it broke."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._sound = {**_jpegs(), **_pngs(), **_webps(), **_others()}
        self._ways: dict[str, list[Callable[[bytes], bytes]]] = {
            "JPEG": [self._jpeg_segment, self._jpeg_segment, self._jpeg_frame, self._jpeg_scans],
            "PNG": [self._png_chunk, self._png_chunk, self._png_header],
            "WEBP": [self._riff_chunk, self._riff_chunk],
            "BMP": [self._bmp_header],
            "HEIF": [],
        }

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        while True:
            name = self._chance.choice(sorted(self._sound))
            raw = self._sound[name]
            ways = [
                *self._ways[name.split("-")[0]],
                self._flip,
                self._flip,
                self._cut,
                self._splice,
            ]
            told = []
            for _ in range(self._chance.choice((1, 1, 1, 2, 3))):
                way = self._chance.choice(ways)
                told.append(way.__name__.strip("_"))
                raw = way(raw)
            yield f"{name}: {', '.join(told)}", raw

    def _bytes(self, most: int) -> bytes:
        return self._chance.randbytes(self._chance.randrange(most + 1))

    def _number(self, size: int) -> int:
        """A number of some bytes, often at an edge."""
        most = 256**size - 1
        edges = (0, 1, 2, 7, 8, most // 2, most // 2 + 1, most - 1, most)
        return self._chance.choice((*edges, self._chance.randrange(most + 1)))

    def _flip(self, raw: bytes) -> bytes:
        changed = bytearray(raw)
        for _ in range(self._chance.choice((1, 1, 2, 4, 16))):
            if changed:
                # Heads decide more than pixels do.
                reach = self._chance.choice((64, 256, len(changed)))
                changed[self._chance.randrange(min(reach, len(changed)))] = self._number(1)
        return bytes(changed)

    def _cut(self, raw: bytes) -> bytes:
        near_the_end = max(0, len(raw) - self._chance.randrange(1, 40))
        return raw[: self._chance.choice((near_the_end, self._chance.randrange(len(raw) + 1)))]

    def _splice(self, raw: bytes) -> bytes:
        """Leave out, repeat or put in a piece."""
        begin = self._chance.randrange(len(raw) + 1)
        end = min(len(raw), begin + self._chance.randrange(1, 64))
        between = self._chance.choice((b"", raw[begin:end] * 2, self._bytes(40), b"\0" * 4096))
        return raw[:begin] + between + raw[end:]

    def _exif(self) -> bytes:
        """A TIFF directory whose entries are of any type, count and place."""
        order = self._chance.choice("<>")
        start = {"<": b"II*\0", ">": b"MM\0*"}[order]
        count = self._chance.randrange(12)
        entries = b"".join(self._entry(order) for _ in range(count))
        told = self._chance.choice((count, count, count, self._number(2)))
        offset = self._chance.choice((8, 8, 8, self._number(4)))
        tiff = start + struct.pack(f"{order}IH", offset, told) + entries
        return b"Exif\0\0" + tiff + struct.pack(f"{order}I", self._number(4)) + self._bytes(60)

    def _entry(self, order: str) -> bytes:
        tag = self._chance.choice((*_TAGS, *_MORE_TAGS, 0x0112, self._number(2)))
        kind = self._chance.choice((*range(14), 3, 3, self._number(2)))
        count = self._chance.choice((1, 1, 1, 2, 4, self._number(4)))
        value = self._chance.choice((6, 8, 3, 8, self._number(2), self._number(4)))
        packed = struct.pack(f"{order}I", value)
        if self._chance.random() < 0.5:
            packed = struct.pack(f"{order}HH", value & 0xFFFF, 0)
        return struct.pack(f"{order}HHI", tag, kind, count) + packed

    def _payload(self) -> bytes:
        return self._chance.choice(
            (
                self._exif,
                self._exif,
                lambda: b"JFIF\0" + self._bytes(9),
                lambda: b"Adobe" + self._bytes(8),
                lambda: b"MPF\0" + self._exif()[6:],
                lambda: b"ICC_PROFILE\0" + self._bytes(200),
                lambda: b"Photoshop 3.0\0" + (b"8BIM" + self._bytes(14)) * 3,
                lambda: (
                    b'http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation="%d"/>' % self._number(1)
                ),
                lambda: b"FPXR\0" + self._bytes(20),
                lambda: self._bytes(60),
            )
        )()

    def _jpeg_segment(self, raw: bytes) -> bytes:
        payload = self._payload()
        marker = self._chance.choice((0xE1, 0xE1, 0xE0, 0xE2, 0xED, 0xEE, 0xFE, self._number(1)))
        told = self._chance.choice((len(payload) + 2, len(payload) + 2, self._number(2)))
        return raw[:2] + struct.pack(">BBH", 0xFF, marker, told) + payload + raw[2:]

    def _jpeg_frame(self, raw: bytes) -> bytes:
        at = max(raw.find(b"\xff\xc0"), raw.find(b"\xff\xc2"))
        if at < 0 or at + 10 > len(raw):
            return self._flip(raw)
        changed = bytearray(raw)
        changed[at + 4 + self._chance.randrange(6)] = self._number(1)
        if self._chance.random() < 0.3:
            changed[at + 1] = self._chance.choice(range(0xC0, 0xD0))
        return bytes(changed)

    def _jpeg_scans(self, raw: bytes) -> bytes:
        at = raw.rfind(b"\xff\xda")
        times = self._chance.choice((2, 5, 200))
        return raw[:at] + raw[at:-2] * times + raw[-2:] if at >= 0 else raw

    def _png_chunk(self, raw: bytes) -> bytes:
        name = self._chance.choice(_CHUNKS)
        packed = zlib.compress(self._chance.choice((bytes(5_000_000), self._bytes(100))), 1)
        body = self._chance.choice(
            (
                self._exif()[6:],
                b"name\0\0" + packed,
                b"XML:com.adobe.xmp\0" + self._bytes(30),
                b"Raw profile type exif\0\0" + packed,
                self._bytes(40),
                struct.pack(">II", self._number(4), self._number(4)),
                b"",
            )
        )
        ends = self._ends_of_chunks(raw)
        at = self._chance.choice(ends) if ends else len(raw)
        return (
            raw[:at]
            + png_chunk(name, body, length=self._chance.choice((None, None, 2**31)))[
                : self._chance.choice((None, None, 9))
            ]
            + raw[at:]
        )

    @staticmethod
    def _ends_of_chunks(raw: bytes) -> list[int]:
        ends, at = [], len(_PNG_START)
        while at + 12 <= len(raw):
            ends.append(at)
            at += 12 + int.from_bytes(raw[at : at + 4])
        return ends

    def _png_header(self, raw: bytes) -> bytes:
        """A header that is sealed rightly and says something else."""
        head = bytearray(raw[16:29])
        if len(head) < 13:
            return raw
        for _ in range(self._chance.choice((1, 2))):
            place = self._chance.choice((1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12))
            head[place] = self._chance.choice((0, 1, 2, 3, 4, 6, 8, 16, self._number(1)))
        return raw[:8] + png_chunk(b"IHDR", bytes(head)) + raw[33:]

    def _riff_chunk(self, raw: bytes) -> bytes:
        name = self._chance.choice(
            (b"EXIF", b"XMP ", b"ICCP", b"VP8X", b"ANIM", b"ANMF", b"ALPH", b"VP8 ", b"VP8L")
        )
        body = self._chance.choice((self._exif(), self._exif()[6:], self._bytes(40)))
        told = self._chance.choice((len(body), len(body), self._number(4)))
        chunk = name + struct.pack("<I", told) + body + b"\0" * (len(body) & 1)
        at = self._chance.choice((12, 30, len(raw)))
        whole = raw[:at] + chunk + raw[at:]
        if self._chance.random() < 0.8:
            whole = whole[:4] + struct.pack("<I", len(whole) - 8) + whole[8:]
        return whole

    def _bmp_header(self, raw: bytes) -> bytes:
        changed = bytearray(raw)
        at = self._chance.choice((2, 10, 14, 18, 22, 26, 28, 30, 34, 46, 50))
        if len(changed) >= at + 4:
            changed[at : at + 4] = struct.pack("<I", self._number(4))
        return bytes(changed)


def png_chunk(name: bytes, body: bytes, *, length: int | None = None) -> bytes:
    """A chunk of a PNG, sealed rightly.

    Args:
        length: what it says of its length, when that is not true.
    """
    told = len(body) if length is None else length
    return struct.pack(">I", told) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _drawn(mode: str = "RGB", size: tuple[int, int] = (48, 40)) -> Image.Image:
    width, height = size
    levels = np.linspace(0, 255, width * height * 3).reshape(height, width, 3)
    return Image.fromarray(levels.astype(np.uint8)).convert(mode)


def _encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    sink = io.BytesIO()
    image.save(sink, kind, **options)
    return sink.getvalue()


def _camera_exif() -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x0132] = 6, "maker", "2026:01:01 00:00:00"
    exif.get_ifd(0x8769)[0x9003] = "2026:01:01 00:00:00"
    exif.get_ifd(0x8825)[1] = "N"
    return exif.tobytes()


def _jpegs() -> dict[str, bytes]:
    image = _drawn()
    noted = {"exif": _camera_exif(), "icc_profile": b"profile" * 30, "comment": b"said"}
    xmp = b'<x:xmpmeta tiff:Orientation="8"/>'
    return {
        "JPEG": _encoded(image, "JPEG"),
        "JPEG-noted": _encoded(image, "JPEG", xmp=xmp, **noted),
        "JPEG-progressive": _encoded(image, "JPEG", progressive=True, exif=_camera_exif()),
        "JPEG-grey": _encoded(image.convert("L"), "JPEG", dpi=(300, 300)),
        "JPEG-cmyk": _encoded(image.convert("CMYK"), "JPEG"),
        "JPEG-several": _encoded(image, "MPO", save_all=True, append_images=[image]),
    }


def _pngs() -> dict[str, bytes]:
    several = {"save_all": True, "append_images": [_drawn(), _drawn()], "default_image": True}
    deep = Image.fromarray(np.arange(400, dtype=np.uint16).reshape(20, 20))
    return {
        "PNG": _encoded(_drawn(), "PNG"),
        "PNG-noted": _encoded(_drawn(), "PNG", exif=_camera_exif(), icc_profile=b"profile" * 9),
        "PNG-palette": _encoded(_drawn("P"), "PNG", transparency=bytes(range(200))),
        "PNG-clear": _encoded(_drawn("LA"), "PNG"),
        "PNG-deep": _encoded(deep, "PNG"),
        "PNG-several": _encoded(_drawn(), "PNG", **several),
    }


def _webps() -> dict[str, bytes]:
    several = {"save_all": True, "append_images": [_drawn("RGBA")]}
    noted = {"exif": _camera_exif(), "xmp": b'<x tiff:Orientation="3"/>', "icc_profile": b"p" * 99}
    return {
        "WEBP": _encoded(_drawn(), "WEBP"),
        "WEBP-noted": _encoded(_drawn(), "WEBP", **noted),
        "WEBP-lossless": _encoded(_drawn("RGBA"), "WEBP", lossless=True),
        "WEBP-several": _encoded(_drawn("RGBA"), "WEBP", **several),
    }


def _others() -> dict[str, bytes]:
    sink = io.BytesIO()
    pillow_heif.from_pillow(_drawn(size=(64, 48))).save(sink, quality=60, exif=_camera_exif())
    return {
        "BMP": _encoded(_drawn(), "BMP"),
        "BMP-palette": _encoded(_drawn("P"), "BMP"),
        "HEIF": sink.getvalue(),
    }
