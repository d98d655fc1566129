"""A disk that is really small: a tmpfs of its own, as far as this process may mount one."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path


class SmallDisk:
    """A mounted file system and somebody else's file on it, which takes the room away.

    Attributes:
        folder: where it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._foreign = folder / "somebody-elses.log"

    def fill(self, *, leave_bytes: int = 0) -> None:
        """Let somebody else's file take everything, but for so much."""
        with self._foreign.open("ab", buffering=0) as stream:
            try:
                while True:
                    stream.write(bytes(4096))
            except OSError:
                pass  # the disk is full, as wanted
            if leave_bytes:
                stream.truncate(max(0, stream.tell() - leave_bytes))

    def empty(self) -> None:
        """Delete that file."""
        self._foreign.unlink()


@cache
def can_mount() -> bool:
    """Tell whether this process may mount a disk, which takes root."""
    with tempfile.TemporaryDirectory(prefix="menjin-mount-") as folder:
        if _mount(Path(folder), size_mb=1).returncode:
            return False
        _unmount(Path(folder))
    return True


def _mount(folder: Path, *, size_mb: int) -> subprocess.CompletedProcess[str]:
    options = f"size={size_mb}m,mode=0700"
    return subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "menjin-test", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )


def _unmount(folder: Path) -> None:
    subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=20)


@contextmanager
def small_disk(folder: Path, *, size_mb: int) -> Iterator[SmallDisk]:
    """Mount one, in a test marked ``small_disk``."""
    folder.mkdir()
    _mount(folder, size_mb=size_mb).check_returncode()
    try:
        yield SmallDisk(folder)
    finally:
        _unmount(folder)
