"""“Not this person”: what a manager says of a pass, and taking it back."""

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils.translation import gettext as _

from face_engine import ImageUnreadable, RgbImage, decode_image
from faces.models import Person
from faces.services import descriptor_seal, engine
from records.choices import RecordKind
from records.models import FaceNegative, Picture, Record


def not_this_person(*, record: Record, user: User | None) -> FaceNegative:
    """Remember the face of a pass as one that is not its person's; saying it twice is fine.

    Effects: from the next pass on, a picture that is closer to this face than to the person's own
    photos is a mismatch. Nobody else's thresholds or results change, nor does the record.

    Raises:
        ValidationError: the record is no pass, its person or picture is gone, or there is no face
            in the picture.
        face_engine.ModelMissing: the models are not installed.
    """
    known = FaceNegative.objects.filter(record=record).first()
    if known is not None:
        return known
    if record.kind != RecordKind.PASS or record.person_id is None:
        raise ValidationError(_("Only a pass of somebody on file can be of somebody else."))
    if record.picture is None:
        raise ValidationError(_("This record has no picture to remember."))
    # Recognising takes time, so it comes before the transaction.
    vector = engine().largest_descriptor(_image(record.picture))
    if vector is None:
        raise ValidationError(_("There is no face in this record's picture."))
    with transaction.atomic():
        # Serialises this with erasing: an erased person leaves no face behind.
        if not Person.objects.select_for_update(no_key=True).filter(pk=record.person_id).exists():
            raise ValidationError(_("This person has been erased meanwhile."))
        negative, _created = FaceNegative.objects.get_or_create(
            record=record,
            defaults={
                "person_id": record.person_id,
                "contract_id": engine().contract_id,
                "sealed": descriptor_seal(vector),
                "created_by": user,
            },
        )
    return negative


def not_this_person_undo(*, record: Record) -> bool:
    """Forget what was said of a record; returns whether anything was."""
    removed, _by_model = FaceNegative.objects.filter(record=record).delete()
    return removed > 0


def _image(picture: Picture) -> RgbImage:
    try:
        with default_storage.open(str(picture.image.name)) as stored:
            raw = stored.read()
        # Our own JPEG, bounded when it was stored.
        return decode_image(raw, max_bytes=len(raw), max_pixels=picture.width * picture.height)
    except (FileNotFoundError, ImageUnreadable) as error:
        raise ValidationError(_("This record's picture is gone.")) from error
