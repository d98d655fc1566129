"""Cameras, streams and video files through OpenCV's VideoCapture."""

import asyncio
import logging
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from edge_agent.config.fields import between, secret
from edge_agent.drivers.base import Frame
from edge_agent.drivers.exceptions import DriverError, DriverUnavailable

logger = logging.getLogger(__name__)

_RECONNECT_FIRST_S: Final = 0.5
_RECONNECT_MOST_S: Final = 30.0
_FALLBACK_FPS: Final = 25.0  # for files that do not say how fast they play
# A stream that hangs is given up after this time; OpenCV by itself would wait half a minute.
_STREAM_LIMIT_MS: Final = 5000
_JOIN_S: Final = 6.0


@dataclass(frozen=True, slots=True)
class OpencvCameraOptions:
    """Options of the driver ``opencv``.

    Attributes:
        source: number of a device or its file below ``/dev``, address of a stream, or path of a
            video file. A stream's address may hold a password, so it is not shown.
        interval_s: least seconds between two frames.
        rounds: with a video file, how often to play it, 0 for ever.
    """

    source: str = secret("0", is_place=True)
    interval_s: Annotated[float, between(0, 86_400)] = 0.0
    rounds: Annotated[int, between(0, 1_000_000_000)] = 0

    def make(self) -> "OpencvCamera":
        """Build the camera; nothing is opened."""
        return OpencvCamera(self.source, interval_s=self.interval_s, rounds=self.rounds)


class OpencvCamera:
    """`Camera` for a device number, a stream's address, or a video file.

    A thread of its own reads as fast as pictures come and keeps only the newest one. A device or
    a stream that ends is opened again, with growing pauses; a file is played `rounds` times.

    Attributes:
        dropped: how many pictures were replaced by newer ones before they were taken.
    """

    def __init__(
        self,
        source: str,
        *,
        interval_s: float,
        rounds: int,
        reconnect_first_s: float = _RECONNECT_FIRST_S,
        stream_limit_ms: int = _STREAM_LIMIT_MS,
    ) -> None:
        self._source = source
        self._reconnect_first_s = reconnect_first_s
        self._stream_limit_ms = stream_limit_ms
        self._interval_s = interval_s
        self._rounds = rounds
        self._is_device = source.isdecimal() or source.startswith("/dev/")
        self._is_file = not self._is_device and "://" not in source
        self.dropped = 0
        self._cv2: Any = None
        self._capture: Any = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._newest: Any = None
        self._ended = False
        self._failure: DriverError | None = None
        self._arrived = asyncio.Event()
        self._thread_ended = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._next_at_s = 0.0

    async def open(self) -> None:
        """See `Camera.open`."""
        if self._thread is not None:
            return
        try:
            import cv2  # the vendor's library is needed only where this camera is used
        except ImportError as error:
            raise DriverUnavailable(
                "the camera driver opencv needs OpenCV (extra edge-opencv)"
            ) from error
        self._cv2 = cv2
        self._loop = asyncio.get_running_loop()
        self._stop.clear()
        self._thread_ended.clear()
        self._ended, self._failure = False, None
        opened: asyncio.Future[bool] = self._loop.create_future()
        self._thread = threading.Thread(
            target=self._read_all, args=(opened,), name="camera-opencv", daemon=True
        )
        self._thread.start()
        if not await opened:
            await self.close()
            raise DriverUnavailable(f"the camera's source {self._shown()} cannot be opened")

    async def next_frame(self) -> Frame | None:
        """See `Camera.next_frame`; at most one picture per interval."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._next_at_s - loop.time()))
        while True:
            await self._arrived.wait()
            with self._lock:
                picture, self._newest = self._newest, None
                if not self._ended:
                    self._arrived.clear()
            if picture is not None:
                self._next_at_s = loop.time() + self._interval_s
                return Frame(image=picture)
            if self._failure is not None:
                raise self._failure
            if self._ended:
                return None

    async def close(self) -> None:
        """See `Camera.close`."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._stop.set()
        try:
            async with asyncio.timeout(_JOIN_S):
                await self._thread_ended.wait()
        except TimeoutError:
            logger.warning("camera_close_slow source=%s", self._shown())

    def _read_all(self, opened: "asyncio.Future[bool]") -> None:
        """Body of the thread."""
        try:
            is_open = self._connect()
            self._tell(lambda: _settle(opened, answer=is_open))
            if is_open:
                self._read_rounds()
        except Exception as error:
            # The border of the thread: the vendor's errors become ours and reach who waits.
            self._failure = DriverError("the camera failed")
            self._failure.__cause__ = error
            self._tell(lambda: _settle(opened, answer=False))
        finally:
            if self._capture is not None:
                self._capture.release()
            with self._lock:
                self._ended = True
            self._tell(self._arrived.set)
            self._tell(self._thread_ended.set)

    def _read_rounds(self) -> None:
        rounds_played = 0
        while not self._stop.is_set():
            self._read_until_end()
            if self._stop.is_set():
                return  # it was not lost
            if self._is_file:
                rounds_played += 1
                if rounds_played >= self._rounds > 0 or not self._connect():
                    return
            elif not self._reconnect():
                return

    def _read_until_end(self) -> None:
        """Read to the end of the source; a file at its own frame rate."""
        cv2 = self._cv2
        fps = self._capture.get(cv2.CAP_PROP_FPS) if self._is_file else 0.0
        pause_s = 1.0 / (fps if 1.0 <= fps <= 240.0 else _FALLBACK_FPS) if self._is_file else 0.0
        due_s = time.monotonic()
        while not self._stop.is_set():
            is_read, picture = self._capture.read()
            if not is_read:
                return
            rgb = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
            with self._lock:
                self.dropped += self._newest is not None
                self._newest = rgb
            self._tell(self._arrived.set)
            due_s = max(due_s + pause_s, time.monotonic())
            self._stop.wait(due_s - time.monotonic())

    def _connect(self) -> bool:
        if self._capture is not None:
            self._capture.release()
        cv2 = self._cv2
        if "://" in self._source:
            limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, self._stream_limit_ms]
            limits += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, self._stream_limit_ms]
            self._capture = cv2.VideoCapture(self._source, cv2.CAP_FFMPEG, limits)
        else:
            source = int(self._source) if self._source.isdecimal() else self._source
            self._capture = cv2.VideoCapture(source)
        return bool(self._capture.isOpened())

    def _reconnect(self) -> bool:
        """Open the source again until it works; False when the camera is being closed."""
        logger.warning("camera_lost source=%s", self._shown())
        pause_s = self._reconnect_first_s
        while not self._stop.wait(pause_s):
            if self._connect():
                logger.info("camera_back source=%s", self._shown())
                return True
            pause_s = min(pause_s * 2, _RECONNECT_MOST_S)
        return False

    def _tell(self, what: Any) -> None:
        """Run something on the loop, unless the loop is gone."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        try:
            loop.call_soon_threadsafe(what)
        except RuntimeError:
            logger.debug("camera_loop_closed")  # closed between the question and the call

    def _shown(self) -> str:
        """Return the source for logs, without a stream's address, which may hold a password."""
        if self._is_device:
            return f"device {self._source}"
        return f"file {Path(self._source).name}" if self._is_file else "stream"


def _settle(opened: "asyncio.Future[bool]", *, answer: bool) -> None:
    if not opened.done():
        opened.set_result(answer)
