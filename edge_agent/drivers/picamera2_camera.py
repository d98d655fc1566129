"""Cameras of the Raspberry Pi, through picamera2."""

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np

from edge_agent.config.fields import between
from edge_agent.drivers.base import Frame
from edge_agent.drivers.exceptions import DriverError, DriverTimeout, DriverUnavailable
from edge_agent.drivers.worker import DriverThread

_TIMEOUT_S: Final = 5.0  # a camera starts slowly; then a picture comes each 33 ms


@dataclass(frozen=True, slots=True)
class Picamera2Options:
    """Options of the driver ``picamera2``.

    Attributes:
        camera: its number.
        width, height: of the pictures, in pixels.
        rotated: whether the camera hangs upside down.
        interval_s: least seconds between two frames.
    """

    camera: Annotated[int, between(0, 7)] = 0
    width: Annotated[int, between(160, 4096)] = 1280
    height: Annotated[int, between(120, 4096)] = 720
    rotated: bool = False
    interval_s: Annotated[float, between(0, 86_400)] = 0.0

    def make(self) -> "Picamera2Camera":
        """Build the camera; nothing is opened."""
        return Picamera2Camera(self)


class Picamera2Camera:
    """`Camera` that takes the newest picture on request."""

    def __init__(self, options: Picamera2Options, *, timeout_s: float = _TIMEOUT_S) -> None:
        self._options = options
        self._camera: Any = None
        self._next_at_s = 0.0
        self._thread = DriverThread(
            "picamera2", timeout_s=timeout_s, device=f"camera {options.camera} of this computer"
        )

    async def open(self) -> None:
        """See `Camera.open`."""
        if self._camera is not None:
            return
        try:
            self._camera = await self._thread.run(self._start)
        except DriverTimeout as error:
            self._thread.end()
            raise DriverUnavailable(str(error)) from error
        except BaseException:
            self._thread.end()
            raise

    def _start(self) -> Any:
        try:
            from picamera2 import Picamera2  # comes with the system of a Raspberry Pi
        except ImportError as error:
            raise DriverUnavailable(
                "the camera driver picamera2 needs the system's package python3-picamera2"
            ) from error
        number = self._options.camera
        try:
            camera = Picamera2(number)
        except (IndexError, RuntimeError) as error:
            raise DriverUnavailable(f"there is no camera {number} on this computer") from error
        try:
            # What libcamera calls BGR888 lies in memory as red, green, blue.
            size = (self._options.width, self._options.height)
            camera.configure(
                camera.create_video_configuration(main={"size": size, "format": "BGR888"})
            )
            camera.start()
        except RuntimeError as error:
            camera.close()
            raise DriverUnavailable(f"camera {number} cannot be used: {error}") from error
        return camera

    async def next_frame(self) -> Frame | None:
        """See `Camera.next_frame`; at most one picture per interval."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._next_at_s - loop.time()))
        try:
            frame = await self._thread.run(self._take)
        except DriverTimeout:
            # The library waits for ever; closing needs another thread than the one that waits.
            self._thread.end()
            raise
        self._next_at_s = loop.time() + self._options.interval_s
        return frame

    def _take(self) -> Frame:
        if self._camera is None:
            raise DriverError("the camera is not open")
        try:
            picture = self._camera.capture_array("main")
        except RuntimeError as error:
            raise DriverError("the camera gives no pictures") from error
        if self._options.rotated:
            picture = picture[::-1, ::-1]
        return Frame(image=np.ascontiguousarray(picture[..., :3], dtype=np.uint8))

    async def close(self) -> None:
        """See `Camera.close`."""
        camera, self._camera = self._camera, None
        try:
            if camera is not None:
                await self._thread.run(lambda: _stop(camera))
        finally:
            self._thread.end()


def _stop(camera: Any) -> None:
    try:
        camera.stop()
    finally:
        camera.close()
