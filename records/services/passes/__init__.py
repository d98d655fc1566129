"""Passes: messages taken in, decided, repeated, fetched and stored."""

from .cut_down import BROKEN_OFF, NOT_NEWEST, stored_at_least
from .decisions import DecisionResult, decision_make, decision_preview
from .fetching import cursor_move, gap_fill, pushed_until, records_pull, sign_store
from .late_pictures import pictures_process_waiting
from .passes import late_record, pass_record, temperature_record
from .repeats import PassOutcome

__all__ = [
    "BROKEN_OFF",
    "NOT_NEWEST",
    "DecisionResult",
    "PassOutcome",
    "cursor_move",
    "decision_make",
    "decision_preview",
    "gap_fill",
    "late_record",
    "pass_record",
    "pictures_process_waiting",
    "pushed_until",
    "records_pull",
    "sign_store",
    "stored_at_least",
    "temperature_record",
]
