"""Thermometers without hardware: a simulated one, and none at all."""

import random

from edge_agent.drivers.base import Frame


class SimulatedThermometer:
    """Normal temperatures from a seeded generator, or what the frame scripts."""

    def __init__(self, *, mean_c: float, spread_c: float, seed: int) -> None:
        self._mean_c = mean_c
        self._spread_c = spread_c
        self._random = random.Random(seed)  # noqa: S311 - a simulation, not a secret

    async def open(self) -> None:
        """See `Thermometer.open`."""

    async def read_c(self, frame: Frame) -> float | None:
        """See `Thermometer.read_c`; rounded to a tenth, as such sensors report."""
        # Drawn even when scripted, so that a script does not move the readings of later visitors.
        drawn_c = self._random.gauss(self._mean_c, self._spread_c)
        scripted_c = frame.scripted_temperature_c
        return round(min(max(drawn_c if scripted_c is None else scripted_c, 30.0), 45.0), 1)

    async def close(self) -> None:
        """See `Thermometer.close`."""


class NoThermometer:
    """A door without a thermometer."""

    async def open(self) -> None:
        """See `Thermometer.open`."""

    async def read_c(self, frame: Frame) -> float | None:
        """See `Thermometer.read_c`; never a reading."""
        return None

    async def close(self) -> None:
        """See `Thermometer.close`."""
