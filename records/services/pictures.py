"""Pictures of terminals: cleaned, stored once by content."""

import hashlib
import io
import logging
from dataclasses import dataclass

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from PIL import Image

from face_engine import ImageUnreadable, RgbImage, decode_partial
from records.models import Picture

logger = logging.getLogger(__name__)

# Good enough to see a face by, small enough to keep thousands a day.
_JPEG_QUALITY = 88
_LONGEST_EDGE_PX = 1280


@dataclass(frozen=True, slots=True)
class CleanPicture:
    """A decoded picture and the JPEG made from it: upright, without metadata.

    Attributes:
        fault: word for the record's faults when the file breaks off; empty otherwise.
        is_whole: every row is there, whatever is missing behind the last.
    """

    image: RgbImage
    jpeg: bytes
    sha256: str
    fault: str = ""
    is_whole: bool = True


def picture_clean(raw: bytes) -> CleanPicture | str:
    """Decode and re-encode a picture, or return the fault's word when it cannot be read.

    Of a picture that breaks off, what is there is kept: it may show who stood at the door.
    """
    try:
        found = decode_partial(
            raw, max_bytes=settings.PHOTO_LIMIT_BYTES, max_pixels=settings.PHOTO_LIMIT_PIXELS
        )
    except ImageUnreadable as error:
        return f"image_{error.code}"
    buffer = io.BytesIO()
    frame = Image.fromarray(found.pixels)
    frame.thumbnail((_LONGEST_EDGE_PX, _LONGEST_EDGE_PX))
    frame.save(buffer, "JPEG", quality=_JPEG_QUALITY)
    jpeg = buffer.getvalue()
    return CleanPicture(
        image=found.pixels,
        jpeg=jpeg,
        sha256=hashlib.sha256(jpeg).hexdigest(),
        fault="image_truncated" if found.is_cut else "",
        is_whole=found.is_whole,
    )


def picture_read(raw: bytes | None, *, prefix: str = "") -> tuple[CleanPicture | None, list[str]]:
    """Return the picture of a message, None without a readable one, and faults for its record.

    Args:
        raw: the file, if there is one.
        prefix: put before the fault's word.
    """
    if not raw:
        return None, []
    clean = picture_clean(raw)
    if isinstance(clean, str):
        return None, [prefix + clean]
    return clean, [prefix + clean.fault] if clean.fault else []


def picture_store(*, site_id: int, clean: CleanPicture) -> Picture:
    """Return the stored picture, storing it if its content is new to the site.

    The file is written before the row, under its content address: a crash in between leaves a
    file that the next same picture adopts.
    """
    known = Picture.objects.filter(site_id=site_id, sha256=clean.sha256).first()
    if known is not None:
        return known
    height, width = clean.image.shape[:2]
    picture = Picture(site_id=site_id, sha256=clean.sha256, width=width, height=height)
    path = picture.image.field.generate_filename(picture, "picture.jpg")
    if not default_storage.exists(path):
        saved = default_storage.save(path, ContentFile(clean.jpeg))
        if saved != path:
            # Another process wrote the same content meanwhile; no row will ever name this copy.
            default_storage.delete(saved)
    picture.image.name = path
    try:
        with transaction.atomic():
            picture.save()
    except IntegrityError:
        # The same picture arrived in another process at once.
        return Picture.objects.get(site_id=site_id, sha256=clean.sha256)
    return picture
