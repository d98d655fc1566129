"""All writes to records and alerts."""

from .alerts import alert_acknowledge, alert_clear, alert_raise, presence_alarms
from .decisions import Made, decision_make, decision_preview
from .negatives import not_this_person, not_this_person_undo
from .passes import PassOutcome, pass_record, temperature_record
from .pictures import picture_store
from .verification import Verified, verify

__all__ = [
    "Made",
    "PassOutcome",
    "Verified",
    "alert_acknowledge",
    "alert_clear",
    "alert_raise",
    "decision_make",
    "decision_preview",
    "not_this_person",
    "not_this_person_undo",
    "pass_record",
    "picture_store",
    "presence_alarms",
    "temperature_record",
    "verify",
]
