"""Simulated camera: the pictures of a folder, one after the other."""

import asyncio
import logging
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from edge_agent.config.fields import between
from edge_agent.drivers.base import Frame
from edge_agent.drivers.exceptions import DriverUnavailable
from face_engine import DEFAULT_MAX_BYTES, ImageUnreadable, decode_image

logger = logging.getLogger(__name__)

_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})
# "2-person@38.2" walks by second, is labelled "person", and the temperature will read 38.2 °C.
_SCRIPT: Final = re.compile(
    r"^(?:\d{1,4}-)?(?P<label>.+?)(?:@(?P<temperature_c>\d{2}(?:\.\d{1,2})?))?$"
)
# A folder without a usable picture is looked at again after this long.
_LOOK_AGAIN_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class FolderCameraOptions:
    """Options of the driver ``folder``.

    Attributes:
        folder: where the pictures are.
        interval_s: seconds between two visitors.
        rounds: how often to go through the folder, 0 for ever.
    """

    folder: Path = Path("visitors")
    interval_s: Annotated[float, between(0, 86_400)] = 3.0
    rounds: Annotated[int, between(0, 1_000_000_000)] = 0

    def make(self) -> "FolderCamera":
        """Build the camera; nothing is opened."""
        return FolderCamera(self.folder, interval_s=self.interval_s, rounds=self.rounds)


class FolderCamera:
    """`Camera` that shows the pictures of a folder in the order of their names.

    Pictures that come, change or go while it runs are taken as they are at the next round.
    """

    def __init__(self, folder: Path, *, interval_s: float, rounds: int) -> None:
        self._folder = folder
        self._interval_s = interval_s
        self._rounds = rounds
        self._pictures: Iterator[Path] = iter(())
        self._rounds_begun = 0
        self._next_at_s: float | None = None
        self._thread: ThreadPoolExecutor | None = None

    async def open(self) -> None:
        """See `Camera.open`."""
        if self._thread is not None:
            return
        thread = ThreadPoolExecutor(1, thread_name_prefix="camera-folder")
        is_there = await asyncio.get_running_loop().run_in_executor(thread, self._folder.is_dir)
        if not is_there:
            thread.shutdown(wait=False)
            raise DriverUnavailable(f"the camera's folder {self._folder} is not there")
        self._thread = thread

    async def next_frame(self) -> Frame | None:
        """See `Camera.next_frame`; at most one picture per interval."""
        loop = asyncio.get_running_loop()
        while True:
            await self._wait_turn(loop)
            path = next(self._pictures, None)
            if path is None:
                if self._rounds and self._rounds_begun >= self._rounds:
                    return None
                found = await loop.run_in_executor(self._thread, self._list)
                self._rounds_begun += 1
                self._pictures = iter(found)
                if not found:
                    self._next_at_s = loop.time() + _LOOK_AGAIN_S
                continue
            frame = await loop.run_in_executor(self._thread, _read, path)
            if frame is not None:
                self._next_at_s = loop.time() + self._interval_s
                return frame

    async def close(self) -> None:
        """See `Camera.close`."""
        if self._thread is not None:
            self._thread.shutdown(wait=False)
            self._thread = None

    async def _wait_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._next_at_s is not None:
            await asyncio.sleep(max(0.0, self._next_at_s - loop.time()))

    def _list(self) -> list[Path]:
        return sorted(
            path
            for path in self._folder.iterdir()
            if path.suffix.lower() in _SUFFIXES and path.is_file()
        )


def _read(path: Path) -> Frame | None:
    try:
        with path.open("rb") as file:
            image = decode_image(file.read(DEFAULT_MAX_BYTES + 1))
    except (OSError, ImageUnreadable) as error:
        reason = error.code if isinstance(error, ImageUnreadable) else error.strerror
        logger.warning("picture_skipped file=%s reason=%s", path.name, reason)
        return None
    scripted = _SCRIPT.match(path.stem)
    temperature = scripted["temperature_c"] if scripted else None
    return Frame(
        image=image,
        label=scripted["label"] if scripted else path.stem,
        is_visit=True,
        scripted_temperature_c=float(temperature) if temperature else None,
    )
