"""What a request names and nothing knows is refused by its name, at every address.

``libaries`` used to enter a person into no library, and ``nam=`` listed everybody. Addresses come
from the OpenAPI description, so that one added later is covered as well.
"""

import json
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from rest_framework.test import APIClient

from faces.models import Person
from server_common.api import taken_column
from tests.support.factories import upload
from tests.support.rest_addresses import BODIES, OPERATIONS, address
from tests.support.two_sites import World

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def refused_by_name(response: Any, name: str) -> bool:
    """Return whether an answer says which name it does not know."""
    return bool(response.status_code == 400 and name in response.json().get("fields", {}))


def test_an_unknown_filter_is_refused_by_name(root: APIClient, world: World) -> None:
    taken = [
        (path, method)
        for path, method in OPERATIONS
        if not refused_by_name(getattr(root, method)(address(path, world) + "?nam=x"), "nam")
    ]

    assert taken == []


def test_an_unknown_field_is_refused_by_name(root: APIClient, world: World) -> None:
    taken = []
    for path, method in BODIES:
        call, where = getattr(root, method), address(path, world)
        answers = [call(where, "libaries=1", content_type="application/x-www-form-urlencoded")]
        if "identify" not in path:  # takes forms alone
            answers.append(call(where, {"libaries": [1]}, format="json"))
        answers.append(call(where, {"libaries": upload(b"x")}, format="multipart"))
        if not all(refused_by_name(answer, "libaries") for answer in answers):
            taken.append((path, method))

    assert len(BODIES) > 20
    assert taken == []


def test_what_was_perhaps_meant_is_said(root: APIClient, world: World) -> None:
    body = {"site": world.ours.site.pk, "user_id": "n", "name": "n", "libaries": [1]}

    response = root.post("/api/v1/people/", body, format="json")
    filtered = root.get("/api/v1/people/", {"nam": "x"})

    assert response.json()["fields"] == {"libaries": ["There is no such field. Meant: libraries?"]}
    assert filtered.json()["fields"] == {"nam": ["There is no such filter. Meant: name?"]}
    assert not Person.objects.filter(user_id="n").exists()


def test_an_unknown_field_is_told_with_the_wrong_ones(root: APIClient, world: World) -> None:
    body = {"site": world.ours.site.pk, "user_id": "n", "sexx": 1, "sex": 9, "name": "n"}

    response = root.post("/api/v1/people/", body, format="json")

    assert set(response.json()["fields"]) == {"sexx", "sex"}


@pytest.mark.parametrize("kind", ["sites", "libraries", "devices", "people"])
@pytest.mark.parametrize("method", ["put", "patch"])
def test_what_was_read_can_be_sent_back(
    root: APIClient, world: World, kind: str, method: str
) -> None:
    """Fields that are only shown are accepted and ignored."""
    path = address(f"/api/v1/{kind}/{{id}}/", world)
    shown = root.get(path).json()

    response = getattr(root, method)(path, {**shown, "created_at": None, "id": 5}, format="json")

    assert response.status_code == 200
    again = response.json()
    moving = {"changed_at"}
    assert {name: again[name] for name in again.keys() - moving} == {
        name: shown[name] for name in shown.keys() - moving
    }


@pytest.mark.parametrize("group", ["perpara", "network", "smartface"])
def test_an_unknown_setting_is_refused(root: APIClient, world: World, group: str) -> None:
    path = address("/api/v1/devices/{id}/", world)
    wanted = {"nonsense": 1}

    for response in (
        root.put(f"{path}settings/", {"group": group, "desired": wanted}, format="json"),
        root.post(
            f"{path}commands/",
            {"kind": "settings_write", "group": group, "values": wanted},
            format="json",
        ),
    ):
        assert response.status_code == 400
        assert "nonsense" in json.dumps(response.json()["fields"])


@pytest.mark.parametrize(
    ("path", "name"),
    [("records", "door_opened"), ("records", "is_late"), ("deliveries", "needs_somebody")],
)
def test_a_word_that_is_neither_yes_nor_no_is_refused(
    root: APIClient, world: World, path: str, name: str
) -> None:
    """``door_opened=maybe`` used to list everything."""
    response = root.get(f"/api/v1/{path}/", {name: "maybe"})

    assert response.status_code == 400
    assert set(response.json()["fields"]) == {name}
    total = root.get(f"/api/v1/{path}/").json()["count"]
    yes, no = (root.get(f"/api/v1/{path}/", {name: one}).json()["count"] for one in ("true", "0"))
    assert (yes + no, total) == (total, total)
    assert refused_by_name(root.get(f"/api/v1/{path}/", {name: ""}), name)


