"""What Linux tells of a reader that types, and a pipe that it comes through."""

import os
import struct
from pathlib import Path

# <linux/input-event-codes.h>
KEY = {
    **{"1": 2, "2": 3, "3": 4, "4": 5, "5": 6, "6": 7, "7": 8, "8": 9, "9": 10, "0": 11},
    **{"q": 16, "w": 17, "e": 18, "r": 19, "t": 20, "a": 30, "b": 48, "c": 46, "d": 32, "f": 33},
    **{"z": 44, "x": 45, "-": 12, "\n": 28, "shift": 42},
}
KEYPAD = {"7": 71, "0": 82, "\n": 96}
EV_SYN, EV_KEY, EV_MSC = 0, 1, 4


def event(kind: int, code: int, value: int, *, at_s: float = 1_700_000_000.0) -> bytes:
    """Return a struct input_event of this computer."""
    seconds = int(at_s)
    microseconds = round((at_s - seconds) * 1e6)
    return struct.pack("@llHHi", seconds, microseconds, kind, code, value)


def tap(code: int, *, at_s: float = 1_700_000_000.0) -> bytes:
    """Press and let go, as a keyboard tells it: scan code, key, end of the report."""
    down = [(EV_MSC, 4, 458_792), (EV_KEY, code, 1), (EV_SYN, 0, 0)]
    up = [(EV_KEY, code, 0), (EV_SYN, 0, 0)]
    return b"".join(event(*one, at_s=at_s) for one in down + up)


def typed(text: str, **moment: float) -> bytes:
    octets = b""
    for key in text:
        if key.isupper():
            octets += event(EV_KEY, KEY["shift"], 1, **moment) + tap(KEY[key.lower()], **moment)
            octets += event(EV_KEY, KEY["shift"], 0, **moment)
        else:
            octets += tap(KEY[key], **moment)
    return octets


class Cable:
    """What the reader's end of the cable writes into."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self._handle = -1

    def plug_in(self) -> None:
        self._handle = os.open(self.path, os.O_WRONLY)

    def send(self, octets: bytes) -> None:
        os.write(self._handle, octets)

    def pull_out(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
