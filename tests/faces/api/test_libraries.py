"""``/api/v1/libraries/``."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from faces.models import Library, Person
from tests.support.factories import make_library, make_terminal, wire_of
from tests.support.people import enrol
from tests.support.two_sites import World

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

LIBRARIES = "/api/v1/libraries/"


def test_a_library_is_made_and_renamed(manager: APIClient, world: World) -> None:
    made = manager.post(LIBRARIES, {"site": world.ours.site.pk, "name": "五号楼"}, format="json")
    assert made.status_code == 201
    library = made.json()
    assert set(library) == {"id", "site", "name", "created_at"}

    renamed = manager.patch(f"{LIBRARIES}{library['id']}/", {"name": "六号楼"}, format="json")

    assert renamed.json() == {**library, "name": "六号楼"}


@pytest.mark.parametrize("name", ["", "   ", "x" * 81, "a\x00", None, [], {"a": 1}])
def test_odd_names_are_refused(manager: APIClient, world: World, name: Any) -> None:
    made = manager.post(LIBRARIES, {"site": world.ours.site.pk, "name": name}, format="json")
    renamed = manager.patch(f"{LIBRARIES}{world.ours.library.pk}/", {"name": name}, format="json")

    for response in (made, renamed):
        assert response.status_code == 400
        assert set(response.json()["fields"]) == {"name"}


def test_a_name_is_taken_once_per_site(root: APIClient, world: World) -> None:
    name = world.ours.library.name
    other = make_library(world.ours.site)

    made = root.post(LIBRARIES, {"site": world.ours.site.pk, "name": name}, format="json")
    renamed = root.patch(f"{LIBRARIES}{other.pk}/", {"name": name}, format="json")
    elsewhere = root.post(LIBRARIES, {"site": world.theirs.site.pk, "name": name}, format="json")

    assert [made.status_code, renamed.status_code, elsewhere.status_code] == [400, 400, 201]


def test_a_library_never_moves(root: APIClient, world: World) -> None:
    """Naming another site and a name taken at the own one used to end in a 500."""
    other = make_library(world.ours.site)

    response = root.patch(
        f"{LIBRARIES}{world.ours.library.pk}/",
        {"site": world.theirs.site.pk, "name": other.name},
        format="json",
    )

    assert response.status_code == 400
    assert set(response.json()["fields"]) == {"site"}
    assert Library.objects.get(pk=world.ours.library.pk).site_id == world.ours.site.pk


def test_deleting_a_library_keeps_its_people_and_clears_terminals(
    manager: APIClient, world: World
) -> None:
    library = make_library(world.ours.site)
    enrol(library, "1")
    wire = wire_of(make_terminal(world.ours.site, libraries=[library.pk]))
    wire.sync()
    assert set(wire.held) == {"1"}

    assert manager.delete(f"{LIBRARIES}{library.pk}/").status_code == 204
    wire.sync()

    assert wire.held == {}
    assert Person.objects.filter(user_id="1").exists()


def test_libraries_are_found_by_site_and_name(root: APIClient, world: World) -> None:
    def found(**query: Any) -> list[int]:
        return [one["id"] for one in root.get(LIBRARIES, query).json()["results"]]

    assert found(site=world.theirs.site.pk) == [world.theirs.library.pk]
    assert found(name="Alpha residents") == [world.ours.library.pk]


def test_a_guard_looks_only(guard: APIClient, world: World) -> None:
    path = f"{LIBRARIES}{world.ours.library.pk}/"

    assert guard.get(path).status_code == 200
    body = {"site": world.ours.site.pk, "name": "x"}
    assert guard.post(LIBRARIES, body, format="json").status_code == 403
    assert guard.delete(path).status_code == 403
