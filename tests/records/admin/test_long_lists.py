"""Lists of millions of rows: counted to a bound, restricted by numbers, sorted by index."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from faces.models import Delivery
from server_common import long_lists
from server_common.long_lists import MoreThan, rows_counted
from tests.support.two_sites import World, client_of

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

PAGES = ["faces_delivery", "records_record", "records_alert"]
MOMENT = datetime(2026, 3, 1, 8, tzinfo=UTC)


def make_deliveries(world: World, number: int) -> None:
    Delivery.objects.bulk_create(
        Delivery(
            terminal=world.ours.terminal,
            user_id=f"d{one}",
            changed_at=MOMENT + timedelta(seconds=one),
        )
        for one in range(number)
    )


def test_rows_are_counted_up_to_a_bound(world: World) -> None:
    make_deliveries(world, 20)
    rows = Delivery.objects.filter(user_id__startswith="d")

    assert [rows_counted(rows, most=most) for most in (19, 20, 21)] == [19, 20, 20]
    assert [type(rows_counted(rows, most=most)) for most in (19, 20)] == [MoreThan, int]


def test_a_long_list_says_that_there_are_more_and_ends_at_the_bound(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(long_lists, "COUNTED_MAX", 100)
    make_deliveries(world, 101)
    client = client_of(world.manager)
    url = reverse("admin:faces_delivery_changelist")

    first = client.get(url)
    last = client.get(url, {"p": 2})
    beyond = client.get(url, {"p": 3})

    assert "more than 100 deliveries" in " ".join(first.content.decode().split())
    assert len(last.context["cl"].result_list) == 50
    assert beyond.status_code == 302


def test_more_than_is_said_in_both_languages() -> None:
    with translation.override("en"):
        assert str(MoreThan(10_000)) == "more than 10,000"
    with translation.override("zh-hans"):
        assert "10,000" in str(MoreThan(10_000))
        assert "more" not in str(MoreThan(10_000))


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("who", ["manager", "superuser"])
def test_no_list_is_counted_whole_or_joined_with_sites(world: World, page: str, who: str) -> None:
    client = client_of(getattr(world, who))
    with CaptureQueriesContext(connection) as asked:
        client.get(reverse(f"admin:{page}_changelist"))

    long = [one["sql"] for one in asked if f'FROM "{page}"' in one["sql"]]
    assert long
    for sql in long:
        assert "COUNT(" not in sql or "LIMIT 10001" in sql
        assert '"devices_terminal"."site_id" IN' not in sql
        assert "devices_sitemembership" not in sql


@pytest.mark.parametrize(
    ("path", "table"),
    [("deliveries", "faces_delivery"), ("records", "records_record"), ("alerts", "records_alert")],
)
def test_rest_restricts_long_tables_by_numbers(world: World, path: str, table: str) -> None:
    """A subquery hides from the database how few rows a small site has."""
    client = client_of(world.manager)
    for given in ({}, {"site": world.ours.site.pk, "device_id": world.ours.terminal.device_id}):
        with CaptureQueriesContext(connection) as asked:
            answer = client.get(f"/api/v1/{path}/", given)
        assert answer.status_code == 200
        conditions = [
            one["sql"].split(" WHERE ")[1]
            for one in asked
            if f'FROM "{table}"' in one["sql"] and " WHERE " in one["sql"]
        ]
        assert conditions
        assert not [one for one in conditions if "sitemembership" in one or "_terminal" in one]


@pytest.mark.parametrize(
    ("page", "column", "is_sorted"),
    [("faces_delivery", "user_id", True), ("faces_delivery", "person_name", False),
     ("records_record", "when", True), ("records_record", "who", False)],
)  # fmt: skip
def test_a_list_is_sorted_by_what_it_offers(
    world: World, page: str, column: str, is_sorted: bool
) -> None:
    client = client_of(world.superuser)
    shown: Any = client.get(reverse(f"admin:{page}_changelist")).context["cl"]
    place = list(shown.list_display).index(column)
    usual: QuerySet[Any] = shown.queryset

    answer: Any = client.get(reverse(f"admin:{page}_changelist"), {"o": str(place)})

    order = answer.context["cl"].queryset.query.order_by
    assert (order != usual.query.order_by) is is_sorted
