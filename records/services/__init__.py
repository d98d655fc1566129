"""All writes to records and alerts."""

from .alerts import alert_acknowledge, alert_clear, alert_raise, presence_alarms
from .passes import PassOutcome, pass_record, temperature_record
from .pictures import picture_store
from .verification import Verified, verify

__all__ = [
    "PassOutcome",
    "Verified",
    "alert_acknowledge",
    "alert_clear",
    "alert_raise",
    "pass_record",
    "picture_store",
    "presence_alarms",
    "temperature_record",
    "verify",
]
