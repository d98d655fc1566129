"""Calls of terminals: counted, limited, recorded, and told apart by what their callers say."""

from .caller_signs import CallerSign
from .callers import caller_note, callers_turned
from .calls import call_taken
from .limits import stranger_may_call
from .recorder import (
    Answered,
    Exchange,
    exchange_keep,
    exchanges_last,
    masked,
    note_words,
    note_words_register,
)
from .remembered import AdmissionOutdated, Remembered, admissions_forget_on_commit, mark_known
from .repairs import repairs_count
from .shared_ids import shared_id_signs

__all__ = [
    "AdmissionOutdated",
    "Answered",
    "CallerSign",
    "Exchange",
    "Remembered",
    "admissions_forget_on_commit",
    "call_taken",
    "caller_note",
    "callers_turned",
    "exchange_keep",
    "exchanges_last",
    "mark_known",
    "masked",
    "note_words",
    "note_words_register",
    "repairs_count",
    "shared_id_signs",
    "stranger_may_call",
]
