"""Pictures of terminals: cleaned, stored once by content."""

import hashlib
import io
import logging
from dataclasses import dataclass

from django.conf import settings
from django.db import IntegrityError, transaction
from PIL import Image

from face_engine import ImageUnreadable, PictureHold, RgbImage
from faces.services import picture_decode
from records.models import Picture
from records.models.record import picture_path
from server_common.stored_files import file_write

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


def picture_write(*, site_id: int, clean: CleanPicture) -> Picture:
    """Return the row of a picture, not yet stored when its content is new to the site.

    Then its file is written, which is why this is called before the transaction that names it.

    Raises:
        OSError: the storage is full or away.
    """
    known = Picture.objects.filter(site_id=site_id, sha256=clean.sha256).first()
    if known is not None:
        return known
    picture = Picture(site_id=site_id, sha256=clean.sha256, width=clean.width, height=clean.height)
    picture.image.name = file_write(picture_path(picture, ""), clean.jpeg)
    return picture


def picture_name(picture: Picture) -> Picture:
    """Store the row that ``picture_write`` returned, in the transaction that names it.

    Returns the row of another process that stored the same picture at once; the file of this one is
    then named by no row, and the caller deletes it or leaves it to the sweep.
    """
    if picture.pk is not None:
        return picture
    try:
        with transaction.atomic():
            picture.save(force_insert=True)
    except IntegrityError:
        return Picture.objects.get(site_id=picture.site_id, sha256=picture.sha256)
    return picture
