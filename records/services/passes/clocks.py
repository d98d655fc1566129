"""The moment of an upload, judged, and the alert on a terminal whose clock is wrong."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from devices.clock_learning import Judgement
from devices.models import Terminal
from devices.services import Admission, LastUpload, clock_answered, clock_heard, clock_known
from records.choices import AlertKind, Origin
from records.models import Record
from records.services.alarms import alert_raise, alerts_end
from terminal_protocol import FaceMatch, TemperatureReading


def moment_judge(
    *, admission: Admission, message: FaceMatch | TemperatureReading, key: str
) -> Judgement:
    """Say whether an upload is live, and learn from it; turn of the clock and alert are one.

    Effects: the terminal's clock; its alert is raised once and ends by itself.
    """
    terminal, at = admission.terminal, timezone.now()
    with transaction.atomic():
        judged, turn = clock_heard(
            terminal=terminal,
            at=at,
            began=admission.began or at,
            moment=message.captured_at,
            key=key,
            last=lambda: _last_upload(terminal),
            is_unreadable=message.captured_at is None and bool(message.captured_raw),
        )
        if turn is None:
            return judged
        if turn.is_wrong:
            facts = {"clock_skew_s": round(turn.skew_s)}
            alert_raise(
                kind=AlertKind.CLOCK_SKEW,
                terminal=terminal,
                facts={"stands_still": True} if turn.is_still else facts,
            )
        else:
            alerts_end(terminal=terminal, kind=AlertKind.CLOCK_SKEW)
    return judged


def moment_stands_still(*, terminal: Terminal, moment: datetime | None) -> bool:
    """Tell whether a moment is the one that a terminal's clock stands still at."""
    said = terminal.clock_learning.get("moment") if terminal.clock_stands_still else None
    return said is not None and moment is not None and moment.timestamp() == said


def moment_answered(*, terminal: Terminal, judged: Judgement | None = None) -> None:
    """Note that an upload is answered; called last, without a judgement for a repeated one."""
    is_doubted = terminal.clock_learning if judged is None else judged.state.is_doubted
    if is_doubted:
        clock_answered(terminal_id=terminal.pk, at=timezone.now())


def moment_known_now(*, terminal: Terminal, at: datetime, moment: datetime | None) -> bool:
    """Tell whether a moment is of now by what is known already."""
    return clock_known(terminal=terminal, at=at, moment=moment, is_sure=False).is_live


def moment_known(*, terminal: Terminal, at: datetime, moment: datetime | None) -> Judgement:
    """Say whether something that was not uploaded is of now; it teaches nothing."""
    last = _last_upload(terminal)
    is_sure = last is not None and not last.is_late
    return clock_known(terminal=terminal, at=at, moment=moment, is_sure=is_sure)


def _last_upload(terminal: Terminal) -> LastUpload | None:
    last = (
        Record.objects.filter(terminal=terminal, origin=Origin.UPLOADED)
        .only("received_at", "captured_at", "is_late", "repeated_at")
        .order_by("-received_at", "-pk")
        .first()
    )
    if last is None:
        return None
    return LastUpload(
        received_at=last.received_at,
        answered_at=max(last.received_at, last.repeated_at or last.received_at),
        moment=last.captured_at,
        is_late=last.is_late,
    )
