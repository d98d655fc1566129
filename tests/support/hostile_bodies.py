"""Shapes of bodies that cost more than their size."""

PART = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n'
QP = PART.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n")
# What stands before, what is repeated, what stands behind.
SHAPES: dict[str, tuple[bytes, bytes, bytes]] = {
    "backslashes, not ended": (b'{"a":"', b"\\", b""),
    "no escapes": (b'{"a":"', b"\\q", b'"}'),
    "line breaks, wrong comma": (b'{"a":"', b"\\n", b'",}'),
    "codes, wrong comma": (b'{"a":"', b"\\u4e2d", b'",}'),
    "halves in codes": (b'{"a":"', b"\\ud800", b'",}'),
    "codes cut": (b'{"a":"', b"\\u", b'",}'),
    "one key": (b"{", b'"a":1,', b'"a":2}'),
    "one key, two values": (b'{"userId":"1","x":[', b'{"a":1,"a":2},', b"1]}"),
    "numbers": (b'{"userId":"1","x":[', b"1,", b"1]}"),
    "lists in a list": (b'{"userId":"1","x":[', b"[],", b"1]}"),
    "chains of lists": (b'{"userId":"1","x":[', b"[" * 35 + b"]" * 35 + b",", b"1]}"),
    "texts like objects": (b"[", b'"{",', b"1]"),
    "texts like objects, broken": (b"[", b'"{a b c",', b"1]"),
    "hidden separators": (b'{"Info":"[', b"1\\u002c", b'1]"}'),
    "results": (b'{"resultList":[', b'{"userID":"1"},', b"1]}"),
    "results in texts": (b'{"resultList":[', b'{"resultList":"{"},', b"1]}"),
    "objects behind each other": (b"", b'{"a":1}', b""),
    "lists behind each other": (b'{"a":1}', b"[1]", b""),
    "commas": (b'{"a":1', b",", b""),
    "quotes": (b'{"a":', b'"', b""),
    "deep": (b'{"a":1,"b":', b"[", b""),
    "deep, quotes not ended": (b'{"a":"\n","b":' + b"[" * 40, b'"\\', b""),
    "deep ones, quotes not ended": (b'{"a":"\n","b":' + b"[" * 32, b'[\\"]', b""),
    "one number": (b'{"a":', b"9", b"}"),
    "GBK": (b'{"a":"', "李二壮".encode("gbk"), b'"}'),
    "GBK in runs": (b"{", b'"' + "李".encode("gbk") + b'":1,', b'"a":1}'),
    "pairs of halves": (b'{"a":"', b"\xed\xa0\xbd\xed\xb8\x80", b'"}'),
    "halves": (b'{"a":"', b"\xed\xa0\xbd", b'"}'),
    "percent signs": (b"a=", b"%41", b""),
    "percent signs alone": (b"a=", b"%", b""),
    "percent signs, an object": (b"%7B%22a%22:%22", b"%5C", b""),
    "parts": (b"", PART + b"1\r\n", b""),
    "quoted-printable": (QP, b"=41", b"\r\n--x--"),
    "base64 in lines": (b'{"userId":"1","img":"', b"QUJD ", b'"}'),
    "base64 with padding": (b'{"userId":"1","img":"', b"QQ==", b'"}'),
    "base64 with percent signs": (b'{"userId":"1","img":"', b"%2B", b'"}'),
    "comments": (b'{"userId":"1",', b"/*", b'"a":1}'),
}  # fmt: skip


def body_of(shape: tuple[bytes, bytes, bytes], size: int) -> bytes:
    """Return a body of a shape and about this size."""
    before, piece, behind = shape
    return before + piece * (size // len(piece)) + behind
