"""Temperatures in the notations of the field: understood as a whole, or named as a fault."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminal_protocol import TemperatureReading
from terminal_protocol.sign_records import read_sign
from terminal_protocol.values import read_temperature_c, read_unit

FEVER = (Decimal("39.00"), None)
UNREADABLE = (None, "temperature_unreadable")


@pytest.mark.parametrize(
    "sent",
    [
        "102.2\u00baF", "102.2\u02daF", "102.2 \u00ba F", "102.2\u2109", "102.2\u1d52F",
        "102.2\u2070F",
        "102.2 Fahrenheit", "102.2 degF", "102.2 deg F", "102.2 degrees Fahrenheit",
        "102.2 deg. f",
        "102.2\\u00b0F", "102.2\\u00B0F", "102.2\\u2109", "102.2\\xb0F", "102.2&deg;F",
        "102.2&#176;F", "102.2%C2%B0F", "102.2\u00c2\u00b0F", "102.2\ufffdF", "102.2\u63b3F",
        "102.2oF", "102.2?F", "\u00b0F 102.2", "Temp(F): 102.2", "Fahrenheit 102.2", "102.2 F.",
        "102,2 \u534e\u6c0f\u5ea6", "102.2\u00baF (39.0\u00baC)", "39/102.2",
        "102\u00b72 \u00baF",
    ],
)  # fmt: skip
def test_fahrenheit_is_known_however_its_sign_is_drawn(sent: str) -> None:
    """NFKC made a letter or a blank of some signs: a fever was set aside,
    and the door opened."""
    assert read_temperature_c(sent) == FEVER


@pytest.mark.parametrize(
    "sent",
    ["39\u00b70", "39\u066b0", "39\uff0c0", "39:0", "39\uff1a0", "39\u30fb0", "39\u20220",
        "3.9e1", "3.9E+01",
     "\u0663\u0669\u066b\u0660", "39\u5ea60", "39\u70b90", "39.", "39.\u2103", "39.0\u00baC",
        "39 degC", "39 deg C",
     "39 Celsius", "39\u00c2\u00b0C", "39\\u00b0C", "39.0 of normal", "F: 39", "39.0 39.0",
        "\u4f53\u6e29\uff1a39.0"],
)  # fmt: skip
def test_a_decimal_is_read_with_whatever_point_it_has(sent: str) -> None:
    """ "37\u00b79" was 37.0, a fever less, and nothing said so."""
    assert read_temperature_c(sent) == FEVER


@pytest.mark.parametrize(
    "sent",
    ["T1 39.5", "2: 39.5", "38-6", "38 6", "38/6", "38.6.1", "38:6:1", "38.x", "38.--",
        "38\u00bd",
     "38_6", "36.5-39.5", "0x26", "37.0 (39.5)", "38.6\u00b0C 100.0\u00b0F", "1,038.6",
     "36" + " " * 61 + "x6", "x" * 62 + "38.6"],
)  # fmt: skip
def test_a_text_not_understood_as_a_whole_is_a_fault(sent: str) -> None:
    assert read_temperature_c(sent) == UNREADABLE


@given(st.decimals(30, 44, places=1), st.sampled_from("._-'/\u00b7:;* \u066b\uff0c"))
def test_no_notation_makes_another_number(degrees: Decimal, point: str) -> None:
    read, fault = read_temperature_c(str(degrees).replace(".", point))

    assert read == degrees or (read is None and fault)


@pytest.mark.parametrize(
    "word",
    ["F", "\u00baF", "\u02daF", "\u2109", "degF", "deg F", "degrees Fahrenheit", "\\u00b0F",
        1, "1", 1.0, True,
     "true"],
)  # fmt: skip
def test_the_word_of_a_units_field_is_known_however_it_is_written(word: Any) -> None:
    assert read_unit(word) == "F"
    assert read_temperature_c(102.2, read_unit(word)) == FEVER


@pytest.mark.parametrize(
    "word", ["C", "\u00baC", "\u2103", "degC", "Celsius", 0, "0", False, "\u6444\u6c0f"]
)
def test_celsius_in_a_units_field(word: Any) -> None:
    assert read_unit(word) == "C"


@pytest.mark.parametrize("word", ["K", "deg", "2", [1], "fever"])
def test_a_word_that_is_no_unit_stays_unknown(word: Any) -> None:
    assert read_unit(word) is None


@pytest.mark.parametrize(
    "beside",
    [{"unit": "F"}, {"Unit": "\u00baF"}, {"units": "Fahrenheit"},
        {"temperatureUnit": "\u00baF"},
     {"Temperatureunit": True}],
)  # fmt: skip
def test_a_unit_beside_the_temperature_counts(beside: dict[str, Any]) -> None:
    upload = TemperatureReading.from_wire({"temperature": 102.2, "img": "QUJD", **beside})
    pushed = read_sign({"userId": "1", "temperature": "102.2", "signTime": 1, **beside})

    assert (upload.temperature_c, pushed.temperature_c) == (Decimal("39.00"), Decimal("39.00"))
    assert "temperature_out_of_range" not in upload.faults + pushed.faults


@pytest.mark.parametrize("unit", ["F", "C", "3", 1, "2-1202", None])
def test_a_unit_of_something_else_costs_no_temperature(unit: Any) -> None:
    """ "unit" may be where somebody lives."""
    message = TemperatureReading.from_wire({"temperature": "39.0", "unit": unit})

    assert message.temperature_c == 39
    assert message.extras == {"unit": unit}
