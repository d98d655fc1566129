"""Single values, and the few that must be read strictly."""

import base64
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminal_protocol import FaceMatch, PassAnswer, SyncAnswer, SyncEntry, read_body
from terminal_protocol.values import (
    read_cursor,
    read_image,
    read_number,
    read_temperature_c,
    read_text,
    read_timestamp,
)


@pytest.mark.parametrize(
    ("sent", "degrees"),
    [
        ("36. 5", "36.5"), ("36 , 5 ℃", "36.5"), ("36.5/97.7F", "36.5"), ("fever 38.2", "38.2"),
        ("97.7 f", "36.5"), ("97.7Ｆ", "36.5"), ("华氏97.7", "36.5"), ("36.5 Forehead", "36.5"),
    ],
)  # fmt: skip
def test_a_temperature_is_never_silently_another_one(sent: str, degrees: str) -> None:
    """A blank beside the point once made 36 of "36. 5", and any F anywhere made Fahrenheit."""
    assert read_temperature_c(sent) == (Decimal(degrees), None)


@pytest.mark.parametrize("sent", [True, [], {}, float("nan"), float("inf"), 10**400])
def test_a_temperature_of_the_wrong_type_is_a_fault(sent: object) -> None:
    assert read_temperature_c(sent) == (None, "temperature_unreadable")


@pytest.mark.parametrize(
    "sent", ["2020-03-26 14:59:09", "14:59", True, "-5", -5, "soon", [1], "9" * 400, 10**400]
)
def test_what_is_no_unix_time_is_no_moment(sent: object) -> None:
    """ "2020-03-26 …" was once read as 2020 seconds after 1970 began."""
    assert read_timestamp(sent) == (None, "captured_at_unreadable")


@given(st.integers(min_value=100_000_000, max_value=4_102_444_799))
def test_seconds_milliseconds_numbers_and_texts_agree(seconds: int) -> None:
    moment = datetime.fromtimestamp(seconds, UTC)

    for sent in (seconds, str(seconds), seconds * 1000, f" {seconds * 1000} ", float(seconds)):
        assert read_timestamp(sent) == (moment, None)


SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    "sent",
    ["2026-11-30 15:39:14", "2026/11/30 15:39:14", "2026.11.30 15:39:14", "2026-11-30T15:39:14.000",
     "2026年11月30日 15时39分14秒", "2026年11月30日15：39：14", 20261130153914, "20261130153914",
     "20261130T153914", "20261130153914000", "2026-11-30 15:39:14 +0800", "2026-11-30 07:39:14 UTC",
     "2026-11-30 15:39:14 GMT+08:00", "2026-11-30 02:39:14-05", "2026-11-30T07:39:14Z", 1796024354,
     1796024354000, 1796024354000000, "1796024354000000", "1796024354000000000",
     1796024354000000000, "1.796024354E12", "1.796024354e9", "1796024354.", "1796024354,0"],
)  # fmt: skip
def test_a_moment_is_read_as_terminals_write_it(sent: object) -> None:
    moment, fault = read_timestamp(sent, zone=SHANGHAI)

    assert (moment, fault) == (datetime(2026, 11, 30, 7, 39, 14, tzinfo=UTC), None)


def test_parts_of_a_second_are_kept() -> None:
    expected = datetime(2026, 11, 30, 7, 39, 14, 250_000, tzinfo=UTC)
    for sent in ("2026-11-30 15:39:14.25", 1796024354250, 1796024354250000, "20261130153914250"):
        assert read_timestamp(sent, zone=SHANGHAI)[0] == expected
    minutes = read_timestamp("2026-11-30 15:39", zone=SHANGHAI)
    assert minutes == (datetime(2026, 11, 30, 7, 39, tzinfo=UTC), None)


@pytest.mark.parametrize(
    "sent",
    ["2026-11-30", "15:39:14", "30/11/2026 10:00", "05/11/2026 10:00", "2026-13-30 10:00:00",
     "2026-11-31 10:00:00", "2026-11-30 25:00:00", "2026-11-30 15:39:", "2026-11-30 15",
     20261331000000, -5, 99_999_999_999, "1969-12-31 10:00:00", 5 * 10**18,
     "2101-01-02 00:00:00", "2026-11-30 15:39:14 +99:00", "2026-11-30 15:39:14 CST", "soon"],
)  # fmt: skip
def test_what_is_no_date_is_no_moment_in_any_zone(sent: object) -> None:
    assert read_timestamp(sent, zone=SHANGHAI) == (None, "captured_at_unreadable")


