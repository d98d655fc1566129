"""Thermometers that send lines of text over a serial port."""

import errno
import re
import termios
import time
from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np

from edge_agent.config import ConfigInvalid
from edge_agent.config.fields import between
from edge_agent.drivers.base import Frame, HeatReading
from edge_agent.drivers.exceptions import (
    DriverError,
    DriverProtocolError,
    DriverTimeout,
    DriverUnavailable,
)
from edge_agent.drivers.worker import DriverThread

_GROUPS: Final = ("body", "surface", "ambient", "distance")
_LINE_MOST: Final = 256  # bytes; a sensor that never ends its line must not fill the memory
_SPARE_S: Final = 0.3


@dataclass(frozen=True, slots=True)
class SerialThermometerOptions:
    """Options of the driver ``serial``.

    Attributes:
        port: device file, or a URL as pyserial takes it.
        baud: bits a second.
        ask: what is sent for each reading, each character as one octet, so ``\\r``, ``\\n`` or
            ``\\u00a5`` for 0xA5; empty where the sensor sends by itself.
        pattern: regular expression for a line with at least one of the groups ``body`` (a body
            temperature that the sensor made itself) and ``surface`` (of the skin), and perhaps
            ``ambient``, all in °C, and ``distance`` in metres.
        sigma_c: standard uncertainty of a value in °C.
        timeout_s: how long to wait for a line.
    """

    port: str = "/dev/ttyUSB0"
    baud: Annotated[int, between(50, 4_000_000)] = 9600
    ask: str = ""
    pattern: str = r"(?P<body>\d\d\.\d+)"
    sigma_c: Annotated[float, between(0.05, 2)] = 0.2
    timeout_s: Annotated[float, between(0.05, 1)] = 0.8

    def make(self) -> "SerialThermometer":
        """Build the thermometer; nothing is opened.

        Raises:
            ConfigInvalid: the pattern is none, or tells no temperature.
        """
        if any(ord(one) > 0xFF for one in self.ask):
            raise ConfigInvalid("thermometer.ask: must hold characters up to 0xFF only")
        try:
            pattern = re.compile(self.pattern)
        except re.error as error:
            raise ConfigInvalid(f"thermometer.pattern: {error}") from error
        if not {"body", "surface"} & set(pattern.groupindex):
            raise ConfigInvalid("thermometer.pattern: needs a group named body or surface")
        if unknown := set(pattern.groupindex) - set(_GROUPS):
            raise ConfigInvalid(f"thermometer.pattern: unknown group {sorted(unknown)[0]}")
        return SerialThermometer(self, pattern)


class SerialThermometer:
    """`Thermometer` that uses the newest line."""

    def __init__(self, options: SerialThermometerOptions, pattern: re.Pattern[str]) -> None:
        self._options = options
        self._pattern = pattern
        self._serial: Any = None
        self._port: Any = None
        self._is_open = False
        self._thread = DriverThread(
            "thermometer-serial",
            timeout_s=options.timeout_s + _SPARE_S,
            device=f"serial port {options.port}",
        )

    async def open(self) -> None:
        """See `Thermometer.open`."""
        if self._is_open:
            return
        try:
            await self._thread.run(self._open)
        except DriverTimeout as error:
            self._thread.end()
            raise DriverUnavailable(str(error)) from error
        except BaseException:
            self._thread.end()
            raise
        self._is_open = True

    def _open(self) -> None:
        try:
            import serial  # needed only where this thermometer is used
        except ImportError as error:
            raise DriverUnavailable(
                "the thermometer driver serial needs pyserial (extra edge-serial)"
            ) from error
        given = self._options
        self._serial = serial
        try:
            self._port = serial.serial_for_url(
                given.port, given.baud, timeout=given.timeout_s, write_timeout=given.timeout_s
            )
        except serial.SerialException as error:
            is_absent = error.errno == errno.ENOENT
            problem = "is not there" if is_absent else "cannot be used"
            raise DriverUnavailable(f"serial port {given.port} {problem}") from error
        except (OSError, ValueError, termios.error) as error:
            raise DriverUnavailable(f"serial port {given.port} cannot be used") from error

    async def read(self, frame: Frame) -> HeatReading | None:
        """See `Thermometer.read`; None when the line tells no temperature."""
        if not self._is_open:
            raise DriverError(f"serial port {self._options.port} is not open")
        line = await self._thread.run(self._line)
        found = self._pattern.search(line)
        if found is None:
            return None
        values = {name: _number(text) for name, text in found.groupdict().items() if text}
        value = values.get("body", values.get("surface"))
        if value is None:
            return None
        return HeatReading(
            surface_c=np.full((1, 1), value, dtype=np.float32),
            ambient_c=values.get("ambient"),
            distance_m=values.get("distance"),
            sigma_c=self._options.sigma_c,
            is_body="body" in values,
        )

    async def close(self) -> None:
        """See `Thermometer.close`."""
        if not self._is_open:
            return
        self._is_open = False
        try:
            await self._thread.run(self._let_go)
        finally:
            self._thread.end()

    def _let_go(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            port.close()

    def _line(self) -> str:
        if self._port is None:
            self._open()  # it failed before; its plug may have been put in again
        until_s = time.monotonic() + self._options.timeout_s
        try:
            # What the sensor said before belongs to a visitor who has gone.
            self._port.reset_input_buffer()
            if self._options.ask:
                self._port.write(self._options.ask.encode("latin-1"))
            else:
                self._whole_line(until_s)  # its beginning may be missing
            return self._whole_line(until_s)
        except self._serial.SerialTimeoutException as error:
            raise DriverTimeout(f"serial port {self._options.port} takes nothing") from error
        except (self._serial.SerialException, OSError, termios.error) as error:
            self._let_go()
            raise DriverError(f"serial port {self._options.port} failed") from error

    def _whole_line(self, until_s: float) -> str:
        self._port.timeout = max(0.0, until_s - time.monotonic())
        line: bytes = self._port.read_until(b"\n", _LINE_MOST)
        if not line.endswith(b"\n"):
            if len(line) >= _LINE_MOST:
                raise DriverProtocolError(f"serial port {self._options.port} sends no lines")
            raise DriverTimeout(f"serial port {self._options.port} sends nothing")
        return line.decode("utf-8", "replace").strip()


def _number(text: str) -> float:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        raise DriverProtocolError("the thermometer's line holds no number") from None
