"""“Not this person”: the same mistake is refused from then on, nobody else feels it."""

import base64
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile

from devices.models import AuditEntry, Site, Terminal
from face_engine import decode_image
from faces.models import Library, Person
from faces.services import engine, person_erase, person_save
from records.choices import NegativeEffect, Reason, VerificationResult
from records.models import FaceNegative, Record
from records.services import (
    LooksLikePhoto,
    negative_effect,
    negatives_of,
    not_this_person,
    not_this_person_foresee,
    not_this_person_undo,
    verify,
)
from tests.support.factories import make_person
from tests.support.two_sites import jpeg
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


@pytest.fixture(autouse=True)
def _enforcing(site: Site, terminal: Terminal) -> None:
    Site.objects.filter(pk=site.pk).update(verification="enforce")


def sent(wire: WireClient, photo: Path, at: int, user_id: str = "1001") -> Record:
    """Let a terminal take a picture for a person; return the record."""
    image = base64.b64encode(photo.read_bytes()).decode()
    wire.post(
        "syface", {"userId": user_id, "screenTime": round(time.time() * 1000) + at, "img": image}
    )
    return Record.objects.latest("pk")


def test_a_mistake_is_refused_from_then_on(
    wire: WireClient, obama: Person, portraits: dict[str, Path]
) -> None:
    """The picture is one that the platform believes: nothing but the negative refuses it."""
    first = sent(wire, portraits["obama2.jpg"], 1)
    assert first.reason == Reason.ALLOWED

    negative = not_this_person(record=first, user=None)

    again = sent(wire, portraits["obama2.jpg"], 2)
    assert (again.reason, again.verification) == (
        Reason.FACE_MISMATCH,
        VerificationResult.MISMATCH,
    )
    trace = again.trace["verification"]
    assert trace["verdict"] == "negative"
    assert (trace["negative"]["id"], trace["negative"]["record"]) == (negative.pk, first.pk)
    assert trace["negative"]["cosine"] > trace["cosine"] > trace["threshold"]
    first.refresh_from_db()
    assert first.reason == Reason.ALLOWED


def test_a_picture_like_the_photo_on_file_is_not_promised_to_be_refused(
    wire: WireClient, obama: Person, portraits: dict[str, Path]
) -> None:
    """It was remembered, the photo on file was closer still, and the door went on opening."""
    record = sent(wire, portraits["obama.jpg"], 1)

    assert not_this_person_foresee(record=record) == NegativeEffect.LOOKS_LIKE_PHOTO
    with pytest.raises(LooksLikePhoto, match="replace the photo instead"):
        not_this_person(record=record, user=None)
    assert not FaceNegative.objects.exists()


@pytest.mark.parametrize("name", ["obama2.jpg", "obama3.jpg", "biden.jpg"])
def test_what_is_foreseen_to_be_refused_is_refused_when_it_comes_again(
    wire: WireClient, obama: Person, portraits: dict[str, Path], name: str
) -> None:
    record = sent(wire, portraits[name], 1)
    assert not_this_person_foresee(record=record) == NegativeEffect.REFUSES

    negative = not_this_person(record=record, user=None)

    assert sent(wire, portraits[name], 2).reason == Reason.FACE_MISMATCH
    assert [(one.negative, one.effect) for one in negatives_of(person=obama)] == [
        (negative, NegativeEffect.REFUSES)
    ]


def test_of_a_new_photo_that_looks_like_the_mistake_nothing_is_promised(
    wire: WireClient, obama: Person, portraits: dict[str, Path]
) -> None:
    negative = not_this_person(record=sent(wire, portraits["obama2.jpg"], 1), user=None)

    person_save(person=obama, photo=portraits["obama2.jpg"].read_bytes())

    assert negative_effect(negative) == NegativeEffect.LOOKS_LIKE_PHOTO


def test_one_of_another_model_has_no_effect(
    wire: WireClient, obama: Person, portraits: dict[str, Path]
) -> None:
    negative = not_this_person(record=sent(wire, portraits["obama2.jpg"], 1), user=None)
    negative.contract_id = "another"
    negative.save()

    assert negative_effect(negative) == NegativeEffect.OTHER_MODEL
    assert sent(wire, portraits["obama2.jpg"], 2).reason == Reason.ALLOWED


def test_the_persons_own_photo_still_opens(
    wire: WireClient, obama: Person, portraits: dict[str, Path]
) -> None:
    not_this_person(record=sent(wire, portraits["obama2.jpg"], 1), user=None)

    record = sent(wire, portraits["obama.jpg"], 2)

    assert record.reason == Reason.ALLOWED
    trace = record.trace["verification"]
    assert trace["cosine"] > trace["negative"]["cosine"]


