"""Sweep of stored files that no row names: counted, moved to the trash, deleted after 30 days.

Such files are left by transactions that were rolled back and by processes that died between writing
a file and naming it (decision 0028). When they are many, something else is wrong, such as a
database that was restored from before: then nothing is moved, and administrators
see it on their first page.
"""

import logging
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final

from django.conf import settings
from django.core.files.storage import default_storage
from django.db.models import Q
from django.utils import timezone

from console.models import FileCount, UnnamedFile
from server_common.stored_files import (
    TRASH_ROOT,
    FileOwner,
    file_move,
    file_owners,
    files_named,
    is_movable,
    trash_days,
    trash_files,
    trash_path,
)

logger = logging.getLogger(__name__)

# A transaction, a job and a clock that is off are over by then.
UNNAMED_FOR: Final = timedelta(days=1)
# Up to so many are no sign of anything, however few files there are.
A_HANDFUL: Final = 20
_SHARE: Final = 0.01
_COUNT_EVERY: Final = timedelta(hours=6)
# Longer than any task may take (CELERY_TASK_TIME_LIMIT).
_LEASE: Final = timedelta(minutes=20)
_AT_ONCE: Final = 500
_Folder = tuple[str, ...]


def files_sweep(*, now: datetime | None = None, most: int = 20_000) -> dict[str, int]:
    """Do the next part of the sweep; safe to repeat, to break off and to run twice at once.

    Args:
        now: the present, for tests.
        most: after so many files the part ends, at a folder's border; moved and ended files count
            by themselves.

    Returns how many files were counted, moved to the trash, and ended there.
    """
    now = now or timezone.now()
    FileCount.objects.get_or_create(pk=1)
    row = FileCount.objects.filter(Q(busy_until__isnull=True) | Q(busy_until__lt=now), pk=1)
    if not row.update(busy_until=now + _LEASE):
        return {"counted": 0, "moved": 0, "ended": 0}
    try:
        count = FileCount.objects.get(pk=1)
        counted = _count(count, now, most)
        is_open = count.begun_at is None and count.stopped_at is None
        moved = _move(now, most) if is_open else 0
        return {"counted": counted, "moved": moved, "ended": _trash_end(now, most)}
    finally:
        FileCount.objects.filter(pk=1).update(busy_until=None)


def files_stopped() -> FileCount | None:
    """Return the count when it has stopped the sweep, None as long as all is well."""
    return FileCount.objects.filter(stopped_at__isnull=False).first()


def _count(count: FileCount, now: datetime, most: int) -> int:
    """Continue the count where the last part ended, and begin anew when it is time."""
    if count.begun_at is None:
        if count.counted_at is not None and now < count.counted_at + _COUNT_EVERY:
            return 0
        count.begun_at, count.at_folder, count.files = now, "", 0
    looked_at = 0
    for folder, names, owner in _folders(after=_parts(count.at_folder)):
        _note(folder, names, owner, count.begun_at, now)
        looked_at += len(names)
        count.files += len(names)
        count.at_folder = "/".join(folder)
        if looked_at >= most:
            count.save()
            return looked_at
    _finish(count, now)
    return looked_at


def _parts(path: str) -> _Folder:
    return tuple(path.split("/")) if path else ()


def _folders(*, after: _Folder) -> Iterator[tuple[_Folder, list[str], FileOwner]]:
    """Yield every owned folder behind another one, in a fixed order, with the files in it."""
    for owner in file_owners():
        for folder, names in _below((owner.root,), after, owner):
            yield folder, names, owner


def _below(
    folder: _Folder, after: _Folder, owner: FileOwner
) -> Iterator[tuple[_Folder, list[str]]]:
    path = "/".join(folder)
    # A folder comes before those in it, so all below an earlier one than ``after`` is done.
    if path in owner.swept_elsewhere or folder < after[: len(folder)]:
        return
    try:
        folders, names = default_storage.listdir(path)
    except FileNotFoundError:
        # Nothing was ever stored there, or it is gone.
        return
    if folder > after:
        yield folder, [name for name in names if name and is_movable(f"{path}/{name}")]
    for name in sorted(one for one in folders if is_movable(f"{path}/{one}")):
        yield from _below((*folder, name), after, owner)


