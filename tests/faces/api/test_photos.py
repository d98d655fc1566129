"""Photos of people: accepted, refused with advice, bounded."""

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rest_framework.test import APIClient

from faces.models import FaceDescriptor, FacePhoto, Person
from tests.support.entered_people import PEOPLE, blank_picture, enter
from tests.support.factories import (
    upload,
)
from tests.support.two_sites import World

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def test_a_good_portrait_is_accepted_and_a_refused_one_does_not_replace_it(
    manager: APIClient, world: World, portraits: dict[str, Path]
) -> None:
    accepted = enter(
        manager, world.ours.site, as_form=True, photo=upload(portraits["obama.jpg"])
    ).json()
    assert (accepted["face_status"], accepted["face_problems"]) == ("ok", [])

    path = f"{PEOPLE}{accepted['id']}/"
    refused = manager.patch(path, {"photo": upload(blank_picture())}, format="multipart")

    assert refused.status_code == 200
    assert (refused.json()["face_status"], refused.json()["face_problems"]) == (
        "refused",
        ["no_face"],
    )
    # The door goes on knowing the face it knew.
    assert FaceDescriptor.objects.filter(photo__person_id=accepted["id"]).count() == 1

    again = manager.patch(path, {"photo": upload(portraits["obama2.jpg"])}, format="multipart")

    assert again.json()["face_status"] == "ok"
    assert FacePhoto.objects.filter(person_id=accepted["id"]).count() == 1


def test_a_portrait_in_another_format_is_accepted(
    manager: APIClient, world: World, portraits: dict[str, Path]
) -> None:
    buffer = io.BytesIO()
    Image.open(portraits["obama.jpg"]).save(buffer, "PNG")

    response = enter(manager, world.ours.site, as_form=True, photo=upload(buffer.getvalue()))

    assert response.json()["face_status"] == "ok"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty"),
        (b"hello", "not_an_image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported_format"),
        (blank_picture()[:300], "truncated"),
        (blank_picture(), "no_face"),
    ],
)
def test_a_refused_photo_still_makes_the_person_and_says_what_to_do(
    manager: APIClient, world: World, content: bytes, problem: str
) -> None:
    response = enter(manager, world.ours.site, as_form=True, photo=upload(content))

    assert response.status_code == 201
    person = response.json()
    assert (person["face_status"], person["face_problems"]) == ("refused", [problem])
    assert [len(sentence) > 10 for sentence in person["face_advice"]] == [True]
    assert person["face_advice"] != [problem]


@pytest.mark.parametrize(
    ("orientation_of", "part", "expected"),
    [
        ("poison", 1.0, ("ok", [])),
        ("plain", 1.0, ("ok", [])),
        ("plain", 0.8, ("refused", ["truncated"])),
    ],
)
def test_a_photo_is_enrolled_when_it_is_whole(
    manager: APIClient,
    world: World,
    portraits: dict[str, Path],
    orientation_of: str,
    part: float,
    expected: tuple[str, list[str]],
) -> None:
    """Odd metadata and a missing end mark cost nothing; half a face is enrolled nowhere."""
    image = Image.open(portraits["obama.jpg"]).convert("RGB")
    buffer = io.BytesIO()
    if orientation_of == "poison":
        tag_of_a_byte = b"\x13\x02\x01\0\x01\0\0\0\x01\0\0\0"
        turned = b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"
        exif = b"Exif\0\0II*\0\x08\0\0\0\x02\0" + turned + tag_of_a_byte + bytes(4)
        image.transpose(Image.Transpose.ROTATE_90).save(buffer, "JPEG", exif=exif)
    else:
        image.save(buffer, "JPEG")
    raw = buffer.getvalue()[:-2]

    response = enter(
        manager, world.ours.site, as_form=True, photo=upload(raw[: int(part * len(raw))])
    )

    assert response.status_code == 201
    person = response.json()
    assert (person["face_status"], person["face_problems"]) == expected


@pytest.mark.parametrize("limit", ["PHOTO_LIMIT_BYTES", "PHOTO_LIMIT_PIXELS"])
def test_a_photo_over_a_limit_is_too_large_and_stores_nothing(
    manager: APIClient, world: World, settings: Any, limit: str
) -> None:
    setattr(settings, limit, 100 * 100)
    raw = b"\xff" * 10_001 if limit == "PHOTO_LIMIT_BYTES" else blank_picture(101)
    before = Person.objects.count()

    response = enter(manager, world.ours.site, as_form=True, photo=upload(raw))

    assert (response.status_code, response.json()["error"]) == (413, "too_large")
    assert Person.objects.count() == before


def test_a_photo_waits_for_models_that_are_not_there(
    manager: APIClient, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from faces.services import engine

    # As on a machine where the models were not installed yet.
    monkeypatch.setenv("MENJIN_CACHE", str(tmp_path))
    engine.cache_clear()
    try:
        response = enter(manager, world.ours.site, as_form=True, photo=upload(blank_picture()))
        found = manager.post(
            "/api/v1/identify/",
            {"site": world.ours.site.pk, "photo": upload(blank_picture())},
            format="multipart",
        )
        index = manager.get("/api/v1/index/")
        rebuild = manager.post("/api/v1/index/rebuild/")
    finally:
        engine.cache_clear()

    assert response.status_code == 201
    assert response.json()["face_status"] == "none"
    assert response.json()["face_problems"] == ["engine_unavailable"]
    assert len(response.json()["face_advice"]) == 1
    for refused in (found, index, rebuild):
        assert (refused.status_code, refused.json()["error"]) == (503, "unavailable")
