"""File permissions: only the platform's own user can read pictures, database and keys."""

import os
import stat
from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_UMASK = 0o077


def files_private(folder: Path) -> None:
    """Make what this process writes from now on private, and what lies directly in a folder.

    Called by the settings, so that it holds for every program of the platform; cheap, because what
    lies deeper cannot be reached through a private folder.
    """
    os.umask(_UMASK)
    if not folder.is_dir() or folder.stat().st_mode & stat.S_ISVTX:
        return  # not there yet, or a shared folder that was named by mistake
    for path in (folder, *folder.iterdir()):
        _make_private(path)


def tree_private(folder: Path) -> None:
    """Make everything below a folder private: files of versions that did not see to it."""
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            _make_private(Path(parent) / name)


def _make_private(path: Path) -> None:
    """Take away the rights of others, where that is ours to do; links stay what they are."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return  # a draft of another process
    is_ours = found.st_uid == os.geteuid() and not stat.S_ISLNK(found.st_mode)
    if is_ours and found.st_mode & _OTHERS:
        path.chmod(stat.S_IMODE(found.st_mode) & ~_OTHERS)
