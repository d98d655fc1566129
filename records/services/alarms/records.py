"""Alerts that records raise."""

from typing import Final

from devices.choices import Verification
from records.choices import AlertKind, Reason, VerificationResult
from records.decision import is_fever
from records.models import Record
from records.services.alarms.alerts import alert_raise
from records.services.pictures import PHOTO_ON_FILE

_BY_REASON: Final = {
    Reason.FACE_MISMATCH: AlertKind.FACE_MISMATCH,
    Reason.BLACKLISTED: AlertKind.BLACKLISTED,
}
# What is older may be over; a guard is to be sent to a door where a fever stands now.
_FEVER_PASSES_S: Final = 300.0


def record_alarms(record: Record, *, has_passed_back: bool) -> None:
    """Raise what a new record alarms about, in the transaction that stores it."""
    terminal = record.terminal
    site = terminal.site
    if is_fever(record.temperature_c, site.temperature_limit_c):
        alert_raise(
            kind=AlertKind.HIGH_TEMPERATURE,
            terminal=terminal,
            record=record,
            facts={"temperature_c": str(record.temperature_c)},
            is_over=record.late_s is not None and record.late_s > _FEVER_PASSES_S,
        )
    if site.mask_required and record.mask is False:
        alert_raise(kind=AlertKind.NO_MASK, terminal=terminal, record=record)
    if has_passed_back and record.reason in (Reason.ALLOWED, Reason.PASSED_BACK):
        alert_raise(kind=AlertKind.PASSED_BACK, terminal=terminal, record=record)
    picture_alarms(record)
    kind = _BY_REASON.get(Reason(record.reason))
    if kind is not None:
        _raise_with_score(kind, record)


def picture_alarms(record: Record) -> None:
    """Raise what the picture of a record alarms about, in the transaction that stores it."""
    terminal = record.terminal
    if PHOTO_ON_FILE in record.faults:
        alert_raise(
            kind=AlertKind.PHOTO_SENT_BACK,
            terminal=terminal,
            record=record,
            facts={"door_opened": record.door_opened},
        )
    is_mismatch = record.verification == VerificationResult.MISMATCH
    # Observing sites open, and want to know all the more. One reason is one alert.
    is_asked = terminal.site.verification != Verification.OFF
    if is_mismatch and is_asked and Reason(record.reason) not in _BY_REASON:
        _raise_with_score(AlertKind.FACE_MISMATCH, record)


def _raise_with_score(kind: AlertKind, record: Record) -> None:
    alert_raise(
        kind=kind,
        terminal=record.terminal,
        record=record,
        facts={"score": record.verification_score},
    )
