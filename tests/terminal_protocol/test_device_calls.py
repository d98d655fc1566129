"""The calls of chapter 8: addresses, methods, signature, answers, pages, push."""

import re
from typing import Any

import pytest

from terminal_protocol.device_calls import (
    CALLS,
    CallAnswer,
    CallMethod,
    push_connected,
    push_denied,
    push_record,
    signed_query,
)
from terminal_protocol.pages import Page

# Section, method and address as printed in the seed.
ADDRESSES = [
    "8.1.7 POST /api/device/open",
    "8.1.8 POST /api/device/syncTime",
    "8.1.9 POST /api/device/reboot",
    "8.1.10 POST /api/device/jsonCmd",
    "8.1.11 POST /api/device/information",
    "8.1.12 POST /api/device/network",
    "8.1.13 POST /api/device/networkcfg",
    "8.1.14 POST /api/device/smartface",
    "8.1.15 POST /api/device/smartfacecfg",
    "8.1.16 POST /api/device/perpara",
    "8.1.17 POST /api/device/perparacfg",
    "8.2.2 POST /api/user",
    "8.2.3 POST /api/user/update/{userId}",
    "8.2.4 GET /api/user/delete/{userId}",
    "8.2.5 GET /api/user/list",
    "8.3.2 GET /api/record",
]


def test_every_address_of_the_seed_is_a_call() -> None:
    assert [f"{one.section} {one.method} {one.path}" for one in CALLS.values()] == ADDRESSES


def test_ids_are_quoted_into_addresses() -> None:
    assert CALLS["userDelete"].address("all") == "/api/user/delete/all"
    assert CALLS["userUpdate"].address("2.jpg/张 ?") == ("/api/user/update/2.jpg%2F%E5%BC%A0%20%3F")


def test_seeds_own_example_is_signed_as_printed() -> None:
    query = signed_query("123456", timestamp_ms=1573539353795, parameters={"remark": "test"})

    assert query == {
        "remark": "test",
        "timestamp": "1573539353795",
        "sign": "188ef735093645c802b0e4741bd3e9a1",
    }


def test_parameters_without_a_value_are_left_out() -> None:
    query = signed_query("1", timestamp_ms=1, parameters={"page": 2, "name": None})

    assert set(query) == {"page", "timestamp", "sign"}


def test_only_reading_calls_change_nothing() -> None:
    reading = {name for name, one in CALLS.items() if not one.is_change}

    assert reading == {
        *("information", "network", "smartface", "perpara", "userList", "recordList"),
    }
    assert CALLS["userDelete"].method is CallMethod.GET


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"code": 200, "message": "OK", "desc": ""}, CallAnswer(200, "OK")),
        ({"code": "200", "message": "OK"}, CallAnswer(200, "OK")),
        ({"code": 200, "message": "OK", "data": {"a": 1}}, CallAnswer(200, "OK", "", {"a": 1})),
        ({"code": 200, "message": "OK", "json": {"b": 1}}, CallAnswer(200, "OK", "", {"b": 1})),
        ({"code": 50008, "message": "Search List Null"}, CallAnswer(50008, "Search List Null")),
        ({}, CallAnswer(0, "")),
        ([1], CallAnswer(0, "", "not an object")),
        (None, CallAnswer(0, "", "not an object")),
    ],
)
def test_answers_are_read_tolerantly(payload: Any, expected: CallAnswer) -> None:
    assert CallAnswer.from_wire(payload) == expected


def test_page_of_the_seed() -> None:
    page = Page(total=14, number=1, page_size=3, entries=({}, {}, {}))

    assert page.to_wire() == {
        **{"total": 14, "pageNum": 1, "size": 3, "pageSize": 3, "totalPage": 5},
        "data": [{}, {}, {}],
    }
    assert Page.from_wire(page.to_wire()) == page


@pytest.mark.parametrize("payload", [None, [], {"data": 3}, {"total": "x", "data": [1]}])
def test_a_page_that_is_none_holds_nothing(payload: Any) -> None:
    assert Page.from_wire(payload) == Page(0, 1, 0, ())


def test_messages_of_the_push_are_the_seeds() -> None:
    assert push_connected() == {"code": 20000, "message": " Connected!", "desc": "Connected!"}
    assert push_denied() == {
        **{"code": 20002, "message": "Permission Denied!"},
        "desc": "app key not exist",
    }
    assert push_record({"id": 1}) == {
        **{"code": 30000, "message": "push record", "desc": "", "data": {"id": 1}},
    }


def test_names_of_calls_are_words() -> None:
    assert [name for name in CALLS if not re.fullmatch(r"[a-zA-Z]+", name)] == []
