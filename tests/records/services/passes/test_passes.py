"""Passes and temperatures, from the wire to the record and the answer."""

import base64
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from devices.models import Site, Terminal
from faces.models import Library, Person
from faces.services import person_save, terminal_libraries_set
from records.choices import AlertKind, Reason, VerificationResult
from records.models import Alert, Picture, Record
from terminal_protocol import without_image
from tests.support.sent_pictures import picture
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


@pytest.fixture
def enforcing(site: Site) -> Site:
    """Return the site, believing nothing but its own eyes."""
    Site.objects.filter(pk=site.pk).update(verification="enforce")
    return site


@pytest.fixture
def passing(portraits: dict[str, Path]) -> dict[str, Any]:
    """Return what a terminal sends when it has recognised the resident."""
    return {
        "userId": "1001",
        "userName": "Barack Obama",
        "deviceid": "0000001",
        "temperature": "36.5",
        "mask": True,
        "screenTime": int(time.time()),
        "similarity": 88,
        "img": picture(portraits["obama2.jpg"]),
    }


def test_the_right_person_gets_in(
    wire: WireClient, enforcing: Site, terminal: Terminal, obama: Person, passing: dict[str, Any]
) -> None:
    answer = wire.post("syface", passing)

    assert answer == {"ret": "0", "desc": "Success", "openDoor": 1, "unlockDelay": 3000}
    record = Record.objects.get()
    assert record.verification == VerificationResult.MATCH
    assert record.verification_score is not None
    assert record.verification_score >= 60
    assert record.person == obama
    assert record.trace["verification"]["cosine"] > record.trace["verification"]["threshold"]


def test_a_stranger_who_was_taken_for_a_resident_stays_outside(
    wire: WireClient,
    enforcing: Site,
    terminal: Terminal,
    obama: Person,
    passing: dict[str, Any],
    portraits: dict[str, Path],
) -> None:
    passing["img"] = picture(portraits["biden.jpg"])

    answer = wire.post("syface", passing)

    assert answer["openDoor"] == 0
    record = Record.objects.get()
    assert (record.verification, record.reason) == (
        VerificationResult.MISMATCH,
        Reason.FACE_MISMATCH,
    )
    assert Alert.objects.get().kind == AlertKind.FACE_MISMATCH


@pytest.mark.parametrize(("policy", "opens"), [("deny", 0), ("allow", 1)], ids=["deny", "allow"])
def test_what_cannot_be_verified_follows_the_sites_policy(
    wire: WireClient,
    enforcing: Site,
    terminal: Terminal,
    obama: Person,
    passing: dict[str, Any],
    policy: str,
    opens: int,
) -> None:
    Site.objects.update(when_unverifiable=policy)
    del passing["img"]

    answer = wire.post("syface", passing)

    assert answer["openDoor"] == opens
    assert Record.objects.get().verification == VerificationResult.NO_FACE


def test_observing_sites_open_and_alarm(
    wire: WireClient,
    site: Site,
    terminal: Terminal,
    obama: Person,
    passing: dict[str, Any],
    portraits: dict[str, Path],
) -> None:
    Site.objects.update(verification="observe")
    passing["img"] = picture(portraits["biden.jpg"])

    assert wire.post("syface", passing)["openDoor"] == 1
    assert Alert.objects.get().kind == AlertKind.FACE_MISMATCH


def test_the_same_message_again_is_one_record_and_the_same_answer(
    wire: WireClient, terminal: Terminal, obama: Person, passing: dict[str, Any]
) -> None:
    first = wire.post("syface", passing)

    assert wire.post("syface", passing) == first
    assert Record.objects.count() == 1


def test_message_repeated_without_its_picture_is_the_same_record(
    wire: WireClient, terminal: Terminal, obama: Person, passing: dict[str, Any]
) -> None:
    """The answer was lost, and the terminal ran out of room before it could ask again."""
    first = wire.post("syface", passing)

    assert wire.post("syface", without_image(passing)) == first

    record = Record.objects.get()
    assert record.picture is not None


def test_pass_without_its_picture_that_never_came_with_it_is_stored_once(
    wire: WireClient, terminal: Terminal, obama: Person, passing: dict[str, Any]
) -> None:
    light = without_image(passing)

    assert wire.post("syface", light)["ret"] == "0"
    assert wire.post("syface", passing)["ret"] == "0"

    record = Record.objects.get()
    assert (record.user_id, record.picture) == ("1001", None)
    assert record.faults.count("image_given_up") == 1
    assert "image_missing" not in record.faults


def test_two_strangers_of_one_second_stay_two_without_their_pictures(
    wire: WireClient, terminal: Terminal, portraits: dict[str, Path]
) -> None:
    for name in ("obama.jpg", "biden.jpg"):
        reading = {"deviceid": "0000001", "temperature": "36.5", "screenTime": 1589000001}
        upload = {"Info": {**reading, "img": picture(portraits[name])}}
        for sent in (upload, without_image(upload), without_image(upload)):
            assert wire.post("syattribute", sent)["ret"] == "0"

    assert Record.objects.count() == 2


