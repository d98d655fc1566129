"""Commands for terminals: requested, carried out, and by which address."""

from .calling_changes import calling_check, calling_moved
from .commands import (
    SCHEDULE,
    Requested,
    Requester,
    clocks_sync_all,
    command_cancel,
    commands_dispatch,
    commands_forget,
    commands_request,
    commands_sweep,
)
from .contacts import (
    CallResult,
    call_target,
    contact_note,
    contact_pushes,
    contact_pushes_none,
    terminal_reach,
    uncallable_word,
)
from .work import CallSession, CommandTakenAway, command_work

__all__ = [
    "SCHEDULE",
    "CallResult",
    "CallSession",
    "CommandTakenAway",
    "Requested",
    "Requester",
    "call_target",
    "calling_check",
    "calling_moved",
    "clocks_sync_all",
    "command_cancel",
    "command_work",
    "commands_dispatch",
    "commands_forget",
    "commands_request",
    "commands_sweep",
    "contact_note",
    "contact_pushes",
    "contact_pushes_none",
    "terminal_reach",
    "uncallable_word",
]