def test_others_are_judged_as_before(
    wire: WireClient,
    site: Site,
    library: Library,
    obama: Person,
    portraits: dict[str, Path],
) -> None:
    biden = make_person(site, user_id="1002", libraries=[library], photo=portraits["biden.jpg"])
    image = decode_image(portraits["biden.jpg"].read_bytes())
    before = verify(policy="enforce", site_id=site.pk, person=biden, image=image)

    mistaken = sent(wire, portraits["biden.jpg"], 1)
    not_this_person(record=mistaken, user=None)

    after = verify(policy="enforce", site_id=site.pk, person=biden, image=image)
    assert after.result is VerificationResult.MATCH
    assert (after.score, after.trace) == (before.score, before.trace)


def test_it_can_be_undone(wire: WireClient, obama: Person, portraits: dict[str, Path]) -> None:
    record = sent(wire, portraits["obama2.jpg"], 1)
    not_this_person(record=record, user=None)

    assert not_this_person_undo(record=record)
    assert not not_this_person_undo(record=record)
    assert sent(wire, portraits["obama2.jpg"], 2).reason == Reason.ALLOWED


def test_saying_it_twice_is_saying_it_once(
    wire: WireClient, obama: Person, portraits: dict[str, Path]
) -> None:
    record = sent(wire, portraits["obama2.jpg"], 1)

    assert not_this_person(record=record, user=None) == not_this_person(record=record, user=None)
    assert FaceNegative.objects.count() == 1


def test_it_is_audited_once_and_so_is_taking_it_back(
    wire: WireClient, obama: Person, portraits: dict[str, Path]
) -> None:
    record = sent(wire, portraits["obama2.jpg"], 1)
    for _ in range(2):
        not_this_person(record=record, user=None)
    for _ in range(2):
        not_this_person_undo(record=record)

    entries = AuditEntry.objects.filter(model="records.facenegative").order_by("id")
    assert list(entries.values_list("kind", "action", "name", "site", "changes")) == [
        ("person", "created", "1001", obama.site_id, {"record": [None, record.pk]}),
        ("person", "deleted", "1001", obama.site_id, {"record": [record.pk, None]}),
    ]


def test_a_person_without_a_photo_keeps_their_negatives_force(
    wire: WireClient, site: Site, obama: Person, portraits: dict[str, Path]
) -> None:
    """A site that believes the terminal where nothing can be compared believes it but once."""
    Site.objects.filter(pk=site.pk).update(when_unverifiable="allow")
    obama.photos.all().delete()
    record = sent(wire, portraits["biden.jpg"], 1)
    assert record.reason == Reason.ALLOWED

    not_this_person(record=record, user=None)

    assert sent(wire, portraits["biden.jpg"], 2).reason == Reason.FACE_MISMATCH
    assert sent(wire, portraits["obama.jpg"], 3).reason == Reason.ALLOWED


def test_erasing_the_person_erases_the_faces(
    wire: WireClient, obama: Person, portraits: dict[str, Path]
) -> None:
    not_this_person(record=sent(wire, portraits["biden.jpg"], 1), user=None)

    person_erase(person=obama)

    assert not FaceNegative.objects.exists()


def test_what_is_kept_is_sealed(
    wire: WireClient, obama: Person, portraits: dict[str, Path]
) -> None:
    not_this_person(record=sent(wire, portraits["biden.jpg"], 1), user=None)
    vector = engine().largest_descriptor(decode_image(portraits["biden.jpg"].read_bytes()))
    assert vector is not None

    stored = bytes(FaceNegative.objects.get().sealed)

    assert len(stored) > vector.nbytes
    assert vector.tobytes()[:16] not in stored


@pytest.mark.parametrize("lacking", ["person", "picture", "face", "file"])
def test_a_record_that_shows_nobody_is_refused(
    wire: WireClient,
    obama: Person,
    portraits: dict[str, Path],
    lacking: str,
) -> None:
    record = sent(wire, portraits["obama2.jpg"], 1)
    picture: Any = record.picture
    if lacking == "face":
        picture.image.storage.delete(picture.image.name)
        picture.image.storage.save(picture.image.name, ContentFile(jpeg()))
    elif lacking == "file":
        picture.image.storage.delete(picture.image.name)
    else:
        setattr(record, lacking, None)
        record.save()

    with pytest.raises(ValidationError):
        not_this_person(record=record, user=None)
    assert not FaceNegative.objects.exists()
