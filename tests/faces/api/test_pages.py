"""Lists that are newest first are read from row to row."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from faces.models import Delivery
from server_common import cursor_pagination
from tests.support.two_sites import World

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

DELIVERIES = "/api/v1/deliveries/"
MOMENT = datetime(2026, 3, 1, 8, tzinfo=UTC)


@pytest.fixture
def ids(world: World) -> list[int]:
    """Make twelve deliveries of three moments, all newer than the site's own; newest first."""
    made = [
        Delivery.objects.create(
            terminal=world.ours.terminal,
            user_id=f"p{number}",
            changed_at=MOMENT + timedelta(days=9000 + number // 4),
        )
        for number in range(12)
    ]
    return [row.pk for row in reversed(made)]


def listed(caller: APIClient, url: str, **given: Any) -> dict[str, Any]:
    answer = caller.get(url, given)
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def counted(caller: APIClient, url: str, **given: Any) -> tuple[int, str]:
    answer = caller.get(url, given)
    return answer.json()["count"], answer["Count-Is-Exact"]


def rows(page: dict[str, Any]) -> list[int]:
    return [row["id"] for row in page["results"]]


def test_next_leads_through_rows_of_one_moment_to_the_end(
    manager: APIClient, ids: list[int]
) -> None:
    whole = rows(listed(manager, DELIVERIES))
    page = listed(manager, DELIVERIES, page_size=3)
    pages = [page]
    while page["next"]:
        page = listed(manager, page["next"])
        pages.append(page)

    assert whole[:12] == ids
    assert [pk for one in pages for pk in rows(one)] == whole
    assert {one["count"] for one in pages} == {len(whole)}


def test_previous_leads_back_to_the_first_page(manager: APIClient, ids: list[int]) -> None:
    first = listed(manager, DELIVERIES, page_size=3)
    third = listed(manager, listed(manager, first["next"])["next"])
    second = listed(manager, third["previous"])
    again = listed(manager, second["previous"])

    assert rows(second) == ids[3:6]
    assert rows(again) == ids[:3]
    assert again["previous"] is None
    assert rows(listed(manager, again["next"])) == ids[3:6]


def test_rows_that_come_meanwhile_move_nothing(
    manager: APIClient, ids: list[int], world: World
) -> None:
    page = listed(manager, DELIVERIES, page_size=3)
    Delivery.objects.create(
        terminal=world.ours.terminal, user_id="new", changed_at=MOMENT + timedelta(days=9999)
    )

    assert rows(listed(manager, page["next"])) == ids[3:6]


def test_page_numbers_go_on_working_and_lead_into_places(
    manager: APIClient, ids: list[int]
) -> None:
    second = listed(manager, DELIVERIES, page=2, page_size=3)
    first = listed(manager, second["previous"])

    assert rows(second) == ids[3:6]
    assert rows(first) == ids[:3]
    assert "page" not in parse_qs(urlsplit(second["next"]).query)
    assert rows(listed(manager, second["next"])) == ids[6:9]
    assert manager.get(DELIVERIES, {"page": 99}).status_code == 404


def test_filters_stay_in_the_links(manager: APIClient, ids: list[int]) -> None:
    page = listed(manager, DELIVERIES, page_size=1, user_id="p3", state="pending")

    assert (page["count"], page["next"]) == (1, None)
    page = listed(manager, DELIVERIES, page_size=1, state="pending")
    assert parse_qs(urlsplit(page["next"]).query)["state"] == ["pending"]


@pytest.mark.parametrize(
    "place",
    ["", "0", "n1-1", "n1-1-1-1", "x1-1-1", "n-1-1-1", "n1-1-g", "n" + "f" * 16 + "-1-1",
     "n1-" + "f" * 16 + "-1", "n1-1-" + "f" * 16, "n１-1-1", "n1-1-1\n"],
)  # fmt: skip
def test_a_place_that_is_none_is_refused_by_name(manager: APIClient, place: str) -> None:
    answer = manager.get(DELIVERIES, {"cursor": place})

    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == ["cursor"]


@pytest.mark.parametrize("place", ["n0-0-0", "p0-0-0", "n3823b5b6d7f0000-7fffffffffffffff-0"])
def test_a_place_may_be_anywhere(manager: APIClient, ids: list[int], place: str) -> None:
    listed(manager, DELIVERIES, cursor=place)


@pytest.mark.parametrize("path", ["deliveries", "records", "alerts", "revocations"])
def test_a_place_counts_nothing(manager: APIClient, world: World, path: str) -> None:
    """What a page far down costs does not grow with the rows above it."""
    url = f"/api/v1/{path}/"
    with CaptureQueriesContext(connection) as first:
        listed(manager, url)
    with CaptureQueriesContext(connection) as deep:
        listed(manager, url, cursor="n3823b5b6d7f0000-1-1")

    counts = [one["sql"] for one in deep if "COUNT(*)" in one["sql"] or "OFFSET" in one["sql"]]
    assert counts == []
    assert len(deep) < len(first)


def test_beyond_a_bound_the_count_says_that_there_are_more(
    manager: APIClient, ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = listed(manager, DELIVERIES)
    number = whole["count"]
    assert counted(manager, DELIVERIES) == (number, "true")
    monkeypatch.setattr(cursor_pagination, "COUNTED_MAX", number - 1)

    first = listed(manager, DELIVERIES, page_size=number - 1)
    second = listed(manager, first["next"])

    for url in (f"{DELIVERIES}?page_size={number - 1}", first["next"]):
        assert counted(manager, url) == (number - 1, "false")
    assert rows(first) + rows(second) == rows(whole)
    monkeypatch.setattr(cursor_pagination, "COUNTED_MAX", number)
    assert counted(manager, DELIVERIES, page_size=5) == (number, "true")


@pytest.mark.parametrize("bound", [3, 6, 9, 1000])
def test_pages_by_number_lead_to_the_end_whatever_is_counted(
    manager: APIClient, ids: list[int], monkeypatch: pytest.MonkeyPatch, bound: int
) -> None:
    whole = rows(listed(manager, DELIVERIES, page_size=500))
    monkeypatch.setattr(cursor_pagination, "COUNTED_MAX", bound)
    last = (len(whole) + 2) // 3

    for number in range(1, last + 1):
        page = listed(manager, DELIVERIES, page=number, page_size=3)
        assert rows(page) == whole[(number - 1) * 3 : number * 3]
        assert (page["next"] is None) is (number == last)

    assert rows(listed(manager, DELIVERIES, page="last", page_size=3)) == whole[(last - 1) * 3 :]
    beyond = manager.get(DELIVERIES, {"page": last + 1, "page_size": 3})
    assert beyond.status_code == manager.get(DELIVERIES, {"page": 0}).status_code == 404


def test_only_rows_of_the_page_are_joined(manager: APIClient, ids: list[int]) -> None:
    """Joined before they are sorted, thousands of rows were, for a page of fifty."""
    with CaptureQueriesContext(connection) as asked:
        listed(manager, DELIVERIES, page_size=3, user_id="p7")

    joined = [one["sql"] for one in asked if 'JOIN "devices_site"' in one["sql"]]
    (sql,) = [one for one in joined if 'FROM "faces_delivery"' in one]
    assert sql.endswith(f'"id" IN ({ids[4]})')
