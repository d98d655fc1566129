"""The platform's whole look at a pass: whose face, and whether there was a face at all."""

from dataclasses import replace

from devices.models import Terminal
from faces.models import Person
from faces.services import is_photo_on_file
from records.services.pictures import CleanPicture
from records.services.verification import Verified, verify

PHOTO_ON_FILE = "picture_is_photo_on_file"


def look(*, terminal: Terminal, person: Person | None, clean: CleanPicture | None) -> Verified:
    """Verify a pass as its site wants, and see whether its picture is the photo on file.

    Args:
        terminal: where; its site's rules apply.
        person: the claimed person, None when nobody of that user id is on file.
        clean: None when there is no readable picture.
    """
    verified = verify(
        policy=terminal.site.verification,
        site_id=terminal.site_id,
        person=person,
        image=clean.image if clean else None,
        is_whole=clean is None or clean.is_whole,
    )
    if person is None or clean is None:
        return verified
    is_copy = is_photo_on_file(person=person, image=clean.image)
    return replace(verified, is_photo_on_file=is_copy)


def faults_of(verified: Verified) -> list[str]:
    """Return the words for the record's faults."""
    copy = PHOTO_ON_FILE if verified.is_photo_on_file else None
    return [fault for fault in (verified.fault, copy) if fault]
