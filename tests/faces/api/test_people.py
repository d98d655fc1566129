"""``/api/v1/people/``: entering, changing and erasing people, and what becomes of their photo."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from faces.choices import Category
from faces.models import FaceDescriptor, FacePhoto, Person
from tests.support.entered_people import PEOPLE, enter
from tests.support.factories import (
    api_of,
    make_library,
    make_person,
    make_site,
    make_terminal,
    make_user,
    upload,
    wire_of,
)
from tests.support.two_sites import World

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def test_a_person_is_shown_as_entered(manager: APIClient, world: World) -> None:
    given = {
        "sex": 2,
        "remark": "residents' committee",
        "state": "suspended",
        "valid_from": "2026-01-01T00:00:00Z",
        "valid_until": "2027-01-01T08:00:00+08:00",
        "ic_number": "A1",
        "job_number": "J1",
        "mobile": "13800000000",
        "department": "D",
        "birthday": "1990-02-03",
        "entry_date": "2020-01-01",
        "mail": "a@example.org",
        "title": "T",
        "position": "P",
        "prompt": "Welcome",
        "purpose": "visit",
        "interviewee": "I",
        "come_from": "C",
        "description": "D",
    }

    response = enter(manager, world.ours.site, **given)

    assert response.status_code == 201
    person = response.json()
    assert {name: person[name] for name in given} == {
        **given,
        "valid_from": "2026-01-01T00:00:00.000000Z",
        "valid_until": "2027-01-01T00:00:00.000000Z",
    }
    assert (person["user_id"], person["name"], person["user_type"]) == ("1001", "王芳", 1)
    assert (person["face_status"], person["face_problems"], person["libraries"]) == ("none", [], [])


def test_what_is_secret_goes_in_and_never_comes_out(
    manager: APIClient, world: World, portraits: dict[str, Path]
) -> None:
    response = enter(
        manager,
        world.ours.site,
        as_form=True,
        id_number="11010519491231002X",
        photo=upload(portraits["obama.jpg"]),
    )

    assert response.status_code == 201
    assert Person.objects.get(user_id="1001").id_number == "11010519491231002X"
    for answer in (response, manager.get(PEOPLE), manager.get(f"{PEOPLE}{response.json()['id']}/")):
        assert b"11010519491231002X" not in answer.content
        assert b'"photo"' not in answer.content
        assert b".jpg" not in answer.content


@pytest.mark.parametrize(
    ("as_form", "notation"),
    [
        (False, lambda a, b: [a, b]),
        (False, lambda a, b: [str(a), str(b)]),
        (False, lambda a, b: [b, a, a]),
        (False, lambda a, b: f"{a},{b}"),
        (True, lambda a, b: [a, b]),
        (True, lambda a, b: f"{a}, {b}"),
        (True, lambda a, b: json.dumps([a, b])),
    ],
)
def test_libraries_are_taken_in_every_notation(
    manager: APIClient, world: World, as_form: bool, notation: Any
) -> None:
    one, two = make_library(world.ours.site), make_library(world.ours.site)

    response = enter(manager, world.ours.site, as_form=as_form, libraries=notation(one.pk, two.pk))

    assert response.status_code == 201
    assert response.json()["libraries"] == [one.pk, two.pk]


def test_a_single_library_may_be_a_number(manager: APIClient, world: World) -> None:
    library = world.ours.library.pk

    assert enter(manager, world.ours.site, libraries=library).json()["libraries"] == [library]


@pytest.mark.parametrize("nothing", [[], "", "[]"])
def test_an_empty_list_takes_a_person_out_of_everything(
    manager: APIClient, world: World, nothing: Any
) -> None:
    path = f"{PEOPLE}{world.ours.person.pk}/"
    assert manager.get(path).json()["libraries"] == [world.ours.library.pk]

    assert manager.patch(path, {"name": "A"}, format="json").json()["libraries"] != []
    assert manager.patch(path, {"libraries": nothing}, format="json").json()["libraries"] == []


@pytest.mark.parametrize(
    ("given", "shown", "category", "word"),
    [
        (1, 1, Category.EMPLOYEE, ""),
        ("2", 2, Category.VISITOR, ""),
        (3, 3, Category.BLACKLIST, ""),
        ("Visitor", 2, Category.VISITOR, ""),
        ("blacklist", 3, Category.BLACKLIST, ""),
        ("employee", 1, Category.EMPLOYEE, ""),
        ("student", "student", Category.EMPLOYEE, "student"),
        (" 老师 ", "老师", Category.EMPLOYEE, "老师"),
    ],
)
def test_user_type_is_a_number_or_a_word(
    manager: APIClient, world: World, given: Any, shown: Any, category: Category, word: str
) -> None:
    response = enter(manager, world.ours.site, user_type=given)

    assert response.json()["user_type"] == shown
    person = Person.objects.get(user_id="1001")
    assert (person.category, person.user_type) == (category, word)


def test_a_word_keeps_the_category_and_a_number_takes_the_word_away(
    manager: APIClient, world: World
) -> None:
    path = f"{PEOPLE}{world.ours.person.pk}/"

    def change(user_type: Any) -> Any:
        return manager.patch(path, {"user_type": user_type}, format="json").json()["user_type"]

    assert change(2) == 2
    assert change("courier") == "courier"
    assert Person.objects.get(pk=world.ours.person.pk).category == Category.VISITOR
    assert change("") == 2
    assert change("courier") == "courier"
    assert change(1) == 1


@pytest.mark.parametrize(
    "user_type", [0, 4, -1, "-1", "99", "x" * 17, 1.5, True, None, [], "a\x00"]
)
def test_odd_user_types_are_refused(manager: APIClient, world: World, user_type: Any) -> None:
    response = enter(manager, world.ours.site, user_type=user_type)

    assert response.status_code == 400
    assert set(response.json()["fields"]) == {"user_type"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("user_id", ""),
        ("user_id", "x" * 33),
        ("user_id", "all"),
        ("user_id", "a\x00"),
        ("user_id", "a\u200bb"),
        ("user_id", ["1"]),
        ("name", ""),
        ("name", "x" * 81),
        ("sex", 0),
        ("sex", "m"),
        ("state", "gone"),
        ("birthday", "2026-13-01"),
        ("valid_from", "yesterday"),
        ("valid_from", 5),
        ("id_number", "x" * 41),
        ("mail", "x" * 41),
        ("libraries", ["x"]),
        ("libraries", {"a": 1}),
        ("libraries", "[1"),
        ("libraries", "[" * 5000),
        ("libraries", None),
        ("photo", "data:image/jpeg;base64,"),
        ("photo", None),
        ("site", 10**30),
        ("site", -1),
        ("site", {}),
    ],
)
def test_what_a_person_cannot_be_is_refused_by_field(
    manager: APIClient, world: World, field: str, value: Any
) -> None:
    response = enter(manager, world.ours.site, **{field: value})

    assert response.status_code == 400
    assert response.json()["error"] == "invalid"
    assert set(response.json()["fields"]) == {field}
    assert not Person.objects.filter(user_id="1001").exists()


@pytest.mark.parametrize("is_new", [True, False])
def test_a_validity_that_ends_before_it_begins_is_refused(
    manager: APIClient, world: World, *, is_new: bool
) -> None:
    """It was refused by the name of a constraint."""
    odd = {"valid_from": "2026-01-02T00:00:00Z", "valid_until": "2026-01-01T00:00:00Z"}

    if is_new:
        response = enter(manager, world.ours.site, **odd)
    else:
        response = manager.patch(f"{PEOPLE}{world.ours.person.pk}/", odd, format="json")

    assert response.status_code == 400
    assert response.json()["fields"] == {"valid_until": ["This must be after the beginning."]}


@pytest.mark.parametrize("field", ["site", "user_id"])
def test_site_and_user_id_never_change(root: APIClient, world: World, field: str) -> None:
    person = world.ours.person
    other = {"site": world.theirs.site.pk, "user_id": "other"}[field]
    same = {"site": person.site_id, "user_id": person.user_id}[field]
    path = f"{PEOPLE}{person.pk}/"

    moved = root.patch(path, {field: other, "name": "Renamed"}, format="json")
    assert moved.status_code == 400
    assert moved.json()["fields"] == {field: ["This never changes."]}
    person.refresh_from_db()
    assert person.name == "Alpha person"

    assert root.patch(path, {field: same, "name": "Renamed"}, format="json").status_code == 200


@pytest.mark.parametrize(
    "user_id", ["李", "a b", "a/b", "../x", "=1+1", "-1", ".", "a'b", "<b>", "a%2F", "１２", "a\nb"]
)
def test_a_new_user_id_has_a_closed_alphabet(root: APIClient, world: World, user_id: str) -> None:
    response = root.post(
        PEOPLE, {"site": world.ours.site.pk, "user_id": user_id, "name": "n"}, format="json"
    )

    assert response.status_code == 400
    assert set(response.json()["fields"]) == {"user_id"}


@pytest.mark.parametrize("user_id", ["1", "2.jpg", "A-7_b", "0000001", "x" * 32])
def test_what_terminals_call_people_is_a_user_id(
    root: APIClient, world: World, user_id: str
) -> None:
    body = {"site": world.ours.site.pk, "user_id": user_id, "name": "n"}

    assert root.post(PEOPLE, body, format="json").status_code == 201


def test_who_has_another_user_id_keeps_it(root: APIClient, world: World) -> None:
    person = Person.objects.create(site=world.ours.site, user_id="李 1", name="n")
    path = f"{PEOPLE}{person.pk}/"

    renamed = root.patch(path, {"name": "Renamed", "user_id": "李 1"}, format="json")

    assert renamed.status_code == 200
    assert (renamed.json()["user_id"], renamed.json()["name"]) == ("李 1", "Renamed")
    assert root.get(PEOPLE, {"user_id": "李 1"}).json()["count"] == 1


def test_a_user_id_is_taken_once_per_site(root: APIClient, world: World) -> None:
    assert enter(root, world.ours.site).status_code == 201
    assert enter(root, world.ours.site).status_code == 400
    assert enter(root, world.theirs.site).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_two_who_enter_the_same_person_at_once_never_see_a_broken_server() -> None:
    """Both find the id free; the database lets one in, and the other is told, not broken."""
    site = make_site()
    callers = [api_of(make_user(site)) for _ in range(4)]
    start = threading.Barrier(len(callers))
    statuses: list[int] = []

    def race(caller: APIClient) -> None:
        try:
            start.wait()
            statuses.append(enter(caller, site).status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=race, args=(caller,)) for caller in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(statuses) == 4
    assert statuses.count(201) == 1
    assert set(statuses) == {201, 400}
    assert Person.objects.filter(user_id="1001").count() == 1


def test_erasing_a_person_erases(
    manager: APIClient, world: World, portraits: dict[str, Path]
) -> None:
    """Invariant 6, as far as the platform reaches: row, photo, descriptor, terminal."""
    library = make_library(world.ours.site)
    person = make_person(
        world.ours.site, photo=portraits["obama.jpg"], libraries=[library], user_id="1001"
    )
    wire = wire_of(make_terminal(world.ours.site, libraries=[library.pk]))
    wire.sync()
    assert set(wire.held) == {"1001"}

    response = manager.delete(f"{PEOPLE}{person.pk}/")

    assert (response.status_code, response.content) == (204, b"")
    assert manager.get(f"{PEOPLE}{person.pk}/").status_code == 404
    assert not FacePhoto.objects.filter(person_id=person.pk).exists()
    assert not FaceDescriptor.objects.exists()
    wire.sync()
    assert wire.held == {}
    followed = manager.get("/api/v1/deliveries/", {"user_id": "1001"}).json()["results"]
    assert [(one["operation"], one["state"]) for one in followed] == [("delete", "sent")]
    # The id is free again.
    assert enter(manager, world.ours.site).status_code == 201


def test_people_are_found(manager: APIClient, world: World) -> None:
    library = make_library(world.ours.site)
    fang = make_person(world.ours.site, name="王芳", libraries=[library])
    make_person(world.ours.site, name="100% \\_ordinary", state="suspended")

    def found(**query: Any) -> list[str]:
        answer = manager.get(PEOPLE, query)
        assert answer.status_code == 200
        return [one["name"] for one in answer.json()["results"]]

    assert found(name="芳") == ["王芳"]
    assert found(name="0%") == ["100% \\_ordinary"]
    assert found(name="_") == ["100% \\_ordinary"]
    assert found(user_id=fang.user_id) == ["王芳"]
    assert found(user_id=fang.user_id[:-1]) == []
    assert found(library=library.pk) == ["王芳"]
    assert found(library=library.pk, state="suspended") == []
    assert len(found(site=world.ours.site.pk)) == 3


def test_a_page_of_people_takes_the_same_queries_whatever_its_length(
    manager: APIClient, world: World, portraits: dict[str, Path]
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert manager.get(PEOPLE).status_code == 200
        return len(captured)

    few = queries()
    libraries = [make_library(world.ours.site) for _ in range(3)]
    for _ in range(6):
        make_person(world.ours.site, libraries=libraries)

    assert queries() == few


def test_pages_follow_each_other(manager: APIClient, world: World) -> None:
    for _ in range(6):
        make_person(world.ours.site)

    seen: list[str] = []
    url: str | None = f"{PEOPLE}?page_size=3"
    while url:
        page = manager.get(url).json()
        assert page["count"] == 7
        seen += [one["user_id"] for one in page["results"]]
        url = page["next"]

    assert len(seen) == len(set(seen)) == 7


def test_a_guard_looks_only(guard: APIClient, world: World) -> None:
    path = f"{PEOPLE}{world.ours.person.pk}/"

    assert guard.get(path).status_code == 200
    assert enter(guard, world.ours.site).status_code == 403
    assert guard.patch(path, {"name": "x"}, format="json").status_code == 403
    assert guard.delete(path).status_code == 403
