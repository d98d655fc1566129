"""Alarms about terminals: silent, calling from elsewhere, or suddenly very many."""

from datetime import datetime

from django.db import transaction

from devices.choices import Presence, TerminalStatus
from devices.models import Terminal
from devices.services import addresses_settle, came_with_flood, presence_flush, presence_sweep
from records.choices import AlertKind
from records.services.alarms.alerts import alert_raise, alerts_end
from records.services.alarms.folding import floods_watch, folded_settle


def presence_alarms(*, now: datetime | None = None) -> int:
    """Bring terminals' connection states up to date, raise and clear their alarms.

    Returns how many terminals turned. Turn and alarm are one transaction, so no turn is lost.
    """
    presence_flush()
    with transaction.atomic():
        for row in addresses_settle():
            # Who poses as a terminal is sent people's names and photos (seed 9.1).
            if not came_with_flood(row.terminal):
                facts = {"address": row.address}
                alert_raise(kind=AlertKind.NEW_ADDRESS, terminal=row.terminal, facts=facts)
        turns = presence_sweep(now=now)
        known = Terminal.objects.select_related("site")
        terminals = known.in_bulk([turn.terminal_id for turn in turns])
        for turn in turns:
            terminal = terminals[turn.terminal_id]
            if turn.presence is not Presence.OFFLINE:
                alerts_end(terminal=terminal, kind=AlertKind.TERMINAL_OFFLINE)
            elif terminal.status == TerminalStatus.APPROVED and not came_with_flood(terminal):
                # One that waits for approval may be a stranger's invention, as many as they like.
                # What came with a flood is on the alarm about that.
                alert_raise(kind=AlertKind.TERMINAL_OFFLINE, terminal=terminal, at=turn.at)
        folded_settle()
        floods_watch(now=now)
    return len(turns)
