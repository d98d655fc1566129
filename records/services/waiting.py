"""Pictures of pending terminals: kept as they came, in bounds, and decoded after approval."""

import logging
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import QuerySet, Sum
from django.utils import timezone

from devices.choices import TerminalStatus
from devices.models import Terminal
from face_engine import PicturesBusy
from faces.services import PictureOrigin, files_doom, picture_hold
from records.live import record_message
from records.models import Record, WaitingPicture
from records.services.pictures import CleanPicture, picture_read, picture_store
from server_common.on_commit import group_send_on_commit

logger = logging.getLogger(__name__)

WAITS: Final = "image_waits"
NOT_KEPT: Final = "image_not_kept"
# By the field of the record that a picture belongs in.
_PREFIXES: Final = {"picture": "", "id_card_picture": "id_card_"}
_TERMINALS_SHARE: Final = 4
_WAITS_AT_MOST: Final = timedelta(days=7)


def has_room_to_wait(*, terminal: Terminal, size: int) -> bool:
    """Tell whether a picture of this many bytes may be kept for a pending terminal.

    One terminal fills a part of its site's room only; uploads at once may go over by one each.
    """
    if size > settings.PHOTO_LIMIT_BYTES:
        return False
    rows = WaitingPicture.objects.filter(record__site=terminal.site_id)
    of_terminal = _bytes(rows.filter(record__terminal=terminal)) + size
    limit = settings.PENDING_PICTURES_BYTES
    return of_terminal <= limit // _TERMINALS_SHARE and _bytes(rows) + size <= limit


def _bytes(rows: QuerySet[WaitingPicture]) -> int:
    total: int | None = rows.aggregate(total=Sum("size"))["total"]
    return total or 0


def picture_wait(*, record: Record, place: str, raw: bytes) -> None:
    """Keep a picture as it came, in the transaction that stores its record."""
    waiting = WaitingPicture(record=record, place=place, size=len(raw))
    path = waiting.file.field.generate_filename(waiting, "picture")
    if default_storage.exists(path):
        # Left by an attempt whose record was not stored.
        default_storage.delete(path)
    waiting.file.name = default_storage.save(path, ContentFile(raw))
    waiting.save()


def pictures_process_waiting(*, terminal_id: int | None = None, limit: int = 500) -> int:
    """Decode what approved terminals sent while they were pending; returns how many were settled.

    Safe to repeat and to run twice at once. What has waited for too long is given up.
    """
    old = WaitingPicture.objects.filter(created_at__lt=timezone.now() - _WAITS_AT_MOST)
    for waiting in old.exclude(record__terminal__status=TerminalStatus.APPROVED)[:limit]:
        _settle(waiting, None, (_word(waiting, NOT_KEPT),))
    rows = WaitingPicture.objects.filter(record__terminal__status=TerminalStatus.APPROVED)
    if terminal_id is not None:
        rows = rows.filter(record__terminal=terminal_id)
    settled = 0
    for waiting in rows[:limit]:
        try:
            settled += _decode(waiting)
        except PicturesBusy:
            logger.warning("pictures_wait others are being decoded")
            break
    return settled


def waiting_forget(*, records: QuerySet[Record]) -> None:
    """Delete what waits for these records, which are about to go, in the caller's transaction."""
    waiting = WaitingPicture.objects.filter(record__in=records)
    files_doom(list(waiting.values_list("file", flat=True)))
    waiting.delete()


def _word(waiting: WaitingPicture, word: str) -> str:
    return _PREFIXES[waiting.place] + word


def _decode(waiting: WaitingPicture) -> bool:
    try:
        with waiting.file.open() as stored:
            raw = stored.read()
    except FileNotFoundError:
        # Settled by another worker meanwhile, or lost: its row tells.
        return _settle(waiting, None, (_word(waiting, NOT_KEPT),))
    with picture_hold(PictureOrigin.BACKGROUND) as hold:
        read = picture_read(raw, hold, prefix=_PREFIXES[waiting.place])
    return _settle(waiting, read.clean, read.faults)


@transaction.atomic
def _settle(waiting: WaitingPicture, clean: CleanPicture | None, faults: tuple[str, ...]) -> bool:
    """Write on the record what became of its picture; False when another worker has done it."""
    # Serialises two workers at the same record, and two pictures of it.
    record = (
        Record.objects.select_for_update(no_key=True, of=("self",))
        .select_related("terminal__site")
        .filter(pk=waiting.record_id)
        .first()
    )
    if record is None or not WaitingPicture.objects.filter(pk=waiting.pk).exists():
        return False
    kept = [one for one in record.faults if one != _word(waiting, WAITS)]
    record.faults = list(dict.fromkeys([*kept, *faults]))
    if clean is not None:
        setattr(record, waiting.place, picture_store(site_id=record.site_id, clean=clean))
    record.save(update_fields=["faults", waiting.place])
    files_doom([waiting.file.name or ""])
    waiting.delete()
    message = record_message(record)
    group_send_on_commit(f"live.{record.site_id}", {"type": "live.record", **message})
    return True
