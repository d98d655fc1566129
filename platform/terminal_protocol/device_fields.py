"""Field of an object of chapters 4 to 8: type, limits, and reading of a value.

Reading takes what forms and careless clients send ("1" for 1, ``true`` for 1) and never raises;
what is wrong is named. Used by `device_objects` and `device_calls`.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from .codes import RetCode
from .values import folded, lookup, read_bool, read_int, read_number, read_text

# Of a text without a limit in the seed; nothing in these objects is longer.
_TEXT_MAX: Final = 1024
# Whole numbers of the seed are seconds at most; this leaves room for milliseconds.
_WHOLE_MAX: Final = 2**53


class FieldKind(StrEnum):
    """Type of a field as the seed names it; ``picture`` and ``address`` are its strings."""

    TEXT = "string"
    WHOLE = "integer"
    NUMBER = "double"
    SWITCH = "boolean"
    PICTURE = "base64"
    ADDRESS = "ipv4"


class FieldFault(StrEnum):
    """Faults of a value."""

    MISSING = "missing"
    EMPTY = "empty"
    WRONG_TYPE = "wrong type"
    OUT_OF_RANGE = "out of range"
    TOO_LONG = "too long"


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """A value that cannot be taken; never holds the value."""

    name: str
    fault: FieldFault
    allowed: str = ""

    @property
    def code(self) -> RetCode:
        """Code of chapter 7: 30003 for a missing value, 30001 for a wrong one."""
        is_missing = self.fault is FieldFault.MISSING
        return RetCode.MISSING_PARAM if is_missing else RetCode.PARAM_INVALID

    @property
    def text(self) -> str:
        """Message to the caller, for ``desc``: ``faceThre: out of range, 0 to 10``."""
        return f"{self.name}: {self.fault}" + (f", {self.allowed}" if self.allowed else "")


@dataclass(frozen=True, slots=True)
class WireField:
    """One row of a table of the seed.

    Attributes:
        name: on the wire, misspelt where the seed misspells it.
        kind: its type.
        label: what it means, in English.
        is_required: 是否必须.
        least: smallest number allowed, None without a limit.
        most: greatest number allowed, None without a limit.
        choices: the only numbers allowed; empty when `least` and `most` say it all.
        length_max: longest text in characters, None without a limit of the seed.
        may_be_empty: whether an empty text is a value (可以为空串); optional texts always may be.
    """

    name: str
    kind: FieldKind
    label: str
    is_required: bool = True
    least: float | None = None
    most: float | None = None
    choices: tuple[int, ...] = ()
    length_max: int | None = None
    may_be_empty: bool = False

    def read(self, value: Any) -> tuple[Any, FieldProblem | None]:
        """Read a value that is there.

        Returns:
            The value (str, int, float or bool by `kind`; a picture stays base64), None with a
            problem. An optional field sent as null or, unless it is a text, as "" has no value:
            (None, None).
        """
        if value is None or (value == "" and not self._is_text):
            return None, self._problem(FieldFault.MISSING) if self.is_required else None
        if self._is_text:
            return self._read_text(value)
        if self.kind is FieldKind.SWITCH:
            return self._typed(read_bool(value))
        if self.kind is FieldKind.NUMBER:
            return self._in_range(read_number(value))
        return self._in_range(_whole(value))

    @property
    def allowed(self) -> str:
        """The limits as text; empty without any."""
        if self.choices:
            return "one of " + ", ".join(str(one) for one in self.choices)
        if self.least is not None and self.most is not None:
            return f"{self.least:g} to {self.most:g}"
        return "" if self.length_max is None else f"at most {self.length_max} characters"

    @property
    def _is_text(self) -> bool:
        return self.kind in {FieldKind.TEXT, FieldKind.PICTURE, FieldKind.ADDRESS}

    def _read_text(self, value: Any) -> tuple[Any, FieldProblem | None]:
        if self.kind is FieldKind.PICTURE:
            is_text = isinstance(value, str)
            return (value, None) if is_text else (None, self._problem(FieldFault.WRONG_TYPE))
        if isinstance(value, bool | dict | list):
            return None, self._problem(FieldFault.WRONG_TYPE)
        most = _TEXT_MAX if self.length_max is None else self.length_max
        text = read_text(value, limit=most + 1)
        if len(text) > most:
            return None, self._problem(FieldFault.TOO_LONG)
        if not text:
            is_taken = self.may_be_empty or not self.is_required
            return ("", None) if is_taken else (None, self._problem(FieldFault.EMPTY))
        if self.kind is FieldKind.ADDRESS and not _is_ipv4(text):
            return None, self._problem(FieldFault.WRONG_TYPE)
        return text, None

    def _in_range(self, number: float | None) -> tuple[Any, FieldProblem | None]:
        if number is None:
            return self._typed(None)
        is_low = self.least is not None and number < self.least
        is_high = self.most is not None and number > self.most
        if is_low or is_high or (self.choices and number not in self.choices):
            return None, self._problem(FieldFault.OUT_OF_RANGE)
        return number, None

    def _typed(self, value: Any) -> tuple[Any, FieldProblem | None]:
        return value, self._problem(FieldFault.WRONG_TYPE) if value is None else None

    def _problem(self, fault: FieldFault) -> FieldProblem:
        is_about_limits = fault in {FieldFault.OUT_OF_RANGE, FieldFault.TOO_LONG}
        return FieldProblem(self.name, fault, self.allowed if is_about_limits else "")


@dataclass(frozen=True, slots=True)
class FieldsReading:
    """Result of reading an object.

    Attributes:
        values: wire name to value, of every field that is there and in order.
        problems: of every field that is not.
        extras: what belongs to no field, as sent.
    """

    values: dict[str, Any] = field(repr=False)
    problems: tuple[FieldProblem, ...] = ()
    extras: dict[str, Any] = field(default_factory=dict, repr=False)


def read_fields(
    fields: Sequence[WireField], data: Mapping[str, Any], *, is_partial: bool = False
) -> FieldsReading:
    """Read an object by its table, ignoring blanks around names and their case.

    Args:
        fields: the table.
        data: as it came from JSON, a form or an address.
        is_partial: whether required fields may be absent.
    """
    values: dict[str, Any] = {}
    problems: list[FieldProblem] = []
    for one in fields:
        sent = lookup(data, one.name)
        if sent is None:
            if one.is_required and not is_partial:
                problems.append(FieldProblem(one.name, FieldFault.MISSING))
            continue
        value, problem = one.read(sent)
        if problem is not None:
            problems.append(problem)
        elif value is not None:
            values[one.name] = value
    known = {one.name.lower() for one in fields}
    extras = {key: value for key, value in data.items() if folded(key) not in known}
    return FieldsReading(values, tuple(problems), extras)


def _whole(value: Any) -> int | None:
    if isinstance(value, str):
        text = value.strip()
        digits = text.removeprefix("-")
        return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 16 else None
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) <= _WHOLE_MAX else None
    return read_int(value)


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True
