"""Stored files, on a local disk or in a bucket: written before the rows that name them.

A transaction may be rolled back, a written file stays. So a file is whole and safe on its storage
before the transaction that names it begins (decision 0028). When no row comes to name it, the sweep
of unnamed files takes it away (``console.unnamed_files``); the writer does not, because a commit
whose answer got lost has named it all the same.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

TRASH_ROOT: Final = "trash"
# A file's name has at most 255 bytes on a disk, in the trash too.
PATH_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class FileOwner:
    """The rows that name the files below one folder of the storage.

    Attributes:
        root: the folder, the first part of every path.
        named: returns those of some paths that a row names.
        swept_elsewhere: folders below it that have a sweep of their own.
    """

    root: str
    named: Callable[[Sequence[str]], set[str]]
    swept_elsewhere: frozenset[str] = frozenset()


_owners: Final[dict[str, FileOwner]] = {}


def files_owned_by(owner: FileOwner) -> None:
    """Register the rows of one folder; called once by the app whose rows they are."""
    _owners[owner.root] = owner


def file_owners() -> list[FileOwner]:
    """Return the owners of all folders that hold files of rows."""
    return [_owners[root] for root in sorted(_owners)]


def files_named(paths: Iterable[str]) -> set[str]:
    """Return those of these paths that a row names."""
    by_root: dict[str, list[str]] = {}
    for path in paths:
        by_root.setdefault(path.partition("/")[0], []).append(path)
    named: set[str] = set()
    for root, some in by_root.items():
        if owner := _owners.get(root):
            named |= owner.named(some)
    return named


def file_write(path: str, content: bytes) -> str:
    """Write a new file and return the path it got, once it would survive a loss of power.

    To be called before the transaction that names it, with a path that no other file has had.

    Raises:
        OSError: the storage is full or away.
    """
    folder = _first_new_folder(path)
    stored = default_storage.save(path, ContentFile(content))
    _sync(stored, folder)
    return stored


def file_move(source: str, target: str) -> bool:
    """Copy a file to another path, then delete it; False when it is gone already.

    When the process dies in between both are there, and the next call goes on.
    """
    default_storage.delete(target)
    folder = _first_new_folder(target)
    try:
        with default_storage.open(source) as stored:
            saved = default_storage.save(target, stored)
    except FileNotFoundError:
        return False
    if saved != target:
        raise RuntimeError("another file has the name that a file is moved to")
    _sync(saved, folder)
    default_storage.delete(source)
    return True


def _local(path: str) -> Path | None:
    """Return where a file lies on this machine's disk; None for another kind of storage."""
    try:
        return Path(default_storage.path(path))
    except NotImplementedError:
        return None


def _first_new_folder(path: str) -> Path | None:
    """Return the uppermost folder that writing a file will make; None if its own is there."""
    local = _local(path)
    if local is None:
        return None
    new = [folder for folder in local.parents if not folder.is_dir()]
    return new[-1] if new else None


def _sync(path: str, first_new: Path | None) -> None:
    """Have a local disk keep a file and the entries that lead to it; a bucket has answered."""
    local = _local(path)
    if local is None:
        return
    folders = [local.parent]
    if first_new is not None:
        folders = [one for one in local.parents if one.is_relative_to(first_new.parent)]
    for one in (local, *folders):
        descriptor = os.open(one, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def trash_days() -> list[str]:
    """Return the days of which files are in the trash, as their folders are called."""
    try:
        return sorted(default_storage.listdir(TRASH_ROOT)[0])
    except FileNotFoundError:
        return []


def trash_path(day: str, path: str) -> str:
    """Return where a file lies in the trash: flat by day, so that one listing shows a day."""
    return f"{TRASH_ROOT}/{day}/{quote(path, safe='')}"


def is_movable(path: str) -> bool:
    """Tell whether a path can be noted and moved; what our code writes always can."""
    return path.isprintable() and len(quote(path, safe="")) <= PATH_MAX


def trash_files(day: str) -> list[str]:
    """Return the paths that the files in a day's trash had."""
    try:
        return sorted(unquote(name) for name in default_storage.listdir(f"{TRASH_ROOT}/{day}")[1])
    except FileNotFoundError:
        return []


def trash_copies(paths: Iterable[str]) -> dict[str, list[str]]:
    """Return where in the trash each of these files lies, if it does: one listing of each day."""
    wanted, found = set(paths), dict[str, list[str]]()
    for day in trash_days() if wanted else ():
        for path in wanted.intersection(trash_files(day)):
            found.setdefault(path, []).append(trash_path(day, path))
    return found
