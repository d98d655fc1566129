"""Payloads as terminals really send them become the messages we expect."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from terminal_protocol import (
    Ack,
    FaceMatch,
    Heartbeat,
    PassAnswer,
    RetCode,
    TemperatureReading,
    read_body,
    read_feedback,
)
from tests.support.golden import golden_cases

PICTURE = "/9j/" + "QUJD" * 600
WRAPPED = "\r\n".join(PICTURE[start : start + 76] for start in range(0, len(PICTURE), 76))


def _read(case: dict[str, Any]) -> Any:
    body = case["body"].replace("{{JPEG_BASE64}}", PICTURE)
    body = body.replace("{{JPEG_BASE64_WRAPPED_76}}", WRAPPED)
    data = read_body(body.encode(), case["headers"]["Content-Type"]).data
    kind = case["path"].split("/")[1]
    if kind == "syresult":
        return read_feedback(data)[0]
    readers = {
        "syface": FaceMatch,
        "syattribute": TemperatureReading,
        "syheartbeat": Heartbeat,
    }
    return readers[kind].from_wire(data)


@pytest.mark.parametrize("case", golden_cases())
def test_payload_is_understood(case: dict[str, Any]) -> None:
    message = _read(case)

    for name, expected in case["expect"].get("stored", {}).items():
        if name == "temperature_c":
            assert message.temperature_c == Decimal(str(expected))
        elif name == "captured_at":
            assert message.captured_at == datetime.fromtimestamp(expected, UTC)
        elif name == "id_card_name":
            assert message.id_card.name == expected
        elif name == "extras":
            assert message.extras == expected
        elif name == "picture":
            assert message.image is not None
            assert len(message.image) == len(PICTURE) * 3 // 4
        else:
            assert getattr(message, name) == expected
    if delivery := case["expect"].get("delivery"):
        assert [(one.user_id, one.code) for one in message] == [
            (delivery["user_id"], delivery["code"])
        ]
    if hasattr(message, "faults"):
        assert message.faults == ()


@pytest.mark.parametrize("case", golden_cases())
def test_the_expected_answer_is_one_we_can_write(case: dict[str, Any]) -> None:
    """Every golden upload can be stored, so each is answered with success in the seed's words."""
    expected = case["expect"]

    answer = Ack(RetCode.SUCCESS, RetCode.SUCCESS.message).to_wire()
    opening = PassAnswer(RetCode.SUCCESS, RetCode.SUCCESS.message, True, 20).to_wire()

    assert answer == {"ret": expected["ret"], "desc": expected.get("desc", "Success")}
    assert opening == {**answer, "openDoor": 1, "unlockDelay": 20}
    assert Ack.from_wire(answer).ret == RetCode.SUCCESS


@pytest.mark.parametrize("case", golden_cases("syresult"))
def test_a_list_of_results_is_read_whole_and_in_order(case: dict[str, Any]) -> None:
    sent = json.loads(case["body"])["resultList"]
    entries = sent if isinstance(sent, list) else [sent]

    results = _read(case)

    assert len(results) == len(entries)
    for result, entry in zip(results, entries, strict=True):
        assert result.user_id == (entry.get("userID") or entry["userId"]).strip()
        assert result.code == entry["status"].strip()
        assert result.message == entry["msg"].strip()
