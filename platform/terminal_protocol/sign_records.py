"""Records of a terminal (SignObject, 8.3.1), read as the corresponding uploads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any, Final

from ._reader import FieldReader, as_object
from ._work_budget import WorkBudget
from .device_calls import PUSH_RECORD, CallAnswer
from .device_fields import FieldKind
from .device_objects import SIGN_FIELDS, USER_OBJECT
from .messages import UNIT_KEYS, FaceMatch, TemperatureReading, read_card
from .values import lookup, read_int

_STRANGER: Final = -1
# Kept beside the record under names of their own.
_FACTS: Final = {
    "id": "record_id",
    "inputType": "input_type",
    "temperatureState": "temperature_state",
    "wearMaskAlarm": "mask_alarm",
    "deviceMark": "device_mark",
}
_UPLOAD_NAMES: Final = {"wearmask": "mask", "name": "username"}


@dataclass(frozen=True, slots=True)
class PushReading:
    """Contents of a pushed message (8.3.3).

    Attributes:
        signs: records, as sent.
        is_missed: whether it was meant to hold a record, or may have been, and one cannot be read.
        has_no_code: whether it does not even say what it is.
    """

    signs: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    is_missed: bool = False
    has_no_code: bool = False


def read_push(data: Mapping[str, Any], *, is_broken_off: bool) -> PushReading:
    """Read a pushed message, in its envelope or without one.

    A record that broke off before it said when it was taken counts as missed: the terminal's own
    list has it whole.
    """
    answer = CallAnswer.from_wire(data)
    if answer.code not in (0, PUSH_RECORD):
        return PushReading()
    found = as_object(answer.value)
    if found is None and lookup(data, "signTime") is not None:
        found = data
    budget = WorkBudget()
    listed = [as_object(one, budget) for one in found] if isinstance(found, list) else [found]
    has_code = answer.code == PUSH_RECORD
    signs = tuple(
        one
        for one in listed
        if isinstance(one, dict) and one and (has_code or lookup(one, "signTime") is not None)
    )
    if is_broken_off and any(lookup(one, "signTime") is None for one in signs):
        signs = ()
    return PushReading(signs, len(signs) < max(len(listed), 1), has_no_code=not has_code)


def read_sign(
    sign: Mapping[str, Any], *, zone: tzinfo | None = None
) -> FaceMatch | TemperatureReading:
    """Read a SignObject of any content; ``zone`` is its terminal's, as for an upload.

    A person the terminal knew is a pass, a stranger (type -1) is a reading as in 9.3. What is known
    of the person beside id and name is on file, and is not kept here.
    """
    reader = FieldReader(sign, zone=zone)
    types = (read_int(reader.take("type")), read_int(reader.take("userType")))
    facts = _facts(reader)
    captured_at, captured_raw = reader.moment("signTime")
    card = as_object(reader.take("idCardInfo"))
    common: dict[str, Any] = {
        "temperature_c": reader.temperature("temperature", unit=UNIT_KEYS),
        "mask": reader.switch("wearMask"),
        "captured_at": captured_at,
        "captured_raw": captured_raw,
        "image": reader.image("signAvatar", required=False),
    }
    user_id = reader.text("userId", limit=64, seed_limit=40)
    user_name = reader.text("name", limit=120, seed_limit=80)
    similarity = reader.number("similarity")
    id_card, card_faults = read_card(card) if isinstance(card, Mapping) else (None, [])
    if card not in (None, "", []) and not isinstance(card, Mapping):
        card_faults = ["idcardinfo_wrong_type"]
    for one in USER_OBJECT.fields:
        reader.take(one.name)
    common["extras"] = {**facts, **reader.rest()}
    faults = [_fault(one) for one in reader.faults]
    common["faults"] = tuple(dict.fromkeys([*faults, *card_faults]))
    if id_card is None and (not user_id or _STRANGER in types):
        return TemperatureReading(**common)
    return FaceMatch(
        user_id=user_id, user_name=user_name, similarity=similarity, id_card=id_card, **common
    )


def _fault(fault: str) -> str:
    """Return a fault by the name that the field has in uploads."""
    name, _, what = fault.partition("_")
    return f"{_UPLOAD_NAMES[name]}_{what}" if name in _UPLOAD_NAMES else fault


def _facts(reader: FieldReader) -> dict[str, Any]:
    """Return the fields of the table beside the person, without wrong ones."""
    facts: dict[str, Any] = {}
    for one in SIGN_FIELDS:
        if one.name not in _FACTS or one.kind is FieldKind.PICTURE:
            continue
        value, _problem = one.read(reader.take(one.name))
        if value is not None:
            facts[_FACTS[one.name]] = value
    return facts
