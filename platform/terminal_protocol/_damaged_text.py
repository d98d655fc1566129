"""Decoding of bytes that are not valid UTF-8: cut, in a Chinese encoding, or both in one body.

A damaged body is read run by run (a run begins with a byte beyond ASCII and ends where a value
does), each as UTF-8 with replacement characters or as GB18030, whichever needs the less unlikely
text. The whole body has a say: what most of its runs are written in is more likely for each of
them (decision 0004).
"""

import codecs
import re
from dataclasses import dataclass
from functools import cache
from itertools import islice

from ._work_budget import HALVES_MAX
from .exceptions import UnreadableBody

# What bounds the work on hostile bytes; a message of chapter 9 has a dozen runs of some bytes.
_RUNS_MAX = 2_000
_RUN_MAX_BYTES = 1_024
_COMPARED_MAX_BYTES = 65_536

# Bytes below 0x30 and these others never are the second half of a Chinese character.
_RUN = re.compile(rb"[\x80-\xff][^\x00-\x1f\"&',:;=]*+")
# CESU-8 (RFC 2781 halves in three bytes each) and, as Java does it, NUL in two bytes.
_PAIR = re.compile(rb"\xed[\xa0-\xaf][\x80-\xbf]\xed[\xb0-\xbf][\x80-\xbf]")
_HALF = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")
_PAIR_OR_HALF = re.compile(_PAIR.pattern + b"|" + _HALF.pattern)
# A pair that was cut in its second half, or a half in its second byte: where values are cut.
_CUT_PAIR = re.compile(rb"\xed[\xa0-\xaf](?:[\x80-\xbf]\xed[\xb0-\xbf]?)?\Z")
_JAVA_NUL = b"\xc0\x80"
# The no-break space of Latin-1 between two words ("push record", field notes).
_LATIN_BLANK = re.compile(rb"(?<=[ -~][A-Za-z0-9])\xa0(?=[A-Za-z0-9])")
_REPLACEMENT = "\ufffd"

# Negative logarithms of how likely a character is, chosen so that every sound UTF-8 sequence costs
# less for a byte than the likeliest Chinese character (8 for two bytes): what was UTF-8 before it
# was cut stays UTF-8, and two bytes of which nothing can be made cost more than any character.
_COMMON_HANZI, _OTHER_HANZI, _ASCII, _TWO_BYTES, _THREE_BYTES, _FOUR_BYTES = 8, 11, 4, 6, 9, 12
_CUT, _DAMAGED = 7, 14  # at the end of a run, where values are cut, and elsewhere
_LETTER_IN_GBK = 11  # Greek and Russian have their rows in GB 2312, and are hardly used
# A run in the other encoding than the body's; one that is sound UTF-8 hardly ever is by accident.
_OTHER_ENCODING, _OTHER_THAN_GBK = 4, 10
_NEVER = 1_000_000


@dataclass(frozen=True, slots=True)
class _Run:
    """One run read both ways."""

    start: int
    end: int
    as_utf8: str
    as_gbk: str
    utf8_cost: int
    gbk_cost: int
    is_sound: bool

    def costs(self, *, in_gbk_body: bool) -> tuple[int, int]:
        """Return the costs of reading the run as UTF-8 and as GB18030."""
        if in_gbk_body:
            fine = _OTHER_THAN_GBK if self.is_sound else _OTHER_ENCODING
            return self.utf8_cost + fine, self.gbk_cost
        return self.utf8_cost, _NEVER if self.is_sound else self.gbk_cost + _OTHER_ENCODING


def has_halves(raw: bytes) -> bool:
    """Return whether bytes hold surrogate halves (CESU-8), which the strict decoder accepts."""
    return _HALF.search(raw) is not None


def decode_damaged(raw: bytes) -> tuple[str, list[str]]:
    """Return the text of bytes that are no correct UTF-8, and the repairs.

    Raises:
        UnreadableBody: too_large, too many halves of characters.
    """
    if sum(1 for _ in islice(_HALF.finditer(raw), HALVES_MAX + 1)) > HALVES_MAX:
        raise UnreadableBody("too_large")
    repairs = []
    if has_halves(raw) or _JAVA_NUL in raw:
        raw, is_mended = _join_halves(raw)
        repairs += ["json_cesu8"] if is_mended else []
    raw, blanks = _LATIN_BLANK.subn(b"\xc2\xa0", raw)
    try:
        text, is_gbk = raw.decode("utf-8", "surrogatepass"), False
    except UnicodeDecodeError:
        text, is_gbk = _decode_by_cost(raw)
    if is_gbk or blanks:
        repairs.append("json_encoding")
    if text.count(_REPLACEMENT) > raw.count(_REPLACEMENT.encode()):
        repairs.append("json_cut_characters")
    return text, repairs


