"""MLX90640, an infrared camera of 32 x 24 pixels, on I²C (data sheet 3901090640, revision 12)."""

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

import numpy as np
from numpy.typing import NDArray

from edge_agent.config import ConfigInvalid
from edge_agent.config.fields import between
from edge_agent.drivers.base import Frame, HeatReading
from edge_agent.drivers.exceptions import DriverError, DriverTimeout, DriverUnavailable
from edge_agent.drivers.i2c import I2cBus
from edge_agent.drivers.mlx90640_calibration import (
    EEPROM_START,
    EEPROM_WORDS,
    Calibration,
    calibration,
)
from edge_agent.drivers.mlx90640_temperature import (
    RAM_START,
    RAM_WORDS,
    Measured,
    object_c,
    sensor_c,
)
from edge_agent.drivers.worker import DriverThread

_TIMEOUT_S: Final = 2.0
_STATUS: Final = 0x8000
_CONTROL: Final = 0x800D
_SUBPAGE: Final = 0x0007  # of the status: which subpage was measured last
_NEW_DATA: Final = 0x0008
_TAKEN: Final = 0x0010  # written: new data may replace the old, and none are new any more
_SUBPAGES_ON: Final = 0x0001  # of the control word
_HELD: Final = 0x0004 | 0x0008  # hold data, repeat one subpage: neither is wanted
_RATE_AT: Final = 7
_RESOLUTION_AT: Final = 10
_RESOLUTION: Final = 2  # 18 bits, as it comes from the factory
_CHESS: Final = 0x1000
_RATES_HZ: Final = {4: 3, 8: 4, 16: 5, 32: 6}  # slower ones take more than a second for a picture
_WORDS_AT_ONCE: Final = 256  # some adapters take no long messages
_TRIES: Final = 6
_NEXT_LIMIT_S: Final = 0.9  # both halves, at 4 Hz, take half a second


class Pattern(StrEnum):
    """How the two subpages share the pixels."""

    CHESS = "chess"
    INTERLEAVED = "interleaved"


@dataclass(frozen=True, slots=True)
class Mlx90640Options:
    """Options of the driver ``mlx90640``.

    Attributes:
        bus: number of the I²C bus; at 8 Hz it has to run at 400 kHz.
        address: of the sensor on it.
        refresh_hz: half pictures a second: 4, 8, 16 or 32.
        pattern: how half pictures share the pixels; the sensor is calibrated for ``chess``.
        emissivity: of what is seen; skin has 0.98.
        self_heating_c: how much warmer the sensor is than the air around it; the data sheet's 8.
        sigma_c: standard uncertainty near 36 °C once ``temperature.offset_c`` is set; without it
            the data sheet promises no better than 1.
        rotated: degrees by which the sensor's picture is turned clockwise: 0, 90, 180 or 270.
        mirrored: whether it is mirrored, left for right, before it is turned.
        view_left, view_top, view_right, view_bottom: what the sensor sees, as parts of the camera's
            picture.
    """

    bus: Annotated[int, between(0, 255)] = 1
    address: Annotated[int, between(0x08, 0x77)] = 0x33
    refresh_hz: Annotated[int, between(4, 32)] = 8
    pattern: Pattern = Pattern.CHESS
    emissivity: Annotated[float, between(0.1, 1)] = 0.98
    self_heating_c: Annotated[float, between(0, 20)] = 8.0
    sigma_c: Annotated[float, between(0.05, 2)] = 0.3
    rotated: Annotated[int, between(0, 270)] = 0
    mirrored: bool = False
    view_left: Annotated[float, between(-1, 2)] = 0.0
    view_top: Annotated[float, between(-1, 2)] = 0.0
    view_right: Annotated[float, between(-1, 2)] = 1.0
    view_bottom: Annotated[float, between(-1, 2)] = 1.0

    def make(self) -> "Mlx90640":
        """Build the thermometer; nothing is opened.

        Raises:
            ConfigInvalid: a number between the possible ones.
        """
        if self.refresh_hz not in _RATES_HZ:
            raise ConfigInvalid("thermometer.refresh_hz: must be one of 4, 8, 16, 32")
        if self.rotated % 90:
            raise ConfigInvalid("thermometer.rotated: must be one of 0, 90, 180, 270")
        return Mlx90640(self)


