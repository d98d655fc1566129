"""The USB relay boards behind Linux' hidraw: files and ioctls are the kernel's, as far as it goes.

The board is made as its firmware behaves: it takes feature reports of eight bytes, and its own
report is its serial number, two empty bytes and the states of its relays.
"""

import asyncio
import errno
import fcntl
import os
from pathlib import Path
from typing import Any

import pytest

from edge_agent.drivers.relay_usb_hid import UsbHidRelay, UsbHidRelayOptions
from edge_agent.exceptions import DriverError, DriverUnavailable

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


@pytest.fixture
def computer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Computer:
    return Computer(tmp_path, monkeypatch)


def relay_of(computer: Computer, *, serial: str = "", channel: int = 1) -> UsbHidRelay:
    return UsbHidRelay(
        serial=serial, channel=channel, sysfs=computer.sysfs, devices=computer.devices
    )


def handles() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def released(board: Board) -> None:
    async with asyncio.timeout(5):
        while board.states:  # noqa: ASYNC110 - the board has no event to wait for
            await asyncio.sleep(0.005)


async def test_relay_follows_the_pulse_and_leaves_its_neighbour(computer: Computer) -> None:
    board = Board()
    board.states = 0b01
    computer.plug_in("hidraw0", board)
    relay = relay_of(computer, channel=2)
    await relay.open()

    await relay.pulse(50)
    is_energised = board.states
    async with asyncio.timeout(5):
        while board.states != 0b01:  # noqa: ASYNC110 - the board has no event to wait for
            await asyncio.sleep(0.005)
    await relay.close()

    assert is_energised == 0b11
    assert board.history == [0b01, 0b11, 0b01, 0b01]


async def test_opening_releases_what_was_left_energised(computer: Computer) -> None:
    board = Board()
    board.states = 0b01
    computer.plug_in("hidraw0", board)
    relay = relay_of(computer)

    await relay.open()

    assert board.states == 0
    await relay.close()


async def test_closing_releases_at_once_and_lets_go(computer: Computer) -> None:
    board = Board()
    computer.plug_in("hidraw0", board)
    before = handles()
    relay = relay_of(computer)
    await relay.open()
    await relay.pulse(30_000)

    await relay.close()
    await relay.close()

    assert board.states == 0
    assert handles() == before


async def test_board_is_chosen_by_its_serial_number(computer: Computer) -> None:
    first, second = Board("AAAAA"), Board("BBBBB")
    computer.plug_in("hidraw0", first)
    computer.plug_in("hidraw1", second)
    relay = relay_of(computer, serial="BBBBB")
    await relay.open()

    await relay.pulse(1000)

    assert (first.states, second.states) == (0, 1)
    await relay.close()


async def test_several_boards_are_listed(computer: Computer) -> None:
    before = handles()
    computer.plug_in("hidraw0", Board("BBBBB"))
    computer.plug_in("hidraw1", Board("AAAAA"))

    with pytest.raises(DriverUnavailable, match=r"^relay\.serial must say .*: AAAAA, BBBBB$"):
        await relay_of(computer).open()
    assert handles() == before


@pytest.mark.parametrize(("serial", "told"), [("", ""), ("XXXXX", " with serial number XXXXX")])
async def test_absent_board_is_one_clear_sentence(
    computer: Computer, serial: str, told: str
) -> None:
    computer.plug_in("hidraw0", None, hid_id="0003:0000046D:0000C31C", hid_name="Keyboard")
    # The same numbers are free for anybody's experiments.
    computer.plug_in("hidraw1", None, hid_name="obdev.at Something")

    with pytest.raises(DriverUnavailable, match=f"^there is no USB relay board{told}$"):
        await relay_of(computer, serial=serial).open()


async def test_board_that_may_not_be_used_is_one_clear_sentence(
    computer: Computer, monkeypatch: pytest.MonkeyPatch
) -> None:
    computer.plug_in("hidraw0", Board())
    really_open = os.open

    def refuse(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if str(path).endswith("dev/hidraw0"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return really_open(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", refuse)

    with pytest.raises(DriverUnavailable, match=r"^no permission to use .*hidraw0$"):
        await relay_of(computer).open()


async def test_a_device_without_a_serial_number_is_no_board(computer: Computer) -> None:
    board = Board()
    board.is_mute = True
    before = handles()
    computer.plug_in("hidraw0", board)

    with pytest.raises(DriverUnavailable, match="reports no serial number"):
        await relay_of(computer).open()
    assert handles() == before


async def test_a_relay_that_does_not_move_is_an_error(computer: Computer) -> None:
    board = Board()
    computer.plug_in("hidraw0", board)
    relay = relay_of(computer)
    await relay.open()
    board.is_stuck = True

    with pytest.raises(DriverError, match="relay 1 of the USB board did not move"):
        await relay.pulse(1000)
    board.is_stuck = False
    await relay.close()


async def test_a_board_that_was_pulled_out_is_found_where_it_is_put_in(
    computer: Computer,
) -> None:
    computer.plug_in("hidraw0", Board())
    relay = relay_of(computer)
    await relay.open()
    computer.pull_out("hidraw0")
    with pytest.raises(DriverError, match="there is no USB relay board"):
        await relay.pulse(1000)

    board = Board()
    computer.plug_in("hidraw3", board)
    await relay.pulse(50)

    assert board.history[-1] == 1
    await released(board)
    await relay.close()


def test_options_build_the_relay() -> None:
    assert isinstance(UsbHidRelayOptions(serial="BITFT", channel=8).make(), UsbHidRelay)
