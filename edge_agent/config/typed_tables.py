"""TOML tables become frozen dataclasses; what is unknown or impossible is named and refused."""

import dataclasses
import typing
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from edge_agent.config.exceptions import ConfigInvalid

_RANGE: Final = "range"
_HIDDEN: Final = "hidden"
_PLACE: Final = "place"


def ranged(default: float, least: float, most: float) -> Any:
    """Return a dataclass field for a number from `least` to `most`, both allowed."""
    return dataclasses.field(default=default, metadata={_RANGE: (least, most)})


def secret(default: str = "", *, is_place: bool = False) -> Any:
    """Return a dataclass field for a text that must appear in no output.

    Args:
        default: what holds when the key is missing.
        is_place: whether it is a number, an address, or a path, which starts from the base folder.
    """
    metadata = {_HIDDEN: True, _PLACE: is_place}
    return dataclasses.field(default=default, repr=False, metadata=metadata)


def secrets_of(value: Any) -> set[str]:
    """Return the texts of a dataclass that were declared with `secret`."""
    declared = [one.name for one in dataclasses.fields(value) if _HIDDEN in one.metadata]
    return {str(getattr(value, name)) for name in declared}


def build(
    cls: Any,
    table: Mapping[str, Any],
    *,
    prefix: str,
    base: Path,
    convert: Mapping[type, Any] | None = None,
) -> Any:
    """Make a value of a dataclass from a table.

    Args:
        cls: dataclass; its fields are texts, numbers, paths, enumerations, tuples of texts, or
            dataclasses again.
        table: keys and values as TOML gives them.
        prefix: what stands before the names of keys in sentences, for example ``camera.``.
        base: folder that relative paths start from.
        convert: functions of table, prefix and base for dataclasses that are built differently.

    Raises:
        ConfigInvalid: naming the key and what is wrong with it.
    """
    hints = typing.get_type_hints(cls)
    fields = {one.name: one for one in dataclasses.fields(cls) if one.init}
    for key in table:
        if key not in fields:
            known = ", ".join(sorted(fields)) or "none"
            raise ConfigInvalid(f"{prefix}{key}: unknown key; known are {known}")
    values = {}
    for name, one in fields.items():
        kind, key = hints[name], f"{prefix}{name}"
        if dataclasses.is_dataclass(kind):
            values[name] = _section(kind, table.get(name, {}), key, base, convert or {})
        elif name in table:
            values[name] = _converted(kind, table[name], key, base)
            if one.metadata.get(_PLACE):
                values[name] = _located(values[name], base)
            _check_range(values[name], key, one.metadata)
        elif one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING:
            raise ConfigInvalid(f"{key}: is missing")
        elif isinstance(one.default, Path):
            values[name] = base / one.default
    return cls(**values)


def _section(kind: Any, value: Any, key: str, base: Path, convert: Mapping[type, Any]) -> Any:
    if not isinstance(value, dict):
        raise ConfigInvalid(f"{key}: must be a section, [{key}]")
    if kind in convert:
        return convert[kind](value, prefix=f"{key}.", base=base)
    return build(kind, value, prefix=f"{key}.", base=base, convert=convert)


def _located(place: str, base: Path) -> str:
    if not place or place.isdecimal() or "://" in place:
        return place
    return str(base / Path(place).expanduser())


def _check_range(value: Any, key: str, metadata: Mapping[str, Any]) -> None:
    if _RANGE in metadata:
        least, most = metadata[_RANGE]
        if not least <= value <= most:
            raise ConfigInvalid(f"{key}: must be from {least} to {most}")


def _converted(kind: Any, value: Any, key: str, base: Path) -> Any:
    """Give a value the type of its field; numbers are never taken for truth values or texts."""
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise ConfigInvalid(f"{key}: must be a list of texts")
        return tuple(value)
    wanted: Any = int | float if kind is float else kind
    if kind is Path or issubclass(kind, str):
        wanted = str
    if not isinstance(value, wanted) or (isinstance(value, bool) and kind is not bool):
        raise ConfigInvalid(f"{key}: must be {_TYPE_WORDS.get(kind, 'a text')}")
    if kind is Path:
        return base / Path(value).expanduser()
    if issubclass(kind, StrEnum):
        if value not in list(kind):
            raise ConfigInvalid(f"{key}: must be one of {', '.join(kind)}")
        return kind(value)
    return float(value) if kind is float else value


_TYPE_WORDS: Final[dict[type, str]] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}
