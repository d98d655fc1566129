"""Conversion from bytes to text to an object, shared by plain bodies and form fields."""

import codecs
import json
import re
from typing import Any

from ._damaged_text import decode_damaged, has_halves
from ._lenient_json import BETWEEN, read_lenient, read_lenient_all
from ._work_budget import OBJECTS_MAX, WorkBudget
from .exceptions import UnreadableBody

# An object nested deeper than this is no message of a terminal.
DEPTH_LIMIT = 32
# Among the repairs until the body is read: its text ended before its object did.
BROKEN_OFF = "(broken off)"
_BEGINS = re.compile(r"\s*+[{\[\"]")


def decode(raw: bytes) -> tuple[str, list[str]]:
    """Decode bytes: UTF-16 by its byte order mark, UTF-8, else the likeliest encoding."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", "replace"), ["json_encoding"]
    repairs = ["json_bom"] if raw.startswith(codecs.BOM_UTF8) else []
    try:
        return raw.decode("utf-8-sig"), repairs
    except UnicodeDecodeError:
        text, more = decode_damaged(raw.removeprefix(codecs.BOM_UTF8))
        return text, [*repairs, *more]


class JsonReader:
    """JSON reader of one body, which notes what the standard reader accepts silently."""

    def __init__(self) -> None:
        self.repairs: list[str] = []

    def load(self, text: str | bytes, *, strict: bool = True) -> Any:
        """Read JSON.

        Raises:
            ValueError: it is none, or holds halves of characters.
            UnreadableBody: these bytes hold more than a body may.
            RecursionError: nested far too deep.
        """
        if isinstance(text, bytes):
            if has_halves(text):
                raise ValueError("halves of characters")
            text = text.decode(json.detect_encoding(text), "surrogatepass")
            if _BEGINS.match(text):
                WorkBudget().admit(text)
        self.repairs.clear()
        return json.loads(
            text,
            strict=strict,
            parse_constant=self._no_constant,
            object_pairs_hook=self._members,
        )

    def load_all(self, text: str) -> list[Any]:
        """Read consecutive objects and lists.

        Raises:
            ValueError: there is something else among them.
            UnreadableBody: too_many.
        """
        self.repairs.clear()
        decoder = json.JSONDecoder(
            strict=False, parse_constant=self._no_constant, object_pairs_hook=self._members
        )
        found: list[Any] = []
        at = _begins(text, 0)
        while at < len(text):
            if text[at] not in "{[":
                raise ValueError("no object")
            try:
                one, at = decoder.raw_decode(text, at)
            except RecursionError:
                raise ValueError("nested far too deep") from None
            if len(found) == OBJECTS_MAX:
                raise UnreadableBody("too_many")
            found.append(one)
            at = _begins(text, at)
        return found

    def _no_constant(self, _name: str) -> None:
        """NaN and Infinity are no JSON; a field that holds one counts as empty."""
        self._note("json_not_a_number")

    def _members(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """Build an object; of two members with one name the last non-empty one counts."""
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        for name, value in pairs:
            if found[name] != value:
                self._note("json_duplicate_keys")
            if found[name] in (None, ""):
                found[name] = value
        return found

    def _note(self, repair: str) -> None:
        if repair not in self.repairs:
            self.repairs.append(repair)


def read_json(text: str, budget: WorkBudget) -> tuple[Any, list[str]]:
    """Read a text with ever more tolerant readers; returns the value and the repairs.

    Raises:
        UnreadableBody: none of them can make an object of it, or it is more than one may hold.
    """
    budget.admit(text)
    reader = JsonReader()
    try:
        return reader.load(text), reader.repairs
    except (ValueError, RecursionError):
        pass  # the next, more tolerant reader is asked
    try:
        found = reader.load(text, strict=False)
    except (ValueError, RecursionError):
        found, is_cut = read_lenient(text, DEPTH_LIMIT, budget)
        return found, ["json_syntax", *([BROKEN_OFF] if is_cut else [])]
    return found, ["json_control_characters", *reader.repairs]


def read_all(text: str, budget: WorkBudget) -> tuple[list[Any], list[str]]:
    """Read consecutive values of a text; returns them and the repairs.

    Raises:
        UnreadableBody: no object can be made of its beginning, or it is more than one may hold.
    """
    budget.admit(text)
    reader = JsonReader()
    for is_strict, repair in ((True, []), (False, ["json_control_characters"])):
        try:
            found = reader.load(text, strict=is_strict)
        except (ValueError, RecursionError):
            continue  # the next, more tolerant reader is asked
        return [found], [*repair, *reader.repairs]
    try:
        several = reader.load_all(text)
    except ValueError:
        several = []
    if several:
        return several, ["json_syntax", *reader.repairs]
    several, is_cut = read_lenient_all(text, DEPTH_LIMIT, budget)
    return several, ["json_syntax", *([BROKEN_OFF] if is_cut else [])]


def _begins(text: str, at: int) -> int:
    found = BETWEEN.match(text, at)
    return found.end() if found else at
