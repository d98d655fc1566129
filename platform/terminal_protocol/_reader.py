"""Reader of one message: consumes fields by name and collects faults."""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo
from decimal import Decimal
from itertools import islice
from typing import Any

from ._lenient_json import NESTED
from ._text import BROKEN_OFF, DEPTH_LIMIT, read_json
from ._work_budget import WorkBudget
from .exceptions import UnreadableBody
from .values import (
    folded,
    has_more_than,
    has_unkept,
    is_deeper,
    read_bool,
    read_image,
    read_int,
    read_number,
    read_temperature_c,
    read_text,
    read_timestamp,
    read_unit,
    within_depth,
)

# What is kept of keys we have no field for, in bytes of JSON.
EXTRAS_LIMIT_BYTES = 4096
_EXTRA_TEXT_LIMIT = 512
_EXTRA_KEYS_MAX = 200
# Of a number that is kept as text: some 300 digits.
_NUMBER_BITS_MAX = 1024
_ANY_UNIT = ("unit", "units")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def unwrap(
    data: Mapping[str, Any], envelope: str, budget: WorkBudget | None = None
) -> Mapping[str, Any]:
    """Return the object inside an envelope such as "Info", or the object itself when flat.

    What stands beside the envelope is kept; the inside wins where both say something. ``effort``
    is what may be spent on objects in texts, where there are many messages.
    """
    for key, value in data.items():
        if folded(key) != envelope.lower():
            continue
        inner = as_object(value, budget)
        if isinstance(inner, list) and inner:
            inner = inner[0]
        if isinstance(inner, Mapping):
            beside = {name: other for name, other in data.items() if name != key}
            return {**inner, **{name: beside[name] for name in beside if name not in inner}}
    return data


def as_object(value: Any, budget: WorkBudget | None = None) -> Any:
    """Parse a text such as '{"name": …}' to its object; return any other value unchanged.

    Read as a body is, but half an object is none, and so is one for which ``effort`` is not enough.
    """
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        found, repairs = read_json(value, budget or WorkBudget())
    except UnreadableBody:
        return value
    return value if BROKEN_OFF in repairs else within_depth(found, DEPTH_LIMIT)


