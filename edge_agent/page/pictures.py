"""Live picture: encoded only while it is watched, once for all viewers."""

import asyncio
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from edge_agent.door import LiveFrame
from edge_agent.drivers import Clock
from face_engine import ImageUnreadable, decode_image

_QUALITY: Final = 75
_FRAME_COLOUR: Final = (0, 255, 0)
_WAIT_S: Final = 5.0  # then a watcher hears that there is nothing new
_WATCHING_S: Final = 12.0  # more than two such waits: who does not come back has gone
_THUMBNAIL_PX: Final = 160


@dataclass(frozen=True, slots=True)
class Picture:
    """One encoded picture.

    Attributes:
        number: another one for each picture.
        jpeg: the file.
        at_s: moment of the monotonic clock at which the camera gave it.
    """

    number: int
    jpeg: bytes = field(repr=False)
    at_s: float


class LivePictures:
    """Provide the newest picture to a limited number of viewers.

    They come and ask for a newer one than they have. Nothing is kept for them, so one who is slow,
    or gone, costs nothing.

    Attributes:
        encoded: pictures made so far.
    """

    def __init__(
        self,
        view: Callable[[], LiveFrame | None],
        clock: Clock,
        *,
        per_s: float,
        most_px: int,
        watchers_most: int,
    ) -> None:
        self._view = view
        self._clock = clock
        self._interval_s = 1 / per_s
        self._most_px = most_px
        self._watchers_most = watchers_most
        self._watchers: dict[object, float] = {}
        self._making = asyncio.Lock()
        self._shown: LiveFrame | None = None
        self._picture: Picture | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._due_s = 0.0
        self.encoded = 0

    def open(self) -> None:
        """Get ready; the thread begins with the first picture."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="page-pictures")

    def close(self) -> None:
        """Stop the thread and drop the picture."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.shutdown(wait=False, cancel_futures=True)
        self._shown = self._picture = None
        self._watchers.clear()

    def admit(self, watcher: object) -> bool:
        """Count a viewer for a while; False when there are too many."""
        now_s = self._clock.monotonic()
        self._watchers = {
            one: until_s for one, until_s in self._watchers.items() if until_s > now_s
        }
        if watcher not in self._watchers and len(self._watchers) >= self._watchers_most:
            return False
        self._watchers[watcher] = now_s + _WATCHING_S
        return True

    async def newer(self, than: int, *, wait_s: float = _WAIT_S) -> Picture | None:
        """Wait for another picture.

        Args:
            than: number of the one that the watcher has; 0 for none.
            wait_s: how long at most.

        Returns:
            The newest picture, None when there was no other one in time.
        """
        try:
            async with asyncio.timeout(wait_s), self._making:
                while self._picture is None or self._picture.number == than:
                    await self._make()
                return self._picture
        except TimeoutError:
            return None

    async def _make(self) -> None:
        """Wait until a picture is due and encode the camera's newest one."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._due_s - loop.time()))
        self._due_s = loop.time() + self._interval_s
        view = self._view()
        if view is None or view is self._shown or self._thread is None:
            return
        jpeg = await loop.run_in_executor(self._thread, _jpeg, view, self._most_px)
        self.encoded += 1
        self._shown = view
        self._picture = Picture(self.encoded, jpeg, view.at_s)


def _jpeg(view: LiveFrame, most_px: int) -> bytes:
    image = Image.fromarray(np.ascontiguousarray(view.frame.image))
    width, height = image.size
    scale = min(1.0, most_px / max(width, height))
    if scale < 1.0:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    drawing = ImageDraw.Draw(image)
    for face in view.faces:
        left, top, across, down = (scale * float(side) for side in face.box)
        drawing.rectangle((left, top, left + across, top + down), outline=_FRAME_COLOUR, width=2)
    sink = io.BytesIO()
    image.save(sink, format="JPEG", quality=_QUALITY)
    return sink.getvalue()


def thumbnail(jpeg: bytes) -> bytes:
    """Make a small picture of the picture of a pass.

    Raises:
        OSError: it is no picture.
    """
    try:
        image = Image.fromarray(decode_image(jpeg, enough_px=_THUMBNAIL_PX))
    except ImageUnreadable as error:
        raise OSError(f"cannot identify what was kept ({error.code})") from error
    image.thumbnail((_THUMBNAIL_PX, _THUMBNAIL_PX))
    sink = io.BytesIO()
    image.save(sink, format="JPEG", quality=_QUALITY)
    return sink.getvalue()
