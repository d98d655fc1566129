"""Fields of configuration models: ranges, secrets, and the limits that the seed sets."""

import dataclasses
from typing import Any, Final

import msgspec

DEVICE_ID_MAX: Final = 32  # 9.2, deviceid
UNLOCK_DELAY_MIN_MS: Final = 20  # 9.2, unlockDelay
UNLOCK_DELAY_MAX_MS: Final = 5000
RELAY_HOLD_MAX_MS: Final = 30_000  # 8.1.5, unlockOuttime, up to 30 s
CARD_MAX: Final = 40  # 8.2.1, icNumber

_HIDDEN: Final = "hidden"
_PLACE: Final = "place"


def between(least: float, most: float | None) -> msgspec.Meta:
    """Return the range of a number, for ``Annotated``.

    Args:
        least: allowed.
        most: allowed; None for no end.
    """
    return msgspec.Meta(ge=least, le=most)


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


def is_place(one: "dataclasses.Field[Any]") -> bool:
    """Whether a field was declared as a place; see `secret`."""
    return bool(one.metadata.get(_PLACE))
