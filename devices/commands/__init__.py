"""Kinds of commands to terminals, one module each; a new kind is a new module here.

Kinds whose work lies in another app have their module there (``faces.commands``).
"""

from .base import (
    DEVICES_TASK,
    KINDS,
    MANAGERS,
    SOON,
    TODAY,
    Card,
    CommandResult,
    Given,
    Kind,
    Permission,
    asks_twice,
    command_payload,
    kind_choices,
    kind_words,
    kinds_in_order,
    kinds_load,
    register,
    urgent_kinds,
)

__all__ = [
    "DEVICES_TASK",
    "KINDS",
    "MANAGERS",
    "SOON",
    "TODAY",
    "Card",
    "CommandResult",
    "Given",
    "Kind",
    "Permission",
    "asks_twice",
    "command_payload",
    "kind_choices",
    "kind_words",
    "kinds_in_order",
    "kinds_load",
    "register",
    "urgent_kinds",
]
