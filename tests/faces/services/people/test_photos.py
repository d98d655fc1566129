"""From an uploaded picture to a face that terminals and the gallery know, and away again."""

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction
from PIL import Image

from devices.models import Site
from faces.choices import PhotoStatus
from faces.models import FaceDescriptor, FacePhoto, FileToDelete, Gallery, Library, Person
from faces.services import (
    files_erase,
    files_mark_for_deletion,
    identify_photo,
    person_erase,
    person_save,
    photo_attach,
    photo_check,
    photo_write,
    photos_process_waiting,
)

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
ROOT = Path(__file__).parents[4]


def enrolled(site: Site, photo: bytes | None, user_id: str = "1") -> Person:
    """Return a person of the site, enrolled with a photo."""
    return person_save(
        person=Person(site=site, user_id=user_id, name=f"Person {user_id}"), photo=photo
    )


def who(site: Site, portrait: Path) -> list[tuple[str, bool]]:
    """Return whom the site takes a portrait for, and whether it is a match."""
    told = identify_photo(site_id=site.pk, raw=portrait.read_bytes(), count=1)
    return [(one["user_id"], one["is_match"]) for one in told["candidates"]]


def stored_files() -> set[str]:
    """Return the files of faces in the storage."""
    folder = Path(default_storage.path("faces"))
    return {str(path.relative_to(folder.parent)) for path in folder.rglob("*.jpg")}


def test_an_accepted_photo_is_a_small_upright_jpeg_without_metadata(
    site: Site, portraits: dict[str, Path]
) -> None:
    with_exif = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "taken at the secret place"
    Image.open(portraits["obama.jpg"]).save(with_exif, "JPEG", exif=exif)

    photo = enrolled(site, with_exif.getvalue()).photos.get()

    assert (photo.status, photo.problems) == (PhotoStatus.OK, [])
    with photo.image.open() as stored:
        raw = stored.read()
    picture = Image.open(io.BytesIO(raw))
    assert picture.format == "JPEG"
    # imageUrl of seed 9.1: 300 to 500 pixels.
    assert 300 <= picture.width <= 500
    assert 300 <= picture.height <= 500
    assert not picture.getexif()
    assert b"secret place" not in raw
    assert photo.quality["faces"] == 1
    assert photo.image.name.startswith("faces/")
    assert FaceDescriptor.objects.filter(photo=photo).count() == 1


@pytest.mark.parametrize("name", ["obama.jpg", "biden.jpg", "astronaut.png"])
def test_every_portrait_is_found_again(site: Site, portraits: dict[str, Path], name: str) -> None:
    enrolled(site, portraits[name].read_bytes())

    assert who(site, portraits[name]) == [("1", True)]


def blank() -> bytes:
    """Return a picture without a face."""
    buffer = io.BytesIO()
    Image.new("RGB", (400, 400), (120, 130, 140)).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("raw", "problem"),
    [(blank(), "no_face"), (b"not a picture", None), (b"", None), (blank()[:300], None)],
    ids=["no face", "no picture", "empty", "cut short"],
)
def test_a_refused_photo_keeps_the_face_there_was(
    site: Site, portraits: dict[str, Path], raw: bytes, problem: str | None
) -> None:
    person = enrolled(site, portraits["obama.jpg"].read_bytes())

    person_save(person=person, photo=raw)

    newest, before = person.photos.order_by("-pk")
    assert (newest.status, before.status) == (PhotoStatus.REFUSED, PhotoStatus.OK)
    assert newest.problems
    assert problem is None or problem in newest.problems
    assert not newest.image
    assert who(site, portraits["obama.jpg"]) == [("1", True)]


def test_a_new_face_replaces_the_old_one_everywhere(
    site: Site, portraits: dict[str, Path], django_capture_on_commit_callbacks: Any
) -> None:
    person = enrolled(site, portraits["obama.jpg"].read_bytes())
    old = person.photos.get().image.name

    person_save(person=person, photo=portraits["biden.jpg"].read_bytes())
    files_erase()

    assert person.photos.get().status == PhotoStatus.OK
    assert FaceDescriptor.objects.count() == 1
    assert who(site, portraits["biden.jpg"]) == [("1", True)]
    # Below the floor of likeness nobody is named.
    assert who(site, portraits["obama.jpg"]) == [(None, False)]
    assert not default_storage.exists(old)
    assert default_storage.exists(person.photos.get().image.name)


def test_an_accepted_photo_clears_the_refused_ones(site: Site, portraits: dict[str, Path]) -> None:
    person = enrolled(site, blank())
    person_save(person=person, photo=b"no picture")
    assert person.photos.get().status == PhotoStatus.REFUSED

    person_save(person=person, photo=portraits["obama.jpg"].read_bytes())

    assert person.photos.get().status == PhotoStatus.OK


