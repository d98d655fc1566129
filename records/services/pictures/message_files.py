"""Files of a message's pictures: written before the transaction that stores its record."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.core.files.storage import default_storage

from records.models import Picture, Record, WaitingPicture
from records.services.pictures.checks import PictureCheck
from records.services.pictures.pictures import picture_name, picture_write
from records.services.pictures.waiting import picture_wait

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MessageFiles:
    """Rows that name a message's files, by the record's field; not stored before their record.

    Attributes:
        pictures: of what could be read.
        waiting: of what is read after approval.
        written: paths of the files that were written for them.
    """

    pictures: Mapping[str, Picture]
    waiting: Mapping[str, WaitingPicture]
    written: Collection[str]

    def name_pictures(self, record: Record) -> None:
        """Store the pictures' rows and name them on the record, before it is stored."""
        for place, picture in self.pictures.items():
            setattr(record, place, picture_name(picture))

    def name_waiting(self, record: Record) -> None:
        """Store the rows of what waits for approval, once the record is stored."""
        for waiting in self.waiting.values():
            waiting.record = record
            waiting.save(force_insert=True)

    def settle(self, record: Record | None) -> None:
        """Delete the files that turned out to be no one's, after the outermost transaction.

        Only where its end is known: no other row can come to name them. They are those of a message
        that arrived twice at once, or of a picture that did. What cannot be deleted is left to the
        sweep: the message is stored, and a door waits for its answer.

        Args:
            record: as it was committed; None when it was not stored, since it is known already.
        """
        named = set()
        if record is not None:
            named = {getattr(record, place).image.name for place in self.pictures}
            named |= {one.file.name for one in self.waiting.values() if one.pk is not None}
        for path in self.written:
            if path in named:
                continue
            try:
                default_storage.delete(path)
            except OSError:
                logger.exception("message_file_left")


def message_files(*, site_id: int, **checked: PictureCheck) -> MessageFiles:
    """Write the files of a message's pictures, which are given by the record's field.

    Raises:
        OSError: the storage is full or away.
    """
    pictures: dict[str, Picture] = {}
    by_content: dict[str, Picture] = {}
    for place, one in checked.items():
        if one.clean is None:
            continue
        # A message may carry one picture twice; it is one file.
        picture = by_content.get(one.clean.sha256)
        if picture is None:
            picture = picture_write(site_id=site_id, clean=one.clean)
        pictures[place] = by_content[one.clean.sha256] = picture
    waiting = {
        place: picture_wait(place=place, raw=one.waits)
        for place, one in checked.items()
        if one.waits is not None
    }
    new = [one.image.name for one in by_content.values() if one.pk is None]
    written = [*new, *(one.file.name for one in waiting.values())]
    return MessageFiles(pictures, waiting, frozenset(path for path in written if path))
