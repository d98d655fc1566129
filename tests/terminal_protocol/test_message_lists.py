"""Several messages in one body are each found, and what is none among them is passed over."""

import json
from typing import Any

import pytest

from terminal_protocol import UnreadableBody, messages_in, read_body, read_feedback
from terminal_protocol.message_lists import MESSAGES_MAX

A, B = {"userId": "1", "mask": True}, {"userId": "2", "mask": False}
ONE, OTHER = json.dumps(A), json.dumps(B)
BODIES: dict[str, str] = {
    "joined": ONE + OTHER,
    "lines": f"{ONE}\r\n{OTHER}\n",
    "commas": f"{ONE},{OTHER},",
    "sequence": f"\x1e{ONE}\n\x1e{OTHER}\n",
    "with NULs": f"{ONE}\0{OTHER}\0\0",
    "broken syntax": ONE[:-1] + ",}" + OTHER,
    "single quotes": str(A) + str(B),
    "line breaks in texts": ONE + OTHER.replace('"2"', '"2\n"'),
    "something behind": ONE + OTHER + "123",
    "list": f"[{ONE},{OTHER}]",
    "list with others": f'[{ONE},"x",null,{OTHER}]',
    "lists in a list": f"[[{ONE}],[{OTHER}]]",
    "texts in a list": json.dumps([ONE, OTHER]),
    "list as text": json.dumps(f"[{ONE},{OTHER}]"),
    "joined as text": json.dumps(ONE + OTHER),
    "in the envelope": f'{{"Info":[{ONE},{OTHER}]}}',
    "envelope as text": json.dumps({"Info": f"[{ONE},{OTHER}]"}),
    "envelope with others": f'{{"info":["x",{ONE},[{OTHER}]]}}',
    "envelopes": f'[{{"Info":{ONE}}},{{"Info":{OTHER}}}]',
    "result list": f'{{"resultList":[{ONE},{OTHER}]}}',
    "envelopes in a result list": f'{{"resultList":[{{"Info":[{ONE}]}},{{"Info":{OTHER}}}]}}',
    "lists joined": f"[{ONE}][{OTHER}]",
}


def users(raw: str) -> list[str]:
    found = [one.data for one in messages_in(read_body(raw.encode()))]
    return [str(one.get("Info", one)["userId"]).strip() for one in found]


@pytest.mark.parametrize("raw", BODIES.values(), ids=BODIES)
def test_each_message_is_found(raw: str) -> None:
    assert users(raw) == ["1", "2"]


@pytest.mark.parametrize(
    "raw", [ONE, ONE + "\0\0", f"[[{ONE}]]", f"[{ONE},null]", ONE + "{", ONE + "[1]"]
)
def test_one_message_is_one(raw: str) -> None:
    body = read_body(raw.encode())

    assert users(raw) == ["1"]
    assert not body.is_broken_off


def test_only_the_last_can_have_broken_off() -> None:
    found = messages_in(read_body((ONE + OTHER[:-6]).encode()))

    assert [one.is_broken_off for one in found] == [False, True]


def test_what_stands_beside_a_list_belongs_to_each_of_it() -> None:
    found = messages_in(read_body(f'{{"deviceId":"9","Info":[{ONE},{OTHER}]}}'.encode()))

    assert [one.data["deviceId"] for one in found] == ["9", "9"]


def test_more_than_are_read_at_once_are_refused_and_not_dropped() -> None:
    assert len(messages_in(read_body((ONE * MESSAGES_MAX).encode()))) == MESSAGES_MAX
    with pytest.raises(UnreadableBody, match="too_many"):
        messages_in(read_body((ONE * (MESSAGES_MAX + 1)).encode()))


RESULT: dict[str, Any] = {"userID": "1", "status": "100"}


@pytest.mark.parametrize(
    "raw",
    [
        json.dumps(RESULT) * 2,
        json.dumps({"resultList": RESULT}) * 2,
        json.dumps([{"resultList": RESULT}] * 2),
        json.dumps([[RESULT, RESULT]]),
    ],
)
def test_several_results_are_all_read(raw: str) -> None:
    body = read_body(raw.encode())

    results, faults = read_feedback(body.data, *body.further)

    assert ([one.user_id for one in results], faults) == (["1", "1"], ())
