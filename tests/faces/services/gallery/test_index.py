"""The gallery's index: found at once, published whole, gone when erased (decision 0006)."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.db import connection

from devices.models import Site
from faces.models import FaceDescriptor, FileToDelete, Gallery, GalleryRemoval, Library, Person
from faces.services import (
    engine,
    files_erase,
    forget_copies,
    gallery_rebuild,
    identify,
    person_erase,
)
from faces.services.gallery.galleries import descriptor_unseal
from tests.support.people import checked_photo, enrol

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
ROOT = Path(__file__).parents[4]


def found(site: Site, word: str) -> list[str]:
    """Return the user ids that the face of ``word`` is taken for, best first."""
    vector = checked_photo(word).vector
    assert vector is not None
    return [one.person.user_id for one in identify(site_id=site.pk, vector=vector, count=3)]


def best(site: Site, word: str) -> tuple[str, bool]:
    """Return the closest person and whether it is a match."""
    vector = checked_photo(word).vector
    assert vector is not None
    one = identify(site_id=site.pk, vector=vector, count=1)[0]
    return one.person.user_id, one.cosine >= engine().threshold


def test_a_new_face_is_found_without_a_rebuild(site: Site, library: Library) -> None:
    assert found(site, "1") == []

    enrol(library, "1")
    enrol(library, "2")

    assert best(site, "1") == ("1", True)
    assert best(site, "2") == ("2", True)
    assert Gallery.objects.get().published_at is None


def test_an_erased_face_is_gone_at_once(site: Site, library: Library) -> None:
    person = enrol(library, "1")
    enrol(library, "2")
    gallery_rebuild(gallery_id=Gallery.objects.get().pk)
    assert best(site, "1") == ("1", True)

    person_erase(person=person)

    assert found(site, "1") == ["2"]
    forget_copies()
    assert found(site, "1") == ["2"]


def test_a_running_copy_takes_up_a_published_index(site: Site, library: Library) -> None:
    for number in range(5):
        enrol(library, str(number))
    assert best(site, "3") == ("3", True)

    assert gallery_rebuild(gallery_id=Gallery.objects.get().pk) == 5
    enrol(library, "5")

    gallery = Gallery.objects.get()
    assert (gallery.published_size, gallery.revision - gallery.published_revision) == (5, 1)
    assert [best(site, str(number)) for number in range(6)] == [
        (str(number), True) for number in range(6)
    ]


def test_a_new_process_starts_from_the_file_and_what_came_after(
    site: Site, library: Library
) -> None:
    people = [enrol(library, str(number)) for number in range(4)]
    gallery_rebuild(gallery_id=Gallery.objects.get().pk)
    person_erase(person=people[0])
    enrol(library, "4")

    forget_copies()

    assert best(site, "4") == ("4", True)
    assert "0" not in found(site, "0")


@pytest.mark.parametrize("damage", ["missing", "altered"])
def test_without_its_file_the_index_is_read_from_the_database(
    site: Site, library: Library, damage: str
) -> None:
    enrol(library, "1")
    gallery_rebuild(gallery_id=Gallery.objects.get().pk)
    path = Path(default_storage.path(Gallery.objects.get().published_path))
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1] + b"x")

    forget_copies()

    assert best(site, "1") == ("1", True)


def test_superseded_files_and_removals_are_cleaned_up(site: Site, library: Library) -> None:
    person = enrol(library, "1")
    enrol(library, "2")
    gallery = Gallery.objects.get()
    gallery_rebuild(gallery_id=gallery.pk)
    first = Gallery.objects.get().published_path
    person_erase(person=person)
    for number in range(3, 5):
        enrol(library, str(number))
        gallery_rebuild(gallery_id=gallery.pk)

    files_erase()

    assert not default_storage.exists(first)
    assert default_storage.exists(Gallery.objects.get().published_path)
    assert FileToDelete.objects.count() == 0
    assert GalleryRemoval.objects.count() == 0
    assert "1" not in found(site, "1")


@pytest.mark.slow
def test_the_index_agrees_with_brute_force(site: Site, library: Library) -> None:
    for number in range(60):
        enrol(library, str(number))
    rows = list(FaceDescriptor.objects.select_related("photo__person"))
    matrix = np.stack([descriptor_unseal(row.sealed) for row in rows])
    probe = checked_photo("somebody else").vector
    assert probe is not None

    order = np.argsort(-(matrix @ probe))[:3]

    assert found(site, "somebody else") == [rows[i].photo.person.user_id for i in order]


def test_nothing_at_rest_shows_a_descriptor(site: Site, library: Library) -> None:
    enrol(library, "1")
    gallery_rebuild(gallery_id=Gallery.objects.get().pk)
    vector = checked_photo("1").vector
    assert vector is not None
    plain = vector.astype("<f4").tobytes()

    stored = Path(default_storage.path(Gallery.objects.get().published_path)).read_bytes()

    assert plain[:16] not in stored
    assert plain[:16] not in bytes(FaceDescriptor.objects.get().sealed)


def test_sites_do_not_know_each_others_faces(site: Site, library: Library) -> None:
    from devices.services import site_create

    other = site_create(code="other", name="Other")
    enrol(library, "1")

    assert found(other, "1") == []


@pytest.mark.django_db(transaction=True)
def test_two_rebuilds_at_once_leave_one_index(site: Site, library: Library) -> None:
    for number in range(20):
        enrol(library, str(number))
    gallery = Gallery.objects.get()
    start = threading.Barrier(4)
    failures: list[BaseException] = []

    def rebuild() -> None:
        try:
            start.wait()
            gallery_rebuild(gallery_id=gallery.pk)
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=rebuild) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    files_erase()

    assert failures == []
    published = Gallery.objects.get().published_path
    folder = Path(default_storage.path(published)).parent
    # Of revision 20, that is: SQLite hands out the ids of earlier tests again.
    assert [path.name for path in folder.glob("20-*")] == [Path(published).name]
    forget_copies()
    assert best(site, "7") == ("7", True)


_OTHER_PROCESS = """
import sys, time
import django
django.setup()
from django.conf import settings
from django.db import connection
settings.GALLERY_CHECK_SECONDS = 0.5
connection.settings_dict["NAME"] = sys.argv[1]
from faces.services import identify
from tests.support.people import checked_photo
site_id = int(sys.argv[2])
vector = checked_photo("late").vector
identify(site_id=site_id, vector=vector)
print("ready", flush=True)
sys.stdin.readline()
deadline = time.monotonic() + 2
while time.monotonic() < deadline:
    names = [one.person.user_id for one in identify(site_id=site_id, vector=vector)]
    if "late" in names:
        print("found", flush=True)
        sys.exit()
    time.sleep(0.05)
print("not found", flush=True)
"""


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_another_process_finds_a_new_face_within_two_seconds(site: Site, library: Library) -> None:
    enrol(library, "early")
    process = subprocess.Popen(
        [sys.executable, "-c", _OTHER_PROCESS, str(connection.settings_dict["NAME"]), str(site.pk)],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "menjin.settings.test"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"

    enrol(library, "late")
    told, _ = process.communicate("now\n", timeout=30)

    assert told == "found\n"


def test_a_stranger_is_a_candidate_but_no_match(
    site: Site, obama: Person, portraits: dict[str, Any]
) -> None:
    from faces.services import identify_photo

    told = identify_photo(site_id=site.pk, raw=portraits["astronaut.png"].read_bytes())

    assert [one["is_match"] for one in told["candidates"]] == [False]
