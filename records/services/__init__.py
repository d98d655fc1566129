"""All writes to records and alerts."""

from .alerts import alert_acknowledge, alert_clear, alert_raise, presence_alarms
from .decisions import Made, decision_make, decision_preview
from .fetching import (
    cursor_move,
    gap_fill,
    pushed_until,
    records_pull,
    sign_read,
    sign_store,
)
from .negatives import not_this_person, not_this_person_undo
from .passes import late_record, pass_record, temperature_record
from .pictures import picture_store
from .repeats import PassOutcome
from .verification import Verified, verify

__all__ = [
    "Made",
    "PassOutcome",
    "Verified",
    "alert_acknowledge",
    "alert_clear",
    "alert_raise",
    "cursor_move",
    "decision_make",
    "decision_preview",
    "gap_fill",
    "late_record",
    "not_this_person",
    "not_this_person_undo",
    "pass_record",
    "picture_store",
    "presence_alarms",
    "pushed_until",
    "records_pull",
    "sign_read",
    "sign_store",
    "temperature_record",
    "verify",
]
