"""``/api/v1/alerts/``: seen, taken care of, closed."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from rest_framework.test import APIClient

from records.choices import AlertKind
from records.models import Record
from records.services import alert_raise
from tests.support.factories import make_terminal, wire_of
from tests.support.two_sites import World, client_of

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

ALERTS = "/api/v1/alerts/"
LIST = reverse("admin:records_alert_changelist")


def test_a_fever_at_the_door_is_an_alert(manager: APIClient, world: World) -> None:
    terminal = make_terminal(world.ours.site, device_id="17")
    wire_of(terminal).post("syattribute", {"temperature": "38.1", "screenTime": 1})

    (alert,) = manager.get(ALERTS, {"device_id": "17"}).json()["results"]

    assert alert.pop("raised_at").endswith("Z")
    assert isinstance(alert.pop("facts"), dict)
    assert alert.pop("id") > 0
    assert alert == {
        "kind": "high_temperature",
        "severity": "critical",
        "state": "active",
        "site": world.ours.site.pk,
        "device_id": "17",
        "user_id": "",
        "user_name": "",
        "record": Record.objects.get(terminal=terminal).pk,
        "acknowledged_at": None,
        "acknowledged_by": None,
        "cleared_at": None,
        "cleared_by": None,
        "folded": 0,
    }


def test_alerts_are_found_by_the_name_of_their_person(manager: APIClient, world: World) -> None:
    """A name is what a manager knows; the ID alone was searched and shown."""
    record = world.ours.record
    Record.objects.filter(pk=record.pk).update(user_name="张三丰", user_id="1001")
    record.refresh_from_db()
    alert = alert_raise(kind=AlertKind.NO_MASK, terminal=world.ours.terminal, record=record)
    assert alert is not None

    def named(name: str) -> list[int]:
        return [one["id"] for one in manager.get(ALERTS, {"user_name": name}).json()["results"]]

    assert named("三丰") == [alert.pk]
    assert named("1001") == []
    page = client_of(world.manager).get(LIST, {"q": "张三"}).content.decode()
    assert "张三丰 (1001)" in page
    assert "1 result" in page


@pytest.mark.parametrize(
    ("kind", "facts", "words"),
    [
        (AlertKind.PHOTO_SENT_BACK, {"door_opened": True}, "the door opened"),
        (AlertKind.PHOTO_SENT_BACK, {"door_opened": False}, "the door stayed closed"),
        (AlertKind.BLACKLISTED, {}, "the door stayed closed"),
    ],
)
def test_an_alert_says_what_the_door_did(
    world: World, kind: AlertKind, facts: dict[str, bool], words: str
) -> None:
    side = world.ours
    alert_raise(kind=kind, terminal=side.terminal, record=side.record, facts=facts)

    page = client_of(world.manager).get(LIST, {"kind__exact": kind}).content.decode()
    wall = client_of(world.manager).get(reverse("console:live-state")).json()

    assert words in page
    assert [one["detail"] for one in wall["alerts"] if words in one["detail"]]


def test_a_guard_takes_care_of_an_alert_and_closes_it(guard: APIClient, world: World) -> None:
    path = f"{ALERTS}{world.ours.alert.pk}/"

    seen = guard.post(f"{path}acknowledge/").json()
    closed = guard.post(f"{path}clear/").json()

    assert (seen["state"], seen["acknowledged_by"], seen["cleared_at"]) == (
        "acknowledged",
        "guard",
        None,
    )
    assert seen["acknowledged_at"].endswith("Z")
    assert (closed["state"], closed["cleared_by"]) == ("cleared", "guard")
    assert closed["acknowledged_at"] == seen["acknowledged_at"]
    assert guard.get(path).json() == closed


def test_the_first_one_who_presses_is_named(
    guard: APIClient, manager: APIClient, world: World
) -> None:
    path = f"{ALERTS}{world.ours.alert.pk}/"

    first = guard.post(f"{path}acknowledge/").json()
    second = manager.post(f"{path}acknowledge/").json()
    guard.post(f"{path}clear/")
    late = manager.post(f"{path}acknowledge/").json()

    assert second == first
    assert (late["state"], late["cleared_by"]) == ("cleared", "guard")


def test_alerts_are_found(root: APIClient, world: World) -> None:
    def found(**query: Any) -> list[int]:
        answer = root.get(ALERTS, query)
        assert answer.status_code == 200
        return [row["id"] for row in answer.json()["results"]]

    ours, theirs = world.ours.alert.pk, world.theirs.alert.pk
    root.post(f"{ALERTS}{ours}/acknowledge/")
    assert found(device_id="Alpha-dev") == [ours]
    assert found(user_id="Bravo-1") == [theirs]
    assert found(state="acknowledged") == [ours]
    assert found(state="active") == [theirs]
    assert found(kind="no_mask") == []
    assert set(found(kind="high_temperature", severity="critical")) == {ours, theirs}
    assert found(record=world.theirs.record.pk) == [theirs]
    assert found(site=world.ours.site.pk) == [ours]
    for odd in ({"state": "x"}, {"kind": "x"}, {"severity": "x"}, {"record": "x"}):
        assert root.get(ALERTS, odd).status_code == 400


def test_a_filter_does_not_tell_which_records_exist_elsewhere(
    manager: APIClient, world: World
) -> None:
    """The filter used to refuse a number that is no record, and to take one of another site."""
    there = manager.get(ALERTS, {"record": world.theirs.record.pk})
    nowhere = manager.get(ALERTS, {"record": 10**9})

    assert (there.status_code, there.json()) == (nowhere.status_code, nowhere.json())


def test_alerts_are_neither_made_nor_deleted(root: APIClient, world: World) -> None:
    path = f"{ALERTS}{world.ours.alert.pk}/"

    assert root.post(ALERTS, {}, format="json").status_code == 405
    for method in ("put", "patch", "delete"):
        assert getattr(root, method)(path, {}, format="json").status_code == 405
    assert root.get(f"{path}clear/").status_code == 405


def test_a_page_takes_the_same_queries_whatever_its_length(
    manager: APIClient, world: World
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert manager.get(ALERTS).status_code == 200
        return len(captured)

    few = queries()
    for number in range(6):
        wire = wire_of(make_terminal(world.ours.site))
        wire.post("syattribute", {"temperature": "38.5", "screenTime": number + 1})
    for row in manager.get(ALERTS).json()["results"][:3]:
        manager.post(f"{ALERTS}{row['id']}/acknowledge/")

    assert queries() == few
    assert manager.get(ALERTS).json()["count"] == 7
