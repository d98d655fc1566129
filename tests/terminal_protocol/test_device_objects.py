"""The tables of chapters 8.1 to 8.3: what they take and what they refuse, row by row."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminal_protocol.codes import RetCode
from terminal_protocol.device_fields import FieldFault, FieldKind, WireField
from terminal_protocol.device_objects import (
    AUDIO_OBJECT,
    NETWORK_OBJECT,
    OBJECTS,
    PERI_PARA_OBJECT,
    SIGN_OBJECT,
    SMART_FACE_OBJECT,
    USER_OBJECT,
    WireObject,
)

ROWS = [(table, one) for table in OBJECTS.values() for one in table.fields]
LABELS = [f"{table.name}.{one.name}" for table, one in ROWS]
FACE = {
    "faceEnable": 1,
    "faceCmpEnable": 1,
    "faceThre": 6,
    "faceMinsize": 60,
    "faceMaxsize": 500,
    "faceInterval": 8,
    "imgType": 0,
    "maskDetecEnable": 0,
    "tempDetecEnable": 1,
    "tempWarnThre": 37.3,
    "ftpPutImgEnable": 0,
    "faceFrame": 0,
}


def good(one: WireField) -> Any:
    """Return a value that the row allows."""
    if one.choices:
        return one.choices[0]
    if one.kind in {FieldKind.WHOLE, FieldKind.NUMBER}:
        return one.least if one.least is not None else 7
    return {FieldKind.SWITCH: True, FieldKind.ADDRESS: "10.0.0.1"}.get(one.kind, "x")


def whole(table: WireObject) -> dict[str, Any]:
    return {one.name: good(one) for one in table.fields}


@pytest.mark.parametrize(("table", "one"), ROWS, ids=LABELS)
def test_every_row_takes_its_value_and_misses_it_when_required(
    table: WireObject, one: WireField
) -> None:
    sent = whole(table)
    assert table.read(sent).problems == ()
    assert table.read(sent).values[one.name] == sent[one.name]

    del sent[one.name]

    missed = [(found.name, found.fault, found.code) for found in table.read(sent).problems]
    required = [(one.name, FieldFault.MISSING, RetCode.MISSING_PARAM)]
    assert missed == (required if one.is_required else [])
    assert table.read(sent, is_partial=True).problems == ()


@pytest.mark.parametrize(("table", "one"), ROWS, ids=LABELS)
def test_every_row_refuses_what_lies_beyond_its_limits(table: WireObject, one: WireField) -> None:
    beyond: list[Any] = [{"a": 1}]
    if one.choices:
        beyond += [max(one.choices) + 1, min(one.choices) - 1]
    if one.least is not None:
        beyond.append(one.least - 1)
    if one.most is not None:
        beyond.append(one.most + 1)
    if one.length_max is not None:
        beyond.append("x" * (one.length_max + 1))
    if one.kind in {FieldKind.WHOLE, FieldKind.NUMBER}:
        beyond += ["many", [1]]

    for value in beyond:
        (problem,) = table.read({**whole(table), one.name: value}).problems
        assert (problem.name, problem.code) == (one.name, RetCode.PARAM_INVALID)


@pytest.mark.parametrize(("table", "one"), ROWS, ids=LABELS)
def test_every_row_takes_its_limits_themselves(table: WireObject, one: WireField) -> None:
    limits: list[Any] = [value for value in (one.least, one.most) if value is not None]
    limits += one.choices
    if one.length_max is not None and one.kind is FieldKind.TEXT:
        limits.append("界" * one.length_max)

    for value in limits:
        assert table.read({**whole(table), one.name: value}).problems == ()


def test_wire_names_are_the_seeds_with_its_spelling() -> None:
    assert OBJECTS["DeviceObject"].names == (
        *("deviceID", "deviceName", "appVer", "webVer", "deviceMoel"),
    )
    assert NETWORK_OBJECT.names[-1] == "defRout"
    assert {"wifiFlage", "GB28181Flage"} <= set(OBJECTS["ProductionObject"].names)
    assert SIGN_OBJECT.names[: len(USER_OBJECT.names)] == USER_OBJECT.names


def test_forms_send_everything_as_text() -> None:
    reading = SMART_FACE_OBJECT.read({name: str(value) for name, value in FACE.items()})

    assert reading.problems == ()
    assert reading.values == FACE


def test_unknown_keys_are_kept_apart() -> None:
    reading = SMART_FACE_OBJECT.read({**FACE, "colour": "blue"})

    assert reading.values == FACE
    assert reading.extras == {"colour": "blue"}


def test_optional_values_may_be_null_and_are_then_not_there() -> None:
    reading = USER_OBJECT.read({**whole(USER_OBJECT), "gender": None, "birthday": ""})

    assert reading.problems == ()
    assert not {"gender", "birthday"} & set(reading.values)


@pytest.mark.parametrize("address", ["300.1.1.1", "1.2.3", "::1", "host"])
def test_addresses_are_ipv4(address: str) -> None:
    (problem,) = NETWORK_OBJECT.read({**whole(NETWORK_OBJECT), "DNS2": address}).problems

    assert problem.text == "DNS2: wrong type"


def test_problem_names_the_field_and_the_limits_and_never_the_value() -> None:
    (problem,) = AUDIO_OBJECT.read({**whole(AUDIO_OBJECT), "volumeIn": 99}).problems

    assert problem.text == "volumeIn: out of range, 0 to 15"


def test_writing_is_strict_and_in_the_seeds_order() -> None:
    written = SMART_FACE_OBJECT.write(dict(reversed(FACE.items())))

    assert list(written.items()) == list(FACE.items())
    with pytest.raises(ValueError, match=r"colour"):
        SMART_FACE_OBJECT.write({**FACE, "colour": 1})
    with pytest.raises(ValueError, match=r"faceThre: out of range"):
        SMART_FACE_OBJECT.write({**FACE, "faceThre": 11})
    with pytest.raises(ValueError, match=r"unlockOuttime: missing"):
        PERI_PARA_OBJECT.write({"voiceProswitch": 1})
    assert PERI_PARA_OBJECT.write({"voiceProswitch": 1}, is_partial=True) == {"voiceProswitch": 1}


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50)


@given(st.sampled_from(list(OBJECTS.values())), st.data())
def test_reading_never_raises_and_its_values_can_be_written(
    table: WireObject, data: st.DataObject
) -> None:
    sent = data.draw(
        st.dictionaries(
            st.sampled_from(table.names), _SCALARS | st.lists(_SCALARS, max_size=2), max_size=30
        )
    )

    reading = table.read(sent)

    assert set(table.write(reading.values, is_partial=True)) == set(reading.values)
    named = {one.name for one in reading.problems}
    assert set(table.required) <= named | set(reading.values)
