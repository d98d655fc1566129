"""Files that no row names go to the trash after a day, and stay where they are when they are many.

Every test runs on a disk and on a storage that is none.
"""

import io
import logging
import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import translation

from console.models import FileCount, UnnamedFile
from console.tasks import files_sweep as task
from console.unnamed_files import A_HANDFUL, files_sweep, trash_list
from devices.models import Site
from faces.choices import PhotoStatus
from faces.models import FacePhoto, Gallery, Person
from faces.services import files_erase, files_mark_for_deletion, person_erase
from records.models import Picture
from server_common.stored_files import file_write, trash_path
from tests.support.object_storage import SETTINGS
from tests.support.two_sites import World, client_of

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite, pytest.mark.usefixtures("storage")]
NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(params=["disk", "bucket"])
def storage(request: pytest.FixtureRequest, settings: Any, tmp_path: Any) -> None:
    """Store files on an empty disk, then in an empty bucket."""
    disk = {**settings.STORAGES["default"], "OPTIONS": {"location": tmp_path / "media"}}
    chosen = disk if request.param == "disk" else SETTINGS
    settings.STORAGES = {**settings.STORAGES, "default": chosen}


def picture(site: Site) -> str:
    """Return the file of a stored picture that a row names."""
    row = Picture(site=site, sha256=secrets.token_hex(32), width=1, height=1)
    row.image.name = file_write(row.image.field.generate_filename(row, ""), b"picture")
    row.save()
    return row.image.name


def photo(site: Site, user_id: str = "1") -> str:
    """Return the file of a person's photo, which a row names."""
    person = Person.objects.create(site=site, user_id=user_id, name="A")
    row = FacePhoto(person=person, status=PhotoStatus.OK)
    row.image.name = file_write(row.image.field.generate_filename(row, ""), b"photo")
    row.save()
    return row.image.name


def orphan() -> str:
    """Return a file as a transaction leaves it that was rolled back."""
    token = secrets.token_hex(16)
    return file_write(f"faces/{token[:2]}/{token}.jpg", b"lost")


def index(site: Site) -> str:
    path = file_write(f"index/{secrets.token_hex(3)}/1-ab.sealed", b"index")
    Gallery.objects.create(site=site, contract_id="m", published_path=path)
    return path


def swept(*moments: datetime) -> dict[str, int]:
    """Return what was done by sweeps at these moments, all together."""
    done = [files_sweep(now=moment) for moment in moments]
    return {name: sum(one[name] for one in done) for name in done[0]}


def test_what_no_row_names_for_a_day_goes_to_the_trash(site: Site) -> None:
    named = [picture(site), photo(site), index(site)]
    lost = orphan()

    assert swept(NOON) == {"counted": 4, "moved": 0, "ended": 0}
    assert default_storage.exists(lost)
    assert swept(NOON + DAY) == {"counted": 4, "moved": 1, "ended": 0}

    assert not default_storage.exists(lost)
    assert all(default_storage.exists(path) for path in named)
    assert trash_list() == [("2026-12-02", lost)]
    with default_storage.open(trash_path("2026-12-02", lost)) as stored:
        assert stored.read() == b"lost"
    assert UnnamedFile.objects.count() == 0


def test_a_day_counts_from_when_it_was_first_without_a_row(site: Site) -> None:
    """A row that went without its file is a fault; its file is kept as long as any other."""
    path = photo(site)
    swept(NOON, NOON + 5 * DAY)
    FacePhoto.objects.all().delete()

    assert swept(NOON + 6 * DAY, NOON + 6.9 * DAY)["moved"] == 0
    assert swept(NOON + 7.2 * DAY)["moved"] == 1
    assert not default_storage.exists(path)


def test_a_file_that_is_named_in_time_stays(site: Site) -> None:
    path = orphan()
    swept(NOON)
    person = Person.objects.create(site=site, user_id="1", name="A")
    FacePhoto.objects.create(person=person, image=path, status=PhotoStatus.OK)

    assert swept(NOON + DAY, NOON + 2 * DAY)["moved"] == 0
    assert default_storage.exists(path)
    assert UnnamedFile.objects.count() == 0


