"""USB relay boards behind Linux' hidraw: files and ioctls are the kernel's, as far as it goes.

The board is made as its firmware behaves: it takes feature reports of eight bytes, and its own
report is its serial number, two empty bytes and the states of its relays.
"""

import errno
import fcntl
import os
from pathlib import Path
from typing import Any

import pytest

# <linux/hidraw.h>: _IOC(_IOC_READ | _IOC_WRITE, 'H', 6 or 7, nine bytes)
SET_FEATURE, GET_FEATURE = 0xC0094806, 0xC0094807


class Board:
    """One board: what its firmware keeps."""

    def __init__(self, serial: str = "BITFT", relays: int = 2) -> None:
        self.serial = serial
        self.relays = relays
        self.states = 0
        self.history: list[int] = []
        self.is_stuck = False
        self.is_mute = False

    def take(self, report: bytes) -> None:
        assert len(report) == 8
        command, number = report[0], report[1]
        every = (1 << self.relays) - 1
        if self.is_stuck:
            return
        if command == 0xFE:
            self.states = every
        elif command == 0xFC:
            self.states = 0
        elif command in {0xFF, 0xFD} and 1 <= number <= self.relays:
            bit = 1 << number - 1
            self.states = self.states | bit if command == 0xFF else self.states & ~bit
        self.history.append(self.states)

    def own_report(self) -> bytes:
        serial = b"\0" * 5 if self.is_mute else self.serial.encode()
        return serial + b"\0\0" + bytes([self.states])


class Computer:
    """USB ports: folders as in /sys/class/hidraw and /dev, and the ioctls of hidraw."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sysfs, self.devices = folder / "hidraw", folder / "dev"
        self.sysfs.mkdir()
        self.devices.mkdir()
        self._boards: dict[int, Board | None] = {}
        self._really_ioctl = fcntl.ioctl
        monkeypatch.setattr(fcntl, "ioctl", self._ioctl)

    def plug_in(
        self,
        name: str,
        board: Board | None,
        *,
        hid_id: str = "0003:000016C0:000005DF",
        hid_name: str = "www.dcttech.com USBRelay2",
    ) -> None:
        device = self.sysfs / name / "device"
        device.mkdir(parents=True)
        (device / "uevent").write_text(
            f"DRIVER=hid-generic\nHID_ID={hid_id}\nHID_NAME={hid_name}\nHID_UNIQ=\n"
        )
        path = self.devices / name
        path.touch()
        self._boards[path.stat().st_ino] = board

    def pull_out(self, name: str) -> None:
        path = self.devices / name
        self._boards[path.stat().st_ino] = None
        path.unlink()
        (self.sysfs / name / "device" / "uevent").unlink()
        (self.sysfs / name / "device").rmdir()
        (self.sysfs / name).rmdir()

    def _ioctl(self, handle: int, request: int, report: Any = 0, *rest: Any) -> Any:
        if request not in {SET_FEATURE, GET_FEATURE}:
            return self._really_ioctl(handle, request, report, *rest)
        board = self._boards[os.fstat(handle).st_ino]
        if board is None:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        if request == SET_FEATURE:
            assert report[0] == 0  # these boards have no numbered reports
            board.take(bytes(report[1:9]))
            return 9
        own = board.own_report()
        # A report that was asked for without a number comes after an empty octet.
        begin = 0 if report[0] else 1
        report[begin : begin + 8] = own
        return 8
