"""``/api/v1/deliveries/``: what became of each change on each terminal."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from faces.models import Delivery
from faces.services import deliveries_unconfirm
from tests.support.factories import make_library, make_terminal, wire_of
from tests.support.people import enrol
from tests.support.two_sites import World

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

DELIVERIES = "/api/v1/deliveries/"


def test_a_delivery_goes_from_pending_to_what_the_terminal_says(
    manager: APIClient, world: World
) -> None:
    library = make_library(world.ours.site)
    good = make_terminal(world.ours.site, device_id="good", libraries=[library.pk])
    bad = make_terminal(world.ours.site, device_id="bad", libraries=[library.pk])
    enrol(library, "1")

    def states() -> dict[str, tuple[str, str]]:
        rows = manager.get(DELIVERIES, {"user_id": "1"}).json()["results"]
        return {row["device_id"]: (row["state"], row["code"]) for row in rows}

    assert states() == {"good": ("pending", ""), "bad": ("pending", "")}
    wire_of(good).sync()
    assert states()["good"] == ("sent", "")
    wire_of(good).post("syresult", {"resultList": {"userID": "1", "status": "100", "msg": "ok"}})
    wire_of(bad).sync()
    wire_of(bad).post("syresult", {"resultList": {"userID": "1", "status": "101", "msg": "no"}})

    assert states() == {"good": ("stored", "100"), "bad": ("failed", "101")}


def test_a_confirmed_delete_reads_forgotten(manager: APIClient, world: World) -> None:
    library = make_library(world.ours.site)
    terminal = make_terminal(world.ours.site, device_id="door", libraries=[library.pk])
    person = enrol(library, "1")

    def told(**asked: Any) -> tuple[str, ...]:
        [row] = manager.get(DELIVERIES, {"user_id": "1"}, **asked).json()["results"]
        return tuple(row[name] for name in ("operation", "state", "outcome", "outcome_text"))

    def confirm() -> None:
        wire_of(terminal).sync()
        wire_of(terminal).post("syresult", {"resultList": {"userID": "1", "status": "100"}})

    confirm()
    assert told() == ("save", "stored", "stored", "Stored")
    manager.delete(f"/api/v1/people/{person.pk}/")
    assert told() == ("delete", "pending", "pending", "To be forgotten")
    confirm()

    assert told() == ("delete", "stored", "forgotten", "Forgotten")
    assert told(HTTP_ACCEPT_LANGUAGE="zh-hans")[2:] == ("forgotten", "已清除")


def test_what_is_told_in_vain_is_found(manager: APIClient, world: World) -> None:
    library = make_library(world.ours.site)
    make_terminal(world.ours.site, device_id="door", libraries=[library.pk])
    for user_id in "12":
        enrol(library, user_id)
    ours = Delivery.objects.filter(terminal__device_id="door")
    ours.filter(user_id="1").update(state="unconfirmed", unanswered=4)
    ours.filter(user_id="2").update(state="unconfirmed", unanswered=3)

    def found(asked: str) -> set[str]:
        filters = {"device_id": "door", "told_in_vain": asked}
        return {row["user_id"] for row in manager.get(DELIVERIES, filters).json()["results"]}

    assert (found("true"), found("false")) == ({"1"}, {"2"})


def test_what_a_terminal_does_not_report_on_has_a_state_of_its_own(
    manager: APIClient, world: World
) -> None:
    library = make_library(world.ours.site)
    talks = make_terminal(world.ours.site, device_id="talks", libraries=[library.pk])
    silent = make_terminal(world.ours.site, device_id="silent", libraries=[library.pk])
    for user_id in "12":
        enrol(library, user_id)
    for terminal in (talks, silent):
        wire_of(terminal).sync()
    wire_of(talks).post("syresult", {"resultList": {"userID": "1", "status": "100"}})

    deliveries_unconfirm(now=timezone.now() + timedelta(hours=2))

    rows = manager.get(DELIVERIES, {"user_id": "2"}).json()["results"]
    assert {row["device_id"]: (row["state"], row["unanswered"]) for row in rows} == {
        "talks": ("unconfirmed", 1),
        "silent": ("fetched", 0),
    }
    found = manager.get(DELIVERIES, {"state": "unconfirmed"}).json()["results"]
    assert [row["advice"] for row in found] == [
        "Not confirmed in time; told again at the terminal's next poll (1 of 3)."
    ]


def test_a_delivery_shows_exactly_what_is_agreed(manager: APIClient, world: World) -> None:
    row = manager.get(f"{DELIVERIES}{world.ours.delivery.pk}/").json()

    assert row.pop("changed_at").endswith("Z")
    assert row == {
        "id": world.ours.delivery.pk,
        "site": world.ours.site.pk,
        "device_id": "Alpha-dev",
        "user_id": "Alpha-1",
        "operation": "save",
        "state": "failed",
        "outcome": "failed",
        "outcome_text": "Failed",
        "code": "30002",
        "message": "",
        "attempts": 0,
        "unanswered": 0,
        "retry_at": None,
        "remedy": "",
        "advice": "The terminal found no face in the photo.",
        "sent_at": None,
        "downloaded_at": None,
        "answered_at": None,
    }


def test_deliveries_are_found(root: APIClient, world: World) -> None:
    def found(**query: Any) -> list[int]:
        answer = root.get(DELIVERIES, query)
        assert answer.status_code == 200
        return [row["id"] for row in answer.json()["results"]]

    ours, theirs = world.ours.delivery.pk, world.theirs.delivery.pk
    assert found(device_id="Alpha-dev") == [ours]
    assert found(user_id="Bravo-1") == [theirs]
    assert found(site=world.theirs.site.pk) == [theirs]
    assert set(found(state="failed")) == {ours, theirs}
    assert found(state="stored") == []
    assert found(device_id="Alpha-dev", user_id="Bravo-1") == []
    assert found(operation="delete") == []
    for odd in ({"state": "x"}, {"operation": "x"}, {"site": "x"}, {"user_id": "\x00"}):
        assert root.get(DELIVERIES, odd).status_code == 400


def test_nobody_writes_deliveries(root: APIClient, world: World) -> None:
    path = f"{DELIVERIES}{world.ours.delivery.pk}/"

    assert root.post(DELIVERIES, {}, format="json").status_code == 405
    for method in ("put", "patch", "delete"):
        assert getattr(root, method)(path, {}, format="json").status_code == 405


def test_a_page_takes_the_same_queries_whatever_its_length(
    manager: APIClient, world: World
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert manager.get(DELIVERIES).status_code == 200
        return len(captured)

    few = queries()
    library = make_library(world.ours.site)
    for number in range(3):
        make_terminal(world.ours.site)
        enrol(library, str(number))

    assert queries() == few
    assert manager.get(DELIVERIES).json()["count"] > 3


def test_what_needs_somebody_says_what_to_do(manager: APIClient, world: World) -> None:
    library = make_library(world.ours.site)
    door = make_terminal(world.ours.site, device_id="door", libraries=[library.pk])
    for user_id in ("blurred", "unlucky"):
        enrol(library, user_id)
    wire_of(door).sync()
    results = [{"userID": "blurred", "status": "101"}, {"userID": "unlucky", "status": "30004"}]
    wire_of(door).post("syresult", {"resultList": results})

    needing = manager.get(DELIVERIES, {"needs_somebody": "true"}).json()["results"]
    others = manager.get(DELIVERIES, {"needs_somebody": "false", "device_id": "door"}).json()

    assert [(row["user_id"], row["remedy"]) for row in needing] == [("blurred", "retake")]
    assert needing[0]["advice"] == (
        "The terminal found no face in the photo. Take a clearer photo, from the front."
    )
    (row,) = others["results"]
    assert (row["user_id"], row["remedy"]) == ("unlucky", "")
    assert row["retry_at"].endswith("Z")
    assert row["advice"].endswith("It is tried again by itself.")


def test_sending_again(manager: APIClient, guard: APIClient, world: World) -> None:
    library = make_library(world.ours.site)
    door = make_terminal(world.ours.site, device_id="door", libraries=[library.pk])
    people = {user_id: enrol(library, user_id) for user_id in ("1", "2")}
    terminal = wire_of(door)
    terminal.sync()
    results = [{"userID": "1", "status": "100"}, {"userID": "2", "status": "101"}]
    terminal.post("syresult", {"resultList": results})
    first = manager.get(DELIVERIES, {"user_id": "1"}).json()["results"][0]["id"]
    ways = {
        f"{DELIVERIES}{first}/send-again/": ({}, ["1"]),
        f"/api/v1/people/{people['2'].pk}/send-again/": ({}, ["2"]),
        f"/api/v1/devices/{door.pk}/send-again/": ({"scope": "all"}, ["1", "2"]),
    }

    for path, (body, user_ids) in ways.items():
        assert guard.post(path, body, format="json").status_code == 403
        answer = manager.post(path, body, format="json")

        assert (answer.status_code, answer.json()) == (200, {"deliveries": len(user_ids)})
        entries, terminal.cursor = terminal.poll()
        assert [entry["userId"] for entry in entries] == user_ids

    path = f"/api/v1/devices/{door.pk}/send-again/"
    assert manager.post(path, {}, format="json").json() == {"deliveries": 0}
    assert manager.post(path, {"scope": "some"}, format="json").status_code == 400
