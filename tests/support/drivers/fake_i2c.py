"""An I²C bus of Linux below smbus2: the library is the real one, the kernel's calls are not.

Chips answer as their data sheets say, octet for octet; they know nothing of our drivers.
"""

import ctypes
import errno
import os
import sys
from collections.abc import Sequence
from typing import Any, Protocol

import pytest

if sys.platform != "linux":
    pytest.skip("I²C devices are Linux'", allow_module_level=True)

import smbus2.smbus2 as library

_PREFIX = "/dev/i2c-"


class Chip(Protocol):
    """What hangs on the bus at an address."""

    def write(self, octets: bytes) -> None:
        """Take octets between start and the next start or stop."""
        ...

    def read(self, count: int) -> bytes:
        """Give octets."""
        ...


class FakeI2c:
    """Buses by number, each with chips by address."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.buses: dict[int, dict[int, Chip]] = {}
        self.is_forbidden = False
        self.transfers = 0
        self.longest = 0
        self._numbers: dict[int, int] = {}
        self._really_open = os.open
        monkeypatch.setattr(os, "open", self._open)
        monkeypatch.setattr(library, "ioctl", self._ioctl)

    def _open(self, path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if not str(path).startswith(_PREFIX):
            return self._really_open(path, flags, *rest, **more)
        number = int(str(path).removeprefix(_PREFIX))
        if number not in self.buses:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        if self.is_forbidden:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        handle = self._really_open(os.devnull, os.O_RDWR)
        self._numbers[handle] = number
        return handle

    def _ioctl(self, handle: int, request: int, reported: Any) -> int:
        os.fstat(handle)  # a closed one is refused, as the kernel does
        if request == library.I2C_FUNCS:
            reported.value = int(library.I2cFunc.I2C)
            return 0
        assert request == library.I2C_RDWR
        self.transfers += 1
        self._transfer(self.buses[self._numbers[handle]], reported.msgs[: reported.nmsgs])
        return 0

    def _transfer(self, chips: dict[int, Chip], messages: Sequence[Any]) -> None:
        for message in messages:
            self.longest = max(self.longest, message.len)
            chip = chips.get(message.addr)
            if chip is None:
                raise OSError(errno.EREMOTEIO, os.strerror(errno.EREMOTEIO))
            if message.flags & library.I2C_M_RD:
                ctypes.memmove(message.buf, chip.read(message.len), message.len)
            else:
                chip.write(ctypes.string_at(message.buf, message.len))
