"""Interfaces of the drivers.

All of them are opened before use and closed once; closing again does nothing. Drivers know nothing
of people, rules or the platform. Their errors are `edge_agent.exceptions.DriverError` and below.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture from a camera.

    Attributes:
        image: (height, width, 3) uint8, RGB, upright.
        label: name for the console, for example the stem of a file; empty for a live camera.
        is_visit: whether the picture is a visit by itself, as from a folder; otherwise several
            frames show one visit.
        scripted_temperature_c: body temperature that a simulation should read, in °C, or None.
    """

    image: NDArray[np.uint8]
    label: str = ""
    is_visit: bool = False
    scripted_temperature_c: float | None = None


class Camera(Protocol):
    """Gives pictures, newest first; never a backlog."""

    async def open(self) -> None:
        """Start. Returns when the first picture can be waited for.

        Raises:
            DriverUnavailable: the camera, or the library that reads it, is not there.
        """
        ...

    async def next_frame(self) -> Frame | None:
        """Wait for a picture not given out before.

        Waits as long as it takes; may be cancelled. Afterwards the camera can be asked again.

        Returns:
            The newest picture, or None when there will never be another one.

        Raises:
            DriverError: the camera is broken for good; it must be closed and opened again.
        """
        ...

    async def close(self) -> None:
        """Release the device. Safe state: nothing is recorded."""
        ...


class Relay(Protocol):
    """Unlocks a door for a moment."""

    async def open(self) -> None:
        """Take hold of the relay and put it into its safe state: released, door locked.

        Raises:
            DriverUnavailable: the relay, or the library that drives it, is not there.
        """
        ...

    async def pulse(self, hold_ms: int) -> None:
        """Unlock now and lock again after a time.

        Returns as soon as the relay has pulled in. A pulse during a pulse lets the relay hold
        until the later one of both ends.

        Args:
            hold_ms: how long to hold, 20 to 30 000 ms: a platform's unlockDelay goes up to 5000
                (seed 9.2), the terminal's own unlockOuttime up to 30 s (8.1.5).

        Raises:
            ValueError: for a time outside of that range; nothing moved.
            DriverError: the relay could not be switched; it was told to release.
        """
        ...

    async def close(self) -> None:
        """Release the relay at once and let go of it. Safe state: released, door locked."""
        ...


class Thermometer(Protocol):
    """Measures the body temperature of the person in a picture."""

    async def open(self) -> None:
        """Get ready.

        Raises:
            DriverUnavailable: the sensor, or the library that reads it, is not there.
        """
        ...

    async def read_c(self, frame: Frame) -> float | None:
        """Measure. Takes at most a second.

        Args:
            frame: the picture that belongs to the measurement.

        Returns:
            Body temperature in °C, 30 to 45; None when there is no reading to be trusted.

        Raises:
            DriverError: the sensor failed.
        """
        ...

    async def close(self) -> None:
        """Let go of the sensor. Safe state: nothing is measured."""
        ...


class Clock(Protocol):
    """Tells the time; the only place that does."""

    def now(self) -> datetime:
        """Moment of the calendar, aware, UTC. May jump; only for stamps."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump or go back; only differences mean something."""
        ...
