"""``/api/v1/index/`` and ``/api/v1/identify/``: 1:N recognition with real portraits."""

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rest_framework.test import APIClient

from faces.models import FaceDescriptor, Gallery
from faces.services import gallery_rebuild
from tests.support.broken_pictures import BrokenPictures
from tests.support.factories import make_library, make_person, upload
from tests.support.people import enrol
from tests.support.processes import ROOT
from tests.support.two_sites import World

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

INDEX = "/api/v1/index/"
IDENTIFY = "/api/v1/identify/"


def ask(caller: APIClient, site: Any, photo: Path | bytes | None) -> Any:
    """Ask who is on a picture and return the response."""
    body = {"site": site} if photo is None else {"site": site, "photo": upload(photo)}
    return caller.post(IDENTIFY, body, format="multipart")


@pytest.fixture
def residents(world: World, portraits: dict[str, Path]) -> None:
    """Enrol two people at our site with real photos."""
    for user_id, name in (("obama", "obama.jpg"), ("biden", "biden.jpg")):
        make_person(world.ours.site, user_id=user_id, name=user_id, photo=portraits[name])


@pytest.mark.parametrize(
    ("picture", "user_id"),
    [("obama2.jpg", "obama"), ("obama3.jpg", "obama"), ("biden.jpg", "biden")],
)
def test_an_enrolled_person_is_found_on_another_picture(
    manager: APIClient,
    world: World,
    residents: None,
    portraits: dict[str, Path],
    picture: str,
    user_id: str,
) -> None:
    response = ask(manager, world.ours.site.pk, portraits[picture])

    assert response.status_code == 200
    found = response.json()
    assert found["faces"] >= 1
    assert found["problems"] == []
    best, other = found["candidates"]
    assert (best["user_id"], best["name"], best["is_match"]) == (user_id, user_id, True)
    assert best["similarity"] >= 60 > other["similarity"]
    assert other["is_match"] is False
    assert set(best) == {"user_id", "name", "similarity", "is_match"}


def test_a_stranger_is_nobody(
    manager: APIClient, world: World, residents: None, portraits: dict[str, Path]
) -> None:
    found = ask(manager, world.ours.site.pk, portraits["astronaut.png"]).json()

    assert found["faces"] == 1
    assert [one["is_match"] for one in found["candidates"]] == [False, False]


def test_a_strangers_picture_names_no_resident(
    guard: APIClient, world: World, residents: None, portraits: dict[str, Path], settings: Any
) -> None:
    """The five nearest residents used to be named for any face."""
    stranger = ask(guard, world.ours.site.pk, portraits["astronaut.png"]).json()["candidates"]
    known = ask(guard, world.ours.site.pk, portraits["obama2.jpg"]).json()["candidates"]
    settings.IDENTIFY_FLOOR = 0
    open_to_all = ask(guard, world.ours.site.pk, portraits["astronaut.png"]).json()["candidates"]

    assert [(one["user_id"], one["name"]) for one in stranger] == [(None, None)] * 2
    assert all(one["similarity"] < 60 for one in stranger)
    assert [one["user_id"] for one in known] == ["obama", None]
    assert {one["user_id"] for one in open_to_all} == {"obama", "biden"}


def test_no_more_than_five_are_named_best_first(
    manager: APIClient, world: World, portraits: dict[str, Path]
) -> None:
    library = make_library(world.ours.site)
    for number in range(8):
        enrol(library, str(number))

    found = ask(manager, world.ours.site.pk, portraits["obama.jpg"]).json()

    similarities = [one["similarity"] for one in found["candidates"]]
    assert len(similarities) == 5
    assert similarities == sorted(similarities, reverse=True)


def test_each_site_is_searched_alone(
    root: APIClient, world: World, residents: None, portraits: dict[str, Path]
) -> None:
    assert ask(root, world.theirs.site.pk, portraits["obama.jpg"]).json()["candidates"] == []


def test_asking_stores_nothing(
    manager: APIClient, world: World, residents: None, portraits: dict[str, Path]
) -> None:
    from faces.models import FacePhoto

    before = (FaceDescriptor.objects.count(), FacePhoto.objects.count())

    ask(manager, world.ours.site.pk, portraits["obama2.jpg"])

    assert (FaceDescriptor.objects.count(), FacePhoto.objects.count()) == before


def test_a_picture_without_a_face_has_no_candidates(
    manager: APIClient, world: World, residents: None
) -> None:
    blank = io.BytesIO()
    Image.new("RGB", (300, 300), "white").save(blank, "JPEG")

    response = ask(manager, world.ours.site.pk, blank.getvalue())

    assert response.status_code == 200
    assert response.json() == {"faces": 0, "problems": ["no_face"], "candidates": []}


@pytest.mark.parametrize("photo", [b"", b"hello", b"\xff\xd8\xff", b"GIF89a", b"\x00" * 100, None])
def test_what_is_no_picture_is_refused_in_words(
    manager: APIClient, world: World, photo: bytes | None
) -> None:
    response = ask(manager, world.ours.site.pk, photo)

    assert response.status_code == 400
    assert set(response.json()["fields"]) == {"photo"}
    assert len(response.json()["detail"]) > 10


def test_a_picture_of_too_many_bytes_is_refused(
    manager: APIClient, world: World, settings: Any
) -> None:
    settings.PHOTO_LIMIT_BYTES = 1000

    assert ask(manager, world.ours.site.pk, b"\xff" * 1001).status_code == 413


