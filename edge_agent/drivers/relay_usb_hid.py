"""USB relay boards that are HID devices 16c0:05df ("USBRelay1" to "USBRelay8"), through hidraw.

They take feature reports of eight bytes: command and number of the relay (1 to 8), or no number to
commands for all. Their own report is five characters of serial number, two bytes of nothing, and
one bit for each relay that has pulled in.
"""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from edge_agent.config.fields import between
from edge_agent.drivers.exceptions import DriverError, DriverProtocolError, DriverUnavailable
from edge_agent.drivers.relay_timed import TimedRelay
from edge_agent.drivers.worker import DriverThread

_TIMEOUT_S: Final = 2.0  # a report takes a few milliseconds; USB gives up after five seconds
_HID_ID: Final = "0003:000016C0:000005DF"
_NAME: Final = "USBRelay"  # the same numbers are used by quite other devices
_REPORT_BYTES: Final = 9  # the report's number and eight bytes
# ioctl numbers of <linux/hidraw.h>: direction, length, letter H, 6 to set and 7 to get.
_SET_FEATURE: Final = 0xC0000000 | _REPORT_BYTES << 16 | ord("H") << 8 | 0x06
_GET_FEATURE: Final = 0xC0000000 | _REPORT_BYTES << 16 | ord("H") << 8 | 0x07
_ON: Final = 0xFF
_OFF: Final = 0xFD
_ITS_REPORT: Final = 0x01
_SERIAL_BYTES: Final = 5
_STATES: Final = 7

# Where the system lists such boards, and where they are opened.
SYSFS: Final = Path("/sys/class/hidraw")
DEVICES: Final = Path("/dev")


@dataclass(frozen=True, slots=True)
class UsbHidRelayOptions:
    """Options of the driver ``usb-hid``.

    Attributes:
        serial: five characters of the board's serial number; empty takes the only board there is.
        channel: number of the relay on the board.
    """

    serial: str = ""
    channel: Annotated[int, between(1, 8)] = 1

    def make(self) -> "UsbHidRelay":
        """Build the relay; nothing is opened."""
        return UsbHidRelay(serial=self.serial, channel=self.channel, sysfs=SYSFS, devices=DEVICES)


class UsbHidRelay(TimedRelay):
    """`Relay` number `channel` of a board."""

    def __init__(self, *, serial: str, channel: int, sysfs: Path, devices: Path) -> None:
        super().__init__()
        self._serial = serial
        self._channel = channel
        self._sysfs = sysfs
        self._devices = devices
        self._handle = -1
        self._thread = DriverThread("relay-usb", timeout_s=_TIMEOUT_S, device="the USB relay board")

    async def _attach(self) -> None:
        try:
            await self._thread.run(self._take_board)
            await self._switch(energised=False)
        except BaseException as error:
            self._let_go()
            self._thread.end()
            if isinstance(error, DriverError) and not isinstance(error, DriverUnavailable):
                raise DriverUnavailable(str(error)) from error
            raise

    def _take_board(self) -> None:
        """Open the board that is meant.

        Raises:
            DriverUnavailable: there is none, or more than one could be meant.
        """
        found = list(self._boards())
        wanted = [one for one in found if not self._serial or one[1] == self._serial]
        for handle, _ in found:
            if len(wanted) != 1 or handle != wanted[0][0]:
                os.close(handle)
        if not wanted:
            which = f" with serial number {self._serial}" if self._serial else ""
            raise DriverUnavailable(f"there is no USB relay board{which}")
        if len(wanted) > 1:
            serials = ", ".join(sorted(serial for _, serial in wanted))
            raise DriverUnavailable(f"relay.serial must say which USB relay board: {serials}")
        self._handle = wanted[0][0]

    def _boards(self) -> list[tuple[int, str]]:
        """Open every board; yields handle and serial number."""
        found: list[tuple[int, str]] = []
        try:
            for folder in sorted(self._sysfs.glob("hidraw*")):
                if _is_board(folder):
                    found.append(_opened(self._devices / folder.name))
        except BaseException:
            for handle, _ in found:
                os.close(handle)
            raise
        return found

    async def _switch(self, *, energised: bool) -> None:
        await self._thread.run(lambda: self._command(_ON if energised else _OFF))

    def _command(self, command: int) -> None:
        try:
            states = self._sent(command)
        except DriverError:
            # Pulled out and put in again it is another device, with all its relays released.
            self._let_go()
            self._take_board()
            states = self._sent(command)
        if bool(states >> (self._channel - 1) & 1) != (command == _ON):
            raise DriverProtocolError(f"relay {self._channel} of the USB board did not move")

    def _sent(self, command: int) -> int:
        """Send a command; returns the bits of the relays afterwards."""
        report = bytearray(_REPORT_BYTES)
        report[1], report[2] = command, self._channel
        try:
            fcntl.ioctl(self._handle, _SET_FEATURE, report)
        except (OSError, ValueError) as error:  # a handle of -1 is a ValueError
            raise DriverError("the USB relay board could not be switched") from error
        return _report(self._handle)[1]

    async def _detach(self) -> None:
        try:
            await self._thread.run(self._let_go)
        finally:
            self._thread.end()

    def _let_go(self) -> None:
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)


def _opened(path: Path) -> tuple[int, str]:
    """Open a board; returns its handle and serial number."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except PermissionError as error:
        raise DriverUnavailable(f"no permission to use {path}") from error
    except OSError as error:
        raise DriverUnavailable(f"{path} cannot be used: {error.strerror}") from error
    try:
        return handle, _report(handle)[0]
    except BaseException:
        os.close(handle)
        raise


def _is_board(folder: Path) -> bool:
    try:
        lines = (folder / "device" / "uevent").read_text(errors="replace").splitlines()
    except OSError:
        return False  # pulled out this moment
    facts = dict(line.partition("=")[::2] for line in lines)
    return facts.get("HID_ID") == _HID_ID and _NAME in facts.get("HID_NAME", "")


def _report(handle: int) -> tuple[str, int]:
    """Read a board's serial number and the bits of its relays."""
    report = bytearray(_REPORT_BYTES)
    report[0] = _ITS_REPORT
    try:
        fcntl.ioctl(handle, _GET_FEATURE, report)
    except OSError as error:
        raise DriverError("the USB relay board does not report") from error
    serial = bytes(report[:_SERIAL_BYTES])
    if not serial.isalnum():
        raise DriverProtocolError("the USB relay board reports no serial number")
    return serial.decode("ascii"), report[_STATES]
