"""What one side writes the other side reads: our terminal and our platform agree."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from terminal_protocol import (
    Ack,
    FaceMatch,
    Heartbeat,
    IdCard,
    PassAnswer,
    ResultFeedback,
    SyncAnswer,
    SyncEntry,
    TemperatureReading,
    read_body,
    read_feedback,
    write_feedback,
)


def _words(longest: int, shortest: int = 0) -> st.SearchStrategy[str]:
    """Text without control characters and without blanks around, as the wire keeps it."""
    letters = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn"))
    words = st.text(letters, max_size=longest).map(str.strip)
    return words.filter(lambda word: len(word) >= shortest)


MOMENTS = st.integers(0, 4_102_444_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
DEGREES = st.none() | st.integers(2500, 4500).map(lambda hundredths: Decimal(hundredths) / 100)
PICTURES = st.binary(min_size=1, max_size=80)
CARDS = st.builds(
    IdCard, name=_words(30), gender=_words(5), address=_words(140), number=_words(36, 1)
)
READINGS: dict[str, Any] = {
    "device_id": _words(32), "uuid_label": _words(32), "nation_code": _words(32),
    "temperature_c": DEGREES, "mask": st.booleans(), "captured_at": MOMENTS, "image": PICTURES,
}  # fmt: skip
ENTRIES = st.builds(
    SyncEntry,
    operation=st.sampled_from(["save", "delete"]), user_type=_words(16), user_id=_words(32, 1),
    user_name=_words(32), sex=st.integers(1, 3), user_remark=_words(16),
    image_url=st.from_regex(r"http://h/[a-z]{1,110}\.jpg", fullmatch=True) | st.just(""),
    operated_at=st.integers(0, 2**63 - 1),
)  # fmt: skip
RESULTS = st.builds(
    ResultFeedback, user_id=_words(32, 1), code=st.from_regex(r"[0-9]{1,8}", fullmatch=True),
    message=_words(32),
)  # fmt: skip


def _over_the_wire(sent: dict[str, Any]) -> dict[str, Any]:
    reading = read_body(json.dumps(sent, ensure_ascii=False).encode())
    assert reading.repairs == ()
    return reading.data


def _without_raw(message: Any) -> dict[str, Any]:
    names = message.__dataclass_fields__
    return {name: getattr(message, name) for name in names if name != "captured_raw"}


@given(st.builds(TemperatureReading, **READINGS, open_code=st.integers(0, 999),
                 open_message=_words(32)))  # fmt: skip
def test_a_temperature_reading(sent: TemperatureReading) -> None:
    read = TemperatureReading.from_wire(_over_the_wire(sent.to_wire()))

    assert _without_raw(read) == _without_raw(sent)


@given(st.builds(FaceMatch, **READINGS, user_id=_words(32), user_name=_words(32),
                 user_type=_words(32), action=_words(16), action_code=st.none() | st.integers(1, 2),
                 similarity=st.integers(0, 100).map(float), id_card=st.none() | CARDS))  # fmt: skip
def test_a_pass(sent: FaceMatch) -> None:
    read = FaceMatch.from_wire(_over_the_wire(sent.to_wire()))

    assert _without_raw(read) == _without_raw(sent)


@given(st.builds(Heartbeat, device_id=_words(64), server_url=_words(128)))
def test_a_heartbeat(sent: Heartbeat) -> None:
    assert Heartbeat.from_wire(_over_the_wire(sent.to_wire())) == sent


@given(st.lists(ENTRIES, max_size=4).map(tuple), st.integers(0, 2**63 - 1))
def test_a_sync_answer(entries: tuple[SyncEntry, ...], cursor: int) -> None:
    sent = SyncAnswer(entries, cursor)

    assert SyncAnswer.from_wire(_over_the_wire(sent.to_wire())) == sent


@given(st.lists(RESULTS, min_size=1, max_size=5))
def test_feedback(sent: list[ResultFeedback]) -> None:
    assert read_feedback(_over_the_wire(write_feedback(sent))) == (sent, ())


@given(st.sampled_from(["0", "30001", "99999"]), _words(60))
def test_an_answer(ret: str, desc: str) -> None:
    assert Ack.from_wire(_over_the_wire(Ack(ret, desc).to_wire())) == Ack(ret, desc)


@given(st.booleans(), st.integers(20, 5000))
def test_an_opening_answer(open_door: bool, delay_ms: int) -> None:
    sent = PassAnswer("0", "Success", open_door, delay_ms)

    assert PassAnswer.from_wire(_over_the_wire(sent.to_wire())) == sent
