"""Was a message made now, and what time is it at its terminal? One pure judgement (decision 0021).

A message is live when its moment is within a minute of true time or of the terminal's learnt clock,
or when it carries none. One that cannot be read is live when it comes by itself and behind no
silence. Any other is late: it waited on the terminal, or the clock has jumped. Only
time tells which, because a clock that jumped goes on at the pace of ours, and a queue that drains
does not: its messages come back to back, each begun right behind the answer to the one before.

No I/O, no clock. Moments are Unix seconds. A skew is arrival minus the moment said, so a clock that
is behind has a positive one. Nothing arrives before it was made: of two skews the smaller one is
closer to the truth, and a moment from the future can only be the clock's.
"""

from dataclasses import dataclass, replace

from devices.clock_state import ClockState, HeardMoment, Supposition

LIVE_WITHIN_S = 60.0
# Two messages this far apart whose moments advance like their arrivals, to the second of either.
APART_S = 10.0
SAME_WITHIN_S = 3.0
# A terminal that empties its queue begins the next message sooner than this after an answer.
PAUSE_S = 2.0
# What may as well have waited through a known silence has to show the pace of a clock for longer:
# pauses between uploads that happen to be as long as those between passes do not last.
DOUBTED_APART_S = 120.0
DOUBTED_COUNT = 4
# Closer than this is the same clock: whole seconds, slow lines.
EXACT_WITHIN_S = 5.0
_MINUTE_S = 60.0
# A queue pauses no longer than this between two messages.
_DRAINS_S = 60.0
_STILL_MINUTE_S = 600.0
# Moments before 2015 are those of a clock that was reset, to 1970 or 2000: no door was passed then.
_NO_PASS_BEFORE = 1_420_070_400.0
_HALF_S = SAME_WITHIN_S / 2


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of a message.

    Attributes:
        age_s: how old it is by the known clock; None when no clock is known well enough to say.
    """

    state: ClockState
    is_live: bool
    age_s: float | None = None


def is_exact(state: ClockState, heard: HeardMoment) -> bool:
    """Tell whether a message fits the known clock so well that there is nothing to learn."""
    if heard.moment is None:
        return not heard.is_unreadable
    if state.is_doubted:
        return False
    off_s = heard.at - heard.moment - (state.skew_s or 0.0)
    return -(EXACT_WITHIN_S if state.skew_s is None else _HALF_S) <= off_s <= EXACT_WITHIN_S


def is_now(state: ClockState, heard: HeardMoment) -> bool:
    """Tell whether a message is live by what is known already."""
    if heard.moment is None or (state.is_still and heard.moment == state.moment):
        return True
    skew_s = heard.at - heard.moment
    return _is_true(skew_s) or _is_learnt(state, skew_s)


def judge(state: ClockState, heard: HeardMoment) -> Judgement:
    """Say whether a message is live, and take in what it tells of its terminal's clock."""
    if heard.moment is None:
        return _unreadable(state, heard) if heard.is_unreadable else Judgement(state, is_live=True)
    if state.is_still and heard.moment == state.moment:
        return _still(state, heard)
    skew_s = heard.at - heard.moment
    if not is_now(state, heard) or _has_waited(state, heard, skew_s):
        return _late(state, heard, heard.moment, skew_s)
    return Judgement(_live(state, heard, heard.moment, skew_s), is_live=True)


def _is_true(skew_s: float) -> bool:
    return abs(skew_s) <= LIVE_WITHIN_S


def _is_learnt(state: ClockState, skew_s: float) -> bool:
    return state.skew_s is not None and abs(skew_s - state.skew_s) <= LIVE_WITHIN_S


def _is_spaced(state: ClockState, heard: HeardMoment) -> bool:
    return state.answered_at is None or heard.began - state.answered_at >= PAUSE_S


def _may_have_waited(state: ClockState, at: float, age_s: float) -> bool:
    """Tell whether a message of this age was made while its terminal was silent."""
    silence, made = state.silence, at - age_s
    if silence is None or age_s < 0:
        # What says that it was made later than now has waited for nothing: its clock has jumped.
        return False
    if silence.since - LIVE_WITHIN_S <= made <= silence.until:
        return True
    if _is_just_back(state, at):
        return True
    live_at = state.live_at
    if live_at is None or (silence.blind_s is not None and at - live_at > silence.blind_s):
        return False
    return live_at - LIVE_WITHIN_S <= made


