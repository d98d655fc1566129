"""Whoever posts the photo that the terminal was given has had no face in front of it."""

import base64
import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from devices.models import Site, Terminal
from faces.models import FacePhoto, Person
from records.choices import AlertKind
from records.models import Alert, PassRules, Record
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def on_file(person: Person) -> bytes:
    with person.photos.get().image.open() as file:
        return bytes(file.read())


def encoded_anew(raw: bytes, *, quality: int = 40, width: int = 320) -> bytes:
    frame = Image.open(io.BytesIO(raw))
    buffer = io.BytesIO()
    frame.resize((width, width)).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def walk(wire: WireClient, raw: bytes, *, moment: int = 0, user_id: str = "1001") -> dict[str, Any]:
    return wire.post(
        "syface",
        {
            "userId": user_id,
            "userName": "x",
            "deviceId": wire.device_id,
            "img": base64.b64encode(raw).decode(),
            "screenTime": str(1764500000 + moment),
        },
    )


def alarms() -> list[str]:
    kinds = Alert.objects.exclude(kind=AlertKind.CLOCK_SKEW).order_by("pk")
    return list(kinds.values_list("kind", flat=True))


@pytest.fixture(autouse=True)
def _lenient(site: Site, terminal: Terminal) -> None:
    """Let the moment of a message decide nothing here."""
    Site.objects.update(late_passes="lenient")


@pytest.mark.parametrize("verification", ["off", "observe", "enforce"])
@pytest.mark.parametrize("is_anew", [False, True], ids=["bytes", "encoded anew"])
def test_photo_on_file_is_a_fault_and_an_alarm(
    wire: WireClient, obama: Person, verification: str, is_anew: bool
) -> None:
    Site.objects.update(verification=verification)
    photo = on_file(obama)

    answer = walk(wire, encoded_anew(photo) if is_anew else photo)

    record = Record.objects.get()
    assert "picture_is_photo_on_file" in record.faults
    assert alarms() == ["photo_sent_back"]
    assert (answer["openDoor"], record.door_opened) == (1, True)


def test_site_that_says_so_keeps_the_door_closed(
    wire: WireClient, site: Site, obama: Person
) -> None:
    PassRules.objects.create(site=site, photo_on_file_closes_door=True)

    answer = walk(wire, on_file(obama))

    record = Record.objects.get()
    assert (answer["openDoor"], record.reason) == (0, "photo_on_file")
    assert record.trace["evidence"]["is_photo_on_file"] is True
    assert alarms() == ["photo_sent_back"]


def test_repeat_opens_nothing_once_the_site_says_so(
    wire: WireClient, site: Site, obama: Person
) -> None:
    photo = on_file(obama)
    assert walk(wire, photo)["openDoor"] == 1
    PassRules.objects.create(site=site, photo_on_file_closes_door=True)

    assert walk(wire, photo)["openDoor"] == 0


def test_face_before_the_camera_is_no_copy(
    wire: WireClient, site: Site, obama: Person, portraits: dict[str, Path]
) -> None:
    PassRules.objects.create(site=site, photo_on_file_closes_door=True)

    for moment, name in enumerate(("obama2.jpg", "obama3.jpg", "biden.jpg", "obama.jpg")):
        assert walk(wire, portraits[name].read_bytes(), moment=moment)["openDoor"] == 1

    assert [record.faults.count("picture_is_photo_on_file") for record in Record.objects.all()] == [
        0
    ] * 4
    assert alarms() == []


def test_photo_of_before_gets_its_hash_when_it_is_first_needed(
    wire: WireClient, obama: Person
) -> None:
    hashed = FacePhoto.objects.get().picture_hash
    FacePhoto.objects.update(picture_hash="")

    walk(wire, on_file(obama))

    assert alarms() == ["photo_sent_back"]
    assert FacePhoto.objects.get().picture_hash == hashed != ""


def test_missing_file_costs_the_look_and_not_the_record(wire: WireClient, obama: Person) -> None:
    photo = on_file(obama)
    stored = FacePhoto.objects.get()
    stored.image.storage.delete(stored.image.name)

    walk(wire, photo)

    assert Record.objects.get().faults.count("picture_is_photo_on_file") == 0


def test_photo_of_somebody_else_is_no_copy_of_theirs(
    wire: WireClient, site: Site, obama: Person
) -> None:
    Person.objects.create(site=site, user_id="2002", name="Nobody")

    walk(wire, on_file(obama), user_id="2002")

    assert alarms() == []
