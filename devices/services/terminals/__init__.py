"""Terminals: entering, changing, approving, deleting; what other apps add; settings and clocks."""

from .approval import register_jobs, terminals_approve_start, terminals_disable_start
from .clocks import (
    CLOCK_TOLERANCE_S,
    ClockTurn,
    LastUpload,
    clock_answered,
    clock_heard,
    clock_known,
)
from .life import newcomers_forget, terminal_change, terminal_create, terminal_erase
from .settings import (
    GROUP_CALLS,
    Difference,
    differences,
    settings_checked,
    settings_described,
    settings_reported,
    settings_want,
    settings_want_also,
)
from .state import (
    heartbeat_note,
    is_never_approved,
    server_url_shown,
    terminal_all_libraries_set,
    terminal_approve,
    terminal_capacity_learn,
    terminal_describe,
    terminal_disable,
    terminal_locked,
    terminal_share,
)

__all__ = [
    "CLOCK_TOLERANCE_S",
    "GROUP_CALLS",
    "ClockTurn",
    "Difference",
    "LastUpload",
    "clock_answered",
    "clock_heard",
    "clock_known",
    "differences",
    "heartbeat_note",
    "is_never_approved",
    "newcomers_forget",
    "register_jobs",
    "server_url_shown",
    "settings_checked",
    "settings_described",
    "settings_reported",
    "settings_want",
    "settings_want_also",
    "terminal_all_libraries_set",
    "terminal_approve",
    "terminal_capacity_learn",
    "terminal_change",
    "terminal_create",
    "terminal_describe",
    "terminal_disable",
    "terminal_erase",
    "terminal_locked",
    "terminal_share",
    "terminals_approve_start",
    "terminals_disable_start",
]
