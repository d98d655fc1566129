"""Every row of the tables 9.2 to 9.5: missing, too long, of the wrong type, at its edge.

A case names the whole reading: what it does not name must be what an empty message has.
"""

import base64
import dataclasses
import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from terminal_protocol import (
    FaceMatch,
    Heartbeat,
    IdCard,
    ResultFeedback,
    TemperatureReading,
    WrongMessageType,
    fault_words,
    read_body,
    read_feedback,
)

CASES = json.loads(
    (Path(__file__).parent / "fixtures" / "table_cases.json").read_text(encoding="utf-8")
)
KINDS: dict[str, Any] = {
    "syface": FaceMatch,
    "syattribute": TemperatureReading,
    "syheartbeat": Heartbeat,
}
MEANING = {
    "temperature_c": Decimal,
    "captured_at": datetime.fromisoformat,
    "image": base64.b64decode,
    "id_card": lambda card: IdCard(**card),
}


def _cases(*, are_messages: bool, is_feedback: bool) -> list[Any]:
    return [
        pytest.param(case, id=case["name"])
        for case in CASES
        if (case["reading"] is not None) == are_messages
        and (not are_messages or (case["kind"] == "syresult") == is_feedback)
    ]


def _data(case: dict[str, Any]) -> dict[str, Any]:
    return read_body(json.dumps(case["body"]).encode()).data


@pytest.mark.parametrize("case", _cases(are_messages=True, is_feedback=False))
def test_a_message_reads_as_written_out(case: dict[str, Any]) -> None:
    expected = {
        name: MEANING.get(name, lambda value: value)(value)
        for name, value in case["reading"].items()
    }
    kind = KINDS[case["kind"]]

    message = kind.from_wire(_data(case))

    faults = tuple(sorted(getattr(message, "faults", ())))
    assert faults == tuple(case["faults"])
    if hasattr(message, "faults"):
        message = dataclasses.replace(message, faults=())
    assert message == kind(**expected)
    assert all(fault_words(fault) != fault for fault in faults)


@pytest.mark.parametrize("case", _cases(are_messages=True, is_feedback=True))
def test_results_read_as_written_out(case: dict[str, Any]) -> None:
    results, faults = read_feedback(_data(case))

    assert results == [ResultFeedback(**one) for one in case["reading"]]
    assert list(faults) == case["faults"]


@pytest.mark.parametrize("case", _cases(are_messages=False, is_feedback=False))
def test_what_says_nothing_is_not_this_message(case: dict[str, Any]) -> None:
    read = read_feedback if case["kind"] == "syresult" else KINDS[case["kind"]].from_wire

    with pytest.raises(WrongMessageType):
        read(_data(case))


def test_each_of_the_four_tables_is_covered() -> None:
    assert {case["source"] for case in CASES} == {"9.2", "9.3", "9.4", "9.5"}
    assert len({case["name"] for case in CASES}) == len(CASES)
