"""The answer “not this person” of a manager to a pass, what follows, and taking it back."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from devices.choices import AuditAction, AuditKind
from devices.services import audit_note
from face_engine import ImageUnreadable, ModelMissing, RgbImage, decode_image
from faces.models import Person
from faces.services import descriptor_seal, descriptor_unseal, engine
from records.choices import NegativeEffect, RecordKind
from records.models import FaceNegative, Picture, Record
from records.services.verification.verification import reference_vectors

# Cosine from which on a picture of a pass is as good as the photo on file: which of the two a later
# picture is closer to would be chance. One photo, sent and stored again, keeps at least 0.97; two
# photos of one person reach 0.78 on average (docs/faces.md).
LOOKS_LIKE_PHOTO: Final = 0.9
# A page names the latest of a person's remembered faces.
_SHOWN_MAX: Final = 20


class LooksLikePhoto(Exception):
    """The picture looks like the photo on file, so remembering it would change nothing."""

    def __str__(self) -> str:
        return effect_words(NegativeEffect.LOOKS_LIKE_PHOTO)


@dataclass(frozen=True, slots=True)
class Shown:
    """A remembered face and what comes of it now, with the photo that is on file now."""

    negative: FaceNegative
    effect: NegativeEffect

    @property
    def words(self) -> str:
        """The effect in a sentence."""
        return effect_words(self.effect)


def effect_words(effect: NegativeEffect) -> str:
    """Say what comes of a face that is remembered as not its person's."""
    return {
        NegativeEffect.REFUSES: _(
            "A picture that is closer to this face than to the photo on file is refused for this "
            "person from now on."
        ),
        NegativeEffect.LOOKS_LIKE_PHOTO: _(
            "This picture looks like the photo on file, so the two cannot be told apart, and no "
            "refusal can be promised. If it shows somebody else, the photo on file does too: "
            "replace the photo instead."
        ),
        NegativeEffect.OTHER_MODEL: _(
            "It was remembered with a recognition model that is not in use, so nothing is refused. "
            "Say it again."
        ),
    }[effect]


def not_this_person_foresee(*, record: Record) -> NegativeEffect:
    """Say what would come of saying it, without saying it.

    Raises:
        ValidationError, face_engine.ModelMissing: as ``not_this_person``.
    """
    known = FaceNegative.objects.filter(record=record).first()
    if known is not None:
        return negative_effect(known)
    return _effect(_vector(record), _photos_of(record))


def not_this_person(*, record: Record, user: User | None) -> FaceNegative:
    """Remember the face of a pass as one that is not its person's; saying it twice is fine.

    Effects: from the next pass on, a picture that is closer to this face than to the person's own
    photos is a mismatch. No other person's thresholds or results change, nor does the record. The
    audit holds it.

    Raises:
        LooksLikePhoto: the picture looks like the person's photo, so this would promise what does
            not happen.
        ValidationError: the record is no pass, its person or picture is gone, or there is no face
            in the picture.
        face_engine.ModelMissing: the models are not installed.
    """
    known = FaceNegative.objects.filter(record=record).first()
    if known is not None:
        return known
    # Recognising takes time, so it comes before the transaction.
    vector = _vector(record)
    person_id = record.person_id or 0
    with transaction.atomic():
        # Serialises this with erasing and with a new photo: an erased person leaves no face behind.
        if not Person.objects.select_for_update(no_key=True).filter(pk=person_id).exists():
            raise ValidationError(_("This person has been erased meanwhile."))
        if _effect(vector, _photos_of(record)) == NegativeEffect.LOOKS_LIKE_PHOTO:
            raise LooksLikePhoto
        negative, is_new = FaceNegative.objects.get_or_create(
            record=record,
            defaults={
                "person_id": person_id,
                "contract_id": engine().contract_id,
                "sealed": descriptor_seal(vector),
                "created_by": user,
            },
        )
        if is_new:
            _note(negative, AuditAction.CREATED)
    return negative


@transaction.atomic
def not_this_person_undo(*, record: Record) -> bool:
    """Forget what was said of a record; returns whether anything was. The audit holds it."""
    # Serialises two who take it back: one of them did.
    said = FaceNegative.objects.select_for_update(of=("self",)).filter(record=record)
    negative = said.select_related("person__site").first()
    if negative is None:
        return False
    _note(negative, AuditAction.DELETED)
    negative.delete()
    return True


def _note(negative: FaceNegative, action: AuditAction) -> None:
    """Write down whose face was remembered or forgotten, by user ID, and of which record."""
    pair = [None, negative.record_id]
    audit_note(
        kind=AuditKind.PERSON,
        action=action,
        name=negative.person.user_id,
        site=negative.person.site,
        model=FaceNegative._meta.label_lower,
        row_id=negative.pk,
        changes={"record": pair if action == AuditAction.CREATED else pair[::-1]},
    )


def negatives_of(*, person: Person) -> list[Shown]:
    """Return a person's latest remembered faces, each with what comes of it now."""
    rows = person.negatives.select_related("created_by").order_by("-pk")
    return [Shown(row, negative_effect(row)) for row in rows[:_SHOWN_MAX]]


def negative_effect(negative: FaceNegative) -> NegativeEffect:
    """Return what comes of a remembered face now: the photo on file may have changed since."""
    try:
        contract_id = engine().contract_id
    except ModelMissing:
        return NegativeEffect.OTHER_MODEL
    if negative.contract_id != contract_id:
        return NegativeEffect.OTHER_MODEL
    photos = reference_vectors(person_id=negative.person_id)
    return _effect(descriptor_unseal(negative.sealed), photos)


def _effect(vector: NDArray[np.float32], photos: NDArray[np.float32]) -> NegativeEffect:
    if len(photos) and float(np.max(photos @ vector)) >= LOOKS_LIKE_PHOTO:
        return NegativeEffect.LOOKS_LIKE_PHOTO
    return NegativeEffect.REFUSES


def _photos_of(record: Record) -> NDArray[np.float32]:
    return reference_vectors(person_id=record.person_id or 0)


def _vector(record: Record) -> NDArray[np.float32]:
    """Return the face of a pass of a person on file."""
    if record.kind != RecordKind.PASS or record.person_id is None:
        raise ValidationError(_("Only a pass of somebody on file can be of somebody else."))
    if record.picture is None:
        raise ValidationError(_("This record has no picture to remember."))
    vector = engine().largest_descriptor(_image(record.picture))
    if vector is None:
        raise ValidationError(_("There is no face in this record's picture."))
    return vector


def _image(picture: Picture) -> RgbImage:
    try:
        with default_storage.open(str(picture.image.name)) as stored:
            raw = stored.read()
        # Our own JPEG, bounded when it was stored.
        return decode_image(raw, max_bytes=len(raw), max_pixels=picture.width * picture.height)
    except (FileNotFoundError, ImageUnreadable) as error:
        raise ValidationError(_("This record's picture is gone.")) from error
