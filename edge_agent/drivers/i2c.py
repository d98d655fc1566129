"""I²C buses of Linux, through smbus2."""

from collections.abc import Iterable
from typing import Any

from edge_agent.drivers.exceptions import DriverError, DriverUnavailable


class I2cBus:
    """One bus; all calls block and belong into a driver's thread.

    Args:
        number: of ``/dev/i2c-…``.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._smbus2: Any = None
        self._bus: Any = None

    def open(self) -> None:
        """Open the bus.

        Raises:
            DriverUnavailable: the bus, or the library, is not there.
        """
        try:
            import smbus2  # needed only where a sensor on this bus is used
        except ImportError as error:
            raise DriverUnavailable(
                "sensors on I²C need the package smbus2 (extra edge-i2c)"
            ) from error
        self._smbus2 = smbus2
        try:
            self._bus = smbus2.SMBus(self._number)
        except FileNotFoundError as error:
            raise DriverUnavailable(f"there is no I²C bus {self._number}") from error
        except PermissionError as error:
            raise DriverUnavailable(f"no permission to use I²C bus {self._number}") from error
        except OSError as error:
            raise DriverUnavailable(
                f"I²C bus {self._number} cannot be used: {error.strerror}"
            ) from error

    def write_then_read(self, address: int, sent: Iterable[int], count: int) -> bytes:
        """Write, then read without letting go of the bus between (a repeated start).

        Raises:
            DriverError: no device at that address, or the transfer broke off.
        """
        message = self._smbus2.i2c_msg
        reading = message.read(address, count)
        self._transfer(address, message.write(address, list(sent)), reading)
        return bytes(reading)

    def write(self, address: int, sent: Iterable[int]) -> None:
        """Write.

        Raises:
            DriverError: no device at that address, or the transfer broke off.
        """
        self._transfer(address, self._smbus2.i2c_msg.write(address, list(sent)))

    def close(self) -> None:
        """Close the bus."""
        bus, self._bus = self._bus, None
        if bus is not None:
            bus.close()

    def _transfer(self, address: int, *messages: Any) -> None:
        if self._bus is None:
            raise DriverError(f"I²C bus {self._number} is not open")
        try:
            self._bus.i2c_rdwr(*messages)
        except OSError as error:
            raise DriverError(
                f"no answer from address 0x{address:02x} of I²C bus {self._number}"
            ) from error