def test_a_filter_that_is_given_twice_is_refused(root: APIClient, world: World) -> None:
    """The first of two sites was ignored."""
    for path in ("people", "records", "devices", "alerts"):
        asked = f"/api/v1/{path}/?site={world.ours.site.pk}&site={world.theirs.site.pk}"
        assert refused_by_name(root.get(asked), "site")


def test_a_kind_of_job_that_does_not_exist_is_refused(root: APIClient, world: World) -> None:
    assert refused_by_name(root.get("/api/v1/jobs/", {"kind": "zzz"}), "kind")
    kind = world.ours.job.kind
    assert root.get("/api/v1/jobs/", {"kind": kind}).json()["count"] == 2


@pytest.mark.parametrize("body", [[], [{"name": "n"}], "text", 5])
def test_what_is_no_object_is_refused_plainly(root: APIClient, world: World, body: Any) -> None:
    told = {}
    for path, method in BODIES:
        if "identify" in path:  # takes forms alone
            continue
        call = getattr(root, method)
        answer = call(address(path, world), json.dumps(body), content_type="application/json")
        told[path, method] = (answer.status_code, answer.json().get("detail"))

    assert set(told.values()) == {(400, "Give one object with named fields.")}


@pytest.mark.parametrize("kind", ["people", "devices"])
def test_a_library_that_is_not_there_is_told_like_one_of_another_site(
    manager: APIClient, world: World, kind: str
) -> None:
    path = address(f"/api/v1/{kind}/{{id}}/", world)
    for number in (world.theirs.library.pk, 999_999):
        response = manager.patch(path, {"libraries": [number]}, format="json")

        words = f"Library {number} does not exist at this site."
        assert (response.status_code, response.json()["fields"]) == (400, {"libraries": [words]})


def test_thousands_of_unknown_fields_are_not_all_named(root: APIClient, world: World) -> None:
    body = {f"{number}{'x' * 1000}": 1 for number in range(3000)}

    response = root.post("/api/v1/people/", body, format="json")

    assert response.status_code == 400
    assert len(response.content) < 10_000


@pytest.mark.parametrize(
    ("path", "body", "field", "label", "chinese"),
    [
        ("people", {"user_id": "Alpha-1", "name": "n"}, "user_id", "user ID", "人员编号"),
        ("libraries", {"name": "Alpha residents"}, "name", "name", "名称"),
        ("devices", {"device_id": "Alpha-dev"}, "device_id", "device ID", "设备号"),
        ("sites", {"name": "n", "code": "alpha"}, "code", "code", "代码"),
    ],
)
def test_a_duplicate_names_its_field_in_the_language_asked_for(
    root: APIClient,
    world: World,
    path: str,
    body: dict[str, Any],
    field: str,
    label: str,
    chinese: str,
) -> None:
    site = {} if path == "sites" else {"site": world.ours.site.pk}
    given = {**site, **body}

    response = root.post(f"/api/v1/{path}/", given, format="json")
    translated = root.post(f"/api/v1/{path}/", given, format="json", HTTP_ACCEPT_LANGUAGE="zh-hans")

    assert response.status_code == 400
    assert response.json()["error"] == "invalid"
    where = " at this site" if site else ""
    words = f"This {label} is already taken{where}."
    assert response.json()["fields"] == {field: [words]}
    assert response.json()["detail"] == words
    [sentence] = translated.json()["fields"][field]
    assert chinese in sentence
    assert "已被" in sentence


def test_a_library_renamed_to_one_that_is_there_names_its_field(
    root: APIClient, world: World
) -> None:
    site = world.ours.site.pk
    made = root.post("/api/v1/libraries/", {"site": site, "name": "Other"}, format="json").json()

    response = root.patch(
        f"/api/v1/libraries/{made['id']}/", {"name": "Alpha residents"}, format="json"
    )

    assert response.status_code == 400
    assert set(response.json()["fields"]) == {"name"}


def test_which_column_was_taken_is_read_from_the_database(world: World) -> None:
    """Two requests at once: both find it free, and the database lets one in."""
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        Person.objects.create(site=world.ours.site, user_id="Alpha-1", name="n")
    with pytest.raises(IntegrityError) as other, transaction.atomic():
        Person.objects.create(site=world.ours.site, user_id="", name="n")

    assert taken_column(caught.value.__cause__) == "user_id"
    assert taken_column(other.value.__cause__) is None
