"""Compressed bodies are read as far as they can be, within the limit, whatever they are called."""

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminal_api.content_encoding import TooLargeUnpacked, UnknownEncoding, unpack

pytestmark = pytest.mark.sqlite
TEXT = b'{"userId": "1001", "temperature": "36.5"}' * 40
LIMIT = 1_000_000


def squeezed(raw: bytes, wbits: int) -> bytes:
    """Compress: 31 for gzip, 15 for zlib, -15 for neither's frame."""
    packer = zlib.compressobj(wbits=wbits)
    return packer.compress(raw) + packer.flush()


ZIPPED = squeezed(TEXT, 31)


@pytest.mark.parametrize(
    ("raw", "encoding", "repairs"),
    [
        (TEXT, "", []),
        (TEXT, "identity", []),
        (ZIPPED, "gzip", []),
        (ZIPPED, " X-GZIP ", []),
        (ZIPPED, "identity, gzip", []),
        (squeezed(TEXT, 15), "deflate", []),
        (squeezed(TEXT, -15), "deflate", []),
        (squeezed(ZIPPED, 31), "gzip, gzip", []),
        (squeezed(squeezed(TEXT, 15), 31), "deflate, gzip", []),
        (squeezed(TEXT[:99], 31) + squeezed(TEXT[99:], 31), "gzip", []),
        (ZIPPED + b"\0\0\0", "gzip", []),
        # Not as it is called.
        (ZIPPED, "", ["content_encoding_wrong"]),
        (ZIPPED, "deflate", ["content_encoding_wrong"]),
        (ZIPPED, "br", ["content_encoding_wrong"]),
        (squeezed(ZIPPED, 31), "gzip", ["content_encoding_wrong"]),
        (TEXT, "gzip", ["content_encoding_wrong"]),
        (TEXT, "deflate", ["content_encoding_wrong"]),
        (TEXT, "utf-8", ["content_encoding_wrong"]),
        # Its end is amiss.
        (ZIPPED[:-8], "gzip", ["compressed_truncated"]),
        (ZIPPED[:-4], "gzip", ["compressed_truncated"]),
        (ZIPPED[:-8] + b"\1\2\3\4" + ZIPPED[-4:], "gzip", ["compressed_truncated"]),
        (squeezed(TEXT, 15)[:-1], "deflate", ["compressed_truncated"]),
    ],
)
def test_a_body_is_read_as_it_was_before_it_was_compressed(
    raw: bytes, encoding: str, repairs: list[str]
) -> None:
    found = unpack(raw, encoding, limit=LIMIT)

    assert found.raw == TEXT
    assert found.repairs == repairs


def test_of_a_body_that_breaks_off_its_beginning_is_read() -> None:
    found = unpack(ZIPPED[: len(ZIPPED) // 2], "gzip", limit=LIMIT)

    assert TEXT.startswith(found.raw)
    assert found.raw
    assert found.repairs == ["compressed_truncated"]


@pytest.mark.parametrize("name", ["br", "zstd", "compress"])
def test_what_cannot_be_undone_is_named(name: str) -> None:
    with pytest.raises(UnknownEncoding, match=name):
        unpack(b"\x0b\x02\x80abc\x03", name, limit=LIMIT)


@pytest.mark.slow
@pytest.mark.parametrize("layers", [1, 2])
def test_a_bomb_is_refused_before_it_takes_room(layers: int) -> None:
    bomb = gzip.compress(b" " * 200_000_000)
    for _ in range(layers - 1):
        bomb = gzip.compress(bomb)

    tracemalloc.start()
    try:
        with pytest.raises(TooLargeUnpacked):
            unpack(bomb, ", ".join(["gzip"] * layers), limit=LIMIT)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most < 5 * LIMIT


@pytest.mark.parametrize("size", [LIMIT - 1, LIMIT, LIMIT + 1])
def test_the_limit_is_met_to_the_byte(size: int) -> None:
    packed = squeezed(b"x" * size, 31)

    if size > LIMIT:
        with pytest.raises(TooLargeUnpacked):
            unpack(packed, "gzip", limit=LIMIT)
    else:
        assert len(unpack(packed, "gzip", limit=LIMIT).raw) == size


@given(raw=st.binary(max_size=300), share=st.floats(0, 1))
def test_wherever_it_is_cut_what_comes_out_is_a_beginning(raw: bytes, share: float) -> None:
    packed = squeezed(b"{" + raw, 31)

    found = unpack(packed[: 2 + int(share * (len(packed) - 2))], "gzip", limit=LIMIT).raw

    assert (b"{" + raw).startswith(found)


@given(raw=st.binary(max_size=200), encoding=st.text(max_size=20))
def test_no_bytes_break_it(raw: bytes, encoding: str) -> None:
    try:
        found = unpack(b"\x1f\x8b" + raw, encoding, limit=LIMIT)
    except (TooLargeUnpacked, UnknownEncoding):
        return
    assert len(found.raw) <= LIMIT


def test_thousands_of_empty_streams_end_the_reading() -> None:
    raw = gzip.compress(b"{}") + gzip.compress(b"") * 300_000

    found = unpack(raw, "gzip", limit=8_000_000)

    assert (found.raw, found.repairs) == (b"{}", ["compressed_truncated"])
