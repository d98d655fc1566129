"""What calling a terminal can come to. Says what is certain about the call, which decides all.

CallError
├── NotCallable     there is nothing to call: no address, no password, an address not allowed
├── NotDelivered    no byte of the request left: it did not happen, and may be tried again
│   └── TooLate     its time was over before it could be sent
├── CallRefused     the terminal answered that it did not do it, with a code of chapter 7
└── OutcomeUnknown  it was sent and no usable answer came: it may have happened

Texts never hold addresses with signatures, passwords or a person's data.
"""

from terminal_protocol import RetCode
from terminal_protocol.device_calls import OLDER_DESC, SIGN_USED_DESC, CallAnswer


class CallError(Exception):
    """Base of all.

    Attributes:
        word: stable word for the outcome of a command, see ``choices.CallWord``.
    """

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


class NotCallable(CallError):
    """There is nothing to call."""


class NotDelivered(CallError):
    """Nothing was sent, so nothing happened."""


class TooLate(NotDelivered):
    """The time within which it had to be sent was over."""

    def __init__(self) -> None:
        super().__init__("too_late")


class CallRefused(CallError):
    """The terminal answered with a code other than success.

    Attributes:
        code: of chapter 7.
        answer: all of it; None where nothing more was said.
    """

    def __init__(self, code: int, answer: CallAnswer | None = None) -> None:
        super().__init__("refused")
        self.code = code
        self.answer = answer

    @property
    def is_about_time(self) -> bool:
        """Whether the terminal found the moment wrong."""
        return self.code in {int(RetCode.REQUEST_EXPIRED), int(RetCode.RPC_FAILED)}

    @property
    def is_used_stamp(self) -> bool:
        """Whether the timestamp was used before, by another caller; a new one is taken."""
        return self._desc == SIGN_USED_DESC

    @property
    def is_older(self) -> bool:
        """Whether it was older than other calls, so that another clock would not help."""
        return self._desc.startswith(OLDER_DESC)

    @property
    def _desc(self) -> str:
        return "" if self.answer is None else self.answer.desc

    def __str__(self) -> str:
        return f"refused with {self.code}"


class OutcomeUnknown(CallError):
    """Sent, and unknown whether it happened."""
