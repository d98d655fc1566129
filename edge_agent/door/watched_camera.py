"""Camera with limits: silence becomes an error, and work that blocks a picture is noticed."""

import asyncio
from typing import Final

from edge_agent.drivers import Camera, Clock, DriverTimeout, Frame

_OPEN_S: Final = 60.0  # a dead stream takes OpenCV's own limit, up to 30 s


class WatchedCamera:
    """Another `Camera`, with limits.

    A camera that hangs without a word would otherwise leave a door that looks well and lets no one
    in. As an error it is closed and opened again, and the door counts as degraded.

    Attributes:
        busy_since_s: moment of the monotonic clock since which the door works on a picture; None
            while it waits for one.
    """

    def __init__(self, camera: Camera, *, clock: Clock, silence_s: float) -> None:
        """Watch a camera.

        Args:
            camera: it is opened and closed through this object only.
            clock: for durations.
            silence_s: longest wait for a picture; 0 for any.
        """
        self._camera = camera
        self._clock = clock
        self._silence_s = silence_s or None
        self.busy_since_s: float | None = None

    async def open(self) -> None:
        """See `Camera.open`; at most a minute.

        Raises:
            DriverTimeout: it neither opened nor failed.
        """
        self.busy_since_s = None
        try:
            async with asyncio.timeout(_OPEN_S):
                await self._camera.open()
        except TimeoutError as error:
            await self._camera.close()
            raise DriverTimeout(f"the camera did not open within {_OPEN_S:.0f} s") from error

    async def next_frame(self) -> Frame | None:
        """See `Camera.next_frame`.

        Raises:
            DriverTimeout: there was no picture for too long.
        """
        self.busy_since_s = None
        try:
            async with asyncio.timeout(self._silence_s):
                frame = await self._camera.next_frame()
        except TimeoutError as error:
            raise DriverTimeout(f"the camera gave no picture for {self._silence_s:g} s") from error
        if frame is not None:
            self.busy_since_s = self._clock.monotonic()
        return frame

    def rest(self) -> None:
        """Note that no picture is worked on any more."""
        self.busy_since_s = None

    async def close(self) -> None:
        """See `Camera.close`."""
        self.rest()
        await self._camera.close()
