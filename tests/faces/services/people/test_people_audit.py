"""What is written down of people: who erased, blacklisted, suspended and moved people."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from rest_framework.test import APIClient

from devices.models import AuditEntry
from faces.models import Library, Person
from faces.services.people.people import people_erase
from tests.support.callers import manager
from tests.support.two_sites import World, client_of, world

__all__ = ["manager", "world"]
pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

PEOPLE = "/api/v1/people/"


def told() -> list[tuple[str, str, str, dict[str, list[object]]]]:
    rows = AuditEntry.objects.filter(kind="person").order_by("pk")
    return list(rows.values_list("actor", "action", "name", "changes"))


@pytest.mark.parametrize(
    ("given", "changes"),
    [
        ({"state": "suspended"}, {"state": ["active", "suspended"]}),
        ({"user_type": 3}, {"category": [1, 3]}),
        ({"libraries": []}, {"libraries": [["Alpha residents"], []]}),
        ({"name": "Renamed", "mobile": "1"}, None),
    ],
)
def test_a_change_of_standing_names_who_and_what(
    manager: APIClient, world: World, given: dict[str, object], changes: dict[str, object] | None
) -> None:
    person = world.ours.person

    response = manager.patch(f"{PEOPLE}{person.pk}/", given, format="json")

    assert response.status_code == 200
    entry = ("manager", "changed", person.user_id, changes)
    assert told() == ([entry] if changes else [])


def test_a_move_between_libraries_is_told_by_name(manager: APIClient, world: World) -> None:
    gate = Library.objects.create(site=world.ours.site, name="Gate")

    manager.patch(f"{PEOPLE}{world.ours.person.pk}/", {"libraries": [gate.pk]}, format="json")

    (entry,) = told()
    assert entry[3] == {"libraries": [["Alpha residents"], ["Gate"]]}


@pytest.mark.parametrize(
    ("user_type", "count"), [(1, 0), (2, 0), (3, 1)], ids=["employee", "visitor", "blacklist"]
)
def test_of_new_people_those_on_the_blacklist_are_told(
    manager: APIClient, world: World, user_type: int, count: int
) -> None:
    body = {"site": world.ours.site.pk, "user_id": "n", "name": "N", "user_type": user_type}

    assert manager.post(PEOPLE, body, format="json").status_code == 201

    assert len(told()) == count


def test_erasing_is_told_without_name_or_number(manager: APIClient, world: World) -> None:
    person = world.ours.person

    assert manager.delete(f"{PEOPLE}{person.pk}/").status_code == 204

    assert told() == [("manager", "deleted", person.user_id, {})]
    stored = json.dumps(list(AuditEntry.objects.values()), default=str)
    assert person.name not in stored
    assert "11010519491231002X" not in stored


def test_erasing_many_asks_no_more_for_each(world: World) -> None:
    site = world.ours.site
    counts = []
    # The first time, what never changes is asked for as well.
    for size in (2, 5, 50):
        people = Person.objects.bulk_create(
            Person(site=site, user_id=f"{size}-{number}", name="N") for number in range(size)
        )
        with CaptureQueriesContext(
            connection,
        ) as asked:
            people_erase(site_id=site.pk, person_ids=[one.pk for one in people])
        counts.append(len(asked))

    assert counts[1] == counts[2]
    assert len(told()) == 57


def test_the_page_says_it_in_words(manager: APIClient, world: World) -> None:
    manager.patch(f"{PEOPLE}{world.ours.person.pk}/", {"user_type": 3}, format="json")
    client = client_of(world.manager)
    client.cookies["django_language"] = "zh-hans"

    page = client.get(reverse("admin:devices_auditentry_changelist"), {"kind__exact": "person"})

    assert "黑名单" in page.text
    assert world.ours.person.user_id in page.text
