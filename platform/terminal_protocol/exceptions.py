"""Errors of reading the wire.

ProtocolError
├── UnreadableBody   no object can be made of the bytes
└── WrongMessageType   an object, but nothing in it belongs to the message
"""


class ProtocolError(Exception):
    """Base of everything this package raises."""


class UnreadableBody(ProtocolError):
    """No JSON object can be made of a body.

    Attributes:
        code: not_json, not_an_object, too_deep, too_large, too_many; of an answer broken_off too.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class WrongMessageType(ProtocolError):
    """Nothing in the object belongs to a message of this kind."""