@pytest.mark.parametrize(
    "image", ["", "!!!", "QUJD", base64.b64encode(b"<svg/>").decode(), "/9j/4AAQ", None, 5, {}]
)
def test_an_unreadable_picture_loses_no_pass(
    wire: WireClient, terminal: Terminal, obama: Person, passing: dict[str, Any], image: Any
) -> None:
    passing["img"] = image

    answer = wire.post("syface", passing)

    assert answer["ret"] == "0"
    record = Record.objects.get()
    assert record.picture is None
    assert [fault for fault in record.faults if fault.startswith("image_")]


def test_absurd_values_are_stored_with_their_faults(wire: WireClient, terminal: Terminal) -> None:
    body = {
        "userId": "x" * 500,
        "userName": {"a": 1},
        "temperature": "hot",
        "mask": "perhaps",
        "screenTime": "yesterday",
        "similarity": "very",
        "actionCode": 2**70,
        "camType": "GATE\x00",
    }

    assert wire.post("syface", body)["openDoor"] == 0
    record = Record.objects.get()
    assert {"temperature_unreadable", "mask_unreadable", "similarity_unreadable"} <= set(
        record.faults
    )
    assert record.extras["camType"] == "GATE"


def test_a_fever_closes_the_door_and_alarms(
    wire: WireClient, terminal: Terminal, obama: Person, passing: dict[str, Any]
) -> None:
    passing["temperature"] = "38.2℃"

    assert wire.post("syface", passing)["openDoor"] == 0
    assert Record.objects.get().reason == Reason.FEVER
    assert Alert.objects.get().kind == AlertKind.HIGH_TEMPERATURE


@pytest.mark.parametrize(
    ("degrees", "alarms"), [("36.3", 0), ("37.2", 0), ("37.3", 1), ("", 0), ("0", 0), ("99", 0)]
)
def test_a_temperature_alarms_from_the_limit_on(
    wire: WireClient, terminal: Terminal, degrees: str, alarms: int
) -> None:
    body = {"Info": {"temperature": degrees, "mask": True, "screenTime": 1487295360}}

    assert wire.post("syattribute", body) == {"ret": "0", "desc": "Success"}
    assert Alert.objects.filter(kind=AlertKind.HIGH_TEMPERATURE).count() == alarms


def test_unknown_people_stay_outside(
    wire: WireClient, terminal: Terminal, passing: dict[str, Any]
) -> None:
    assert wire.post("syface", passing)["openDoor"] == 0
    assert Record.objects.get().reason == Reason.UNKNOWN_PERSON


def test_blacklisted_people_stay_outside_and_alarm(
    wire: WireClient, terminal: Terminal, obama: Person, passing: dict[str, Any]
) -> None:
    obama.category = 3
    person_save(person=obama)

    assert wire.post("syface", passing)["openDoor"] == 0
    assert Alert.objects.get().kind == AlertKind.BLACKLISTED


def test_people_of_another_door_stay_outside(
    wire: WireClient, site: Site, terminal: Terminal, obama: Person, passing: dict[str, Any]
) -> None:
    other = Library.objects.create(site=site, name="Other")
    terminal_libraries_set(terminal=terminal, library_ids=[other.pk])

    assert wire.post("syface", passing)["openDoor"] == 0
    assert Record.objects.get().reason == Reason.NOT_AT_THIS_DOOR


def test_a_pending_terminal_opens_nothing_and_loses_nothing(
    wire: WireClient, site: Site, obama: Person, passing: dict[str, Any]
) -> None:
    Site.objects.update(auto_approve=False)

    answer = wire.post("syface", passing)

    assert (answer["ret"], answer["openDoor"]) == ("0", 0)
    assert Record.objects.get().reason == Reason.TERMINAL_NOT_APPROVED


def test_the_same_picture_is_stored_once(
    wire: WireClient, terminal: Terminal, obama: Person, passing: dict[str, Any]
) -> None:
    wire.post("syface", passing)
    wire.post("syface", {**passing, "screenTime": passing["screenTime"] + 1})

    assert Record.objects.count() == 2
    assert Picture.objects.count() == 1


def test_the_id_card_is_sealed_at_rest(
    wire: WireClient, terminal: Terminal, passing: dict[str, Any]
) -> None:
    passing["idCardInfo"] = {"name": "张三", "id": "43112319961122001X"}

    wire.post("syface", passing)

    with connection.cursor() as cursor:
        cursor.execute("SELECT id_card FROM records_record")
        stored = cursor.fetchone()[0]
    assert "43112319961122001X" not in stored
    assert "43112319961122001X" in Record.objects.get().id_card


@pytest.mark.django_db(transaction=True)
def test_both_copies_in_the_same_moment_are_one_record(
    wire: WireClient, terminal: Terminal, obama: Person, passing: dict[str, Any], token: str
) -> None:
    answers: list[dict[str, Any]] = []
    start = threading.Barrier(6)

    def send() -> None:
        start.wait()
        answers.append(WireClient(token=token).post("syface", passing))
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(answers) == 6
    assert all(answer == answers[0] for answer in answers)
    assert Record.objects.count() == 1
