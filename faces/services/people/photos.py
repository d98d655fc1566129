"""Photos: from an uploaded picture to a face that terminals and the gallery know."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.conf import settings
from django.db import transaction
from numpy.typing import NDArray

from face_engine import (
    ImageTooHeavy,
    ImageUnreadable,
    ModelMissing,
    PicturesBusy,
    RgbImage,
    decode_image,
    judge_photo,
    normalise_photo,
    picture_hash,
)
from faces.choices import PhotoStatus
from faces.models import FacePhoto, Person
from faces.models.photo import photo_path
from faces.services.clock import people_stamp
from faces.services.delivery import deliveries_expect
from faces.services.gallery import engine, files_mark_for_deletion, gallery_add, gallery_remove
from faces.services.pictures import PictureOrigin, picture_decode, picture_hold
from server_common.stored_files import file_write

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CheckedPhoto:
    """What the engine made of an uploaded picture.

    Attributes:
        jpeg: what is stored: the normalised face, or the picture as it came when it was refused
            or could not be checked yet; empty when it is no picture at all.
        problems: stable words of ``face_engine``; empty when accepted.
        vector: descriptor, shape (dimension,), None unless accepted.
    """

    status: PhotoStatus
    jpeg: bytes
    problems: tuple[str, ...] = ()
    quality: dict[str, Any] = field(default_factory=dict)
    vector: NDArray[np.float32] | None = None
    contract_id: str = ""
    picture_hash: str = ""


def photo_check(raw: bytes, *, origin: PictureOrigin = PictureOrigin.UPLOAD) -> CheckedPhoto:
    """Decode, find the face, judge its quality, normalise and describe; touches no database.

    A bad picture is none to raise for: what is wrong is in ``problems``.

    Raises:
        face_engine.ImageTooHeavy: it has too many bytes or pixels, or takes too much memory.
        face_engine.PicturesBusy: too many pictures are being looked at.
    """
    with picture_hold(origin) as hold:
        try:
            found = picture_decode(raw, hold, decoded_most=settings.UPLOAD_PICTURE_BYTES)
            if not found.is_whole:
                raise ImageUnreadable("truncated")
        except ImageTooHeavy:
            raise
        except ImageUnreadable as error:
            return CheckedPhoto(PhotoStatus.REFUSED, b"", (error.code,))
        hold.keep(found.pixels.nbytes)
        try:
            return _check_face(found.pixels)
        except ModelMissing:
            logger.warning("photo_waits models are not installed")
            return CheckedPhoto(PhotoStatus.WAITING, raw)


def _check_face(image: RgbImage) -> CheckedPhoto:
    model = engine()
    faces, report = judge_photo(model, image)
    quality = {
        "faces": report.face_count,
        "face_px": round(float(report.face_px), 1),
        "sharpness": round(float(report.sharpness), 2),
        "yaw_deg": round(float(report.yaw_deg), 1),
        "pitch_deg": round(float(report.pitch_deg), 1),
        "roll_deg": round(float(report.roll_deg), 1),
        "brightness": round(float(report.brightness), 1),
    }
    if not report.acceptable:
        problems = tuple(str(problem) for problem in report.problems)
        return CheckedPhoto(PhotoStatus.REFUSED, b"", problems, quality)
    jpeg = normalise_photo(image, faces[0])
    # The descriptor is taken from what terminals get, so both sides know the same face.
    # Small, and our own: it needs no room of its own.
    normal = decode_image(jpeg)
    vector = model.largest_descriptor(normal)
    if vector is None:
        vector = model.describe(image, faces[:1])[0]
    return CheckedPhoto(
        PhotoStatus.OK, jpeg, (), quality, vector, model.contract_id, picture_hash(normal)
    )


def person_lock(person: Person) -> bool:
    """Lock a person's row until commit, before gallery and clock; False when it is gone.

    Rows that name the person do not wait for it: an answer to a terminal holds the clock while it
    commits them.
    """
    rows = Person.objects.select_for_update(no_key=True).filter(pk=person.pk)
    return rows.values_list("pk", flat=True).first() is not None


def photo_write(checked: CheckedPhoto) -> FacePhoto:
    """Write the file of a checked photo and return the row that will name it, not yet stored.

    To be called before the transaction that attaches it. A refused photo has no file.

    Raises:
        OSError: the storage is full or away.
    """
    photo = FacePhoto(
        sha256=hashlib.sha256(checked.jpeg).hexdigest(),
        status=checked.status,
        problems=list(checked.problems),
        quality=checked.quality,
        picture_hash=checked.picture_hash,
    )
    if checked.jpeg:
        photo.image.name = file_write(photo_path(photo, ""), checked.jpeg)
    return photo


def photo_attach(
    *, person: Person, checked: CheckedPhoto, photo: FacePhoto | None = None
) -> FacePhoto:
    """Make a checked photo the person's photo; an accepted one replaces what was there before.

    A refused photo is noted with its reasons and changes nothing on terminals: the person keeps
    the face they had.

    Args:
        person: whose photo it is.
        checked: what `photo_check` made of the picture.
        photo: what `photo_write` returned for it; written here when not given, which is for
            callers that have begun no transaction.

    Raises:
        Person.DoesNotExist: the person has been erased meanwhile.

    Effects: after commit, terminals hear of it and the gallery knows it.
    """
    photo = photo or photo_write(checked)
    with transaction.atomic():
        if not person_lock(person):
            raise Person.DoesNotExist("erased meanwhile")
        photo_join(person=person, checked=checked, photo=photo)
        if checked.status == PhotoStatus.OK:
            stamp = people_stamp(site_id=person.site_id, person_ids=[person.pk])
            deliveries_expect(site_id=person.site_id, person_ids=[person.pk], stamp=stamp)
    return photo


def photo_join(*, person: Person, checked: CheckedPhoto, photo: FacePhoto) -> None:
    """Store a photo's row and let its face join the gallery, in the transaction of the change.

    The caller has locked the person; it stamps them and fills their deliveries afterwards, once for
    all that it changes.
    """
    earlier = list(person.photos.all())
    photo.person = person
    photo.save()
    if checked.status == PhotoStatus.OK:
        photos_remove(earlier)
        _join(photo, checked)
    else:
        photos_remove([old for old in earlier if old.status != PhotoStatus.OK])


def _join(photo: FacePhoto, checked: CheckedPhoto) -> None:
    if checked.vector is None:
        raise ValueError("an accepted photo has a descriptor")
    gallery_add(photo=photo, vector=checked.vector, contract_id=checked.contract_id)


def photos_remove(photos: Sequence[FacePhoto]) -> None:
    """Delete photos with descriptors, index entries and files, inside the caller's transaction."""
    gallery_remove(photos=photos)
    files_mark_for_deletion([photo.image.name for photo in photos if photo.image.name])
    FacePhoto.objects.filter(pk__in=[photo.pk for photo in photos]).delete()


