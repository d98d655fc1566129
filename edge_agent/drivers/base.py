"""Interfaces that drivers implement.

All of them are opened before use and closed once; closing again does nothing. Drivers know nothing
of people, rules or the platform. Their errors are those of `edge_agent.drivers.exceptions`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from terminal_protocol import IdCard


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
    """Source of pictures, newest first, without a backlog."""

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
    """Relay that unlocks a door for a limited time."""

    async def open(self) -> None:
        """Open the relay in its safe state: released, door locked.

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
        """Release the relay at once and close it. Safe state: released, door locked."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class HeatReading:
    """Reading of a thermometer, before a body temperature is computed from it.

    Attributes:
        surface_c: (rows, columns) float32, °C, row 0 on top, column 0 at the left of the picture;
            (1, 1) for a sensor that sees one spot. Not a number where a pixel is dead.
        ambient_c: temperature of the air around the sensor in °C, None when it does not know.
        distance_m: from the sensor to the person, None when it does not know.
        sigma_c: standard uncertainty of one value of `surface_c`, in °C.
        is_body: whether `surface_c` is a body temperature already, because the sensor, or a
            simulation, has compensated by itself.
        view: left, top, right, bottom of what the sensor sees, as parts (0 to 1) of the camera's
            picture; it may reach beyond it.
    """

    surface_c: NDArray[np.float32]
    ambient_c: float | None = None
    distance_m: float | None = None
    sigma_c: float = 0.1
    is_body: bool = False
    view: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)


class Thermometer(Protocol):
    """Measures the heat of the person in a picture."""

    async def open(self) -> None:
        """Get ready.

        Raises:
            DriverUnavailable: the sensor, or the library that reads it, is not there.
        """
        ...

    async def read(self, frame: Frame) -> HeatReading | None:
        """Measure once; takes at most a second.

        Args:
            frame: the picture that belongs to the measurement.

        Returns:
            What the sensor saw; None when it saw nothing to be trusted.

        Raises:
            DriverError: the sensor failed.
        """
        ...

    async def close(self) -> None:
        """Close the sensor. Safe state: nothing is measured."""
        ...


class CardReader(Protocol):
    """Reader of cards."""

    async def open(self) -> None:
        """Get ready.

        Raises:
            DriverUnavailable: the reader, or the library that reads it, is not there.
        """
        ...

    async def next_card(self) -> str | IdCard | None:
        """Wait for a card; may be cancelled, afterwards the reader can be asked again.

        Returns:
            The card's number as the reader gives it, 1 to 40 printable characters (8.2.1,
            icNumber); what is on a resident identity card (9.2, idCardInfo), from a reader of
            those; None when there will never be another card. Never log any of it.

        Raises:
            DriverError: the reader is broken; it must be closed and opened again.
        """
        ...

    async def close(self) -> None:
        """Close the reader."""
        ...


class Cue(StrEnum):
    """Message to a person at the door; the values are stable."""

    WAIT = "wait"  # a face was seen, the answer is on its way
    WELCOME = "welcome"  # the door opens
    REFUSED = "refused"  # known, and the door stays closed
    STRANGER = "stranger"  # not recognised
    LOOK_HERE = "look_here"  # the picture is not good enough: come closer, look at the camera
    FEVER = "fever"
    MASK_MISSING = "mask_missing"
    TRY_LATER = "try_later"  # the door cannot decide now
    IDLE = "idle"  # no visitor


@dataclass(frozen=True, slots=True)
class Prompt:
    """A cue with the details that may accompany it.

    Attributes:
        name: of the person, empty for none.
        temperature_c: measured body temperature, None without one.
        welcome: the person's own words of welcome (8.2.1, prompt); empty for the usual ones.
    """

    cue: Cue
    name: str = field(default="", repr=False)
    temperature_c: float | None = None
    welcome: str = field(default="", repr=False)


class Prompter(Protocol):
    """Output to people at the door: voice, light, or a screen.

    One that makes no sound says so by an attribute ``is_soundless`` that is true; any other is told
    nothing while voice prompts are switched off (8.1.5, voiceProswitch).
    """

    async def open(self) -> None:
        """Get ready.

        Raises:
            DriverUnavailable: the device, or the program that speaks, is not there.
        """
        ...

    async def prompt(self, prompt: Prompt) -> None:
        """Start a prompt and return at once; it replaces one that is still being given.

        Raises:
            DriverError: nothing could be told. The door works all the same.
        """
        ...

    async def close(self) -> None:
        """Fall silent and dark."""
        ...


class Clock(Protocol):
    """Source of the time; the only one."""

    def now(self) -> datetime:
        """Return the current time, aware, UTC; it may jump and is only for timestamps."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump or go back; only differences mean something."""
        ...