def test_a_file_that_was_named_since_the_count_stays(site: Site) -> None:
    """A database may be restored between counting and moving."""
    path = orphan()
    swept(NOON, NOON + 0.9 * DAY)
    person = Person.objects.create(site=site, user_id="1", name="A")
    FacePhoto.objects.create(person=person, image=path, status=PhotoStatus.OK)

    # No new count is due yet: only the rows of the last one are gone through.
    assert swept(NOON + 1.1 * DAY) == {"counted": 0, "moved": 0, "ended": 0}
    assert default_storage.exists(path)


def test_nothing_is_moved_when_too_many_files_have_no_row(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(A_HANDFUL + 1):
        orphan()
    caplog.set_level(logging.ERROR)

    assert swept(NOON, NOON + DAY, NOON + 2 * DAY)["moved"] == 0

    assert trash_list() == []
    assert "files_sweep_stopped unnamed=21 files=21" in caplog.text
    assert FileCount.objects.get().stopped_at == NOON + DAY


def test_a_handful_is_moved_however_few_files_there_are() -> None:
    for _ in range(A_HANDFUL):
        orphan()

    assert swept(NOON, NOON + DAY)["moved"] == A_HANDFUL


@pytest.mark.slow
def test_one_in_a_hundred_is_moved(site: Site) -> None:
    wanted = 2200
    rows = []
    for number in range(wanted - 22):
        row = Picture(site=site, sha256=f"{number:064x}", width=1, height=1)
        row.image.name = file_write(row.image.field.generate_filename(row, ""), b"")
        rows.append(row)
    Picture.objects.bulk_create(rows)
    for _ in range(22):
        orphan()

    assert swept(NOON, NOON + DAY) == {"counted": 2 * wanted, "moved": 22, "ended": 0}


def test_the_sweep_goes_on_by_itself_when_the_cause_is_gone(site: Site) -> None:
    lost = [orphan() for _ in range(A_HANDFUL + 1)]
    swept(NOON, NOON + DAY)
    for number, path in enumerate(lost[1:]):
        person = Person.objects.create(site=site, user_id=str(number), name="A")
        FacePhoto.objects.create(person=person, image=path, status=PhotoStatus.OK)

    assert swept(NOON + 2 * DAY)["moved"] == 1

    assert FileCount.objects.get().stopped_at is None
    assert trash_list() == [("2026-12-03", lost[0])]


def test_counting_goes_on_where_it_ended(site: Site) -> None:
    paths = [picture(site) for _ in range(6)] + [photo(site, str(number)) for number in range(4)]
    lost = orphan()

    parts = [files_sweep(now=NOON, most=2)["counted"] for _ in range(len(paths) + 3)]

    assert sum(parts) == len(paths) + 1
    assert max(parts) < len(paths)
    count = FileCount.objects.get()
    assert (count.counted, count.counted_at, count.begun_at) == (len(paths) + 1, NOON, None)
    assert [row.path for row in UnnamedFile.objects.all()] == [lost]


def test_two_sweeps_at_once_are_one_and_a_dead_one_is_not_waited_for_for_ever() -> None:
    orphan()
    FileCount.objects.create(pk=1, busy_until=NOON + timedelta(minutes=5))

    assert swept(NOON)["counted"] == 0
    assert swept(NOON + timedelta(minutes=6))["counted"] == 1


def test_pictures_that_wait_for_approval_have_a_sweep_of_their_own() -> None:
    path = file_write("records/waiting/ab/abcd.bin", b"as it came")

    assert swept(NOON, NOON + DAY, NOON + 9 * DAY) == {"counted": 0, "moved": 0, "ended": 0}
    assert default_storage.exists(path)


def test_files_of_others_in_the_same_storage_are_left_alone() -> None:
    path = file_write("backup/of-the-operator.tar", b"1")

    assert swept(NOON, NOON + DAY)["counted"] == 0
    assert default_storage.exists(path)


def test_names_that_cannot_be_noted_are_left_alone() -> None:
    paths = [file_write(f"faces/{name}.jpg", b"1") for name in ("x" * 240, "a\nb", "\udcff")]

    assert swept(NOON, NOON + DAY)["counted"] == 0
    assert all(default_storage.exists(path) for path in paths)


def test_the_trash_is_kept_for_thirty_days(settings: Any) -> None:
    first = orphan()
    swept(NOON, NOON + DAY)
    second = orphan()
    swept(NOON + 2 * DAY, NOON + 3 * DAY)

    assert swept(NOON + 31 * DAY)["ended"] == 0
    assert swept(NOON + 32 * DAY)["ended"] == 1
    assert trash_list() == [("2026-12-04", second)]
    settings.TRASH_KEPT = timedelta(days=1)
    assert swept(NOON + 33 * DAY)["ended"] == 1
    assert trash_list() == []
    assert not default_storage.exists(trash_path("2026-12-02", first))


def test_a_file_that_waits_for_being_deleted_does_not_go_to_the_trash() -> None:
    path = orphan()
    files_mark_for_deletion([path])

    assert swept(NOON, NOON + DAY)["moved"] == 0
    files_erase()
    assert not default_storage.exists(path)


def test_erasing_a_person_erases_their_photo_from_the_trash(site: Site) -> None:
    """It came there while the database had lost the row, which was restored afterwards."""
    path = photo(site)
    row = FacePhoto.objects.get()
    FacePhoto.objects.all().delete()
    swept(NOON, NOON + DAY)
    assert trash_list() == [("2026-12-02", path)]
    row.save(force_insert=True)

    person_erase(person=Person.objects.get())
    files_erase()

    assert trash_list() == []
    assert not default_storage.exists(path)


def said(*arguments: str) -> str:
    """Return what the command says."""
    told = io.StringIO()
    call_command("trash", *arguments, stdout=told)
    return told.getvalue()


def test_what_a_row_names_again_is_put_back(site: Site) -> None:
    path, lost = photo(site), orphan()
    row = FacePhoto.objects.get()
    FacePhoto.objects.all().delete()
    swept(NOON, NOON + DAY)
    row.save(force_insert=True)
    assert said("list").split() == [word for entry in trash_list() for word in entry]

    assert "1 files put back, 1 left" in said("restore")

    with default_storage.open(path) as stored:
        assert stored.read() == b"photo"
    assert trash_list() == [("2026-12-02", lost)]


def test_what_no_row_names_is_not_put_back_and_can_be_deleted_at_once() -> None:
    """It would bring back the face of an erased person, or of one never enrolled."""
    lost = orphan()
    swept(NOON, NOON + DAY)

    assert "0 files put back, 1 left" in said("restore", lost)
    assert not default_storage.exists(lost)
    assert said("empty") == "1 files deleted\n"
    assert trash_list() == []
    with pytest.raises(CommandError, match="not in the trash"):
        said("restore", lost)
    with pytest.raises(CommandError, match="takes no path"):
        said("empty", lost)


def test_administrators_are_told_and_led_to_the_files(world: World) -> None:
    for _ in range(A_HANDFUL + 1):
        orphan()
    swept(NOON, NOON + DAY)

    page = client_of(world.superuser).get(reverse("admin:index")).content.decode()
    address = reverse("admin:console_unnamedfile_changelist")
    words = "stored files that no row names: too many, so none is moved to the trash"
    assert words in page
    assert address in page
    listed = client_of(world.superuser).get(address).content.decode()
    assert UnnamedFile.objects.filter(path__in=re.findall(r"faces/\w+/\w+\.jpg", listed)).exists()
    with translation.override("zh-hans"):
        assert str(translation.gettext(words)) != words
    others = client_of(world.manager)
    assert words not in others.get(reverse("admin:index")).content.decode()
    assert others.get(address).status_code == 403


def test_figures_are_there_for_alarms(world: World) -> None:
    stored = Picture.objects.count() + FacePhoto.objects.exclude(image="").count() + A_HANDFUL + 1
    for _ in range(A_HANDFUL + 1):
        orphan()
    swept(NOON, NOON + DAY)

    told = client_of(world.superuser).get("/metrics").content.decode()

    assert f"menjin_files {stored}.0" in told
    assert "menjin_files_unnamed 21.0" in told
    assert "menjin_files_sweep_stopped 1.0" in told


def test_the_schedule_knows_the_task(settings: Any) -> None:
    orphan()

    assert task()["counted"] == 1
    assert task.name in {one["task"] for one in settings.CELERY_BEAT_SCHEDULE.values()}
