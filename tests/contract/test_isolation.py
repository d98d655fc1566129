"""Invariant 5: nobody reads or changes another site's data, by any address or filter.

Addresses and filters are taken from the OpenAPI description, so that one added later is covered
without anybody thinking of it. Whatever belongs to the other site says "Bravo".
"""

import pytest
from rest_framework.test import APIClient

from faces.models import Person
from tests.support.factories import api_of
from tests.support.rest_addresses import (
    DETAILS,
    FILTERS,
    LISTS,
    METHODS,
    NOWHERE,
    PATHS,
    bodies,
    everything,
    row_of,
)
from tests.support.two_sites import World

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


@pytest.fixture(params=["manager", "guard"])
def member(request: pytest.FixtureRequest, world: World) -> APIClient:
    """Return the programs of both members of our site."""
    return api_of(getattr(world, request.param))


def test_the_description_covers_what_is_tested() -> None:
    assert {path.split("/")[3] for path in DETAILS} == {
        "sites", "libraries", "devices", "people", "deliveries", "revocations", "records",
        "alerts", "commands", "jobs", "audit",
    }  # fmt: skip
    assert sum(map(len, FILTERS.values())) > 30
    assert "library" in FILTERS["/api/v1/people/"]


@pytest.mark.parametrize("path", LISTS)
def test_lists_show_the_own_site_only(member: APIClient, world: World, path: str) -> None:
    content = member.get(path).content

    assert b"Bravo" not in content
    assert str(world.theirs.site.tokens.get().token).encode() not in content


@pytest.mark.parametrize("path", [path for path in LISTS if FILTERS[path]])
def test_filters_neither_show_nor_tell_of_another_site(
    member: APIClient, world: World, path: str
) -> None:
    theirs = world.theirs
    ids = [
        row.pk
        for row in (theirs.site, theirs.library, theirs.terminal, theirs.person, theirs.record)
        if row.pk not in {world.ours.site.pk, world.ours.library.pk, world.ours.record.pk}
    ]
    for name in FILTERS[path]:
        nobody = member.get(path, {name: NOWHERE})
        for value in (*ids, "Bravo", "Bravo-dev", "Bravo-1", "Bravo residents"):
            response = member.get(path, {name: value})
            assert response.status_code in {200, 400, 404}, name
            if response.status_code == 200:
                assert b"Bravo" not in response.content, name
            if name in {"site", "library", "record"} and value in ids:
                # The same answer for a row elsewhere as for none: not even that it exists.
                assert response.status_code == nobody.status_code, name
                assert response.content == nobody.content, name


@pytest.mark.parametrize("path", DETAILS)
def test_rows_of_another_site_are_not_there(member: APIClient, world: World, path: str) -> None:
    before = everything()
    there = path.replace("{id}", str(row_of(world.theirs, path).pk))
    nowhere = path.replace("{id}", str(NOWHERE))

    for method in METHODS:
        sent = {} if method == "get" else {"name": "x", "overlap_hours": 0}
        answer, same = (
            getattr(member, method)(address, sent, format="json") for address in (there, nowhere)
        )
        assert answer.status_code in {403, 404, 405}, method
        assert answer.status_code == same.status_code, method
        assert answer.json() == same.json(), method

    assert everything() == before


@pytest.mark.parametrize(
    "path", [path for path in PATHS if "{" not in path and "post" in PATHS[path]]
)
def test_nothing_is_made_for_or_out_of_another_site(
    member: APIClient, world: World, path: str
) -> None:
    before = everything()

    for body in bodies(path, world):
        if path.endswith("/libraries/") and body.get("site") == world.ours.site.pk:
            continue  # names nothing of another site
        response = member.post(path, body, format="json")
        if path.endswith("/rebuild/") and response.status_code == 202:
            # Only the own site is built, or none.
            assert response.json()["queued"] == int(body["site"] == world.ours.site.pk)
            continue
        assert response.status_code in {400, 403, 415}
        assert b"Bravo" not in response.content

    after = everything()
    after["Gallery"] = [row for row in after["Gallery"] if row["site_id"] != world.ours.site.pk]
    assert after == before


@pytest.mark.parametrize("kind", ["people", "devices", "libraries"])
def test_nothing_of_ours_is_moved_to_or_tied_to_another_site(
    manager: APIClient, world: World, kind: str
) -> None:
    row = row_of(world.ours, f"/api/v1/{kind}/")
    before = everything()

    for change in (
        {"site": world.theirs.site.pk},
        {"libraries": [world.theirs.library.pk]},
        {"libraries": [world.ours.library.pk, world.theirs.library.pk]},
    ):
        if kind == "libraries" and "libraries" in change:
            continue
        response = manager.patch(f"/api/v1/{kind}/{row.pk}/", change, format="json")
        assert response.status_code == 400
        assert b"Bravo" not in response.content

    assert everything() == before


@pytest.mark.parametrize("path", [*LISTS, "/api/v1/"])
def test_a_browser_is_offered_no_rows_of_another_site(
    member: APIClient, world: World, path: str
) -> None:
    """HTML forms of the browsable interface used to list the names of all sites."""
    content = member.get(path, HTTP_ACCEPT="text/html,application/xhtml+xml,*/*;q=0.8").content
    described_to = member.options(path).content

    assert b"Bravo" not in content
    assert b"Bravo" not in described_to


def test_who_leaves_a_site_sees_nothing_of_it_at_the_next_request(
    manager: APIClient, world: World
) -> None:
    assert manager.get("/api/v1/people/").json()["count"] == 1

    world.manager.site_memberships.all().delete()

    assert manager.get("/api/v1/people/").status_code == 403
    assert manager.delete(f"/api/v1/people/{world.ours.person.pk}/").status_code == 403
    assert Person.objects.filter(pk=world.ours.person.pk).exists()
