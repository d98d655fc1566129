"""8.2.4: people listed by every parameter, in pages."""

from typing import Any

import pytest

from tests.support.edge.people_calls import FULL, listed
from tests.support.edge.running_terminal import PERSON, RunningTerminal

PEOPLE = [
    {**FULL, "userId": "a", "name": "Ann Smith", "userType": 1, "jobNumber": "1"},
    {**FULL, "userId": "b", "name": "Bob Smith", "userType": 2, "mobile": "139"},
    {**FULL, "userId": "c", "name": "李二壮", "userType": 3, "mail": "c@d"},
    {**FULL, "userId": "d", "name": "Dan", "userType": -1, "icNumber": "IC", "idNumber": "ID"},
    {**PERSON, "userId": "e", "name": "Eve", "department": "Sales"},
]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, "abcde"),
        ({"userId": "b"}, "b"),
        ({"userId": "B"}, ""),
        ({"type": 1}, "ae"),
        ({"type": 2}, "b"),
        ({"type": 3}, "c"),
        ({"type": -1}, "d"),
        ({"name": "Smith"}, "ab"),
        ({"name": "二"}, "c"),
        ({"name": "%"}, ""),
        ({"jobNumber": "1"}, "a"),
        ({"mobile": "139"}, "b"),
        ({"mail": "c@d"}, "c"),
        ({"icNumber": "IC"}, "d"),
        ({"idNumber": "ID"}, "d"),
        ({"department": "Sales"}, "e"),
        ({"department": "Sale"}, ""),
        ({"name": "Smith", "type": 2}, "b"),
        ({"name": ""}, "abcde"),
        ({"size": 2}, "ab"),
        ({"size": 2, "page": 2}, "cd"),
        ({"size": 2, "page": 3}, "e"),
        ({"size": 2, "page": 4}, ""),
        ({"unknown": "x"}, "abcde"),
    ],
)
async def test_list_by_every_parameter(
    terminal: RunningTerminal, filters: dict[str, Any], found: str
) -> None:
    """What finds nobody is 50008 Search List Null."""
    await terminal.call("userAdd", PEOPLE)

    assert await listed(terminal, **filters) == list(found)
    if not found:
        answer = await terminal.call("userList", **filters)
        assert (answer["code"], answer["message"]) == (50008, "Search List Null")


@pytest.mark.parametrize(
    "filters",
    [
        *({"type": 0}, {"type": 4}, {"type": "x"}, {"page": 0}, {"page": "x"}, {"page": -1}),
        *({"size": 0}, {"size": "x"}, {"size": -5}, {"userId": "x" * 41}, {"name": "x" * 81}),
    ],
)
async def test_impossible_parameter_of_the_list(
    terminal: RunningTerminal, filters: dict[str, Any]
) -> None:
    assert await terminal.code("userList", **filters) == 30001


@pytest.mark.parametrize(
    ("page", "size", "expected"),
    [
        (None, None, {"total": 14, "pageNum": 1, "size": 10, "pageSize": 10, "totalPage": 2}),
        (1, 3, {"total": 14, "pageNum": 1, "size": 3, "pageSize": 3, "totalPage": 5}),
        (5, 3, {"total": 14, "pageNum": 5, "size": 2, "pageSize": 3, "totalPage": 5}),
        (2, 10, {"total": 14, "pageNum": 2, "size": 4, "pageSize": 10, "totalPage": 2}),
        (1, 11, {"total": 14, "pageNum": 1, "size": 10, "pageSize": 10, "totalPage": 2}),
        (1, 99999, {"total": 14, "pageNum": 1, "size": 10, "pageSize": 10, "totalPage": 2}),
    ],
)
async def test_paging_of_the_list(
    terminal: RunningTerminal, page: int | None, size: int | None, expected: dict[str, int]
) -> None:
    """At most ten a page; the seed's own numbers are the second row."""
    await terminal.call("userAdd", [{**PERSON, "userId": f"u{one}"} for one in range(14)])

    page_sent = (await terminal.call("userList", page=page, size=size))["data"]

    assert len(page_sent.pop("data")) == expected["size"]
    assert page_sent == expected
