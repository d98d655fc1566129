"""Card readers that act as keyboards ("keyboard wedge"), through Linux input devices.

The device is taken for this program alone, so that numbers of cards do not land on a console.
"""

import asyncio
import contextlib
import fcntl
import os
import struct
from dataclasses import dataclass
from typing import Annotated, Final

from edge_agent.config.fields import CARD_MAX, between
from edge_agent.drivers.exceptions import DriverError, DriverUnavailable

# struct input_event of <linux/input.h>: seconds, microseconds, type, code, value.
_EVENT: Final = struct.Struct("@llHHi")
_GRAB: Final = 0x40044590  # EVIOCGRAB
_KEY_EVENT: Final = 1
_PRESSED: Final = 1
_SHIFTS: Final = frozenset({42, 54})
_ENTERS: Final = frozenset({28, 96})
_KEYS: Final = {
    **dict(zip(range(2, 12), "1234567890", strict=True)),
    **dict(zip(range(16, 26), "qwertyuiop", strict=True)),
    **dict(zip(range(30, 39), "asdfghjkl", strict=True)),
    **dict(zip(range(44, 51), "zxcvbnm", strict=True)),
    **dict(zip((71, 72, 73, 75, 76, 77, 79, 80, 81, 82), "7894561230", strict=True)),  # keypad
    12: "-",
}
_EVENTS_AT_ONCE: Final = 64


@dataclass(frozen=True, slots=True)
class WedgeReaderOptions:
    """Options of the driver ``keyboard-wedge``.

    Attributes:
        device: of the reader, best its name below ``/dev/input/by-id``.
        grab: whether the reader is taken for this program alone.
        pause_s: a number that is not finished after so long without a key is forgotten.
    """

    device: str = "/dev/input/by-id/usb-card-reader-event-kbd"
    grab: bool = True
    pause_s: Annotated[float, between(0.05, 10)] = 1.0

    def make(self) -> "WedgeReader":
        """Build the reader; nothing is opened."""
        return WedgeReader(self)


class WedgeReader:
    """`CardReader` that collects keys until Enter."""

    def __init__(self, options: WedgeReaderOptions) -> None:
        self._options = options
        self._handle = -1
        self._typed: list[str] = []
        self._is_shifted = False
        self._last_key_s = 0.0
        self._cards: asyncio.Queue[str | DriverError] = asyncio.Queue(maxsize=8)

    async def open(self) -> None:
        """See `CardReader.open`."""
        if self._handle >= 0:
            return
        path = self._options.device
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise DriverUnavailable(f"there is no card reader {path}") from error
        except OSError as error:
            raise DriverUnavailable(
                f"card reader {path} cannot be used: {error.strerror}"
            ) from error
        if self._options.grab:
            try:
                fcntl.ioctl(handle, _GRAB, 1)
            except OSError as error:
                os.close(handle)
                raise DriverUnavailable(
                    f"card reader {path} cannot be taken: {error.strerror}"
                ) from error
        self._handle = handle
        self._typed.clear()
        self._cards = asyncio.Queue(maxsize=8)
        asyncio.get_running_loop().add_reader(handle, self._take)

    async def next_card(self) -> str | None:
        """See `CardReader.next_card`."""
        if self._handle < 0 and self._cards.empty():
            raise DriverError("the card reader is not open")
        card = await self._cards.get()
        if isinstance(card, DriverError):
            raise card
        return card

    async def close(self) -> None:
        """See `CardReader.close`."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            asyncio.get_running_loop().remove_reader(handle)
            os.close(handle)  # gives the device back as well
        self._typed.clear()

    def _take(self) -> None:
        """Read pending key events; the event loop calls this when there are some."""
        try:
            octets = os.read(self._handle, _EVENT.size * _EVENTS_AT_ONCE)
        except BlockingIOError:
            return
        except OSError:
            octets = b""
        if not octets:
            asyncio.get_running_loop().remove_reader(self._handle)
            self._put(DriverError("the card reader is gone"))
            return
        usable = len(octets) - len(octets) % _EVENT.size
        for seconds, microseconds, kind, code, value in _EVENT.iter_unpack(octets[:usable]):
            if kind == _KEY_EVENT:
                self._key(seconds + microseconds / 1e6, code, value)

    def _key(self, at_s: float, code: int, value: int) -> None:
        """Process a key; `at_s` is when it was pressed, however late it is read."""
        if code in _SHIFTS:
            self._is_shifted = value != 0
            return
        if value != _PRESSED:
            return
        # A clock that was set meanwhile costs one card, at most.
        if abs(at_s - self._last_key_s) > self._options.pause_s:
            self._typed.clear()
        self._last_key_s = at_s
        if code in _ENTERS:
            card, self._typed = "".join(self._typed), []
            # Longer ones were no card: a hand rests on the keyboard.
            if 1 <= len(card) <= CARD_MAX:
                self._put(card)
        elif code in _KEYS and len(self._typed) <= CARD_MAX:
            key = _KEYS[code]
            self._typed.append(key.upper() if self._is_shifted else key)

    def _put(self, card: str | DriverError) -> None:
        # Cards that are not taken are those of people who have gone; an error must get through.
        if self._cards.full():
            with contextlib.suppress(asyncio.QueueEmpty):
                self._cards.get_nowait()
        self._cards.put_nowait(card)
