"""Thermometers without hardware: a simulated one and none."""

import random
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from edge_agent.config.fields import between
from edge_agent.drivers.base import Frame, HeatReading


@dataclass(frozen=True, slots=True)
class SimulatedThermometerOptions:
    """Options of the driver ``simulated``.

    Attributes:
        mean_c: normal body temperature in °C.
        spread_c: standard deviation in °C.
        seed: same seed, same readings.
    """

    mean_c: Annotated[float, between(30, 45)] = 36.5
    spread_c: Annotated[float, between(0, 5)] = 0.2
    seed: int = 1

    def make(self) -> "SimulatedThermometer":
        """Build the thermometer."""
        return SimulatedThermometer(mean_c=self.mean_c, spread_c=self.spread_c, seed=self.seed)


@dataclass(frozen=True, slots=True)
class NoThermometerOptions:
    """The driver ``none`` has no options."""

    def make(self) -> "NoThermometer":
        """Build it."""
        return NoThermometer()


class SimulatedThermometer:
    """Simulated thermometer: normal temperatures by a seed, or the one scripted with the frame."""

    def __init__(self, *, mean_c: float, spread_c: float, seed: int) -> None:
        self._mean_c = mean_c
        self._spread_c = spread_c
        self._random = random.Random(seed)  # noqa: S311 - a simulation, not a secret

    async def open(self) -> None:
        """See `Thermometer.open`."""

    async def read(self, frame: Frame) -> HeatReading | None:
        """See `Thermometer.read`; a body temperature, to a tenth, as such sensors report."""
        # Drawn even when scripted, so that a script does not move the readings of later visitors.
        drawn_c = self._random.gauss(self._mean_c, self._spread_c)
        scripted_c = frame.scripted_temperature_c
        body_c = round(min(max(drawn_c if scripted_c is None else scripted_c, 30.0), 45.0), 1)
        return HeatReading(np.full((1, 1), body_c, dtype=np.float32), is_body=True)

    async def close(self) -> None:
        """See `Thermometer.close`."""


class NoThermometer:
    """A door without a thermometer."""

    async def open(self) -> None:
        """See `Thermometer.open`."""

    async def read(self, frame: Frame) -> HeatReading | None:
        """See `Thermometer.read`; never a reading."""
        return None

    async def close(self) -> None:
        """See `Thermometer.close`."""