class FieldReader:
    """Consume values by name, ignoring blanks and case; unconsumed ones are the extras."""

    def __init__(self, data: Mapping[str, Any], *, zone: tzinfo | None = None) -> None:
        """Prepare a message; ``zone`` is its terminal's, for timestamps without one."""
        self._zone = zone
        self._left: dict[str, tuple[str, Any]] = {}
        self.faults: list[str] = []
        for key, value in data.items():
            self._enter(folded(key), (key.strip(), value))
        self.extras: dict[str, Any] = {}
        self._extras_bytes = 0

    def _enter(self, name: str, entry: tuple[str, Any]) -> None:
        """Enter a value; of two under one name the last that says something counts."""
        other = self._left.setdefault(name, entry)[1]
        if other == entry[1] or entry[1] in (None, ""):
            return
        if other not in (None, ""):
            self._fault_once("json_duplicate_keys")
        self._left[name] = entry

    def has_any(self, names: Iterable[str]) -> bool:
        """Return whether one of these names has a value."""
        return any(self._left.get(name.lower(), ("", None))[1] is not None for name in names)

    def take(self, *names: str) -> Any:
        """Consume and return the value of the first name that is present; None if none is."""
        for name in names:
            found = self._left.pop(name.lower(), None)
            if found is not None:
                return found[1]
        return None

    def text(self, *names: str, limit: int, seed_limit: int = 0) -> str:
        """Return text of at most ``limit`` characters; over ``seed_limit`` is a fault."""
        value = self.take(*names)
        if isinstance(value, dict | list):
            self.faults.append(f"{names[0].lower()}_wrong_type")
            self._keep(names[0], value)
            return ""
        text = read_text(value, limit=limit + 1)
        self._note_unkept(value, limit)
        if not text and isinstance(value, int | float):
            self.faults.append(f"{names[0].lower()}_wrong_type")
            self._keep(names[0], value)
        elif len(text) > limit:
            self.faults.append(f"{names[0].lower()}_truncated")
        elif seed_limit and len(text) > seed_limit:
            self.faults.append(f"{names[0].lower()}_too_long")
        return text[:limit]

    def integer(self, *names: str) -> int | None:
        """Return a whole number; something else that is there is a fault."""
        value = self.take(*names)
        number = read_int(value)
        if number is None and value not in (None, ""):
            self._unreadable(names[0], value)
        return number

    def number(self, *names: str) -> float | None:
        """Return a number; something else that is there is a fault."""
        value = self.take(*names)
        number = read_number(value)
        if number is None and value not in (None, ""):
            self._unreadable(names[0], value)
        return number

    def switch(self, *names: str) -> bool | None:
        """Return a switch; something else that is there is a fault."""
        value = self.take(*names)
        switch = read_bool(value)
        if switch is None and value not in (None, ""):
            self._unreadable(names[0], value)
        return switch

    def temperature(self, name: str, *, unit: tuple[str, ...] = ()) -> Decimal | None:
        """Consume degrees Celsius; an implausible value is kept in the extras.

        Args:
            name: of the field.
            unit: names under which another field may say in which unit it is.
        """
        value, unit_sent = self.take(name), self.take(*unit)
        if unit_sent is None:
            unit_sent = self._unit_beside(value)
        unit_read = read_unit(unit_sent)
        degrees, fault = read_temperature_c(value, unit_read)
        if fault:
            self.faults.append(fault)
            self._keep(name, value)
        if unit_read is None:
            self._fault_once("temperature_unit_unknown")
        if unit and unit_sent is not None and (fault or unit_read is None):
            self._keep(unit[0], unit_sent)
        return degrees

    def _unit_beside(self, value: Any) -> Any:
        """Consume "unit", which may belong to any field, where it fits the temperature."""
        for name in _ANY_UNIT:
            word = self._left.get(name, ("", None))[1]
            is_word = isinstance(word, str) and not word.strip().isdigit()
            if is_word and read_unit(word) == "F" and read_temperature_c(value, "F")[0]:
                return self.take(name)
        return None

    def moment(self, *names: str) -> tuple[datetime | None, str]:
        """Consume a timestamp; returns it with its text, which is empty only when none was sent."""
        value = self.take(*names)
        moment, fault = read_timestamp(value, zone=self._zone)
        raw = read_text(value, limit=64)
        if fault:
            self.faults.append(fault)
            if fault == "captured_at_unreadable":
                self._keep(names[0], value)
                raw = raw or type(value).__name__
        return moment, raw

    def image(self, *names: str, required: bool = True, prefix: str = "") -> bytes | None:
        """Consume a picture; ``prefix`` distinguishes its faults from those of another picture."""
        value = self.take(*names)
        image, fault = read_image(value)
        if fault:
            self.faults.append(f"{prefix}{fault}")
        elif image is None and required:
            self.faults.append("image_missing")
        return image

    def digest(self, name: str) -> str:
        """Return a SHA-256 in hexadecimal; anything else counts as not there, and is kept."""
        value = self.take(name)
        text = read_text(value, limit=65).lower()
        if _SHA256.fullmatch(text):
            return text
        if value is not None:
            self._keep(name, value)
        return ""

    def rest(self) -> dict[str, Any]:
        """Return the unconsumed fields, bounded.

        Of a long text (an unknown picture) only the length is kept: extras_shortened. What does
        not fit into EXTRAS_LIMIT_BYTES together with the rest is left out: extras_too_large.
        """
        for key, value in islice(self._left.values(), _EXTRA_KEYS_MAX):
            self._keep(key, value)
        if len(self._left) > _EXTRA_KEYS_MAX:
            self._fault_once("extras_too_large")
        self._left.clear()
        return self.extras

    def _note_unkept(self, value: Any, limit: int) -> None:
        if has_unkept(value, limit=limit):
            self._fault_once("characters_removed")

    def _unreadable(self, name: str, value: Any) -> None:
        self.faults.append(f"{name.lower()}_unreadable")
        self._keep(name, value)

    def _keep(self, key: str, value: Any) -> None:
        if has_more_than(value, EXTRAS_LIMIT_BYTES):
            self._fault_once("extras_too_large")
            return
        if is_deeper(value, DEPTH_LIMIT):
            value = NESTED
        name, cleaned = read_text(key, limit=64), self._clean(value)
        size = len(json.dumps({name: cleaned}, ensure_ascii=False).encode())
        if self._extras_bytes + size <= EXTRAS_LIMIT_BYTES:
            self.extras[name] = cleaned
            self._extras_bytes += size
        else:
            self._fault_once("extras_too_large")

    def _fault_once(self, fault: str) -> None:
        if fault not in self.faults:
            self.faults.append(fault)

    def _clean(self, value: Any) -> Any:
        """Return a value that the database can store: no NUL, surrogate, NaN or huge number."""
        if isinstance(value, Mapping):
            return {read_text(key, limit=64): self._clean(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._clean(inner) for inner in value]
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, int | float):
            number = read_number(value)
            is_small = number is not None and abs(number) < 1e15
            return value if is_small else read_text(value, limit=64) or _written(value)
        text = read_text(value, limit=_EXTRA_TEXT_LIMIT + 1)
        self._note_unkept(value, _EXTRA_TEXT_LIMIT)
        if len(text) <= _EXTRA_TEXT_LIMIT:
            return text
        self._fault_once("extras_shortened")
        return f"({len(value)} characters)"


def _written(value: float) -> str:
    """Return a number as text that no column and no JSON can hold."""
    if isinstance(value, int) and value.bit_length() > _NUMBER_BITS_MAX:
        return f"({value.bit_length()} bits)"
    return str(value)
