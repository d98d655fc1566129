"""What a terminal sends before it is approved is kept as it came, and decoded after approval."""

import base64
import io
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from PIL import Image
from rest_framework.test import APIClient

from devices.models import Site, Terminal
from devices.services import terminal_approve, terminal_disable
from faces.models import Person
from faces.services import files_erase
from records.models import Alert, Picture, Record, WaitingPicture
from records.models.waiting import waiting_path
from records.services import pictures_process_waiting, site_records_erase
from records.services.pictures.waiting import picture_wait, waiting_files_sweep
from records.tasks import pictures_process_waiting as task
from records.tasks import waiting_files_sweep as sweep
from tests.support.factories import wire_of
from tests.support.heavy_pictures import heavy_picture, heavy_png
from tests.support.two_sites import World, client_of
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def sent(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def picture(side: int = 64) -> bytes:
    return heavy_picture("JPEG", side)


def files() -> list[str]:
    """Return what waits on the disk."""
    if not default_storage.exists("records/waiting"):
        return []
    return [
        f"records/waiting/{folder}/{name}"
        for folder in default_storage.listdir("records/waiting")[0]
        for name in default_storage.listdir(f"records/waiting/{folder}")[1]
    ]


@pytest.fixture(autouse=True)
def no_files() -> None:
    """Delete what waited in other tests: the disk knows no rollback."""
    for path in files():
        default_storage.delete(path)


@pytest.fixture
def stranger(wire: WireClient, site: Site) -> Terminal:
    """Return a terminal that has announced itself and waits for approval."""
    Site.objects.update(auto_approve=False)
    wire.post("syheartbeat", {})
    terminal = Terminal.objects.get()
    assert terminal.status == "pending"
    return terminal


def passed(wire: WireClient, raw: bytes, **fields: Any) -> Record:
    body = {"userId": "1001", "screenTime": "1764500000", "img": sent(raw), **fields}
    answer = wire.post("syface", body)
    assert (answer["ret"], answer["openDoor"]) == ("0", 0)
    return Record.objects.latest("pk")


def test_a_picture_of_a_pending_terminal_is_not_decoded(
    wire: WireClient, stranger: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unpacked(*_: object) -> None:
        raise AssertionError("it must not be decoded")

    monkeypatch.setattr("PIL.Image.open", unpacked)
    raw = heavy_png(7000)

    record = passed(wire, raw, IDCardImg=sent(picture()))

    assert record.picture is None
    assert {"image_waits", "id_card_image_waits"} <= set(record.faults)
    assert record.verification == "off"
    kept = WaitingPicture.objects.get(record=record, place="picture")
    with kept.file.open() as stored:
        assert stored.read() == raw


def test_it_is_decoded_once_after_approval(wire: WireClient, stranger: Terminal) -> None:
    record = passed(wire, picture(64), IDCardImg=sent(picture(32)))
    assert pictures_process_waiting() == 0

    terminal_approve(terminal=stranger)
    assert task(terminal_id=stranger.pk) == {"pictures": 2}
    assert task(terminal_id=stranger.pk) == {"pictures": 0}

    record.refresh_from_db()
    assert record.picture is not None
    assert record.id_card_picture is not None
    with record.picture.image.open() as stored:
        assert Image.open(io.BytesIO(stored.read())).size == (64, 64)
    assert [fault for fault in record.faults if "image" in fault] == []
    assert record.door_opened is False
    files_erase()
    assert files() == []


def test_two_workers_settle_it_once(wire: WireClient, stranger: Terminal) -> None:
    """Both have read the row; the second finds that it is done."""
    passed(wire, picture())
    terminal_approve(terminal=stranger)
    waiting = WaitingPicture.objects.get()
    assert pictures_process_waiting() == 1
    waiting.pk = WaitingPicture.objects.create(
        record=waiting.record, place=waiting.place, size=1, file=waiting.file.name
    ).pk
    files_erase()

    assert pictures_process_waiting() == 1  # its file is gone, its row too

    assert WaitingPicture.objects.count() == 0
    assert Picture.objects.count() == 1
    assert Record.objects.get().picture is not None


@pytest.mark.parametrize(
    ("policy", "name", "result", "kinds"),
    [
        ("enforce", "obama2.jpg", "match", []),
        ("enforce", "biden.jpg", "mismatch", ["face_mismatch"]),
        ("observe", "biden.jpg", "mismatch", ["face_mismatch"]),
        ("off", "biden.jpg", "off", []),
        ("off", "obama.jpg", "off", ["photo_sent_back"]),
    ],
)
def test_it_is_compared_with_the_claimed_person_after_approval(
    wire: WireClient,
    stranger: Terminal,
    obama: Person,
    portraits: dict[str, Path],
    policy: str,
    name: str,
    result: str,
    kinds: list[str],
) -> None:
    """It did not count as seen for ever; the door stays as it was decided then."""
    Site.objects.update(verification=policy)
    kept = obama.photos.get().image.open() if name == "obama.jpg" else portraits[name].open("rb")
    with kept:
        raw = kept.read()
    record = passed(wire, raw)
    terminal_approve(terminal=stranger)

    assert pictures_process_waiting() == 1

    reason = record.reason
    record.refresh_from_db()
    assert (record.verification, record.reason, record.door_opened) == (result, reason, False)
    assert (record.verification_score is None) == (policy == "off")
    alarms = Alert.objects.filter(record=record).exclude(kind="clock_skew")
    assert list(alarms.values_list("kind", flat=True)) == kinds
    # The terminal repeats it: what did not open then opens nothing now.
    assert passed(wire, raw).door_opened is False


def test_nobody_new_is_compared_with_an_old_pass(
    wire: WireClient, stranger: Terminal, portraits: dict[str, Path], request: Any
) -> None:
    """The user ID was nobody's when the pass was recorded."""
    Site.objects.update(verification="enforce")
    record = passed(wire, portraits["obama2.jpg"].read_bytes())
    request.getfixturevalue("obama")
    terminal_approve(terminal=stranger)

    pictures_process_waiting()

    record.refresh_from_db()
    assert (record.verification, record.person) == ("no_reference", None)


def test_files_of_records_that_were_not_stored_are_swept(
    wire: WireClient, stranger: Terminal
) -> None:
    """A rollback leaves the file. One that was written just now may have its row in a moment."""
    record = passed(wire, picture())
    named = set(files())
    for _ in range(2):
        waiting = picture_wait(place="id_card_picture", raw=picture(32))
        waiting.record = record
        with pytest.raises(RuntimeError), transaction.atomic():
            waiting.save()
            raise RuntimeError
    old, young = sorted(set(files()) - named)
    for path in (old, *named):
        os.utime(default_storage.path(path), (0, 0))

    assert sweep() == {"files": 1}
    assert sweep() == {"files": 0}

    assert set(files()) == {*named, young}


def test_with_nothing_ever_kept_there_is_nothing_to_sweep(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path

    assert sweep() == {"files": 0}


def test_a_sweep_looks_at_a_bounded_number_of_files(wire: WireClient, stranger: Terminal) -> None:
    for _ in range(5):
        path = default_storage.save(waiting_path(WaitingPicture(), ""), ContentFile(b"1"))
        os.utime(default_storage.path(path), (0, 0))

    assert [waiting_files_sweep(looked_at_most=3) for _ in range(3)] == [3, 2, 0]


def test_a_bomb_of_a_pending_terminal_is_a_fault_after_approval(
    wire: WireClient, stranger: Terminal
) -> None:
    record = passed(wire, heavy_png(7000))
    terminal_approve(terminal=stranger)

    assert pictures_process_waiting() == 1

    record.refresh_from_db()
    assert record.picture is None
    assert "image_too_large" in record.faults
    assert "image_waits" not in record.faults


def test_what_waits_is_bounded_for_a_terminal_and_for_a_site(
    wire: WireClient, stranger: Terminal, token: str, settings: Any
) -> None:
    raw = picture()
    settings.PENDING_PICTURES_BYTES = 8 * len(raw) + 7
    records = []
    for number in range(3):
        records.append(passed(wire, raw, screenTime=str(1764500000 + number)))
    other = WireClient(token=token, device_id="0000002")
    records.append(passed(other, raw))

    waits = ["image_waits" in record.faults for record in records]

    assert waits == [True, True, False, True]
    assert "image_not_kept" in records[2].faults
    assert len(files()) == 3
    settings.PENDING_PICTURES_BYTES = 3 * len(raw)
    assert "image_not_kept" in passed(other, raw, screenTime="1764500009").faults


def test_the_same_message_again_waits_once(wire: WireClient, stranger: Terminal) -> None:
    passed(wire, picture())
    passed(wire, picture())

    assert WaitingPicture.objects.count() == 1
    assert len(files()) == 1


def test_what_waits_for_too_long_is_given_up(wire: WireClient, stranger: Terminal) -> None:
    record = passed(wire, picture())
    WaitingPicture.objects.update(created_at=timezone.now() - timedelta(days=8))

    pictures_process_waiting()

    record.refresh_from_db()
    assert "image_not_kept" in record.faults
    assert "image_waits" not in record.faults
    assert WaitingPicture.objects.count() == 0
    files_erase()
    assert files() == []


def test_what_waits_goes_with_the_records_of_its_site(
    wire: WireClient, stranger: Terminal, site: Site
) -> None:
    passed(wire, picture())
    terminal_disable(terminal=stranger)

    site_records_erase(site=site)
    files_erase()

    assert WaitingPicture.objects.count() == 0
    assert files() == []


def test_people_see_that_a_picture_waits(world: World) -> None:
    Terminal.objects.filter(pk=world.ours.terminal.pk).update(status="pending")
    terminal = Terminal.objects.get(pk=world.ours.terminal.pk)
    record = passed(wire_of(terminal), picture())
    manager = APIClient()
    manager.force_authenticate(world.manager)

    told = manager.get(f"/api/v1/records/{record.pk}/").json()
    page = client_of(world.manager).get(reverse("admin:records_record_change", args=[record.pk]))

    assert (told["picture_url"], told["picture_waits"]) == (None, True)
    assert "Picture kept until the terminal is approved" in page.content.decode()
