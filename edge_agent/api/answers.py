"""Answers to calls (chapters 7 and 8 of the seed): always JSON, always with a code."""

from typing import Any, Final

from terminal_protocol.codes import RetCode
from terminal_protocol.device_calls import NOT_SUPPORTED_DESC, OK

Answer = dict[str, Any]

_DESC_MAX: Final = 200


class CallRefused(Exception):
    """A call that is answered with a code of chapter 7.

    Attributes:
        code: which.
        desc: what exactly; names fields and limits, never values.
    """

    def __init__(self, code: RetCode, desc: str) -> None:
        super().__init__(code.value)
        self.code = code
        self.desc = desc[:_DESC_MAX]


def not_supported() -> CallRefused:
    """Refuse what this terminal cannot do (40001)."""
    return CallRefused(RetCode.NOT_SUPPORTED, NOT_SUPPORTED_DESC)


def done(**more: Any) -> Answer:
    """Answer with success; `more` is ``data`` or ``json``."""
    return {"code": OK, "message": "OK", "desc": "", **more}


def refusal(error: CallRefused) -> Answer:
    """Answer with a code of chapter 7."""
    return {"code": int(error.code), "message": error.code.message, "desc": error.desc}