@given(st.integers(min_value=0, max_value=2**63 - 1))
def test_a_cursor_is_kept_to_the_last_digit(cursor: int) -> None:
    """The cursor is opaque: nanoseconds lost their last digits on the way through a float."""
    assert read_cursor(cursor) == cursor
    assert read_cursor(f" {cursor} ") == cursor


@pytest.mark.parametrize("sent", [1e300, 2**63, -1, "9" * 64, True, None, "12x", [], float("nan")])
def test_a_cursor_nobody_can_store_is_none(sent: object) -> None:
    """1e300 became an integer that SQLite refuses, and ended the terminal's sync."""
    assert read_cursor(sent) is None
    assert SyncAnswer.from_wire({"list": [], "lastQueryTime": sent}) is None


def test_an_entry_with_an_absurd_time_is_kept() -> None:
    entry = SyncEntry.from_wire({"operation": "delete", "userId": "1", "operateTime": 1e300})

    assert entry is not None
    assert entry.operated_at == 0


def test_the_picture_is_found_under_the_name_that_is_not_empty() -> None:
    entry = SyncEntry.from_wire(
        {"operation": "save", "userId": "1", "userImageUrl": " ", "imageUrl": "http://h/a.jpg"}
    )

    assert entry is not None
    assert entry.image_url == "http://h/a.jpg"


@pytest.mark.parametrize(
    ("sent", "number"),
    [
        ("87\u00b75", 87.5), ("87\u066b5", 87.5), ("87,5", 87.5), ("8.75e1", 87.5), ("87.5%", 87.5),
        ("87.5 of 100", 87.5), ("1e2", 100), ("87:5", None), ("1,234.5", None), ("87'5", None),
        ("0x57", None), ("87_5", None), ("87.5.1", None), ("1e999", None), ("87x", 87),
    ],
)  # fmt: skip
def test_a_number_is_never_the_beginning_of_another_one(sent: str, number: float | None) -> None:
    """A likeness of "87\u00b75" was 87 without a word, one of "8.75e1" was 8.75."""
    assert read_number(sent) == number


@pytest.mark.parametrize("sent", [1, "1", " 1 ", True])
def test_the_ways_to_say_open(sent: object) -> None:
    assert PassAnswer.from_wire({"ret": "0", "openDoor": sent}).open_door is True


@pytest.mark.parametrize(
    "sent", ["1 maybe", "1.9", "１", 1.5, 10, "yes", [1], {"openDoor": 1}, None]
)
def test_what_only_looks_like_an_allow_keeps_the_door_closed(sent: object) -> None:
    """ "1 maybe" once opened: numbers are read leniently everywhere else."""
    assert PassAnswer.from_wire({"ret": "0", "openDoor": sent}).open_door is False


@given(st.binary(min_size=1, max_size=200), st.sampled_from(["", "data:image/jpeg;base64,"]))
def test_a_picture_survives_every_way_of_writing_base64(raw: bytes, prefix: str) -> None:
    plain = base64.b64encode(raw).decode()
    url_safe = base64.urlsafe_b64encode(raw).decode()
    spaced = " \r\n".join(plain[start : start + 7] for start in range(0, len(plain), 7))

    for text in (plain, url_safe, plain.rstrip("="), spaced):
        assert read_image(prefix + text) == (raw, None)


@given(st.text(max_size=40))
def test_text_can_be_stored_anywhere(text: str) -> None:
    read = read_text(text, limit=20)

    assert len(read) <= 20
    assert "\x00" not in read
    read.encode()


def test_a_hundred_thousand_unknown_keys_leave_one_fault_and_bounded_extras() -> None:
    """Once every key beyond the limit left a fault of its own and a second pass over the rest."""
    data = {"userId": "1", **{f"k{number}": number for number in range(100_000)}}

    message = FaceMatch.from_wire(data)

    assert message.faults.count("extras_too_large") == 1
    assert len(message.extras) <= 200
    assert len(message.faults) == 3


def test_the_text_of_an_unknown_picture_is_not_walked_through() -> None:
    message = FaceMatch.from_wire(
        read_body(b'{"userId": "1", "big": "' + b"A" * 900_000 + b'"}').data
    )

    assert message.extras == {"big": "(900000 characters)"}