def test_files_of_an_erased_person_leave_the_storage(
    site: Site, portraits: dict[str, Path]
) -> None:
    before = stored_files()
    person = enrolled(site, portraits["obama.jpg"].read_bytes())
    assert len(stored_files() - before) == 1

    person_erase(person=person)
    assert FileToDelete.objects.count() == 1
    assert files_erase() == 1

    assert stored_files() <= before
    assert FileToDelete.objects.count() == 0
    assert FaceDescriptor.objects.count() == 0
    assert files_erase() == 0


def test_erasing_twice_is_erasing_once(site: Site, portraits: dict[str, Path]) -> None:
    person = enrolled(site, portraits["obama.jpg"].read_bytes())
    again = Person.objects.get()

    person_erase(person=person)
    person_erase(person=again)

    assert Person.objects.count() == 0


def test_a_person_erased_meanwhile_is_not_brought_back(site: Site, library: Library) -> None:
    from django.core.exceptions import ValidationError

    person = enrolled(site, None)
    page = Person.objects.get()
    person_erase(person=person)

    page.name = "Changed on a page that was open"
    with pytest.raises(ValidationError):
        person_save(person=page, library_ids=[library.pk])

    assert Person.objects.count() == 0


def test_a_file_that_is_gone_already_is_as_good_as_erased() -> None:
    files_mark_for_deletion(["faces/aa/never-there.jpg", "faces/aa/never-there.jpg", ""])

    assert files_erase() == 1
    assert FileToDelete.objects.count() == 0


def test_a_file_that_cannot_be_erased_is_kept_in_mind_and_hinders_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = default_storage.save("faces/aa/kept.jpg", ContentFile(b"x"))
    # A folder in its place: the storage refuses to delete it, as a read-only disk would.
    stuck = "faces/aa/stuck.jpg"
    Path(default_storage.path(stuck), "inside").mkdir(parents=True)
    files_mark_for_deletion([stuck, kept])

    assert files_erase() == 1

    assert not default_storage.exists(kept)
    row = FileToDelete.objects.get()
    assert (row.path, row.attempts) == (stuck, 1)


@pytest.mark.django_db(transaction=True)
def test_after_a_rollback_nothing_is_known_of_the_face(
    site: Site, portraits: dict[str, Path]
) -> None:
    checked = photo_check(portraits["obama.jpg"].read_bytes())
    person = enrolled(site, None)
    revision = Gallery.objects.values_list("revision", flat=True).first()
    photo = photo_write(checked)

    with pytest.raises(RuntimeError), transaction.atomic():
        photo_attach(person=person, checked=checked, photo=photo)
        raise RuntimeError("the power went")

    assert FacePhoto.objects.count() == 0
    assert FaceDescriptor.objects.count() == 0
    assert Gallery.objects.values_list("revision", flat=True).first() == revision
    assert who(site, portraits["obama.jpg"]) == []


@pytest.mark.parametrize("photo", ["accepted", "refused"])
def test_a_value_that_is_not_acceptable_leaves_no_file_behind(
    site: Site, portraits: dict[str, Path], photo: str
) -> None:
    from django.core.exceptions import ValidationError

    raw = portraits["obama.jpg"].read_bytes() if photo == "accepted" else blank()
    before = stored_files()

    with pytest.raises(ValidationError):
        person_save(person=Person(site=site, user_id=" 1 ", name="A"), photo=raw)

    assert Person.objects.count() == 0
    assert stored_files() == before


_WITHOUT_MODELS = """
import sys
import django
from django.conf import settings
settings.STORAGES["default"]["OPTIONS"]["location"] = sys.argv[2]
django.setup()
from django.db import connection
connection.settings_dict["NAME"] = sys.argv[1]
from devices.models import Site
from faces.models import Person
from faces.services import person_save, photos_process_waiting
for user_id, path in zip("123", sys.argv[3:]):
    person = Person(site=Site.objects.get(), user_id=user_id, name="A")
    with open(path, "rb") as photo:
        saved = person_save(person=person, photo=photo.read())
    print(saved.photos.get().status)
print(photos_process_waiting())
"""


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_photos_wait_for_the_models_and_are_settled_later(
    site: Site, portraits: dict[str, Path], tmp_path: Path
) -> None:
    faceless = tmp_path / "blank.jpg"
    faceless.write_bytes(blank())
    photos = [portraits["obama.jpg"], faceless, portraits["biden.jpg"]]
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            _WITHOUT_MODELS,
            str(connection.settings_dict["NAME"]),
            default_storage.path(""),
            *map(str, photos),
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "menjin.settings.test",
            "MENJIN_CACHE": str(tmp_path / "no models here"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["waiting", "waiting", "waiting", "0"]
    assert "photo_waits" in done.stderr
    assert who(site, photos[0]) == []

    # One whose file got lost must not keep the others waiting.
    lost = FacePhoto.objects.order_by("pk").first()
    assert lost is not None
    default_storage.delete(lost.image.name)
    assert photos_process_waiting() == 3
    assert photos_process_waiting() == 0

    assert list(FacePhoto.objects.order_by("person__user_id").values_list("status", flat=True)) == [
        PhotoStatus.REFUSED,
        PhotoStatus.REFUSED,
        PhotoStatus.OK,
    ]
    assert who(site, photos[2]) == [("3", True)]
