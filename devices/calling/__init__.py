"""Calling terminals: one client for HTTP, one subscriber for pushed records. Knows no database."""

from .addresses import TerminalAddress, read_terminal_address
from .client import CallTarget, Repeat, TerminalClient
from .errors import (
    CallError,
    CallRefused,
    NotCallable,
    NotDelivered,
    OutcomeUnknown,
    TooLate,
)
from .forbidden import is_callable_address
from .push import PushHooks, RecordSubscriber

__all__ = [
    "CallError",
    "CallRefused",
    "CallTarget",
    "NotCallable",
    "NotDelivered",
    "OutcomeUnknown",
    "PushHooks",
    "RecordSubscriber",
    "Repeat",
    "TerminalAddress",
    "TerminalClient",
    "TooLate",
    "is_callable_address",
    "read_terminal_address",
]