def photos_process_waiting(*, limit: int = 100) -> int:
    """Check photos that came while the models were not there; returns how many were settled."""
    settled = 0
    for photo in FacePhoto.objects.filter(status=PhotoStatus.WAITING).select_related("person")[
        :limit
    ]:
        try:
            with photo.image.open() as stored:
                checked = photo_check(stored.read(), origin=PictureOrigin.BACKGROUND)
        except FileNotFoundError:
            # It must not keep the others waiting; the manager sees that a new one is needed.
            logger.exception("photo_file_missing photo=%s", photo.pk)
            checked = CheckedPhoto(PhotoStatus.REFUSED, b"", ("empty",))
        except ImageTooHeavy as error:
            # It was taken in under a limit that has been lowered since.
            checked = CheckedPhoto(PhotoStatus.REFUSED, b"", (error.code,))
        except PicturesBusy:
            logger.warning("photos_wait pictures are busy")
            break
        if checked.status == PhotoStatus.WAITING:
            break
        written = photo_write(checked)
        with transaction.atomic():
            # Serialises two workers at the same photo; the second finds it gone.
            if not person_lock(photo.person):
                continue
            if not FacePhoto.objects.filter(pk=photo.pk).exists():
                continue
            photo_attach(person=photo.person, checked=checked, photo=written)
        settled += 1
    return settled