def _is_just_back(state: ClockState, at: float) -> bool:
    """Tell whether a terminal was silent until a moment ago, or sends ever since what it kept."""
    silence = state.silence
    return silence is not None and silence.is_certain and at - silence.until <= _DRAINS_S


def _has_waited(state: ClockState, heard: HeardMoment, skew_s: float) -> bool:
    """Tell whether a message whose moment seems to be now is an old one of a clock ahead of ours.

    A clock that was an hour ahead has, an hour later, a queue that seems to be of now.
    """
    if state.skew_s is None or _is_learnt(state, skew_s) or skew_s < state.skew_s:
        return False
    if state.late_at is not None and heard.at - state.late_at <= _DRAINS_S:
        return True
    if not _may_have_waited(state, heard.at, skew_s - state.skew_s):
        return False
    return not _is_spaced(state, heard) or (state.silence is not None and state.silence.is_certain)


def _live(state: ClockState, heard: HeardMoment, moment: float, skew_s: float) -> ClockState:
    """Return the state after a live message: whatever else was supposed is wrong."""
    known = state.skew_s
    if known is not None and not _is_learnt(state, skew_s):
        # Right by true time only: set right, unless it may have waited after all.
        is_sure = skew_s < known or not _may_have_waited(state, heard.at, skew_s - known)
        if not is_sure:
            return _followed(state, heard, moment, skew_s, is_doubted=False)
        known = None
    if skew_s < (known - _HALF_S if known is not None else -EXACT_WITHIN_S):
        known = skew_s
    if skew_s - (known or 0.0) <= EXACT_WITHIN_S:
        return ClockState(skew_s=_normal(known), answered_at=heard.at)
    now_live = replace(_calmed(state), skew_s=known, live_at=heard.at)
    return _followed(now_live, heard, moment, skew_s, is_doubted=True)


def _calmed(state: ClockState) -> ClockState:
    """Return the state without what only late messages are about."""
    return replace(
        state,
        silence=None,
        moment=None,
        moment_since=None,
        moment_count=0,
        moment_key="",
        is_still=False,
        is_draining=False,
    )


def _followed(
    state: ClockState, heard: HeardMoment, moment: float, skew_s: float, *, is_doubted: bool
) -> ClockState:
    """Go after a clock that drifts: another skew that has lasted is the clock's."""
    supposed = _supposed(state, heard, moment, skew_s)
    if supposed is None or not _is_borne_out(supposed, heard, moment, is_doubted=is_doubted):
        return replace(state, supposition=supposed, answered_at=heard.at)
    return ClockState(skew_s=_normal(_skew_of(supposed)), answered_at=heard.at)


def _late(state: ClockState, heard: HeardMoment, moment: float, skew_s: float) -> Judgement:
    is_spaced = _is_spaced(state, heard)
    is_known = state.skew_s is not None or state.live_at is not None
    age_s = skew_s - (state.skew_s or 0.0)
    is_doubted = is_known and _may_have_waited(state, heard.at, age_s)
    supposed = _supposed(state, heard, moment, skew_s)
    if supposed is not None and _is_borne_out(supposed, heard, moment, is_doubted=is_doubted):
        learnt = ClockState(skew_s=_normal(_skew_of(supposed)), answered_at=heard.at)
        return Judgement(learnt, is_live=True)
    state = _timed(state, heard, moment, is_spaced=is_spaced)
    state = replace(state, supposition=supposed, answered_at=heard.at)
    if is_spaced and _stands_still(state, heard, is_doubted=is_doubted):
        return _still(replace(state, is_still=True, supposition=None), heard)
    has_waited = is_known and age_s > 0 and (is_doubted or not is_spaced)
    if is_doubted:
        state = _draining(state, heard)
    state = replace(state, late_at=heard.at)
    return Judgement(state, is_live=False, age_s=age_s if has_waited else None)


def _still(state: ClockState, heard: HeardMoment) -> Judgement:
    """Judge what a clock that stands still says, which is no moment.

    What waited says the same as what is of now, so behind a silence it is late for as long as
    messages come back to back.
    """
    if not _is_just_back(state, heard.at):
        return Judgement(state, is_live=True)
    is_spaced = _is_spaced(state, heard)
    return Judgement(state if is_spaced else _draining(state, heard), is_live=False)


def _unreadable(state: ClockState, heard: HeardMoment) -> Judgement:
    """Judge a moment that cannot be read, so that it says no age.

    It may have waited behind a silence, or where it comes right behind an answer. People come one
    by one, and are not kept out for longer than that by how their terminal writes its moments.
    """
    is_spaced = _is_spaced(state, heard)
    is_live = is_spaced and not _is_just_back(state, heard.at)
    if not is_spaced and _is_just_back(state, heard.at):
        state = _draining(state, heard)
    return Judgement(replace(state, answered_at=heard.at, is_draining=not is_live), is_live=is_live)


