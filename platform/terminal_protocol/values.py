"""Readers of single values in any notation that terminals use; none of them raises.

A reader returns None (or "") for "not there or not understood"; the ``*_fault`` variants of the
messages tell the two apart.
"""

import math
import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any

from ._damaged_text import join_halves
from ._lenient_json import NESTED
from ._pictures import bytes_of_base64
from ._temperatures import POINTS, degrees_of_text, unit_of_word
from ._timestamps import timestamp_from_number, timestamp_from_text

_INT_MAX = 2**31 - 1
_END = object()
_TEMPERATURE_LIMIT = 64
_NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)?|[-+]?[.,]\d+")
_BEGINNING = re.compile(r"[-+]?(?:\d++(?:[.,]\d++)?|[.,]\d++)(?:[eE][-+]?\d{1,3}(?!\d))?")
# "87:5", "1,234.5" and "0x57" are no 87, 1.234 and 0.
_GOES_ON = re.compile(r"[.,:'_xX\u2019]?\d")
_UNKEPT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_HALF = re.compile("[\ud800-\udfff]")
_WHOLE_NUMBER = re.compile(r"[-+]?\d{1,64}")
_TRUE = {"true", "1", "yes", "y", "on", "是", "有", "已佩戴"}
_SWITCHES: dict[float, bool] = {0: False, 1: True}
_FALSE = {"false", "0", "no", "n", "off", "否", "无", "未佩戴"}
# Java writes large numbers so: 1.764495554E12.
_WRITTEN_NUMBER = re.compile(r"[-+]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE]\+?\d{1,2})?")


def lookup(data: Mapping[str, Any], *names: str) -> Any:
    """Return the value of the first of ``names`` that is there, blanks and case ignored.

    Of two under one name it is the last that says something.
    """
    for name in names:
        wanted = name.lower()
        is_there, found = False, None
        for key, value in data.items():
            is_same = key == name or (len(key) >= len(name) and folded(key) == wanted)
            if is_same and (not is_there or value not in (None, "")):
                is_there, found = True, value
        if is_there:
            return found
    return None


def folded(key: str) -> str:
    """Return a key as keys are compared: no case, no blanks, no padding of a buffer."""
    return "".join(key.split()).strip("\x00\ufeff").lower()