class Mlx90640:
    """`Thermometer` that takes a heat picture on request."""

    def __init__(self, options: Mlx90640Options, *, next_limit_s: float = _NEXT_LIMIT_S) -> None:
        self._options = options
        self._next_limit_s = next_limit_s
        self._bus = I2cBus(options.bus)
        self._known: Calibration | None = None
        self._thread = DriverThread(
            "mlx90640", timeout_s=_TIMEOUT_S, device=f"the thermometer on I²C bus {options.bus}"
        )

    async def open(self) -> None:
        """See `Thermometer.open`; reads the calibration, which takes a sixth of a second."""
        if self._known is not None:
            return
        try:
            self._known = await self._thread.run(self._start)
        except DriverUnavailable:
            await self.close()
            raise
        except DriverError as error:
            await self.close()
            raise DriverUnavailable(f"there is no thermometer MLX90640: {error}") from error

    async def read(self, frame: Frame) -> HeatReading | None:
        """See `Thermometer.read`; both half pictures, one after the other."""
        known = self._known
        if known is None:
            raise DriverError("the thermometer MLX90640 is not open")
        return await self._thread.run(lambda: self._picture(known))

    async def close(self) -> None:
        """See `Thermometer.close`."""
        self._known = None
        if not self._thread.is_started:
            return
        try:
            await self._thread.run(self._bus.close)
        finally:
            self._thread.end()

    def _start(self) -> Calibration:
        self._bus.open()
        known = calibration(self._words(EEPROM_START, EEPROM_WORDS))
        unwanted = _HELD | 7 << _RATE_AT | 3 << _RESOLUTION_AT
        wanted = self._word(_CONTROL) & ~unwanted
        wanted |= _RATES_HZ[self._options.refresh_hz] << _RATE_AT
        wanted |= _RESOLUTION << _RESOLUTION_AT | _SUBPAGES_ON
        is_chess = self._options.pattern is Pattern.CHESS
        self._write(_CONTROL, wanted | _CHESS if is_chess else wanted & ~_CHESS)
        # What is measured already, or just now, follows the settings from before.
        self._write(_STATUS, _TAKEN, is_checked=False)
        for _ in range(2):
            self._half_picture(time.monotonic() + self._next_limit_s)
        return known

    def _picture(self, known: Calibration) -> HeatReading:
        given = self._options
        until_s = time.monotonic() + self._next_limit_s
        seen: dict[int, tuple[NDArray[np.float64], float]] = {}
        for _ in range(_TRIES):
            half = self._half_picture(until_s)
            if half is None:
                continue
            ta_c = sensor_c(half, known)
            air_c = ta_c - given.self_heating_c
            surface_c = object_c(half, known, emissivity=given.emissivity, reflected_c=air_c)
            seen[half.subpage] = surface_c, air_c
            if len(seen) > 1:
                break
        else:
            raise DriverError("the thermometer MLX90640 is faster than its bus: lower refresh_hz")
        (first_c, air_c), (second_c, _) = seen.values()
        merged = np.where(np.isnan(first_c), second_c, first_c).astype(np.float32)
        return HeatReading(
            surface_c=self._turned(merged),
            ambient_c=round(air_c, 2),
            sigma_c=given.sigma_c,
            view=(given.view_left, given.view_top, given.view_right, given.view_bottom),
        )

    def _half_picture(self, until_s: float) -> Measured | None:
        """Read the newest half picture; None when a newer one overwrote it meanwhile.

        Raises:
            DriverTimeout: the sensor measures nothing.
        """
        while not (status := self._word(_STATUS)) & _NEW_DATA:
            if time.monotonic() > until_s:
                raise DriverTimeout("the thermometer MLX90640 measures nothing")
            time.sleep(0.25 / self._options.refresh_hz)
        self._write(_STATUS, _TAKEN, is_checked=False)
        ram = self._words(RAM_START, RAM_WORDS)
        control, after = self._word(_CONTROL), self._word(_STATUS)
        if after & _NEW_DATA or (after ^ status) & _SUBPAGE:
            return None
        return Measured(
            ram=ram,
            subpage=status & _SUBPAGE,
            is_chess=bool(control & _CHESS),
            resolution=control >> _RESOLUTION_AT & 3,
        )

    def _turned(self, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._options.mirrored:
            picture = picture[:, ::-1]
        return np.ascontiguousarray(np.rot90(picture, -(self._options.rotated // 90)))

    def _word(self, register: int) -> int:
        return int(self._words(register, 1)[0])

    def _words(self, start: int, count: int) -> NDArray[np.uint16]:
        """Read consecutive words; the sensor increments the address by itself."""
        octets = b""
        for begin in range(start, start + count, _WORDS_AT_ONCE):
            most = min(_WORDS_AT_ONCE, start + count - begin)
            sent = divmod(begin, 256)
            octets += self._bus.write_then_read(self._options.address, sent, 2 * most)
        return np.frombuffer(octets, dtype=">u2").astype(np.uint16)

    def _write(self, register: int, value: int, *, is_checked: bool = True) -> None:
        self._bus.write(self._options.address, (*divmod(register, 256), *divmod(value, 256)))
        if is_checked and self._word(register) != value:
            raise DriverError("the thermometer MLX90640 does not take its settings")
