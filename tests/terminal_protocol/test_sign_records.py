"""A terminal's own records, read whatever they say of themselves."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminal_protocol import FaceMatch, TemperatureReading, fault_words
from terminal_protocol.sign_records import read_push, read_sign
from terminal_protocol.values import read_temperature_c, read_unit

ODD: list[Any] = [
    None, "", " ", "null", 0, -1, 1, 10**40, 1e308, float("inf"), True, "NaN", [], {}, [1],
    {"a": {}}, "9" * 500, "x" * 500, "\x00", "\ud800", "12 abc", "李\U0003158e",
]  # fmt: skip
KEYS = (
    "id", "signTime", "type", "userType", "userId", "name", "temperature", "Temperatureunit",
    "temperatureState", "wearMask", "wearMaskAlarm", "similarity", "signAvatar", "inputType",
    "deviceMark", "idCardInfo", "status", "photo",
)  # fmt: skip


@pytest.mark.parametrize(
    ("value", "unit", "degrees"),
    [
        (101.5, 1, "38.61"), ("101.5", "1", "38.61"), (97.400002, 1, "36.33"), (98, 1.0, "36.67"),
        (101.5, "°F", "38.61"), (101.5, "℉", "38.61"), (101.5, " f ", "38.61"),
        (101.5, "华氏", "38.61"), (101.5, "Fahrenheit", "38.61"),
        (36.400002, 0, "36.40"), ("36.4", "C", "36.40"), (36.4, "℃", "36.40"), (36.4, "", "36.40"),
        (36.4, None, "36.40"), ("101.5°F", None, "38.61"), ("101.5F", 0, "38.61"),
        ("101.5℉", None, "38.61"), ("101.5华氏度", None, "38.61"), ("36.5°C", 1, "36.50"),
        # A firmware that prints "°C" behind every number: of a living person only one can be.
        ("101.5°C", 1, "38.61"),
        # Its own sign tells, whatever the other field may mean.
        ("36.5℃", 7, "36.50"),
    ],
)  # fmt: skip
def test_a_temperature_is_read_in_its_unit(value: Any, unit: Any, degrees: str) -> None:
    for key in ("Temperatureunit", "temperatureUnit", "TEMPERATUREUNIT ", "temperature_unit"):
        sign = read_sign({"id": 1, "type": -1, "temperature": value, key: unit})
        upload = FaceMatch.from_wire({"userId": "1", "temperature": value, key: unit})
        reading = TemperatureReading.from_wire({"Info": {"temperature": value, key: unit}})

        for message in (sign, upload, reading):
            assert message.temperature_c == Decimal(degrees)
            assert "temperature_out_of_range" not in message.faults


@pytest.mark.parametrize("unit", [2, -1, "K", "kelvin", [1], {"a": 1}, 10**40])
def test_a_temperature_in_an_unknown_unit_is_set_aside(unit: Any) -> None:
    message = read_sign({"id": 1, "type": -1, "temperature": 309.5, "Temperatureunit": unit})

    assert message.temperature_c is None
    assert message.faults.count("temperature_unit_unknown") == 1
    assert message.extras["temperature"] == 309.5
    assert "temperatureUnit" in message.extras


def test_an_impossible_number_without_a_unit_is_not_made_possible() -> None:
    """101.5 might be Fahrenheit and might be nonsense: no alarm is made of a guess."""
    assert read_temperature_c(101.5) == (None, "temperature_out_of_range")
    assert read_temperature_c(36.5, read_unit(1)) == (None, "temperature_out_of_range")


@pytest.mark.parametrize("value", [0, "0", "", None, "0.0", "0°F"])
@pytest.mark.parametrize("unit", [0, 1, 2, "?"])
def test_nothing_measured_is_nothing_in_every_unit(value: Any, unit: Any) -> None:
    assert read_temperature_c(value, read_unit(unit)) == (None, None)


@given(st.dictionaries(st.sampled_from(KEYS), st.sampled_from(ODD)))
def test_nothing_refuses_a_record(sign: dict[str, Any]) -> None:
    message = read_sign(sign)

    assert all(fault_words(fault) != fault for fault in message.faults)
    for text in (getattr(message, "user_id", ""), getattr(message, "user_name", "")):
        assert "\x00" not in text.encode().decode()


def test_keys_are_found_under_any_case_and_with_blanks() -> None:
    sign = {" USERID": "7", "Name ": "A", "signtime": "1795000020", "TEMPERATURE": "36,5",
            "wear Mask": 1, "\ufefftype": 1}  # fmt: skip

    message = read_sign(sign)

    assert isinstance(message, FaceMatch)
    assert (message.user_id, message.user_name, message.mask) == ("7", "A", True)
    assert message.captured_at is not None
    assert message.faults == ()


def test_what_newer_firmware_adds_is_kept_and_what_is_on_file_is_not() -> None:
    message = read_sign({"id": 9, "userId": "7", "status": 3, "mobile": "1", "idNumber": "4311"})

    assert message.extras == {"record_id": 9, "status": 3}


@pytest.mark.parametrize(
    ("data", "signs", "is_missed"),
    [
        ({"code": 30000, "data": {"id": 1}}, 1, False),
        ({"code": "30000", "Data": {"id": 1}}, 1, False),
        ({"code": 30000, "data": [{"id": 1}, {"id": 2}]}, 2, False),
        ({"code": 30000, "data": [{"id": 1}, "?"]}, 1, True),
        ({"code": 30000, "data": None}, 0, True),
        ({"code": 30000}, 0, True),
        ({"data": {"signTime": 1}}, 1, False),
        ({"signTime": 1}, 1, False),
        ({"code": 20000, "message": " Connected!"}, 0, False),
        ({"code": 12345, "data": {"id": 1}}, 0, False),
    ],
)
def test_a_pushed_message_says_what_it_holds(
    data: dict[str, Any], signs: int, is_missed: bool
) -> None:
    reading = read_push(data, is_broken_off=False)

    assert (len(reading.signs), reading.is_missed) == (signs, is_missed)
