"""A stand-in for espeak-ng in the search path."""

import asyncio
import stat
import sys
from pathlib import Path

# A stand-in for espeak-ng: says by files what it was given, and speaks until it may end.
PROGRAM = """#!{python}
import os, pathlib, sys, time
folder = pathlib.Path(os.environ["SPOKEN"])
words = sys.stdin.buffer.read().decode()
part = folder / f"{{os.getpid()}}.part"
part.write_text("\\n".join([*sys.argv[1:], words]))
part.rename(folder / f"{{time.monotonic_ns()}}.{{os.getpid()}}.said")
while (folder / "speaks-on").exists():
    time.sleep(0.01)
sys.exit(int((folder / "status").read_text()) if (folder / "status").exists() else 0)
"""


class Spoken:
    """A folder in the search path with the stand-in, and what it said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        program = folder / "espeak-ng"
        program.write_text(PROGRAM.format(python=sys.executable))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)

    def speaks_on(self, *, is_long: bool) -> None:
        if is_long:
            (self.folder / "speaks-on").touch()
        else:
            (self.folder / "speaks-on").unlink()

    async def said(self, count: int) -> list[list[str]]:
        """Wait for so many sentences: the arguments of each, and the words.

        Another process writes them, so there is no event to wait for.
        """
        async with asyncio.timeout(10):
            while len(found := sorted(self.folder.glob("*.said"))) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return [one.read_text().split("\n") for one in found]
