"""The alert on a terminal whose clock is wrong: raised once, cleared by itself."""

from django.db import transaction

from devices.services import clock_judge
from records.choices import AlertKind
from records.models import Record
from records.services.alerts import alert_raise, alerts_end


@transaction.atomic
def clock_watch(*, record: Record) -> None:
    """Judge a terminal's clock by a new record; turn and alert are one transaction."""
    if record.clock_skew_s is None:
        return
    turn = clock_judge(
        terminal_id=record.terminal_id, skew_s=record.clock_skew_s, now=record.received_at
    )
    if turn is None:
        return
    if turn.is_wrong:
        alert_raise(
            kind=AlertKind.CLOCK_SKEW,
            terminal=record.terminal,
            facts={"clock_skew_s": round(turn.skew_s)},
        )
    else:
        alerts_end(terminal=record.terminal, kind=AlertKind.CLOCK_SKEW)
