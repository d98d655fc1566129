"""Digest that identifies a message without a picture among others of the same time."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from ._reader import as_object, unwrap
from .messages import UNIT_KEYS
from .values import (
    is_deeper,
    lookup,
    read_bool,
    read_int,
    read_number,
    read_temperature_c,
    read_text,
    read_unit,
)

_DEPTH_LIMIT: Final = 32
# Longer than any column: ids and names that were cut are distinguished by what was sent.
_TEXT_LIMIT: Final = 1024

# Fields of uploads (9.2, 9.3) and of a terminal's own records (8.3.1), and how each is read.
_FIELDS: Final[dict[str, Callable[[Any], Any]]] = {
    "id": lambda value: read_text(value, limit=_TEXT_LIMIT),
    "userId": lambda value: read_text(value, limit=_TEXT_LIMIT),
    "userName": lambda value: read_text(value, limit=_TEXT_LIMIT),
    "name": lambda value: read_text(value, limit=_TEXT_LIMIT),
    "mask": read_bool,
    "wearMask": read_bool,
    "similarity": read_number,
    "actionCode": read_int,
    "openCode": read_int,
    "idCardInfo": lambda _value: None,
}


def message_digest(data: Mapping[str, Any]) -> str:
    """Return a digest of the person and the measurements in a message.

    A value counts as it is read, so that another notation of it is the same; one that cannot be
    read counts as it was sent, so that two of them are not the same because both are unreadable.
    Keys that are not known do not count: they may be another time in each repeat.
    """
    data = unwrap(data, "Info")
    values = {name: _read_value(lookup(data, name), read) for name, read in _FIELDS.items()}
    unit_sent = lookup(data, *UNIT_KEYS)
    unit = read_unit(unit_sent)
    heat = lookup(data, "temperature")
    degrees, fault = read_temperature_c(heat, unit)
    values["temperature"] = [_sent(heat), _sent(unit_sent)] if fault else str(degrees)
    if unit is None:
        values["unit"] = _sent(unit_sent)
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def _read_value(value: Any, read: Callable[[Any], Any]) -> Any:
    if value in (None, ""):
        return None
    found = read(value)
    return [_sent(value)] if found in (None, "") else found


def _sent(value: Any) -> Any:
    """Return a sent value in a canonical form."""
    value = as_object(value)
    return "(nested)" if is_deeper(value, _DEPTH_LIMIT) else json.dumps(value, sort_keys=True)
