"""Objects inside of texts, and unknown fields that nest deeper than a message does."""

import json
from typing import Any

import pytest

from terminal_protocol import (
    FaceMatch,
    PassAnswer,
    TemperatureReading,
    UnreadableBody,
    read_answer,
    read_body,
)
from terminal_protocol.pages import Page
from terminal_protocol.sign_records import read_push, read_sign
from terminal_protocol.values import lookup

BROKEN = [
    '{"temperature": "39.5", "screenTime": 1790000000,}',
    "{'temperature': '39.5', 'screenTime': 1790000000}",
    '{"temperature": "39.5" "screenTime": 1790000000}',
    "{temperature: 39.5, screenTime: 1790000000}",
]
DEPTHS = [33, 70, 400, 2_000, 50_000]


def nested(depth: int) -> str:
    return "[" * depth + '"]"' + "]" * depth


@pytest.mark.parametrize("text", BROKEN)
def test_a_text_in_an_envelope_is_read_as_a_body_is(text: str) -> None:
    """Only strict JSON was, the rest was answered 30003 and lost."""
    reading = read_body(json.dumps({"Info": text}).encode())
    message = TemperatureReading.from_wire(reading.data)

    assert str(message.temperature_c) == "39.50"
    assert message.captured_at is not None
    assert reading.repairs == ("json_syntax",)
    assert not reading.is_broken_off


def test_a_text_in_an_envelope_that_broke_off_is_a_body_that_did() -> None:
    text = '{"userId": "1", "temperature": "39.5", "img": "QUJD'

    reading = read_body(json.dumps({"Info": text}).encode())

    assert FaceMatch.from_wire(reading.data).user_id == "1"
    assert reading.is_broken_off


def test_a_text_that_only_looks_like_an_object_stays_a_text() -> None:
    reading = read_body(b'{"Info": "{}{}", "info": "[", "mask": true}')

    assert TemperatureReading.from_wire(reading.data).mask is True


@pytest.mark.parametrize("text", ['{"id": 7, "signTime": 1,}', "{'id': 7, 'signTime': 1}"])
def test_an_entry_that_is_broken_text_is_not_passed_over(text: str) -> None:
    page = Page.from_wire({"data": [text], "size": 1})
    pushed = read_push({"code": 30000, "data": text}, is_broken_off=False)

    assert (page.entries, page.unreadable) == (({"id": 7, "signTime": 1},), 0)
    assert (pushed.signs, pushed.is_missed) == (({"id": 7, "signTime": 1},), False)


def test_half_an_entry_is_none() -> None:
    assert Page.from_wire({"data": ['{"id": 7, "sign']}).unreadable == 1
    assert read_push({"code": 30000, "data": '[{"id": 7'}, is_broken_off=False).is_missed


def test_a_card_in_broken_text_is_read_and_one_that_is_none_is_named() -> None:
    text = "{'name': 'A', 'id': '4311',}"
    upload = FaceMatch.from_wire({"userId": "1", "idCardInfo": text})
    pushed = read_sign({"userId": "1", "signTime": 1, "idCardInfo": text})
    lost = read_sign({"userId": "1", "signTime": 1, "idCardInfo": "no card"})

    for message in (upload, pushed):
        assert isinstance(message, FaceMatch)
        assert message.id_card is not None
        assert message.id_card.name == "A"
    assert "idcardinfo_wrong_type" in lost.faults


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("tail", ["}", ",}"])
def test_an_unknown_field_is_kept_however_deep_it_is(depth: int, tail: str) -> None:
    """One deep key nobody knows cost the whole record: 30001, given up by the terminal."""
    raw = f'{{"userId": "1", "x": {nested(depth)}, "temperature": "39.9"{tail}'.encode()

    message = FaceMatch.from_wire(read_body(raw).data)
    answer, _repairs = read_answer(raw)

    assert (message.user_id, str(message.temperature_c)) == ("1", "39.90")
    assert "(nested)" in json.dumps(message.extras["x"])
    assert answer["temperature"] == "39.9"


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_deep_field_inside_a_text_costs_nothing_else_either(depth: int) -> None:
    info = f'{{"userId": "1", "x": {nested(depth)}, "temperature": "39.9"}}'

    for data in (read_body(json.dumps({"Info": info}).encode()).data, {"Info": info}):
        message = FaceMatch.from_wire(data)
        assert (message.user_id, str(message.temperature_c)) == ("1", "39.90")


@pytest.mark.parametrize("raw", [b"[" * 2_000, b'{"a":' * 2_000, b"[" * 40 + b"]" * 39])
def test_what_is_nothing_but_deep_is_refused(raw: bytes) -> None:
    with pytest.raises(UnreadableBody):
        read_body(raw)


def test_of_two_names_that_differ_by_case_the_last_counts() -> None:
    data = {"UserId": "1", "userid": "2", "USERID": "", "openDoor": 1, "opendoor": 0, "ret": "0"}

    message = FaceMatch.from_wire(data)

    assert message.user_id == lookup(data, "userId") == "2"
    assert "json_duplicate_keys" in message.faults
    assert PassAnswer.from_wire(data).open_door is False


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("userId", 10**31, str(10**31)), ("userName", [5], [5]), ("userId", {"a": 1}, {"a": 1}),
        ("temperature", 10**40, str(10**40)), ("temperature", 10**5000, "(16610 bits)"),
        ("screenTime", float("inf"), "inf"), ("similarity", float("nan"), "nan"),
        ("similarity", 10**400, "(1329 bits)"), ("unknown", -(10**40), str(-(10**40))),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_could_not_be_read_is_kept(name: str, value: Any, kept: Any) -> None:
    message = FaceMatch.from_wire({"deviceid": "1", "mask": 1, name: value})

    assert message.extras == {name: kept}
