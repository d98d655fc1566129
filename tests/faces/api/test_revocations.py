"""``/api/v1/revocations/``: whom terminals must forget, and how long it takes."""

import pytest
from rest_framework.test import APIClient

from faces.services import person_erase
from tests.support.factories import make_library, make_terminal, wire_of
from tests.support.people import enrol
from tests.support.two_sites import World

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

REVOCATIONS = "/api/v1/revocations/"


def test_the_time_runs_until_the_last_door_has_confirmed(manager: APIClient, world: World) -> None:
    library = make_library(world.ours.site)
    doors = [
        wire_of(make_terminal(world.ours.site, device_id=name, libraries=[library.pk]))
        for name in ("one", "two")
    ]
    person = enrol(library, "1")
    for door in doors:
        door.sync()
    person_erase(person=person)

    def now() -> dict[str, object]:
        (row,) = manager.get(REVOCATIONS, {"user_id": "1"}).json()["results"]
        return dict(row)

    seen = [now()]
    for door in doors:
        door.sync()
        door.post("syresult", {"resultList": {"userID": "1", "status": "100"}})
        seen.append(now())

    assert [(row["state"], row["doors_left"]) for row in seen] == [
        ("open", 2),
        ("open", 1),
        ("forgotten", 0),
    ]
    assert {row["doors"] for row in seen} == {2}
    assert seen[0]["ended_at"] is None
    assert isinstance(seen[2]["seconds"], float)
    assert now()["seconds"] == seen[2]["seconds"]


def test_they_are_found(root: APIClient, world: World) -> None:
    def found(**query: object) -> set[str]:
        return {row["user_id"] for row in root.get(REVOCATIONS, query).json()["results"]}

    assert found(site=world.theirs.site.pk) == {"Bravo-gone"}
    assert found(user_id="Alpha-gone") == {"Alpha-gone"}
    assert found(state="open") == {"Alpha-gone", "Bravo-gone"}
    assert found(state="forgotten") == set()


def test_nobody_writes_them(root: APIClient, world: World) -> None:
    path = f"{REVOCATIONS}{world.ours.revocation.pk}/"

    assert root.post(REVOCATIONS, {}, format="json").status_code == 405
    for method in ("put", "patch", "delete"):
        assert getattr(root, method)(path, {}, format="json").status_code == 405