def _note(
    folder: _Folder, names: list[str], owner: FileOwner, begun_at: datetime, now: datetime
) -> None:
    """Store which files of a folder no row names, and when each was first found so."""
    paths = ["/".join((*folder, name)) for name in names]
    for start in range(0, len(paths), _AT_ONCE):
        some = paths[start : start + _AT_ONCE]
        named = owner.named(some)
        UnnamedFile.objects.bulk_create(
            [
                UnnamedFile(path=path, first_seen_at=now, last_seen_at=begun_at)
                for path in some
                if path not in named
            ],
            update_conflicts=True,
            unique_fields=["path"],
            update_fields=["last_seen_at"],
        )


def _finish(count: FileCount, now: datetime) -> None:
    """Store the result of a whole count; stop the sweep when too many files have no row."""
    UnnamedFile.objects.filter(last_seen_at__lt=count.begun_at).delete()
    count.unnamed = UnnamedFile.objects.filter(first_seen_at__lte=now - UNNAMED_FOR).count()
    count.counted, count.counted_at = count.files, now
    count.begun_at, count.at_folder = None, ""
    if count.unnamed > max(A_HANDFUL, count.counted * _SHARE):
        count.stopped_at = count.stopped_at or now
        logger.error("files_sweep_stopped unnamed=%s files=%s", count.unnamed, count.counted)
    else:
        count.stopped_at = None
    count.save()


def _move(now: datetime, most: int) -> int:
    """Move to the trash what no row has named for a day; returns how many."""
    due = UnnamedFile.objects.filter(first_seen_at__lte=now - UNNAMED_FOR).order_by("pk")
    moved = 0
    for _start in range(0, most, _AT_ONCE):
        rows = list(due[:_AT_ONCE])
        if not rows:
            break
        # Asked once more: a database may have been restored since the count.
        named = files_named(row.path for row in rows)
        for row in rows:
            moved += row.path not in named and _to_trash(row.path, now)
            row.delete()
    if moved:
        logger.warning("files_unnamed_moved files=%s", moved)
    return moved


def _to_trash(path: str, now: datetime) -> bool:
    return file_move(path, trash_path(now.date().isoformat(), path))


def _trash_end(now: datetime, most: int) -> int:
    """Delete what has been in the trash for long enough; returns how many files."""
    kept_from = now.date() - settings.TRASH_KEPT
    ended = 0
    for day in trash_days():
        if _day(day) >= kept_from:
            continue
        for path in trash_files(day)[: most - ended]:
            default_storage.delete(trash_path(day, path))
            ended += 1
        if ended >= most:
            break
        try:
            # Of a bucket there is nothing to delete: it has no folders.
            default_storage.delete(f"{TRASH_ROOT}/{day}")
        except OSError:
            # There is a folder of other hands in it, which is not ours to delete.
            logger.exception("trash_not_empty day=%s", day)
    return ended


def _day(name: str) -> date:
    try:
        return date.fromisoformat(name)
    except ValueError:
        # Not ours: it stays.
        return date.max


def trash_list() -> list[tuple[str, str]]:
    """Return day and path of every file in the trash."""
    return [(day, path) for day in trash_days() for path in trash_files(day)]


def trash_restore(paths: list[str] | None = None) -> tuple[list[str], list[str]]:
    """Put trashed files back where they were; all of them unless paths are given.

    Only files that a row names now, as after a database was restored. What no row names is no
    record's and no living person's picture: bringing it back would undo an erasure.

    Returns the paths of what was put back, and those that stay because no row names them.
    """
    restored, left = [], []
    entries = [one for one in trash_list() if paths is None or one[1] in paths]
    named = files_named(path for _, path in entries)
    for day, path in entries:
        if path not in named:
            left.append(path)
        elif not default_storage.exists(path) and file_move(trash_path(day, path), path):
            restored.append(path)
    return restored, left


def trash_empty() -> int:
    """Delete everything in the trash now; returns how many files."""
    entries = trash_list()
    for day, path in entries:
        default_storage.delete(trash_path(day, path))
    return len(entries)