@pytest.mark.parametrize("site", ["", "x", "-1", "9" * 30, "1.5"])
def test_an_odd_site_is_refused(manager: APIClient, world: World, site: str) -> None:
    response = ask(manager, site, b"hello")

    assert response.status_code == 400
    assert "site" in response.json()["fields"]


def test_a_guard_may_ask_at_the_own_site_only(
    guard: APIClient, world: World, residents: None, portraits: dict[str, Path]
) -> None:
    asked = ask(guard, world.ours.site.pk, portraits["obama2.jpg"])
    elsewhere = ask(guard, world.theirs.site.pk, portraits["obama2.jpg"])

    assert asked.json()["candidates"][0]["user_id"] == "obama"
    assert elsewhere.status_code == 400
    assert "does not exist" in elsewhere.json()["detail"]


def test_the_index_counts_what_is_searched_and_what_is_not_in_the_file_yet(
    manager: APIClient, world: World
) -> None:
    library = make_library(world.ours.site)
    empty = manager.get(INDEX).json()
    assert (empty["size"], empty["pending"], empty["built_at"]) == (0, 0, None)
    enrol(library, "1")
    enrol(library, "2")

    before = manager.get(INDEX).json()
    gallery_rebuild(gallery_id=Gallery.objects.get(site=world.ours.site).pk)
    built = manager.get(INDEX).json()
    enrol(library, "3")
    after = manager.get(INDEX).json()

    assert (before["size"], before["pending"], before["built_at"]) == (2, 2, None)
    assert (built["size"], built["pending"]) == (2, 0)
    assert (after["size"], after["pending"]) == (3, 1)
    assert built["built_at"] == after["built_at"]
    assert built["built_at"].endswith("Z")
    assert built["model"].startswith("sface")
    assert after["sites"] == [
        {"site": world.ours.site.pk, "size": 3, "pending": 1, "built_at": built["built_at"]}
    ]


def test_a_person_who_joined_after_the_file_was_built_is_found(
    manager: APIClient, world: World, residents: None, portraits: dict[str, Path]
) -> None:
    gallery_rebuild(gallery_id=Gallery.objects.get(site=world.ours.site).pk)
    make_person(world.ours.site, user_id="woman", name="W", photo=portraits["astronaut.png"])

    found = ask(manager, world.ours.site.pk, portraits["astronaut.png"]).json()

    assert found["candidates"][0]["user_id"] == "woman"


def test_the_index_is_narrowed_to_a_site(root: APIClient, manager: APIClient, world: World) -> None:
    both = root.get(INDEX).json()["sites"]
    one = root.get(INDEX, {"site": world.theirs.site.pk}).json()["sites"]
    foreign = manager.get(INDEX, {"site": world.theirs.site.pk}).json()

    assert {entry["site"] for entry in both} == {world.ours.site.pk, world.theirs.site.pk}
    assert [entry["site"] for entry in one] == [world.theirs.site.pk]
    assert (foreign["sites"], foreign["size"]) == ([], 0)


@pytest.mark.parametrize("site", ["x", "-1", "9" * 30, "1.5", "", "١"])
def test_the_index_of_an_odd_site_is_refused(root: APIClient, site: str) -> None:
    assert root.get(INDEX, {"site": site}).status_code == 400
    assert root.post(f"{INDEX}rebuild/", {"site": site}, format="json").status_code == 400


@pytest.mark.parametrize("in_body", [True, False])
def test_a_rebuild_is_queued_for_the_sites_asked_for(
    root: APIClient, world: World, in_body: bool
) -> None:
    body = {"site": world.ours.site.pk}
    path = f"{INDEX}rebuild/"

    if in_body:
        one = root.post(path, body, format="json")
    else:
        one = root.post(f"{path}?site={world.ours.site.pk}")
    every = root.post(path)

    assert (one.status_code, one.json()) == (202, {"queued": 1})
    assert every.json() == {"queued": 2}


def test_a_manager_rebuilds_the_own_site_only_and_a_guard_none(
    manager: APIClient, guard: APIClient, world: World
) -> None:
    path = f"{INDEX}rebuild/"

    assert manager.post(path).json() == {"queued": 1}
    assert manager.post(path, {"site": world.theirs.site.pk}).json() == {"queued": 0}
    assert not Gallery.objects.filter(site=world.theirs.site).exists()
    assert guard.post(path).status_code == 403


def test_no_broken_picture_is_an_error_of_the_platform(manager: APIClient, world: World) -> None:
    broken = iter(BrokenPictures(5))

    for _ in range(40):
        name, raw = next(broken)
        response = ask(manager, world.ours.site.pk, raw)
        # A header that was changed may promise a picture of any size.
        assert response.status_code in (200, 400, 413), name
        assert response["Content-Type"] == "application/json", name


@pytest.mark.parametrize(
    ("name", "status"), [("exif-poison-byte.jpg", 200), ("doubt-jpeg-without-eoi.jpg", 200)]
)
def test_a_picture_with_odd_metadata_or_no_end_is_looked_at(
    manager: APIClient, world: World, name: str, status: int
) -> None:
    raw = (ROOT / "tests/support/picture_cases" / name).read_bytes()

    response = ask(manager, world.ours.site.pk, raw)

    assert (response.status_code, response.json()["problems"]) == (status, ["no_face"])