def join_halves(text: str) -> str:
    """Return text in which two halves of a character beside each other are that character."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _join_halves(raw: bytes) -> tuple[bytes, bool]:
    """Join surrogate pairs into characters; in a body of GBK such bytes are characters."""
    found = _PAIR.subn(lambda pair: join_halves(_halves(pair[0])).encode(), raw)
    mended = found[0].replace(_JAVA_NUL, b"\x00")
    if mended == raw:
        return raw, False
    try:
        mended.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return (mended, True) if not _decode_by_cost(raw)[1] else (raw, False)
    return mended, True


def _halves(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogatepass")


def _decode_by_cost(raw: bytes) -> tuple[str, bool]:
    """Decode runs by the cheaper encoding; returns the text and whether some was GB18030."""
    runs, rest = _runs(raw)
    as_utf8 = sum(min(run.costs(in_gbk_body=False)) for run in runs)
    as_gbk = sum(min(run.costs(in_gbk_body=True)) for run in runs)
    in_gbk_body = as_gbk < as_utf8
    pieces, at, has_gbk = [], 0, False
    for run in runs:
        utf8_cost, gbk_cost = run.costs(in_gbk_body=in_gbk_body)
        is_gbk = gbk_cost < utf8_cost
        has_gbk |= is_gbk
        pieces += [raw[at : run.start].decode("ascii"), run.as_gbk if is_gbk else run.as_utf8]
        at = run.end
    tail = raw[at:rest].decode("ascii") + _bulk(raw[rest:], in_gbk_body=in_gbk_body)
    return "".join(pieces) + tail, has_gbk or (in_gbk_body and rest < len(raw))


def _runs(raw: bytes) -> tuple[list[_Run], int]:
    """Return the runs to compare, and where the rest begins that follows their encoding."""
    runs: list[_Run] = []
    left = _COMPARED_MAX_BYTES
    for found in islice(_RUN.finditer(raw), _RUNS_MAX):
        length = found.end() - found.start()
        if length > min(left, _RUN_MAX_BYTES):
            return runs, found.start()
        left -= length
        runs.append(_read(found.start(), found.end(), found[0]))
    following = _RUN.search(raw, runs[-1].end) if len(runs) == _RUNS_MAX else None
    return runs, following.start() if following else len(raw)


def _read(start: int, end: int, run: bytes) -> _Run:
    as_utf8, as_gbk = _utf8(run), run.decode("gb18030", "replace")
    is_sound = _REPLACEMENT not in as_utf8
    gbk_cost = _cost(as_gbk, two_bytes=_LETTER_IN_GBK)
    return _Run(start, end, as_utf8, as_gbk, _cost(as_utf8), gbk_cost, is_sound)


def _utf8(run: bytes) -> str:
    """Decode with one replacement character for each spot; halves stay, to be named as a fault."""
    cut = _CUT_PAIR.search(run)
    rest = run[: cut.start()] if cut else run
    pieces, at = [], 0
    for half in _PAIR_OR_HALF.finditer(rest):
        before = rest[at : half.start()].decode("utf-8", "replace")
        pieces += [before, join_halves(_halves(half[0]))]
        at = half.end()
    return "".join(pieces) + rest[at:].decode("utf-8", "replace") + (_REPLACEMENT if cut else "")


def _bulk(raw: bytes, *, in_gbk_body: bool) -> str:
    return raw.decode("gb18030" if in_gbk_body else "utf-8", "replace")


def _cost(text: str, *, two_bytes: int = _TWO_BYTES) -> int:
    cost = sum(_character_cost(char, two_bytes) for char in text)
    return cost - _DAMAGED + _CUT if text.endswith(_REPLACEMENT) else cost


def _character_cost(char: str, two_bytes: int) -> int:
    if char == _REPLACEMENT or "\ud800" <= char <= "\udfff":
        return _DAMAGED
    if char < "\x80":
        return _ASCII
    if char < "\u0800":
        return two_bytes
    if "\u4e00" <= char <= "\u9fff":
        return _COMMON_HANZI if char in _common_hanzi() else _OTHER_HANZI
    return _THREE_BYTES if char <= "\uffff" else _FOUR_BYTES


@cache
def _common_hanzi() -> frozenset[str]:
    """Return the first level of GB 2312: the 3,755 most frequent characters."""
    rows = (bytes((high, low)) for high in range(0xB0, 0xD8) for low in range(0xA1, 0xFF))
    return frozenset(codecs.decode(b"".join(rows), "gb2312", "ignore"))
