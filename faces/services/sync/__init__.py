"""The answer to a terminal's poll (/syrecord)."""

from .answer import sync_answer, sync_news, terminal_libraries_set, terminal_view_changed
from .state import SyncState, sync_state_of_caller

__all__ = [
    "SyncState",
    "sync_answer",
    "sync_news",
    "sync_state_of_caller",
    "terminal_libraries_set",
    "terminal_view_changed",
]
