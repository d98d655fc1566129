"""Names and IDs are found by any part of them, by index on PostgreSQL."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db.models import QuerySet
from django.urls import reverse
from rest_framework.test import APIClient

from faces.models import Delivery, Person
from faces.selectors import deliveries_found, people_found, people_named
from records.models import Alert, Record
from records.selectors import alerts_found, alerts_named, records_found
from server_common.text_search import words_of
from tests.support.callers import manager
from tests.support.plans import plan_of
from tests.support.two_sites import World, client_of, world

__all__ = ["manager", "world"]
pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

MOMENT = datetime(2026, 3, 1, 8, tzinfo=UTC)


def plan_by_index(rows: QuerySet[Any]) -> str:
    return plan_of(rows.order_by(), without=("indexscan",))


@pytest.fixture
def zhang(world: World) -> Person:
    return Person.objects.create(
        site=world.ours.site, user_id="K-100_7%", name="张三丰 Straße", mobile="13800001234"
    )


@pytest.mark.parametrize(
    ("word", "is_found"),
    [("张", True), ("张三", True), ("三丰", True), ("丰", True), ("张丰", False), ("李", False),
     ("k-100", True), ("0_7%", True), ("0%7", False), ("_", True), ("0x7", False), ("STRA", True),
     ("0012", True), ("丰 s", True), ("\\", False), ("K-100_7%1380", False), ("😀", False)],
)  # fmt: skip
def test_any_part_of_a_name_or_id_is_found(zhang: Person, word: str, is_found: bool) -> None:
    found = Person.objects.filter(people_found(word))

    assert (zhang in found) is is_found


def test_a_name_is_found_by_rest_and_an_id_is_none(manager: APIClient, zhang: Person) -> None:
    def named(name: str) -> list[int]:
        answer = manager.get("/api/v1/people/", {"name": name}).json()
        return [row["id"] for row in answer["results"]]

    assert named("三丰") == [zhang.pk]
    assert named("100_7") == []


@pytest.mark.postgres
@pytest.mark.parametrize("word", ["张", "三丰", "K-100_7%"])
def test_people_and_records_are_found_by_index(world: World, word: str) -> None:
    assert "person_text" in plan_by_index(Person.objects.filter(people_found(word)))
    assert "person_text" in plan_by_index(Person.objects.filter(people_named(word)))
    records = plan_by_index(Record.objects.filter(records_found(world.manager, word)))
    assert "record_text" in records
    assert "Seq Scan" not in records
    alerts = plan_by_index(Alert.objects.filter(alerts_found(world.manager, word)))
    assert "alert_text" in alerts
    assert "Seq Scan" not in alerts
    assert "alert_text" in plan_by_index(Alert.objects.filter(alerts_named(word)))


@pytest.mark.postgres
def test_a_single_letter_or_digit_is_met_without_the_index(world: World, zhang: Person) -> None:
    """The index would find most of the table, and each row's pieces be made to compare them."""
    for word in ("1", "k", "_"):
        assert "menjin_pieces" not in plan_by_index(Person.objects.filter(people_found(word)))
        assert zhang in Person.objects.filter(people_found(word))


@pytest.mark.postgres
def test_of_rows_met_otherwise_no_pieces_are_made_before_they_are_compared(world: World) -> None:
    plan = plan_of(Record.objects.filter(records_found(world.manager, world.ours.terminal.name)))

    assert plan.index("~~") < plan.index("menjin_pieces")


def test_deliveries_are_found_by_person_terminal_and_erased_id(world: World, zhang: Person) -> None:
    terminal = world.ours.terminal
    living = Delivery.objects.create(
        terminal=terminal, person=zhang, user_id=zhang.user_id, changed_at=MOMENT
    )
    erased = Delivery.objects.create(terminal=terminal, user_id="gone-17", changed_at=MOMENT)

    def found(word: str) -> set[int]:
        rows = Delivery.objects.filter(terminal=terminal)
        return set(rows.filter(deliveries_found(world.manager, word)).values_list("pk", flat=True))

    assert found("三丰") == found("100_7") == {living.pk}
    assert found("NE-1") == {erased.pk}
    assert found("1234") == set()
    assert found(terminal.name) >= {living.pk, erased.pk}


def test_very_many_people_of_a_word_are_found_too(world: World, zhang: Person) -> None:
    Person.objects.bulk_create(
        Person(site=world.ours.site, user_id=f"many-{number}", name="Many")
        for number in range(1001)
    )
    person = Person.objects.get(user_id="many-700")
    row = Delivery.objects.create(
        terminal=world.ours.terminal, person=person, user_id="many-700", changed_at=MOMENT
    )

    found = Delivery.objects.filter(deliveries_found(world.manager, "many"))

    assert list(found) == [row]


def test_records_and_alerts_are_found_by_person_and_terminal(world: World) -> None:
    ours = world.ours
    record, alert = ours.record, ours.alert
    Record.objects.filter(pk=record.pk).update(user_name="欧阳修", user_id="a77")
    Alert.objects.filter(pk=alert.pk).update(user_name="欧阳修", user_id="a77")

    for word, is_found in (
        ("阳修", True),
        ("A7", True),
        (ours.terminal.name, True),
        ("x9x", False),
    ):
        records = Record.objects.filter(records_found(world.manager, word))
        assert (record in records) is is_found
    for word, is_found in (
        ("阳修", True),
        ("A7", True),
        (ours.terminal.name, True),
        ("x9x", False),
    ):
        alerts = Alert.objects.filter(alerts_found(world.manager, word))
        assert (alert in alerts) is is_found


@pytest.mark.parametrize(
    ("search", "words"),
    [
        ("张三 17", ["张三", "17"]),
        ('"张 三" x', ["张 三", "x"]),
        ("'", ["'"]),
        ('""', []),
        ("", []),
    ],
)
def test_words_of_a_search(search: str, words: list[str]) -> None:
    assert words_of(search) == words


@pytest.mark.parametrize("page", ["faces_delivery", "records_record", "records_alert"])
def test_every_word_of_an_admin_search_must_be_found(world: World, page: str) -> None:
    client = client_of(world.manager)
    url = reverse(f"admin:{page}_changelist")
    terminal = world.ours.terminal

    both = client.get(url, {"q": f'"{terminal.name}" {terminal.device_id}'})
    one = client.get(url, {"q": f'"{terminal.name}" nobody-has-this'})

    assert both.context["cl"].result_count > 0
    assert one.context["cl"].result_count == 0
