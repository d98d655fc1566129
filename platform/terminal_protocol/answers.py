"""Answers to a terminal's uploads (seed 9.2 to 9.5), always with every key of the seed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .values import lookup, read_int, read_text

# "延时开锁20ms-5000ms" (9.2).
UNLOCK_DELAY_MIN_MS = 20
UNLOCK_DELAY_MAX_MS = 5000


@dataclass(frozen=True, slots=True)
class Ack:
    """Acknowledgement: ``ret`` "0" when stored, else a code of chapter 7 and a sentence."""

    ret: str
    desc: str

    def to_wire(self) -> dict[str, Any]:
        """Return the answer as sent."""
        return {"ret": str(self.ret), "desc": self.desc}

    @classmethod
    def from_wire(cls, data: Mapping[str, Any] | None) -> "Ack":
        """Read an answer; one without ``ret`` counts as an unknown error, never as success.

        ``null``, which a field server answered for months, is such an answer.
        """
        data = _mapping(data)
        return cls(ret=_read_ret(data), desc=read_text(lookup(data, "desc")))


@dataclass(frozen=True, slots=True)
class PassAnswer:
    """Answer to /syface: does the door open, and for how many milliseconds (9.2)."""

    ret: str
    desc: str
    open_door: bool
    unlock_delay_ms: int

    def to_wire(self) -> dict[str, Any]:
        """Return the answer as sent; the delay is kept within 20 to 5000 ms."""
        delay_ms = min(max(self.unlock_delay_ms, UNLOCK_DELAY_MIN_MS), UNLOCK_DELAY_MAX_MS)
        return {
            "ret": str(self.ret),
            "desc": self.desc,
            "openDoor": int(self.open_door),
            "unlockDelay": delay_ms,
        }

    @classmethod
    def from_wire(cls, data: Mapping[str, Any] | None) -> "PassAnswer":
        """Read an answer; the door opens only on a clear ``openDoor`` 1 with ``ret`` "0"."""
        data = _mapping(data)
        ret = _read_ret(data)
        delay_ms = read_int(lookup(data, "unlockDelay"))
        return cls(
            ret=ret,
            desc=read_text(lookup(data, "desc")),
            open_door=ret == "0" and _is_one(lookup(data, "openDoor")),
            unlock_delay_ms=min(
                max(delay_ms or UNLOCK_DELAY_MIN_MS, UNLOCK_DELAY_MIN_MS), UNLOCK_DELAY_MAX_MS
            ),
        )


def _mapping(data: Any) -> Mapping[str, Any]:
    return data if isinstance(data, Mapping) else {}


def _is_one(value: Any) -> bool:
    """Return whether a value is an explicit 1; nothing else opens a door."""
    return value == 1 or (isinstance(value, str) and value.strip() == "1")


def _read_ret(data: Mapping[str, Any]) -> str:
    ret = lookup(data, "ret")
    if isinstance(ret, bool) or not isinstance(ret, str | int):
        return "99999"
    return str(ret).strip() or "99999"
