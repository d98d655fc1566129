"""Our own collection of what terminals get wrong, beside the golden payloads."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from terminal_protocol import (
    FaceMatch,
    Heartbeat,
    TemperatureReading,
    UnreadableBody,
    fault_words,
    read_body,
    read_feedback,
)

CASES = json.loads(
    (Path(__file__).parent / "fixtures" / "field_cases.json").read_text(encoding="utf-8")
)
# Holds every letter of the alphabet, "+" and "/" included, and no padding.
PICTURE = "/9j/+" + "QUJD/+zA" * 300 + "abc"
PICTURE_BYTES = len(PICTURE) * 3 // 4
WORDS = {
    "{{PICTURE}}": PICTURE,
    "{{PICTURE_WRAPPED}}": "\r\n".join(
        PICTURE[start : start + 76] for start in range(0, len(PICTURE), 76)
    ),
    "{{PICTURE_SLASHES}}": PICTURE.replace("/", "\\/"),
    "{{MANY_PIECES}}": "1," * 40_000,
}


def _named(*kinds: str) -> list[Any]:
    return [pytest.param(case, id=case["name"]) for case in CASES if case["kind"] in kinds]


def _bytes(case: dict[str, Any]) -> bytes:
    body: str = case["body"]
    for word, meaning in WORDS.items():
        body = body.replace(word, meaning)
    return body.encode(case["encoding"])


@pytest.mark.parametrize("case", _named("syface", "syattribute", "syheartbeat"))
def test_a_message_is_understood_in_spite_of_everything(case: dict[str, Any]) -> None:
    kinds = {"syface": FaceMatch, "syattribute": TemperatureReading, "syheartbeat": Heartbeat}

    reading = read_body(_bytes(case), case["content_type"])
    message: Any = kinds[case["kind"]].from_wire(reading.data)

    for name, expected in case["expect"].items():
        if name == "picture":
            assert len(message.image) == PICTURE_BYTES
        elif name == "id_card_name":
            assert message.id_card.name == expected
        elif name == "captured_at" and expected is not None:
            assert message.captured_at == datetime.fromtimestamp(expected, UTC)
        elif name == "temperature_c" and expected is not None:
            assert message.temperature_c == Decimal(expected)
        else:
            assert getattr(message, name) == expected, name
    assert list(getattr(message, "faults", ())) == case["faults"]
    assert list(reading.repairs) == case["repairs"]


@pytest.mark.parametrize("case", _named("syresult"))
def test_results_are_understood_in_every_shape(case: dict[str, Any]) -> None:
    reading = read_body(_bytes(case), case["content_type"])

    results, faults = read_feedback(reading.data)

    assert len(results) == case["expect"]["results"]
    assert all(result.user_id and result.code for result in results)
    assert faults == ()
    assert list(reading.repairs) == case["repairs"]


@pytest.mark.parametrize("case", _named("unreadable"))
def test_what_nothing_can_be_made_of_is_named(case: dict[str, Any]) -> None:
    with pytest.raises(UnreadableBody) as refused:
        read_body(_bytes(case), case["content_type"])

    assert refused.value.code == case["expect"]["code"]


def test_every_fault_and_repair_of_the_cases_has_a_sentence() -> None:
    words = {word for case in CASES for word in [*case["faults"], *case["repairs"]]}

    assert words
    for word in words:
        assert fault_words(word) != word


@pytest.mark.parametrize(
    "body",
    [
        "{'userId': '1', 'img': '%s'}",
        '{"userId": "1" "img": "data:image/jpeg;base64,%s"}',
        '{"userId": "1", "img": %s}',
        '{"userId": "1", "img": "%s',
        '{"userId": "1", "img": "%s",}',
    ],
)
def test_a_picture_of_full_size_does_not_stand_in_the_way_of_a_repair(body: str) -> None:
    """Only pictures in double quotes were set aside; all others made a body "too large"."""
    picture = "/9j/" + "QUJD" * 175_000

    message = FaceMatch.from_wire(read_body((body % picture).encode()).data)

    assert message.user_id == "1"
    assert message.image is not None
    assert len(message.image) == len(picture) * 3 // 4
