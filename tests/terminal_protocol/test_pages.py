"""Lists of terminals are followed to their end, whatever is said of totals."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminal_protocol.pages import PAGES_MAX, Page, PageWalk

SAYING: dict[str, Callable[[dict[str, Any]], Any]] = {
    "all": lambda data: data,
    "no total": lambda data: {k: v for k, v in data.items() if k != "total"},
    "no total pages": lambda data: {k: v for k, v in data.items() if k != "totalPage"},
    "only entries": lambda data: {"data": data["data"]},
    "a bare list": lambda data: data["data"],
    "texts": lambda data: {k: v if k == "data" else str(v) for k, v in data.items()},
    "other case": lambda data: {f" {k.upper()}": v for k, v in data.items()},
    "always page 1": lambda data: {**data, "pageNum": 1},
    "one page": lambda data: {**data, "total": len(data["data"]), "totalPage": 1},
    "zeros": lambda data: {**data, "total": 0, "totalPage": 0, "pageSize": 0},
    "negative": lambda data: {**data, "total": -1, "totalPage": -1, "pageSize": -1},
    "too many": lambda data: {**data, "total": 10_000, "totalPage": 1000},
    "nonsense": lambda data: {**data, "total": "?", "totalPage": [], "pageSize": {}},
}


def walk(rows: list[dict[str, Any]], say: Callable[[Any], Any], *, most: int = 10) -> list[Any]:
    found: list[Any] = []
    walk = PageWalk(size=10)
    while walk.has_more:
        start = (walk.number - 1) * most
        shown = rows[start : start + most]
        data = {"total": len(rows), "pageNum": walk.number, "size": len(shown), "pageSize": most,
                "totalPage": -(-len(rows) // most), "data": shown}  # fmt: skip
        page = Page.from_wire(say(data) if shown else None)
        if walk.take(page):
            found += page.entries
    return found


@given(st.integers(0, 45), st.sampled_from(sorted(SAYING)))
def test_every_entry_is_read_once(count: int, saying: str) -> None:
    rows = [{"id": number} for number in range(count)]

    assert walk(rows, SAYING[saying]) == rows


@pytest.mark.parametrize("saying", ["all", "no total", "only entries", "a bare list", "zeros"])
@pytest.mark.parametrize("most", [1, 3, 5])
def test_a_terminal_that_gives_fewer_at_once_is_followed_too(saying: str, most: int) -> None:
    rows = [{"id": number} for number in range(13)]

    assert walk(rows, SAYING[saying], most=most) == rows


@pytest.mark.parametrize("saying", sorted(SAYING))
def test_a_terminal_that_knows_no_pages_is_read_once(saying: str) -> None:
    rows = [{"id": number} for number in range(25)]
    walk = PageWalk(size=10)
    found: list[Any] = []
    while walk.has_more:
        data = {"total": 25, "pageNum": 1, "size": 25, "pageSize": 25, "totalPage": 1, "data": rows}
        page = Page.from_wire(SAYING[saying](data))
        found += page.entries if walk.take(page) else ()

    assert found == rows


def test_a_list_without_end_ends() -> None:
    walk = PageWalk(size=10, number=PAGES_MAX - 1)
    while walk.has_more:
        walk.take(Page.from_wire({"total": 10**9, "data": [{"id": walk.number}]}))

    assert walk.number == PAGES_MAX + 1


def test_a_page_with_fewer_entries_than_it_says_is_not_whole() -> None:
    assert not Page.from_wire({"size": 3, "data": [{}, {}]}).is_whole
    assert Page.from_wire({"size": 3, "data": [{}, {}, "?"]}).is_whole
    assert Page.from_wire({"size": 3, "data": [{}, {}, "?"]}).unreadable == 1


SIZES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "of a page": lambda data: {**data, "size": data["pageSize"]},
    "of a page, nothing else": lambda data: {
        "size": 10, "total": data["total"], "data": data["data"]
    },
    "of a page, without a total": lambda data: {
        name: value for name, value in {**data, "size": 10}.items() if name != "total"
    },
    "of a page of its own": lambda data: {**data, "size": 20, "pageSize": 20},
    "of the list": lambda data: {**data, "size": data["total"]},
    "as text": lambda data: {**data, "size": str(data["pageSize"])},
}  # fmt: skip


@pytest.mark.parametrize("saying", sorted(SIZES))
@pytest.mark.parametrize("count", [3, 10, 25])
def test_a_size_that_is_not_the_number_of_entries_ends_no_list(saying: str, count: int) -> None:
    """The last page seemed to lack entries, and the list was refused for ever."""
    rows = [{"id": number} for number in range(count)]
    walk = PageWalk(size=10)
    found: list[Any] = []
    while walk.has_more:
        shown = rows[(walk.number - 1) * 10 :][:10]
        data = {"total": count, "pageNum": walk.number, "size": len(shown), "pageSize": 10,
                "totalPage": -(-count // 10), "data": shown}  # fmt: skip
        page = Page.from_wire(SIZES[saying](data) if shown else None)
        assert walk.is_whole(page)
        found += page.entries if walk.take(page) else ()

    assert found == rows


def test_a_page_that_lacks_entries_is_not_whole_whatever_its_size_means() -> None:
    second = PageWalk(size=10, number=2, read=10)
    five = [{"id": number} for number in range(5)]

    for cut in (
        {"size": 10, "pageSize": 10, "total": 25, "totalPage": 3, "data": five},
        {"size": 10, "pageSize": 10, "totalPage": 3, "data": five},
        {"size": 10, "pageSize": 10, "data": five},
        {"size": 6, "pageSize": 10, "total": 16, "data": five},
        {"size": 25, "pageSize": 10, "total": 25, "data": five},
    ):
        assert not second.is_whole(Page.from_wire(cut))
