"""What terminals are sent of people, row by row, and how long a delete takes."""

from .capacity import capacity_guard, capacity_learn
from .deliveries import (
    INLINE_ROWS,
    deliveries_expect,
    deliveries_fill,
    deliveries_mark_for_deletion,
    deliveries_sent,
    terminal_expect_all,
)
from .entries import delete_entries, entry_text, save_entry, with_photo_id
from .first_deliveries import terminal_expect, terminals_expect
from .policy import DELETE_ATTEMPTS, DELETE_REPEAT_AFTER, Verdict, next_try, verdict
from .revocations import revocations_begin, revocations_reopen, revocations_settle

__all__ = [
    "DELETE_ATTEMPTS",
    "DELETE_REPEAT_AFTER",
    "INLINE_ROWS",
    "Verdict",
    "capacity_guard",
    "capacity_learn",
    "delete_entries",
    "deliveries_expect",
    "deliveries_fill",
    "deliveries_mark_for_deletion",
    "deliveries_sent",
    "entry_text",
    "next_try",
    "revocations_begin",
    "revocations_reopen",
    "revocations_settle",
    "save_entry",
    "terminal_expect",
    "terminal_expect_all",
    "terminals_expect",
    "verdict",
    "with_photo_id",
]
