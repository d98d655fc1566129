"""Terminals' clocks as their rows keep them: learnt from uploads, wrong or right (decision 0021).

What is learnt lies on the terminal's row, because several processes serve one terminal. A clock
that is known and fits costs nothing: the row was read when its terminal was admitted.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from django.db import transaction

from devices.choices import Presence
from devices.clock_learning import Judgement, is_exact, is_now, judge
from devices.clock_state import (
    ClockState,
    Connection,
    HeardMoment,
    LastMessage,
    recalled,
    silence_of,
)
from devices.models import PresenceChange, Terminal

# Further off than this is remarked on the record and called wrong (field notes).
CLOCK_TOLERANCE_S = 300.0
_COLUMNS = (
    "clock_learnt_s",
    "clock_learning",
    "clock_is_wrong",
    "clock_skew_s",
    "clock_skew_since",
)


@dataclass(frozen=True, slots=True)
class ClockTurn:
    """A terminal's clock turned out to be wrong, or right again.

    Attributes:
        skew_s: seconds it is behind.
        is_still: it stands still.
    """

    is_wrong: bool
    skew_s: float
    is_still: bool = False


@dataclass(frozen=True, slots=True)
class LastUpload:
    """The newest upload on file of a terminal; ``moment`` as it said, None when it said none."""

    received_at: datetime
    answered_at: datetime
    moment: datetime | None
    is_late: bool


LastOf = Callable[[], LastUpload | None]


def clock_heard(
    *,
    terminal: Terminal,
    at: datetime,
    began: datetime,
    moment: datetime | None,
    key: str,
    last: LastOf,
    is_unreadable: bool = False,
) -> tuple[Judgement, ClockTurn | None]:
    """Say whether an upload is live, and learn its terminal's clock from it.

    Args:
        terminal: as read when it was admitted.
        at: when the upload arrived.
        began: when its request began.
        moment: when it was made, by the terminal's clock.
        key: names the upload.
        last: looks up the upload before it; asked only when something is to be learnt.
        is_unreadable: the upload says a moment that cannot be read.

    Returns:
        The judgement, and what changed about the clock, if anything. Nothing is read or written
        while a known clock fits.
    """
    heard = HeardMoment(
        at=at.timestamp(),
        began=began.timestamp(),
        moment=_seconds(moment),
        key=key[:16],
        is_unreadable=is_unreadable,
    )
    state = _state_of(terminal)
    is_settled = terminal.clock_is_wrong == _is_wrong(state)
    if is_exact(state, heard) and (heard.moment is None or is_settled):
        return Judgement(state, is_live=True), None
    with transaction.atomic():
        # Serialises uploads that arrive at once: each learns from those before it.
        row = _locked(terminal.pk)
        if row is None:
            return Judgement(state, is_live=is_now(state, heard)), None
        judged = judge(_remembering(_state_of(row), row, heard, last), heard)
        # What cannot be read says nothing about the clock.
        turn = None if is_unreadable else _publish(row, judged, heard)
        row.clock_learnt_s, row.clock_learning = judged.state.skew_s, judged.state.to_plain()
        row.save(update_fields=_COLUMNS)
    return judged, turn


def clock_answered(*, terminal_id: int, at: datetime) -> None:
    """Note when an upload was answered, while its terminal's clock is doubted.

    The next one may follow from it: that is how a queue drains.
    """
    with transaction.atomic():
        # Serialises with the upload that may have come meanwhile.
        row = _locked(terminal_id)
        if row is None or not row.clock_learning:
            return
        state = _state_of(row)
        latest = max(state.answered_at or 0.0, at.timestamp())
        row.clock_learning = replace(state, answered_at=latest).to_plain()
        row.save(update_fields=["clock_learning"])


def clock_known(
    *, terminal: Terminal, at: datetime, moment: datetime | None, is_sure: bool
) -> Judgement:
    """Say whether something made at a moment is of now, by what is known; nothing is learnt.

    Args:
        terminal: by whose clock.
        at: when the platform heard of it.
        moment: as the terminal says.
        is_sure: the clock has proved right before; otherwise only a learnt one says an age.
    """
    state = _state_of(terminal)
    heard = HeardMoment(at=at.timestamp(), began=at.timestamp(), moment=_seconds(moment))
    is_live = is_now(state, heard)
    if is_live or heard.moment is None or not (is_sure or state.skew_s is not None):
        return Judgement(state, is_live=is_live)
    age_s = heard.at - heard.moment - (state.skew_s or 0.0)
    return Judgement(state, is_live=False, age_s=age_s if age_s > 0 else None)


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _state_of(row: Terminal) -> ClockState:
    return ClockState.from_plain(row.clock_learnt_s, row.clock_learning)


def _locked(terminal_id: int) -> Terminal | None:
    rows = Terminal.objects.select_for_update(no_key=True, of=("self",)).select_related("site")
    return rows.filter(pk=terminal_id).first()


def _remembering(state: ClockState, row: Terminal, heard: HeardMoment, last: LastOf) -> ClockState:
    """Return the state with what the upload before and the connection tell."""
    upload = None if state.is_doubted else last()
    return recalled(
        state,
        last=None if upload is None else _plain(upload),
        silence=silence_of(_connection(row), at=heard.at),
    )


def _plain(upload: LastUpload) -> LastMessage:
    return LastMessage(
        at=upload.received_at.timestamp(),
        answered_at=upload.answered_at.timestamp(),
        moment=_seconds(upload.moment),
        is_late=upload.is_late,
    )


def _connection(row: Terminal) -> Connection | None:
    if row.presence == Presence.NEVER or row.presence_since is None:
        return None
    blind_s = row.site.offline_after_s
    since = row.presence_since.timestamp()
    if row.presence == Presence.OFFLINE:
        return Connection(is_online=False, since=since - blind_s, lost_at=None, blind_s=blind_s)
    lost = PresenceChange.objects.filter(terminal=row, presence=Presence.OFFLINE).first()
    lost_at = None if lost is None else lost.at.timestamp() - blind_s
    return Connection(is_online=True, since=since, lost_at=lost_at, blind_s=blind_s)


def _is_wrong(state: ClockState) -> bool:
    skew_s = state.skew_s
    return state.is_still or (skew_s is not None and abs(skew_s) > CLOCK_TOLERANCE_S)


def _publish(row: Terminal, judged: Judgement, heard: HeardMoment) -> ClockTurn | None:
    """Write on a row whether its clock is wrong; returns what changed."""
    state, was_wrong = judged.state, row.clock_is_wrong
    skew_s = 0.0 if heard.moment is None else heard.at - heard.moment
    if _is_wrong(state):
        shown_s: float | None = skew_s if state.is_still else state.skew_s
    elif judged.is_live:
        shown_s = None
    elif skew_s < -CLOCK_TOLERANCE_S:
        # Nothing arrives before it was made: the clock is ahead, by how much is not known yet.
        shown_s = skew_s
    else:
        return None
    row.clock_is_wrong = shown_s is not None
    if row.clock_is_wrong != was_wrong:
        row.clock_skew_since = (
            datetime.fromtimestamp(heard.at, tz=UTC) if row.clock_is_wrong else None
        )
    row.clock_skew_s = shown_s
    if row.clock_is_wrong == was_wrong:
        return None
    return ClockTurn(row.clock_is_wrong, shown_s or 0.0, state.is_still)
