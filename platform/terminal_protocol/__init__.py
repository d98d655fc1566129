"""Wire format between terminals and the platform: chapters 4 to 9 of the seed, without Django."""

from .answers import Ack, PassAnswer
from .body import BodyReading, read_answer, read_body
from .codes import RetCode
from .exceptions import ProtocolError, UnreadableBody, WrongMessageType
from .faults import FAULT_WORDS, fault_words
from .message_digest import message_digest
from .message_lists import messages_in
from .messages import (
    FaceMatch,
    Heartbeat,
    IdCard,
    ResultFeedback,
    TemperatureReading,
    read_feedback,
    without_image,
    write_feedback,
)
from .requests import BodyIncomplete, BodyTooLarge, TerminalReply, TerminalRequest
from .signature import is_fresh, is_signed, sign
from .sync import URL_MAX, SyncAnswer, SyncEntry

__all__ = [
    "FAULT_WORDS",
    "URL_MAX",
    "Ack",
    "BodyIncomplete",
    "BodyReading",
    "BodyTooLarge",
    "FaceMatch",
    "Heartbeat",
    "IdCard",
    "PassAnswer",
    "ProtocolError",
    "ResultFeedback",
    "RetCode",
    "SyncAnswer",
    "SyncEntry",
    "TemperatureReading",
    "TerminalReply",
    "TerminalRequest",
    "UnreadableBody",
    "WrongMessageType",
    "fault_words",
    "is_fresh",
    "is_signed",
    "message_digest",
    "messages_in",
    "read_answer",
    "read_body",
    "read_feedback",
    "sign",
    "without_image",
    "write_feedback",
]
