"""Raising, acknowledging and clearing alerts."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from devices.models import Terminal
from devices.services import CLOCK_TOLERANCE_S
from records.choices import AlertKind, AlertState, Severity
from records.models import Alert, Record
from records.models.alert import LASTING
from records.services.alarms.folding import alert_announce, folded_add, is_flood

_SEVERITY = {
    AlertKind.HIGH_TEMPERATURE: Severity.CRITICAL,
    AlertKind.BLACKLISTED: Severity.CRITICAL,
    AlertKind.FACE_MISMATCH: Severity.WARNING,
    AlertKind.NO_MASK: Severity.INFO,
    AlertKind.PHOTO_SENT_BACK: Severity.CRITICAL,
    AlertKind.PASSED_BACK: Severity.WARNING,
    AlertKind.TERMINAL_OFFLINE: Severity.WARNING,
    AlertKind.NEW_ADDRESS: Severity.WARNING,
    AlertKind.CLOCK_SKEW: Severity.WARNING,
    AlertKind.SHARED_ID: Severity.WARNING,
    AlertKind.TERMINAL_FLOOD: Severity.WARNING,
}


def alert_raise(
    *,
    kind: AlertKind,
    terminal: Terminal,
    record: Record | None = None,
    facts: dict[str, Any] | None = None,
    at: datetime | None = None,
    is_over: bool = False,
) -> Alert | None:
    """Raise an alert; returns None when the same lasting cause is already alarming.

    In a flood it is counted on the site's folded alert of the kind, which is returned instead.

    Args:
        kind: what needs attention.
        terminal: where.
        record: what showed it.
        facts: what was measured.
        at: when; now when not given.
        is_over: it is kept as cleared, since nothing is left to look at.

    Effects: after commit, live screens show it.
    """
    now = timezone.now()
    if not is_over and is_flood(kind=kind, site_id=terminal.site_id, now=now):
        if kind in LASTING and _lasting(terminal, kind).exists():
            return None
        return folded_add(kind=kind, severity=_SEVERITY[kind], site_id=terminal.site_id, at=now)
    try:
        with transaction.atomic():
            alert = Alert.objects.create(
                site_id=terminal.site_id,
                terminal=terminal,
                record=record,
                kind=kind,
                severity=_SEVERITY[kind],
                user_id=record.user_id if record else "",
                user_name=record.user_name if record else "",
                state=AlertState.CLEARED if is_over else AlertState.ACTIVE,
                facts={**(facts or {}), **_lateness(record)},
                raised_at=at or now,
                cleared_at=now if is_over else None,
            )
    except IntegrityError:
        return None
    alert_announce(alert)
    return alert


def _lateness(record: Record | None) -> dict[str, Any]:
    """Tell how long before its arrival something happened, as far as its terminal's clock is known.

    Where it is not, what the terminal says is all there is.
    """
    if record is None or not record.is_late:
        return {}
    late_s = record.clock_skew_s if record.late_s is None else record.late_s
    if late_s is None or late_s <= CLOCK_TOLERANCE_S:
        return {}
    return {"late_s": round(late_s)}


def alert_acknowledge(*, alert: Alert, user: User) -> Alert:
    """Note that a user takes care of an alert; later presses change nothing."""
    alerts_acknowledge(site_id=alert.site_id, alert_ids=[alert.pk], user=user)
    return Alert.objects.get(pk=alert.pk)


def alert_clear(*, alert: Alert, user: User | None) -> Alert:
    """Close an alert; without a user its cause went away by itself."""
    alerts_clear(site_id=alert.site_id, alert_ids=[alert.pk], user=user)
    return Alert.objects.get(pk=alert.pk)


def alerts_acknowledge(*, site_id: int, alert_ids: Collection[int], user: User | None) -> int:
    """Note that a user takes care of alerts of one site; returns how many were still active."""
    return _turn(
        Alert.objects.filter(pk__in=alert_ids, site_id=site_id, state=AlertState.ACTIVE),
        state=AlertState.ACKNOWLEDGED,
        acknowledged_at=timezone.now(),
        acknowledged_by=user,
    )


def alerts_clear(*, site_id: int, alert_ids: Collection[int], user: User | None) -> int:
    """Close alerts of one site; returns how many were open."""
    rows = Alert.objects.filter(pk__in=alert_ids, site_id=site_id)
    return _turn(
        rows.exclude(state=AlertState.CLEARED),
        state=AlertState.CLEARED,
        cleared_at=timezone.now(),
        cleared_by=user,
    )


@transaction.atomic
def _turn(alerts: QuerySet[Alert], **columns: Any) -> int:
    # Serialises two people who press at once: the first one is named.
    locked = alerts.select_for_update(of=("self",), no_key=True).order_by("pk")
    turned = list(locked.values_list("pk", flat=True))
    if not turned:
        return 0
    Alert.objects.filter(pk__in=turned).update(**columns)
    for alert in Alert.objects.filter(pk__in=turned).select_related("terminal"):
        alert_announce(alert)
    return len(turned)


def alerts_end(*, terminal: Terminal, kind: AlertKind) -> None:
    """Clear what a lasting cause had raised, because it went away by itself."""
    keys = list(_lasting(terminal, kind).values_list("pk", flat=True))
    if keys:
        alerts_clear(site_id=terminal.site_id, alert_ids=keys, user=None)


def _lasting(terminal: Terminal, kind: AlertKind) -> QuerySet[Alert]:
    return Alert.objects.filter(terminal=terminal, kind=kind).exclude(state=AlertState.CLEARED)
