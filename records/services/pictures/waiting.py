"""Pictures of pending terminals: kept as they came, in bounds, until they can be decoded."""

import random
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.core.files.storage import default_storage
from django.db.models import QuerySet, Sum
from django.utils import timezone

from devices.models import Terminal
from faces.services import files_mark_for_deletion
from records.models import WAITING_ROOT, Record, WaitingPicture
from records.models.waiting import waiting_path
from server_common.stored_files import file_write

WAITS: Final = "image_waits"
NOT_KEPT: Final = "image_not_kept"
_TERMINALS_SHARE: Final = 4
# No transaction that stores a record takes as long.
_ORPHAN_AFTER: Final = timedelta(hours=1)
_LOOKED_AT_MOST: Final = 2000


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


def picture_wait(*, place: str, raw: bytes) -> WaitingPicture:
    """Write a picture as it came and return its row, to be stored with its record.

    To be called before the transaction that stores it. When that is rolled back the file stays
    until it is swept; no other will have its name.

    Raises:
        OSError: the storage is full or away.
    """
    waiting = WaitingPicture(place=place, size=len(raw))
    waiting.file.name = file_write(waiting_path(waiting, ""), raw)
    return waiting


def waiting_forget(*, records: QuerySet[Record]) -> None:
    """Delete what waits for these records, which are about to go, in the caller's transaction."""
    waiting = WaitingPicture.objects.filter(record__in=records)
    files_mark_for_deletion(list(waiting.values_list("file", flat=True)))
    waiting.delete()


def waiting_files_sweep(*, looked_at_most: int = _LOOKED_AT_MOST) -> int:
    """Delete files that no row names and return how many went; safe to repeat.

    They are left by records whose transaction was rolled back. A bounded number is looked at, in
    folders chosen by chance, so that all have their turn.
    """
    try:
        folders, _ = default_storage.listdir(WAITING_ROOT)
    except FileNotFoundError:
        return 0
    random.shuffle(folders)
    looked_at = swept = 0
    for folder in folders:
        if looked_at >= looked_at_most:
            break
        names = default_storage.listdir(f"{WAITING_ROOT}/{folder}")[1]
        paths = [f"{WAITING_ROOT}/{folder}/{name}" for name in names][: looked_at_most - looked_at]
        looked_at += len(paths)
        swept += _sweep(paths)
    return swept


def _sweep(paths: list[str]) -> int:
    named = set(WaitingPicture.objects.filter(file__in=paths).values_list("file", flat=True))
    before, swept = timezone.now() - _ORPHAN_AFTER, 0
    for path in paths:
        if path in named:
            continue
        try:
            is_old = default_storage.get_modified_time(path) < before
        except FileNotFoundError:
            # Another process has swept it, or it was marked for deletion with its row.
            continue
        if is_old:
            default_storage.delete(path)
            swept += 1
    return swept
