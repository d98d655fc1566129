"""Lenient JSON reader in one pass: broken syntax loses as little as possible.

Understood beside JSON: missing, doubled and trailing commas, single and curly quotes, quotes that
were not escaped, keys and values without quotes (the seed's own example prints ``img`` so), line
breaks inside of texts, comments between members, Python's words, and text that breaks off. Every
character is looked at a bounded number of times, pictures by the regular expression engine only
(decision 0004).
"""

import json
import re
from typing import Any

from ._damaged_text import join_halves
from ._work_budget import OBJECTS_MAX, STEPS_MAX, STRAYS_MAX, WorkBudget
from .exceptions import UnreadableBody

# Stands for what was nested too deep to be read.
NESTED = "(nested)"

_FILLING = re.compile(r"(?:[\s,，;]++|//[^\r\n]*+|/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z))*+")
_COLON = re.compile(r"\s*+[:：]\s*+")
_BLANKS = re.compile(r"\s*+")
_QUOTES = {'"': '"', "'": "'", "“": "“”", "‘": "‘’"}
_UP_TO_QUOTE = {
    opening: re.compile(rf"[^\\{closing}]*+(?:\\.[^\\{closing}]*+)*+", re.DOTALL)
    for opening, closing in _QUOTES.items()
}
# A quote ends its text only where the text can end: before a separator or, when the comma was
# forgotten, before the next key.
_CLOSES = re.compile(
    r"""\s*+(?:[,:：}\]]|[，;]\s*+["“}]|\Z|["'“][^"'”:,{}\r\n]{1,64}+["'”]\s*+:)"""
)
_BARE_KEY = re.compile(r"[^\s:：,{}\[\]\"']{1,64}+")
_BARE_PICTURE = re.compile(
    r"(?:data:[\w/+.\-]{1,60};base64,)?[A-Za-z0-9+/=_\-][A-Za-z0-9+/=_\-\\\s]{255,}+"
)
_BARE_VALUE = re.compile(r"[^,;{}\[\]\"\r\n]*+")
_STRAY_QUOTE = re.compile(r"[\"'](?=\s*+[,}\]])")
# "0000001" without quotes is a text still.
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,31})(?:\.\d{1,32})?(?:[eE][-+]?\d{1,3})?")
_WORDS = {
    "true": True, "false": False,
    "null": None, "none": None, "nan": None, "undefined": None, "": None,
}  # fmt: skip
_DECODER = json.JSONDecoder(strict=False)
_CONTROLS = {"\\n": "\n", "\\r": "\r", "\\t": "\t", "\\b": "\b", "\\f": "\f"}
# Two of these that a text has not stand for what is escaped in it.
_MARKS = "\x01\x02\x03\x04\x05\x06"
_NO_CODE = re.compile(r"\\u(?![0-9A-Fa-f]{4})")
_HALVES = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
# Up to a bracket that stands in no text, and up to any bracket.
_BESIDE_TEXTS = re.compile(r"(?:[^\"{}\[\]]++|\"[^\\\"]*+(?:\\.[^\\\"]*+)*+\")*+", re.DOTALL)
_ANYTHING = re.compile(r"[^{}\[\]]*+")
_DEPTHS = {"{": 1, "[": 1, "}": -1, "]": -1}
_PADDING = " \t\r\n\f\v\x00\u00a0\ufeff"  # before the object: buffers, marks
# From one object to the next: line ends, commas, marks and the ends of buffers.
BETWEEN = re.compile("[\\s,;，；\x00\x1e\ufeff]*+")
_BEGINS_ESCAPED = re.compile(r'[{\[]\s*+\\"')


def read_lenient(text: str, depth_limit: int, budget: WorkBudget) -> tuple[Any, bool]:
    """Read the object or list at the start of ``text``; returns it and whether it was cut off.

    What follows it is ignored.

    Raises:
        UnreadableBody: not_json (nothing that looks like a member in it), too_deep, too_large.
    """
    reader = _beginning(text, depth_limit, budget)
    return reader.first(), reader.is_broken_off


def read_lenient_all(text: str, depth_limit: int, budget: WorkBudget) -> tuple[list[Any], bool]:
    """Read consecutive objects and lists; returns them and whether the last was cut off.

    What is none ends them, such as what an earlier message left in a buffer.

    Raises:
        UnreadableBody: as above, of the first; too_large and too_many, of all.
    """
    reader = _beginning(text, depth_limit, budget)
    found = [reader.first()]
    is_broken_off = reader.is_broken_off
    while reader.has_another():
        try:
            one = reader.value()
        except UnreadableBody as error:
            if error.code == "too_large":
                raise
            break
        if one:
            if len(found) == OBJECTS_MAX:
                raise UnreadableBody("too_many")
            found.append(one)
            is_broken_off = reader.is_broken_off
    return found, is_broken_off


def _beginning(text: str, depth_limit: int, budget: WorkBudget) -> "_Reader":
    text = text.lstrip(_PADDING)
    if not text.startswith(("{", "[")):
        raise UnreadableBody("not_json")
    if _BEGINS_ESCAPED.match(text):
        text = text.replace('\\"', '"')
    return _Reader(text, depth_limit, budget)


