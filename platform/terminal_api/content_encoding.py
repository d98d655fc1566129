"""Decompression of bodies by ``Content-Encoding``, and by what terminals really send.

A few firmwares compress what they upload. What they name and what they do is not always the same,
so the bytes themselves decide where they can.
"""

import zlib
from dataclasses import dataclass, field

_GZIP = b"\x1f\x8b"
_GZIP_NAMES, _PLAIN_NAMES = {"gzip", "x-gzip"}, {"", "identity"}
# Encodings on top of each other; no sender means more than two.
_LAYERS_MAX = 3
# Streams behind each other in one body: writers flush into a new one now and then. Thousands of
# empty ones would keep a processor busy for minutes.
_STREAMS_MAX = 64
_PIECE_BYTES = 64 * 1024
_GZIP_WBITS, _ZLIB_WBITS, _RAW_WBITS = 31, 15, -15
# Behind the content of gzip: its checksum and its length (RFC 1952), read by themselves, so that a
# wrong one does not cost the content.
_TRAILER_BYTES = 8
_CONTROLS = bytes(set(range(0x20)) - set(b"\t\n\r"))


class TooLargeUnpacked(Exception):
    """The decompressed body is larger than a body may be."""


class UnknownEncoding(Exception):
    """The body has an encoding that is not supported; its name."""


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A body as it was before it was compressed.

    Attributes:
        repairs: ``content_encoding_wrong`` when it was not as its header said,
            ``compressed_truncated`` when its end is missing or its checksum is wrong.
    """

    raw: bytes
    repairs: list[str] = field(default_factory=list)


def unpack(raw: bytes, encoding: str, *, limit: int) -> Unpacked:
    """Decompress a body.

    Args:
        raw: as it came.
        encoding: the value of ``Content-Encoding``.
        limit: how many bytes may come out at most.

    Raises:
        TooLargeUnpacked: more than ``limit`` come out.
        UnknownEncoding: none of the known ways, and no text either.
    """
    names = [name.strip().lower() for name in encoding.split(",")]
    names = [name for name in names if name not in _PLAIN_NAMES]
    repairs: list[str] = []
    for name in reversed(names[-_LAYERS_MAX:]):
        raw = _undone(raw, name, limit, repairs)
    if raw.startswith(_GZIP) or (_is_zlib(raw) and not _is_text(raw)):
        # No message begins like this.
        repairs.append("content_encoding_wrong")
        wbits = _GZIP_WBITS if raw.startswith(_GZIP) else _ZLIB_WBITS
        raw = _inflated(raw, wbits, limit, repairs)
    return Unpacked(raw, list(dict.fromkeys(repairs)))


def _undone(raw: bytes, name: str, limit: int, repairs: list[str]) -> bytes:
    if raw.startswith(_GZIP):
        if name not in _GZIP_NAMES:
            repairs.append("content_encoding_wrong")
        return _inflated(raw, _GZIP_WBITS, limit, repairs)
    if name == "deflate" and not _is_text(raw):
        # With zlib's frame by the standard, without it by a long habit.
        wbits = _ZLIB_WBITS if _is_zlib(raw) else _RAW_WBITS
        return _inflated(raw, wbits, limit, repairs)
    if not raw:
        return raw
    if not _is_text(raw):
        if name not in _GZIP_NAMES:
            raise UnknownEncoding(name)
        if found := _named_wrongly(raw, limit):
            raw = found
    repairs.append("content_encoding_wrong")
    return raw


def _named_wrongly(raw: bytes, limit: int) -> bytes:
    """Return what comes out of a body that is called gzip and is one of its relatives, if it is."""
    amiss: list[str] = []
    found = _inflated(raw, _ZLIB_WBITS if _is_zlib(raw) else _RAW_WBITS, limit, amiss)
    return found if found and not amiss and _is_text(found) else b""


def _inflated(raw: bytes, wbits: int, limit: int, repairs: list[str]) -> bytes:
    """Return what comes out of streams behind each other, as far as they can be read."""
    found = bytearray()
    rest: bytes | None = raw
    streams = 0
    while rest:
        if streams == _STREAMS_MAX:
            rest = None
            break
        streams += 1
        rest = _stream(rest, wbits, found, limit)
        # What is behind the last stream is no part of it.
        if rest and not rest.startswith(_GZIP):
            break
    if rest is None:
        repairs.append("compressed_truncated")
    return bytes(found)


def _stream(raw: bytes, wbits: int, found: bytearray, limit: int) -> bytes | None:
    """Append what comes out of one stream; return what is behind it, None when its end is amiss."""
    reader = zlib.decompressobj(wbits)
    pieces = [raw[:-_TRAILER_BYTES], raw[-_TRAILER_BYTES:]]
    try:
        while pieces and not reader.eof:
            piece = pieces.pop(0)
            more = True
            while more and not reader.eof:
                out = reader.decompress(piece, min(_PIECE_BYTES, limit + 1 - len(found)))
                found += out
                if len(found) > limit:
                    raise TooLargeUnpacked
                piece = reader.unconsumed_tail
                more = bool(piece or out)
    except zlib.error:
        return None
    return reader.unused_data + b"".join(pieces) if reader.eof else None


def _is_zlib(raw: bytes) -> bool:
    """Tell whether bytes begin with zlib's frame (RFC 1950)."""
    return len(raw) > 1 and raw[0] & 0x0F == 8 and int.from_bytes(raw[:2], "big") % 31 == 0


def _is_text(raw: bytes) -> bool:
    return raw.translate(None, _CONTROLS) == raw
