"""The alert on a device ID that two terminals use: raised once, cleared by itself."""

from dataclasses import asdict
from datetime import datetime

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from devices.choices import TerminalStatus
from devices.models import Terminal
from devices.services import callers_turned, shared_id_signs
from records.choices import AlertKind, AlertState
from records.models import Alert
from records.services.alarms.alerts import alert_raise, alerts_end


def shared_ids_watch(*, now: datetime | None = None) -> int:
    """Raise and clear the alert on shared device IDs; returns how many were raised.

    Looks at terminals that something turned at since the last time, and at those with an open
    alert. What a manager has cleared is raised again by new turns only.
    """
    now = now or timezone.now()
    alerts = Alert.objects.filter(kind=AlertKind.SHARED_ID, terminal__isnull=False)
    is_open = set(alerts.exclude(state=AlertState.CLEARED).values_list("terminal_id", flat=True))
    judged = callers_turned() | is_open
    terminals = Terminal.objects.exclude(status=TerminalStatus.DISABLED).in_bulk(judged)
    cleared = alerts.filter(terminal__in=judged, cleared_by__isnull=False).order_by()
    since = dict(cleared.values_list("terminal_id").annotate(at=Max("cleared_at")))
    signs = shared_id_signs(terminal_ids=terminals, now=now, since=since)
    raised = 0
    for terminal_id, found in sorted(signs.items()):
        if terminal_id not in is_open:
            terminal = terminals[terminal_id]
            facts = {"device_id": terminal.device_id, "signs": [asdict(one) for one in found]}
            alert = alert_raise(kind=AlertKind.SHARED_ID, terminal=terminal, facts=facts, at=now)
            raised += alert is not None
    with transaction.atomic():
        for terminal in Terminal.objects.filter(pk__in=is_open - signs.keys()).order_by("pk"):
            alerts_end(terminal=terminal, kind=AlertKind.SHARED_ID)
    return raised
