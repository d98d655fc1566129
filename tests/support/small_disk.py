"""A disk that is really small: a tmpfs of its own, as far as this process may mount one."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.tools import absent


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


@contextmanager
def small_disk(folder: Path, *, size_mb: int) -> Iterator[SmallDisk]:
    """Mount one; the test is skipped where that is not allowed, for want of root."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m,mode=0700", "menjin-test", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        absent(f"cannot mount a small disk: {mounted.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=20)
