"""All writes to records and alerts."""

from .alerts import alert_acknowledge, alert_clear, alert_raise
from .cut_down import BROKEN_OFF, NOT_NEWEST, stored_at_least
from .decisions import Made, decision_make, decision_preview
from .erasure import site_records_erase
from .fetching import (
    cursor_move,
    gap_fill,
    pushed_until,
    records_pull,
    sign_store,
)
from .late_pictures import pictures_process_waiting
from .negatives import (
    LooksLikePhoto,
    effect_words,
    negative_effect,
    negatives_of,
    not_this_person,
    not_this_person_foresee,
    not_this_person_undo,
)
from .passes import late_record, pass_record, temperature_record
from .pictures import picture_name, picture_write
from .presence import presence_alarms
from .repeats import PassOutcome
from .shared_ids import shared_ids_watch
from .verification import Verified, verify
from .waiting import WAITS, waiting_files_sweep

__all__ = [
    "BROKEN_OFF",
    "NOT_NEWEST",
    "WAITS",
    "LooksLikePhoto",
    "Made",
    "PassOutcome",
    "Verified",
    "alert_acknowledge",
    "alert_clear",
    "alert_raise",
    "cursor_move",
    "decision_make",
    "decision_preview",
    "effect_words",
    "gap_fill",
    "late_record",
    "negative_effect",
    "negatives_of",
    "not_this_person",
    "not_this_person_foresee",
    "not_this_person_undo",
    "pass_record",
    "picture_name",
    "picture_write",
    "pictures_process_waiting",
    "presence_alarms",
    "pushed_until",
    "records_pull",
    "shared_ids_watch",
    "sign_store",
    "site_records_erase",
    "stored_at_least",
    "temperature_record",
    "verify",
    "waiting_files_sweep",
]