def is_deeper(value: Any, limit: int) -> bool:
    """Return whether objects and lists nest more than ``limit`` levels."""
    layer = [value]
    for _ in range(limit + 1):
        layer = [one for one in layer if isinstance(one, dict | list)]
        if not layer:
            return False
        layer = [
            inner
            for outer in layer
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return True


def has_more_than(value: Any, limit: int) -> bool:
    """Return whether there are more than so many nested values, without counting further."""
    waiting = [iter((value,))]
    while waiting:
        inner = next(waiting[-1], _END)
        if inner is _END:
            waiting.pop()
            continue
        limit -= 1
        if limit < 0:
            return True
        if isinstance(inner, dict | list):
            waiting.append(iter(inner.values() if isinstance(inner, dict) else inner))
    return False


def within_depth(value: Any, limit: int) -> Any:
    """Return a value with everything nested deeper than ``limit`` replaced by a placeholder."""
    return _named_below(value, limit) if is_deeper(value, limit) else value


def _named_below(value: Any, limit: int) -> Any:
    if not isinstance(value, dict | list):
        return value
    if not limit:
        return NESTED
    if isinstance(value, list):
        return [_named_below(inner, limit - 1) for inner in value]
    return {key: _named_below(inner, limit - 1) for key, inner in value.items()}


def read_text(value: Any, *, limit: int = 255) -> str:
    """Return a value as clean text: no control characters, no blanks around, bounded.

    Characters that Python has no name for yet are kept: there are people called by them.
    """
    if value is None or isinstance(value, dict | list):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if not math.isfinite(value):
            return ""
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else str(value)
    if isinstance(value, int):
        return str(value) if abs(value) < 10**30 else ""
    # Cut first: a picture under an unknown name must not be walked through.
    text = _beginning(str(value), limit)
    return _UNKEPT.sub("", text).strip()[:limit]


def has_unkept(value: Any, *, limit: int) -> bool:
    """Return whether `read_text` drops characters: controls and lone surrogates."""
    return isinstance(value, str) and _UNKEPT.search(_beginning(value, limit).strip()) is not None


def _beginning(text: str, limit: int) -> str:
    text = text[: 4 * limit + 64]
    return join_halves(text) if _HALF.search(text) else text


def read_number(value: Any) -> float | None:
    """Return a finite number from a number or a text that starts with one, never a part of one."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int | float):
        try:
            number = float(value)
        except OverflowError:
            return None
        return number if math.isfinite(number) else None
    if not isinstance(value, str):
        return None
    text = unicodedata.normalize("NFKC", value[:64].translate(POINTS)).strip()
    found = _BEGINNING.match(text)
    if found is None or _GOES_ON.match(text, found.end()):
        return None
    number = float(found[0].replace(",", "."))
    return number if math.isfinite(number) else None


def read_cursor(value: Any) -> int | None:
    """Return a whole number of at most 63 bits, to the last digit; text that is one counts too."""
    if isinstance(value, str):
        text = unicodedata.normalize("NFKC", value[:64]).strip()
        value = int(text) if _WHOLE_NUMBER.fullmatch(text) else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value < 2**63 else None


def read_int(value: Any) -> int | None:
    """Return a whole number that fits 32 bits."""
    number = read_number(value)
    if number is None or not number.is_integer() or abs(number) > _INT_MAX:
        return None
    return int(number)


def read_bool(value: Any) -> bool | None:
    """Return a switch in any usual notation, Chinese included."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _SWITCHES.get(value)
    if not isinstance(value, str):
        return None
    word = unicodedata.normalize("NFKC", value[:32]).strip().lower()
    if word in _TRUE:
        return True
    return False if word in _FALSE else None


def read_unit(value: Any) -> str | None:
    """Return "F" or "C" from the value of a unit field, "" for an unknown one.

    None is a unit that is not known.
    """
    if value is None:
        return ""
    text = read_text(value, limit=32)
    if not text and isinstance(value, str):
        return ""
    return unit_of_word(text)


def read_temperature_c(value: Any, unit: str | None = "") -> tuple[Decimal | None, str | None]:
    """Return (degrees Celsius, fault).

    Understood: numbers, "36.5°C", "36.5℃", "36,5", "36. 5", "36。5", "36·5", "36:5", "3.65e1",
    digits of any script, "97.9°F" by its sign however it is drawn. "", "0" and 0 mean not measured
    (field notes): (None, None). A text that is not understood as a whole is a fault.

    Args:
        value: as sent.
        unit: what a field of its own says (`read_unit`), for numbers that carry no sign. Without
            either it is degrees Celsius: 101.5 is then none of a living person.
    """
    if value is None:
        return None, None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None, "temperature_unreadable"
    text = read_text(value, limit=_TEMPERATURE_LIMIT + 1)
    if not text:
        # A number that has no text cannot be written down.
        return None, None if isinstance(value, str) else "temperature_unreadable"
    if len(text) > _TEMPERATURE_LIMIT:
        return None, "temperature_unreadable"  # a number might be cut
    return degrees_of_text(text, unit)


def read_timestamp(value: Any, *, zone: tzinfo | None = None) -> tuple[datetime | None, str | None]:
    """Return (UTC timestamp, fault) of a terminal's timestamp.

    Read are seconds since 1970 and their parts down to nanoseconds, and a date with a time. A
    terminal whose clock is wrong still says what it believes: any year from 1970 to 2100.

    Args:
        value: as sent, number or text.
        zone: where the terminal is. "2020-03-26 14:59:09" could be any zone's, and without this
            it is a fault, not a guess.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None, "captured_at_missing"
    moment = None
    if isinstance(value, str):
        text = unicodedata.normalize("NFKC", value[:64]).strip()
        moment = timestamp_from_text(text, zone=zone)
        value = _seconds_written(text)
    number = None if isinstance(value, bool) else read_number(value)
    if moment is None and number is not None:
        moment = timestamp_from_number(number, zone=zone)
    return moment, None if moment else "captured_at_unreadable"


def _seconds_written(text: str) -> float | None:
    """Return the number that a text is, 1.7E9 too."""
    return float(text.replace(",", ".")) if _WRITTEN_NUMBER.fullmatch(text) else None


def read_image(value: Any) -> tuple[bytes | None, str | None]:
    """Return (bytes, fault) of a base64 picture.

    Passed over are blanks, line breaks, marks and NUL, what stands before and behind ("data:…,",
    quotes, brackets), escapes, missing padding and padding inside.
    """
    if value is None or value == "":
        return None, None
    image = bytes_of_base64(value) if isinstance(value, str) else None
    if image is None:
        return None, "image_not_base64"
    return image or None, None
