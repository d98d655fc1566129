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

from face_engine import ImageUnreadable, PictureHold, RgbImage
from faces.services import picture_decode
from records.models import Picture

logger = logging.getLogger(__name__)

# Good enough to see a face by, small enough to keep thousands a day.
_JPEG_QUALITY = 88
_LONGEST_EDGE_PX = 1280


@dataclass(frozen=True, slots=True)
class CleanPicture:
    """The JPEG made from a picture: upright, without metadata.

    Attributes:
        width, height: of what it was made from.
        is_whole: every row is there, whatever is missing behind the last.
    """

    jpeg: bytes
    sha256: str
    width: int
    height: int
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class PictureRead:
    """What became of a message's picture.

    Attributes:
        clean: it, if it could be read.
        pixels: of it; not to be kept longer than the hold that they were read with.
        faults: words for the record.
    """

    clean: CleanPicture | None = None
    pixels: RgbImage | None = None
    faults: tuple[str, ...] = ()


def picture_read(raw: bytes | None, hold: PictureHold, *, prefix: str = "") -> PictureRead:
    """Decode and re-encode a terminal's picture.

    Of a picture that breaks off, what is there is kept: it may show who stood at the door.

    Args:
        raw: the file, None without one.
        hold: takes what decoding costs, and keeps what the pixels do.
        prefix: put before a fault's word.

    Raises:
        face_engine.PicturesBusy: there is no room for it now.
    """
    if not raw:
        return PictureRead()
    try:
        found = picture_decode(raw, hold, decoded_most=settings.TERMINAL_PICTURE_BYTES)
    except ImageUnreadable as error:
        return PictureRead(faults=(f"{prefix}image_{error.code}",))
    jpeg = _jpeg_of(found.pixels)
    hold.keep(found.pixels.nbytes)
    height, width = found.pixels.shape[:2]
    return PictureRead(
        CleanPicture(jpeg, hashlib.sha256(jpeg).hexdigest(), width, height, found.is_whole),
        found.pixels,
        (f"{prefix}image_truncated",) if found.is_cut else (),
    )


def _jpeg_of(pixels: RgbImage) -> bytes:
    # On its own, because its copy of the pixels must be gone when the hold keeps them only.
    buffer = io.BytesIO()
    frame = Image.fromarray(pixels)
    frame.thumbnail((_LONGEST_EDGE_PX, _LONGEST_EDGE_PX))
    frame.save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return buffer.getvalue()


def picture_store(*, site_id: int, clean: CleanPicture) -> Picture:
    """Return the stored picture, storing it if its content is new to the site.

    The file is written before the row, under its content address: a crash in between leaves a
    file that the next same picture adopts.
    """
    known = Picture.objects.filter(site_id=site_id, sha256=clean.sha256).first()
    if known is not None:
        return known
    picture = Picture(site_id=site_id, sha256=clean.sha256, width=clean.width, height=clean.height)
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
