"""What calling a terminal can come to. Says what is certain about the call, which decides all.

CallError
├── NotCallable     there is nothing to call: no address, no password, an address not allowed
├── NotDelivered    no byte of the request left: it did not happen, and may be tried again
│   └── TooLate     its time was over before it could be sent
├── CallRefused     the terminal answered that it did not do it, with a code of chapter 7
└── OutcomeUnknown  it was sent and no usable answer came: it may have happened

Texts never hold addresses with signatures, passwords or a person's data.
"""

from terminal_protocol.device_calls import CallAnswer


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

    def __str__(self) -> str:
        return f"refused with {self.code}"


class OutcomeUnknown(CallError):
    """Sent, and nobody can tell whether it happened."""
