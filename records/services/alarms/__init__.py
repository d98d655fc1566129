"""Alerts: what raises them, floods of them, acknowledging and clearing."""

from .alerts import (
    alert_acknowledge,
    alert_clear,
    alert_raise,
    alerts_acknowledge,
    alerts_clear,
    alerts_end,
)
from .presence import presence_alarms
from .records import picture_alarms, record_alarms
from .shared_ids import shared_ids_watch

__all__ = [
    "alert_acknowledge",
    "alert_clear",
    "alert_raise",
    "alerts_acknowledge",
    "alerts_clear",
    "alerts_end",
    "picture_alarms",
    "presence_alarms",
    "record_alarms",
    "shared_ids_watch",
]
