"""Messages: tolerant reading, exact writing."""

import contextlib
import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminal_protocol import (
    FaceMatch,
    Heartbeat,
    PassAnswer,
    ResultFeedback,
    SyncAnswer,
    SyncEntry,
    TemperatureReading,
    WrongMessageType,
    read_body,
    read_feedback,
    without_image,
    write_feedback,
)
from terminal_protocol.values import read_bool, read_temperature_c, read_timestamp

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("9" * 400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["userId", " userID ", "temperature", "mask", "screenTime", "similarity", "img", "idCardInfo",
     "actionCode", "openCode", "openMsg", "Info", "resultList", "status", "deviceid", "IDCardImg"]
) | st.text(max_size=8)  # fmt: skip


@given(st.dictionaries(KEYS, ANYTHING))
def test_no_object_raises_anything_but_not_this_message(data: dict[str, object]) -> None:
    for read in (FaceMatch.from_wire, TemperatureReading.from_wire, read_feedback):
        with contextlib.suppress(WrongMessageType):
            read(data)
    Heartbeat.from_wire(data)


@pytest.mark.parametrize(
    ("sent", "degrees"),
    [
        ("36.5", "36.5"), ("36.5°C", "36.5"), ("36.5℃", "36.5"), ("36.59", "36.59"),
        (36.5, "36.5"), ("36,5", "36.5"), ("３６．５", "36.5"), (" 36.5 ", "36.5"),
        ("97.7°F", "36.5"), ("97.7℉", "36.5"), (37, "37"), ("体温36.5度", "36.5"),
    ],
)  # fmt: skip
def test_temperatures_are_understood_in_every_notation(sent: object, degrees: str) -> None:
    assert read_temperature_c(sent) == (Decimal(degrees), None)


@pytest.mark.parametrize("sent", ["", "0", 0, "0.0", None, " "])
def test_not_measured_is_no_temperature_and_no_fault(sent: object) -> None:
    assert read_temperature_c(sent) == (None, None)


@pytest.mark.parametrize(
    ("sent", "fault"),
    [
        ("warm", "temperature_unreadable"), ([36.5], "temperature_unreadable"),
        ("97.7", "temperature_out_of_range"), ("-5", "temperature_out_of_range"),
        ("1e999", "temperature_out_of_range"), ("12", "temperature_out_of_range"),
    ],
)  # fmt: skip
def test_absurd_temperatures_are_faults(sent: object, fault: str) -> None:
    assert read_temperature_c(sent) == (None, fault)


@given(st.binary(min_size=1, max_size=200), st.booleans())
def test_upload_without_its_picture_says_the_same_of_everything_else(
    image: bytes, is_pass: bool
) -> None:
    read = FaceMatch.from_wire if is_pass else TemperatureReading.from_wire
    written = (
        FaceMatch(user_id="1", image=image, captured_at=datetime(2026, 1, 1, tzinfo=UTC))
        if is_pass
        else TemperatureReading(image=image, captured_at=datetime(2026, 1, 1, tzinfo=UTC))
    ).to_wire()

    light = read(without_image(written))

    assert (light.image, light.image_sha256) == (None, hashlib.sha256(image).hexdigest())
    assert light.faults == ("image_given_up",)
    assert replace(light, image=image, image_sha256="", faults=()) == read(written)
    assert read(light.to_wire()) == light
    assert without_image(without_image(written)) == without_image(written)


@pytest.mark.parametrize("digest", ["", "x" * 64, "ab" * 31, 5, {}, None])
def test_what_is_no_digest_counts_as_not_there(digest: object) -> None:
    message = FaceMatch.from_wire({"userId": "1", "screenTime": 1, "imgSha256": digest})

    assert message.image_sha256 == ""
    assert message.faults == ("image_missing",)


def test_picture_that_is_there_counts_more_than_a_digest() -> None:
    message = FaceMatch.from_wire(
        {"userId": "1", "screenTime": 1, "img": "QUJD", "imgSha256": "ab" * 32}
    )

    assert (message.image, message.image_sha256, message.faults) == (b"ABC", "", ())


def test_an_absurd_temperature_is_kept_beside_the_pass() -> None:
    message = FaceMatch.from_wire({"userId": "1", "temperature": "warm", "img": "QUJD"})

    assert message.temperature_c is None
    assert message.faults == ("captured_at_missing", "temperature_unreadable")
    assert message.extras == {"temperature": "warm"}


@pytest.mark.parametrize("sent", [1487295360, "1487295360", 1487295360000, "1487295360000"])
def test_seconds_and_milliseconds_are_the_same_moment(sent: object) -> None:
    assert read_timestamp(sent) == (datetime(2017, 2, 17, 1, 36, tzinfo=UTC), None)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [(True, True), ("true", True), (1, True), ("1", True), ("是", True), ("１", True),
     (False, False), ("否", False), (0, False), ("", None), (2, None), ("maybe", None)],
)  # fmt: skip
def test_switches_are_understood(sent: object, expected: bool | None) -> None:
    assert read_bool(sent) is expected


def test_the_card_is_read_flat_too() -> None:
    message = FaceMatch.from_wire({"userId": "0", "name": "张三", "id": "43112319961122xxxx"})

    assert message.id_card is not None
    assert (message.id_card.name, message.id_card.number) == ("张三", "43112319961122xxxx")


def test_unknown_pictures_do_not_fill_the_extras() -> None:
    message = FaceMatch.from_wire({"userId": "1", "bigImg": "A" * 5000, "camType": "GATE"})

    assert message.extras == {"bigImg": "(5000 characters)", "camType": "GATE"}


