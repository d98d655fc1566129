"""MLX90614, an infrared thermometer of one spot, on I²C (SMBus)."""

from dataclasses import dataclass
from typing import Annotated, Final

import numpy as np

from edge_agent.config.fields import between
from edge_agent.drivers.base import Frame, HeatReading
from edge_agent.drivers.exceptions import DriverError, DriverProtocolError, DriverUnavailable
from edge_agent.drivers.i2c import I2cBus
from edge_agent.drivers.worker import DriverThread

_TIMEOUT_S: Final = 1.0
_AMBIENT: Final = 0x06  # RAM
_OBJECT: Final = 0x07
_ERROR_BIT: Final = 0x8000
_KELVIN_PER_STEP: Final = 0.02
_ZERO_C_K: Final = 273.15
_CRC_POLYNOMIAL: Final = 0x07  # x⁸ + x² + x + 1, the packet error code of SMBus


@dataclass(frozen=True, slots=True)
class Mlx90614Options:
    """Options of the driver ``mlx90614``.

    Attributes:
        bus: number of the I²C bus.
        address: of the sensor on it.
        sigma_c: standard uncertainty near 36 °C: 0.2 for the medical kinds (D…), 0.5 for others.
        view_left, view_top, view_right, view_bottom: the spot, as parts of the camera's picture.
    """

    bus: Annotated[int, between(0, 255)] = 1
    address: Annotated[int, between(0x08, 0x77)] = 0x5A
    sigma_c: Annotated[float, between(0.05, 2)] = 0.2
    view_left: Annotated[float, between(-1, 2)] = 0.3
    view_top: Annotated[float, between(-1, 2)] = 0.2
    view_right: Annotated[float, between(-1, 2)] = 0.7
    view_bottom: Annotated[float, between(-1, 2)] = 0.8

    def make(self) -> "Mlx90614":
        """Build the thermometer; nothing is opened."""
        return Mlx90614(self)


class Mlx90614:
    """`Thermometer` of one spot with the air's temperature."""

    def __init__(self, options: Mlx90614Options) -> None:
        self._options = options
        self._bus = I2cBus(options.bus)
        self._is_open = False
        self._thread = DriverThread(
            "mlx90614", timeout_s=_TIMEOUT_S, device=f"the thermometer on I²C bus {options.bus}"
        )

    async def open(self) -> None:
        """See `Thermometer.open`."""
        if self._is_open:
            return
        try:
            await self._thread.run(self._bus.open)
            await self._thread.run(lambda: self._temperature_c(_AMBIENT))
        except DriverUnavailable:
            await self.close()
            raise
        except DriverError as error:
            await self.close()
            raise DriverUnavailable(f"there is no thermometer MLX90614: {error}") from error
        self._is_open = True

    async def read(self, frame: Frame) -> HeatReading | None:
        """See `Thermometer.read`."""
        return await self._thread.run(self._reading)

    async def close(self) -> None:
        """See `Thermometer.close`."""
        self._is_open = False
        if not self._thread.is_started:
            return
        try:
            await self._thread.run(self._bus.close)
        finally:
            self._thread.end()

    def _reading(self) -> HeatReading | None:
        spot_c = self._temperature_c(_OBJECT)
        ambient_c = self._temperature_c(_AMBIENT)
        if spot_c is None or ambient_c is None:
            return None
        given = self._options
        return HeatReading(
            surface_c=np.full((1, 1), spot_c, dtype=np.float32),
            ambient_c=ambient_c,
            sigma_c=given.sigma_c,
            view=(given.view_left, given.view_top, given.view_right, given.view_bottom),
        )

    def _temperature_c(self, register: int) -> float | None:
        """Read a register; None when the sensor says that the value is none.

        Raises:
            DriverProtocolError: the checksum is wrong.
        """
        address = self._options.address
        low, high, sent_crc = self._bus.write_then_read(address, [register], 3)
        crc = packet_error_code([address << 1, register, address << 1 | 1, low, high])
        if crc != sent_crc:
            raise DriverProtocolError("the thermometer MLX90614 sends wrong checksums")
        steps = high << 8 | low
        if steps & _ERROR_BIT:
            return None
        return round(steps * _KELVIN_PER_STEP - _ZERO_C_K, 2)


def packet_error_code(octets: list[int]) -> int:
    """CRC-8 of SMBus over everything on the wire, addresses included."""
    crc = 0
    for octet in octets:
        crc ^= octet
        for _ in range(8):
            crc = (crc << 1 ^ _CRC_POLYNOMIAL if crc & 0x80 else crc << 1) & 0xFF
    return crc
