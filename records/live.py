"""What live screens are sent of a record or an alert: ids and words, never a picture."""

from collections.abc import Sequence
from typing import Any

from records.decision import is_fever
from records.models import Alert, Record


def record_message(record: Record, *, replaces: Sequence[int] = ()) -> dict[str, Any]:
    """Return a record as the live page shows it; the page fetches pictures by id.

    Args:
        record: with its terminal and site.
        replaces: ids of records that it took the place of, which are gone.
    """
    return {
        "record": {
            "id": record.pk,
            "site": record.site_id,
            "kind": record.kind,
            "device_id": record.terminal.device_id,
            "terminal": str(record.terminal),
            "user_id": record.user_id,
            "user_name": record.user_name,
            "received_at": record.received_at.isoformat(),
            "temperature_c": None if record.temperature_c is None else float(record.temperature_c),
            "fever": is_fever(record.temperature_c, record.terminal.site.temperature_limit_c),
            "mask": record.mask,
            "verification": record.verification,
            "score": record.verification_score,
            "similarity": record.similarity,
            "door_opened": record.door_opened,
            "reason": record.reason,
            "is_late": record.is_late,
            "late_s": record.late_s,
            "repeats": record.repeats,
            "has_picture": record.picture_id is not None,
            "has_reference": record.person_id is not None,
            "replaces": list(replaces),
        }
    }


def alert_message(alert: Alert) -> dict[str, Any]:
    """Return an alert as the live page shows it."""
    return {
        "alert": {
            "id": alert.pk,
            "site": alert.site_id,
            "kind": alert.kind,
            "severity": alert.severity,
            "state": alert.state,
            "terminal": str(alert.terminal) if alert.terminal_id else "",
            "user_id": alert.user_id,
            "user_name": alert.user_name,
            "record": alert.record_id,
            "raised_at": alert.raised_at.isoformat(),
            "folded": alert.folded,
            "facts": alert.facts,
        }
    }
