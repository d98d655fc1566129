"""Detection of pictures that are the photo on file itself.

A camera never takes the same picture twice. A caller that posts what the terminal was given has had
no face in front of it.
"""

import logging

from django.conf import settings

from face_engine import (
    ImageUnreadable,
    RgbImage,
    are_hashes_near,
    decode_image,
    is_same_picture,
    picture_hash,
)
from faces.choices import PhotoStatus
from faces.models import FacePhoto, Person

logger = logging.getLogger(__name__)


def is_photo_on_file(*, person: Person, image: RgbImage) -> bool:
    """Tell whether a picture is an accepted photo of a person, encoded anew or scaled or not.

    Cheap for a picture that is not: one statement, and a hash of the picture.

    Effects: photos that have no hash yet get theirs.
    """
    rows = FacePhoto.objects.filter(person=person, status=PhotoStatus.OK).exclude(image="")
    hashed = ""
    for row in rows.only("pk", "image", "picture_hash").order_by("-pk"):
        hashed = hashed or picture_hash(image)
        if row.picture_hash and not are_hashes_near(hashed, row.picture_hash):
            continue
        stored = _decoded(row)
        if stored is None:
            continue
        if not row.picture_hash:
            FacePhoto.objects.filter(pk=row.pk).update(picture_hash=picture_hash(stored))
        if is_same_picture(image, stored):
            return True
    return False


def _decoded(photo: FacePhoto) -> RgbImage | None:
    try:
        with photo.image.open() as file:
            raw = file.read()
        return decode_image(
            raw, max_bytes=settings.PHOTO_LIMIT_BYTES, max_pixels=settings.PHOTO_LIMIT_PIXELS
        )
    except (FileNotFoundError, ImageUnreadable):
        # The pass is judged without it.
        logger.exception("photo_file_missing photo=%s", photo.pk)
        return None