class _Reader:
    """One pass over one text; every method leaves ``_at`` behind what it has read."""

    def __init__(self, text: str, depth_limit: int, budget: WorkBudget) -> None:
        self._text = text
        self._depth_left = depth_limit
        self._steps_left = STEPS_MAX
        self._budget = budget
        self._beside_texts = _BESIDE_TEXTS
        self._at = 0
        self.is_broken_off = False

    def first(self) -> Any:
        """Read the first value; an empty one is refused."""
        found = self.value()
        if not found:
            raise UnreadableBody("not_json")
        return found

    def has_another(self) -> bool:
        """Advance to the next object or list, if there is one."""
        self._take(BETWEEN)
        return self._char() in ("{", "[")

    def value(self) -> Any:
        """Read the next value of any kind."""
        self._step()
        char = self._char()
        if char in "{[":
            if not self._depth_left:
                return self._passed_over()
            self._depth_left -= 1
            self._at += 1
            found: Any = self._object() if char == "{" else self._list()
            self._depth_left += 1
            return found
        return self._quoted() if char in _QUOTES else self._bare()

    def _passed_over(self) -> str:
        """Skip a value that is nested too deeply, up to its end."""
        depth = 0
        while True:
            self._take(self._beside_texts)
            char = self._char()
            if char == '"':
                # A text that never ends is none, and neither does one that begins behind it.
                self._beside_texts = _ANYTHING
                continue
            if not char:
                raise UnreadableBody("too_deep")
            self._at += 1
            depth += _DEPTHS[char]
            if not depth:
                return NESTED

    def _object(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while (char := self._next_piece()) not in ("", "}", "]"):
            start = self._at
            key = self._key(char)
            if self._take(_COLON):
                found[key] = None if self._char() in (",", "}") else self.value()
            elif self._at == start:
                self._at += 1  # nothing a key could begin with
        self._close("}", char)
        return found

    def _list(self) -> list[Any]:
        found: list[Any] = []
        while (char := self._next_piece()) not in ("", "]", "}"):
            start = self._at
            element = self.value()
            if self._at == start:
                self._at += 1
            elif isinstance(element, str) and _COLON.match(self._text, self._at):
                self._at = start  # a key: the list was not closed before it
                return found
            else:
                found.append(element)
        self._close("]", char)
        return found

    def _close(self, expected: str, char: str) -> None:
        """Consume the closing bracket; a foreign one is left to the enclosing value."""
        if char == expected:
            self._at += 1
        elif not char:
            self.is_broken_off = True

    def _next_piece(self) -> str:
        self._step()
        self._take(_FILLING)
        return self._char()

    def _key(self, char: str) -> str:
        if char not in _QUOTES:
            return self._take(_BARE_KEY)
        self._at += 1
        key = self._take(_UP_TO_QUOTE[char])
        self._at += 1
        return _unescape(key)

    def _quoted(self) -> str:
        """Read a text; one that never ends goes on to the end of everything."""
        up_to_quote = _UP_TO_QUOTE[self._char()]
        self._at += 1
        start = self._at
        while self._at < len(self._text):
            self._step()
            self._take(up_to_quote)
            end = self._at
            self._at += 1
            if _CLOSES.match(self._text, self._at):
                return _unescape(self._text[start:end])
        self.is_broken_off = True
        return _unescape(self._text[start:])

    def _bare(self) -> Any:
        word = (self._take(_BARE_PICTURE) or self._take(_BARE_VALUE)).strip()
        self._take(_BLANKS)
        if self._take(_STRAY_QUOTE):
            return _unescape(word)  # the quote in front was forgotten
        if word.lower() in _WORDS:
            return _WORDS[word.lower()]
        number = _NUMBER.fullmatch(word)
        if number is None:
            return _unescape(word)
        is_whole = word.lstrip("-").isdecimal()
        return int(word) if is_whole else float(word)

    def _char(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            return ""
        self._at = found.end()
        return found[0]

    def _step(self) -> None:
        self._steps_left -= 1
        if self._steps_left < 0:
            raise UnreadableBody("too_large")
        self._budget.step()


def _unescape(text: str) -> str:
    """Decode the escapes of a text; backslashes that begin none are dropped.

    Each step is one pass of the standard library in C; a call for each escape took 3 s for 8 MB.

    Raises:
        UnreadableBody: too_large, too many of what looks like a character's code is none.
    """
    if "\\" not in text:
        return text
    backslash, quote, *_ = (*(mark for mark in _MARKS if mark not in text), "", "")
    if backslash and quote:
        marked = text.replace("\\\\", backslash).replace('\\"', quote)
        if "\\u" not in marked:
            # No codes: nothing to decode, and texts stay short.
            for escape, char in _CONTROLS.items():
                marked = marked.replace(escape, char)
            plain = marked.replace("\\", "").replace(backslash, "\\").replace(quote, '"')
            return _drop_halves(plain)
    # After this every backslash begins an escape by itself, and there is no quote.
    text = text.replace("\\\\", "\\u005c").replace('\\"', '"').replace('"', "\\u0022")
    if text.count("\\u") > text.count("\\u005c") + text.count("\\u0022"):
        text, strays = _NO_CODE.subn("u", text, count=STRAYS_MAX)
        if strays == STRAYS_MAX:
            raise UnreadableBody("too_large")
    for escape, char in _CONTROLS.items():
        text = text.replace(escape, char)
    # Of the others only codes are kept, marked by quotes meanwhile.
    text = text.replace("\\u", '"').replace("\\", "").replace('"', "\\u")
    return _drop_halves(_DECODER.decode(f'"{text}"'))


def _drop_halves(text: str) -> str:
    if _SURROGATE.search(text):
        # Two escapes for one character are one already; one half may stand in the text itself.
        text = _HALVES.sub(lambda pair: join_halves(pair[0]), text)
        text = _SURROGATE.sub("\ufffd", text)
    return text
