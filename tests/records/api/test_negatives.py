"""``/api/v1/records/<id>/not-this-person/`` and its undoing."""

from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from rest_framework.test import APIClient

from faces.services import person_save
from records.models import FaceNegative, Picture
from tests.support.two_sites import Side, World

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def address(side: Side, *, undo: bool = False) -> str:
    """Return where to say it of a site's record."""
    return f"/api/v1/records/{side.record.pk}/not-this-person/{'undo/' if undo else ''}"


@pytest.fixture(autouse=True)
def _faces(world: World, portraits: dict[str, Path]) -> None:
    """Let the records of both sites show a face."""
    for side in (world.ours, world.theirs):
        picture = Picture(site=side.site, sha256="f" * 64, width=4000, height=4000)
        picture.image.save("picture.jpg", ContentFile(portraits["biden.jpg"].read_bytes()))
        type(side.record).objects.filter(pk=side.record.pk).update(picture=picture)


def test_manager_says_it_and_takes_it_back(manager: APIClient, world: World) -> None:
    said = manager.post(address(world.ours))

    assert said.status_code == 200
    assert said.json() == {"record": world.ours.record.pk, "not_this_person": True}
    negative = FaceNegative.objects.get()
    assert (negative.person, negative.created_by) == (world.ours.person, world.manager)

    record = f"/api/v1/records/{world.ours.record.pk}/"
    assert manager.get(record).json()["not_this_person"] is True

    taken_back = manager.post(address(world.ours, undo=True))
    assert taken_back.json() == {"record": world.ours.record.pk, "not_this_person": False}
    assert not FaceNegative.objects.exists()
    assert manager.post(address(world.ours, undo=True)).status_code == 200
    assert manager.get(record).json()["not_this_person"] is False


def test_a_picture_like_the_photo_on_file_is_answered_in_words(
    manager: APIClient, world: World, portraits: dict[str, Path]
) -> None:
    person_save(person=world.ours.person, photo=portraits["biden.jpg"].read_bytes())

    answer = manager.post(address(world.ours))

    assert answer.status_code == 409
    told = answer.json()
    assert "replace the photo instead" in told.pop("detail")
    assert told == {
        "error": "looks_like_photo",
        "record": world.ours.record.pk,
        "not_this_person": False,
        "looks_like_photo": True,
        "person": world.ours.person.pk,
    }
    assert not FaceNegative.objects.exists()


def test_a_record_without_a_face_is_refused_with_the_reason(
    manager: APIClient, world: World
) -> None:
    type(world.ours.record).objects.update(picture=None)

    answer = manager.post(address(world.ours))

    assert answer.status_code == 400
    assert answer.json()["detail"] == "This record has no picture to remember."


@pytest.mark.parametrize("undo", [False, True])
def test_guards_and_strangers_may_not(
    guard: APIClient, outsider: APIClient, world: World, undo: bool
) -> None:
    assert guard.post(address(world.ours, undo=undo)).status_code == 403
    assert outsider.post(address(world.ours, undo=undo)).status_code == 403
    assert not FaceNegative.objects.exists()


@pytest.mark.parametrize("undo", [False, True])
def test_another_sites_record_does_not_exist(
    root: APIClient, manager: APIClient, world: World, undo: bool
) -> None:
    root.post(address(world.theirs))

    assert manager.post(address(world.theirs, undo=undo)).status_code == 404
    assert FaceNegative.objects.count() == 1
