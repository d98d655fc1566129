"""Conversion of TOML tables to dataclass models, checked by msgspec."""

import dataclasses
import typing
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import msgspec

from edge_agent.config.exceptions import ConfigInvalid
from edge_agent.config.fields import is_place

_TYPE_WORDS: Final[dict[Any, str]] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    tuple[str, ...]: "a list of texts",
}


def build(
    model: Any,
    table: Mapping[str, Any],
    *,
    prefix: str,
    base: Path,
    builders: Mapping[type, Callable[..., Any]] | None = None,
) -> Any:
    """Make a value of a model from a table.

    Args:
        model: dataclass; its fields are texts, numbers, paths, enumerations, tuples of texts, or
            dataclasses again.
        table: keys and values as TOML gives them.
        prefix: what stands before the names of keys in sentences, for example ``camera.``.
        base: folder that relative paths start from.
        builders: functions of table, prefix and base for models that are built differently.

    Raises:
        ConfigInvalid: naming the key and what is allowed.
    """
    hints = typing.get_type_hints(model, include_extras=True)
    fields = {one.name: one for one in dataclasses.fields(model) if one.init}
    for key in table:
        if key not in fields:
            known = ", ".join(sorted(fields)) or "none"
            raise ConfigInvalid(f"{prefix}{key}: unknown key; known are {known}")
    values: dict[str, Any] = {}
    for name, one in fields.items():
        hint, key = hints[name], f"{prefix}{name}"
        if dataclasses.is_dataclass(hint):
            values[name] = _section(hint, table.get(name, {}), key, base, builders or {})
        elif name in table:
            value = _value(hint, table[name], key, base)
            values[name] = _located(value, base) if is_place(one) else value
        elif isinstance(one.default, Path):
            values[name] = base / one.default
        elif one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING:
            raise ConfigInvalid(f"{key}: is missing")
    return model(**values)


def _section(
    model: Any, value: Any, key: str, base: Path, builders: Mapping[type, Callable[..., Any]]
) -> Any:
    if not isinstance(value, dict):
        raise ConfigInvalid(f"{key}: must be a section, [{key}]")
    if model in builders:
        return builders[model](value, prefix=f"{key}.", base=base)
    return build(model, value, prefix=f"{key}.", base=base, builders=builders)


def _value(hint: Any, value: Any, key: str, base: Path) -> Any:
    """Convert a value to the type of its field."""

    def as_path(_type: type, text: Any) -> Path:
        if not isinstance(text, str):
            raise msgspec.ValidationError
        return base / Path(text).expanduser()

    try:
        return msgspec.convert(value, hint, dec_hook=as_path)
    except msgspec.ValidationError:
        # Not chained: its message may quote the value.
        raise ConfigInvalid(f"{key}: must be {_allowed(hint, value)}") from None


def _allowed(hint: Any, value: Any) -> str:
    """Describe the allowed values of a field, for an error message."""
    ranges = getattr(hint, "__metadata__", ())
    kind = hint.__origin__ if ranges else hint
    is_number = isinstance(value, int if kind is int else int | float)
    if ranges and is_number and not isinstance(value, bool):
        highest = "inf" if ranges[0].le is None else ranges[0].le
        return f"from {ranges[0].ge} to {highest}"
    if isinstance(value, str) and isinstance(kind, type) and issubclass(kind, StrEnum):
        return f"one of {', '.join(kind)}"
    return _TYPE_WORDS.get(kind, "a text")


def _located(place: str, base: Path) -> str:
    if not place or place.isdecimal() or "://" in place:
        return place
    return str(base / Path(place).expanduser())
