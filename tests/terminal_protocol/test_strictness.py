"""What must not be guessed, and what must not be sent."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from terminal_protocol import (
    Ack,
    FaceMatch,
    PassAnswer,
    SyncEntry,
    TemperatureReading,
    WrongMessageType,
    fault_words,
)
from terminal_protocol.values import read_temperature_c, read_timestamp


@pytest.mark.parametrize(
    "sent",
    ["2017-02-17T09:36:00+08:00", "2017-02-17 01:36:00Z", "2017-02-17T01:36:00.000+00:00",
     " 20170217T013600Z "],
)  # fmt: skip
def test_a_date_that_names_its_offset_is_a_moment(sent: str) -> None:
    assert read_timestamp(sent) == (datetime(2017, 2, 17, 1, 36, tzinfo=UTC), None)


@pytest.mark.parametrize(
    "sent",
    ["2017-02-17 09:36:00", "2017-02-17T09:36:00", "2017-02-17", "1487295360 s", "1487295360s",
     "1969-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", True, False],
)  # fmt: skip
def test_a_moment_is_not_guessed(sent: object) -> None:
    """A date without a zone was once taken for 2017 seconds after 1970 began, True for one."""
    assert read_timestamp(sent) == (None, "captured_at_unreadable")


@pytest.mark.parametrize("sent", ["36。5", "３６。５", "36｡5℃"])
def test_a_chinese_full_stop_is_a_point(sent: str) -> None:
    assert read_temperature_c(sent) == (Decimal("36.5"), None)


IDENTITY = {"deviceid": "1", "uuid": "SY001", "nationCode": "x", "openMsg": "", "action": "in"}


@pytest.mark.parametrize("data", [{"deviceid": "1"}, IDENTITY, {}, {"Heartinfo": IDENTITY}])
def test_who_the_device_is_makes_no_message(data: dict[str, object]) -> None:
    for read in (FaceMatch.from_wire, TemperatureReading.from_wire):
        for sent in (data, {"Info": data}):
            with pytest.raises(WrongMessageType):
                read(sent)


@pytest.mark.parametrize(
    "key",
    ["userId", "userName", "img", "screenTime", "temperature", "similarity", "mask", "openCode",
     "idCardInfo", "IDCardImg"],
)  # fmt: skip
def test_one_field_of_a_pass_is_enough_to_keep_it(key: str) -> None:
    message = FaceMatch.from_wire({"deviceid": "1", key: "x"})

    assert message.device_id == "1"
    with pytest.raises(WrongMessageType):
        FaceMatch.from_wire({"deviceid": "1", key: None})


@pytest.mark.parametrize("key", ["temperature", "mask", "img", "screenTime", "openCode"])
def test_one_field_of_a_reading_is_enough_to_keep_it(key: str) -> None:
    assert TemperatureReading.from_wire({"deviceid": "1", key: "x"}).faults


def test_a_pass_without_temperature_or_picture_is_no_reading() -> None:
    with pytest.raises(WrongMessageType):
        TemperatureReading.from_wire({"userId": "1", "userName": "李二壮", "similarity": 80})


@pytest.mark.parametrize(
    ("degrees", "sent"),
    [("40", "40.0"), ("4E+1", "40.0"), ("36.50", "36.5"), ("36.59", "36.59"), ("36.0", "36.0")],
)
def test_a_temperature_is_written_with_its_point(degrees: str, sent: str) -> None:
    """With its unit in 9.2 and without in 9.3, as the examples print them."""
    match = FaceMatch(user_id="1", temperature_c=Decimal(degrees)).to_wire()
    reading = TemperatureReading(temperature_c=Decimal(degrees)).to_wire()

    assert match["temperature"] == f"{sent}°C"
    assert reading["Info"]["temperature"] == sent


def test_an_unknown_direction_is_not_sent_as_entry() -> None:
    assert "actionCode" not in FaceMatch(user_id="1").to_wire()
    assert FaceMatch(user_id="1", action_code=2).to_wire()["actionCode"] == 2


def test_what_the_seed_requires_is_sent_even_when_unknown() -> None:
    sent = FaceMatch(user_id="1").to_wire()

    assert (sent["mask"], sent["screenTime"], sent["similarity"]) == (False, 0, 0)
    assert sent["temperature"] == ""


@pytest.mark.parametrize(("length", "is_sent"), [(128, True), (129, False)])
def test_an_address_the_terminal_cannot_hold_is_not_sent(length: int, is_sent: bool) -> None:
    url = "http://h/".ljust(length - 4, "x") + ".jpg"
    entry = SyncEntry("save", "user", "1", "n", 1, "", url, 1)

    sent = entry.to_wire()

    assert entry.is_address_too_long is not is_sent
    assert sent["imageUrl"] == sent["userImageUrl"] == (url if is_sent else "")


@pytest.mark.parametrize("answer", [None, [], "ok", 0])
def test_an_answer_that_is_no_object_is_an_unknown_error(answer: object) -> None:
    assert Ack.from_wire(answer) == Ack("99999", "")
    assert PassAnswer.from_wire(answer).open_door is False


def test_a_long_unknown_text_leaves_its_length_and_a_fault() -> None:
    message = FaceMatch.from_wire({"userId": "1", "big": "A" * 5000, "in": {"deep": ["B" * 600]}})

    assert message.extras == {"big": "(5000 characters)", "in": {"deep": ["(600 characters)"]}}
    assert message.faults.count("extras_shortened") == 1
    assert fault_words("extras_shortened") != "extras_shortened"