def _draining(state: ClockState, heard: HeardMoment) -> ClockState:
    """Note that a queue drains: as long as it does, what happens now may wait behind it."""
    if state.silence is None:
        return state
    return replace(state, silence=replace(state.silence, until=heard.at))


def _timed(state: ClockState, heard: HeardMoment, moment: float, *, is_spaced: bool) -> ClockState:
    """Count how often the same moment was said."""
    if moment == state.moment:
        is_another = is_spaced and (not heard.key or heard.key != state.moment_key)
        count = state.moment_count + is_another
        return replace(state, moment_count=count, moment_key=heard.key)
    return replace(
        state,
        moment=moment,
        moment_since=heard.at,
        moment_count=int(is_spaced),
        moment_key=heard.key,
        is_still=False,
    )


def _stands_still(state: ClockState, heard: HeardMoment, *, is_doubted: bool) -> bool:
    if state.moment is None or state.moment_since is None:
        return False
    # Of a queue, many may be of one whole minute.
    may_be_queue = state.moment % _MINUTE_S == 0 and state.moment >= _NO_PASS_BEFORE
    apart_s = _STILL_MINUTE_S if may_be_queue else APART_S
    lasted_s = heard.at - state.moment_since
    return lasted_s >= apart_s and state.moment_count >= (3 if is_doubted else 2)


def _supposed(
    state: ClockState, heard: HeardMoment, moment: float, skew_s: float
) -> Supposition | None:
    """Return what is supposed after a message: the same clock still, or another one, or none.

    What comes back to back speaks against a clock, and never for one.
    """
    is_spaced = _is_spaced(state, heard)
    before = state.supposition
    borne = None if before is None else _narrowed(before, moment, skew_s)
    if borne is not None:
        return borne if is_spaced else before
    if not is_spaced:
        return None
    low_s, high_s = _bounds(skew_s, tells_minutes=moment % _MINUTE_S == 0)
    return Supposition(
        since=heard.at,
        first_skew_s=skew_s,
        moment=moment,
        low_s=low_s,
        high_s=high_s,
        count=1,
        tells_minutes=moment % _MINUTE_S == 0,
    )


def _bounds(skew_s: float, *, tells_minutes: bool) -> tuple[float, float]:
    """Return between which skews a clock is that a message of this skew is live by."""
    # A clock that tells whole minutes says the one that has begun.
    return skew_s - _HALF_S - (_MINUTE_S if tells_minutes else 0.0), skew_s + _HALF_S


def _narrowed(supposed: Supposition, moment: float, skew_s: float) -> Supposition | None:
    """Return the supposition with one more message for it, None when that speaks against it."""
    tells_minutes = supposed.tells_minutes and moment % _MINUTE_S == 0
    low_s, high_s = supposed.low_s, supposed.high_s
    if supposed.tells_minutes and not tells_minutes:
        # It reported seconds all along, and the first one happened to be the sixtieth.
        low_s, high_s = _bounds(supposed.first_skew_s, tells_minutes=False)
    own_low_s, own_high_s = _bounds(skew_s, tells_minutes=tells_minutes)
    low_s, high_s = max(low_s, own_low_s), min(high_s, own_high_s)
    if low_s > high_s:
        return None
    return replace(
        supposed,
        low_s=low_s,
        high_s=high_s,
        count=supposed.count + 1,
        tells_minutes=tells_minutes,
    )


def _is_borne_out(
    supposed: Supposition, heard: HeardMoment, moment: float, *, is_doubted: bool
) -> bool:
    count, apart_s = (DOUBTED_COUNT, DOUBTED_APART_S) if is_doubted else (2, APART_S)
    if supposed.tells_minutes:
        # A minute that has not ended may be a queue's, and any pace is alike for that long.
        count, apart_s = count + 1, apart_s * (5 if is_doubted else 6)
        if moment == supposed.moment:
            return False
    return supposed.count >= count and heard.at - supposed.since >= apart_s


def _skew_of(supposed: Supposition) -> float:
    """Return the smallest skew that was seen."""
    return supposed.high_s - _HALF_S


def _normal(skew_s: float | None) -> float | None:
    return None if skew_s is None or abs(skew_s) <= EXACT_WITHIN_S else skew_s