def test_faces_names_and_numbers_stay_out_of_repr() -> None:
    message = FaceMatch.from_wire(
        {"userId": "1", "userName": "李二壮", "img": "QUJD", "idCardInfo": {"id": "4311"}}
    )

    shown = repr(message)

    assert "李二壮" not in shown
    assert "4311" not in shown
    assert "ABC" not in shown


@given(
    st.decimals(min_value=25, max_value=45, places=1),
    st.integers(min_value=1, max_value=4_000_000_000),
    st.binary(min_size=1, max_size=50),
    st.booleans(),
)
def test_a_pass_survives_the_wire(degrees: Decimal, seconds: int, image: bytes, mask: bool) -> None:
    sent = FaceMatch(
        user_id="111222",
        user_name="李二壮",
        device_id="0000001",
        temperature_c=degrees,
        mask=mask,
        captured_at=datetime.fromtimestamp(seconds, UTC),
        similarity=80.0,
        action_code=1,
        image=image,
    )

    read = FaceMatch.from_wire(sent.to_wire())

    for name in ("user_id", "user_name", "temperature_c", "mask", "captured_at", "image"):
        assert getattr(read, name) == getattr(sent, name)
    assert read.faults == ()


def test_feedback_survives_the_wire_alone_and_in_a_list() -> None:
    one = [ResultFeedback("1", "100", "操作成功")]
    two = [*one, ResultFeedback("2", "101", "图片中未检测到人脸")]

    assert read_feedback(write_feedback(one)) == (one, ())
    assert read_feedback(write_feedback(two)) == (two, ())


def test_the_seeds_sync_example_is_read_with_its_stray_blanks() -> None:
    raw = """{"serviceResponse": {"list": [
      {"operation": "delete ", "userType": "user", "userId": "1112222", "userName": "李广",
       "sex": 2, "userRemark": "用户 , 多金", "userImageUrl": "http://eee.com/dedc.jpg",
       "operateTime ": 1487315041},
      {"operation": " save", "userId": "7", "imageUrl": "http://eee.com/a.jpg"}],
      "lastQueryTime": 1487313392 },}"""

    answer = SyncAnswer.from_wire(read_body(raw.encode()).data)

    assert answer is not None
    assert answer.last_query_time == 1487313392
    assert [(one.operation, one.user_id) for one in answer.entries] == [
        ("delete", "1112222"),
        ("save", "7"),
    ]
    assert answer.entries[0].operated_at == 1487315041
    assert answer.entries[1].image_url == "http://eee.com/a.jpg"


def test_sync_entries_keep_to_the_lengths_of_the_seed() -> None:
    entry = SyncEntry("save", "t" * 40, "u" * 32, "名" * 80, 1, "备" * 255, "http://h/i/x.jpg", 1)

    sent = entry.to_wire()

    assert len(sent["userName"]) == 32
    assert len(sent["userRemark"]) == 16
    assert len(sent["userType"]) == 16
    assert sent["imageUrl"] == sent["userImageUrl"] == "http://h/i/x.jpg"


@pytest.mark.parametrize(
    "data",
    [{}, {"ret": "0"}, {"ret": "1", "openDoor": 1}, {"ret": None, "openDoor": 1},
     {"ret": "0", "openDoor": "maybe"}, {"openDoor": 1}, {"ret": "0", "openDoor": 2}],
)  # fmt: skip
def test_a_door_opens_only_on_a_clear_answer(data: dict[str, object]) -> None:
    assert PassAnswer.from_wire(data).open_door is False


def test_an_opening_answer_survives_the_wire() -> None:
    sent = PassAnswer("0", "Success", open_door=True, unlock_delay_ms=9000).to_wire()

    assert sent == {"ret": "0", "desc": "Success", "openDoor": 1, "unlockDelay": 5000}
    assert PassAnswer.from_wire(sent) == PassAnswer("0", "Success", True, 5000)


@pytest.mark.parametrize("inner", ["[" * 900 + "]" * 900, '{"a":' * 900 + "1" + "}" * 900])
def test_an_envelope_as_text_is_not_nested_deeper_than_a_body(inner: str) -> None:
    """The text was read again without the body's limit, and RecursionError escaped."""
    data = {"Info": f'{{"temperature": "36.5", "x": {inner}}}', "mask": True}

    reading = TemperatureReading.from_wire(data)

    assert reading.mask is True
    assert reading.temperature_c == Decimal("36.5")
    assert "(nested)" in repr(reading.extras["x"])


def test_an_unknown_key_nested_far_too_deep_is_named_only() -> None:
    deep: list[object] = []
    for _ in range(900):
        deep = [deep]

    message = FaceMatch.from_wire({"userId": "1", "x": deep})

    assert message.extras == {"x": "(nested)"}


def test_a_number_too_long_to_be_written_down_is_a_fault() -> None:
    """str() of an integer with 5,000 digits raised ValueError."""
    reading = TemperatureReading.from_wire({"temperature": 10**5000, "screenTime": 10**5000})

    assert reading.temperature_c is None
    assert "temperature_unreadable" in reading.faults
    assert "captured_at_unreadable" in reading.faults


@pytest.mark.parametrize("sent", [[1], {"a": 1}, 10**400, True, "soon"])
def test_a_moment_that_cannot_be_read_was_sent_all_the_same(sent: object) -> None:
    message = FaceMatch.from_wire({"userId": "1", "screenTime": sent})

    assert message.captured_at is None
    assert message.captured_raw
    assert "captured_at_unreadable" in message.faults


@pytest.mark.parametrize("sent", [None, "", "  "])
def test_a_moment_that_is_empty_was_not_sent(sent: object) -> None:
    assert FaceMatch.from_wire({"userId": "1", "screenTime": sent}).captured_raw == ""
