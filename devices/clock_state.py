"""State of a terminal's clock and connection between two uploads: plain values.

Moments are Unix seconds. A skew is arrival minus the moment said, so a clock that is behind has a
positive one.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any, Self

# A silence shorter than this is not noticed for certain.
_BLIND_S = 300.0


@dataclass(frozen=True, slots=True)
class HeardMoment:
    """What a message says of its moment.

    Attributes:
        at: when it arrived.
        began: when its request began, which for a slow line is earlier.
        moment: as the terminal says, None when it says none.
        key: names the message; one that failed and comes again is no second one.
        is_unreadable: it says a moment that cannot be read.
    """

    at: float
    began: float
    moment: float | None
    key: str = ""
    is_unreadable: bool = False


@dataclass(frozen=True, slots=True)
class Silence:
    """When a terminal could not reach the platform, so that its passes may have waited.

    Attributes:
        blind_s: a shorter one leaves no trace but that nothing live arrived; None: no one does.
        is_certain: the connection is watched.
    """

    since: float
    until: float
    blind_s: float | None
    is_certain: bool


@dataclass(frozen=True, slots=True)
class Connection:
    """What heartbeats, polls and uploads together tell of a terminal's connection.

    Attributes:
        is_online: it is heard now.
        since: from when it is, or is not.
        lost_at: when it was heard no more before that, None when it always was.
        blind_s: a silence shorter than this is not noticed.
    """

    is_online: bool
    since: float
    lost_at: float | None
    blind_s: float


@dataclass(frozen=True, slots=True)
class LastMessage:
    """The upload before; ``moment`` as it said, None when it said none."""

    at: float
    answered_at: float
    moment: float | None
    is_late: bool


@dataclass(frozen=True, slots=True)
class Supposition:
    """The clock by which all messages since its first one would be live.

    Attributes:
        since: arrival of the first message.
        first_skew_s: of that message.
        moment: said by it.
        low_s: the skew is not less than this.
        high_s: nor more.
        count: messages that speak for it and did not come back to back.
        tells_minutes: all moments were whole minutes.
    """

    since: float
    first_skew_s: float
    moment: float
    low_s: float
    high_s: float
    count: int
    tells_minutes: bool


@dataclass(frozen=True, slots=True)
class ClockState:
    """What is known of a terminal's clock between two messages.

    Attributes:
        skew_s: of the learnt clock; None: it is right as far as anybody knows.
        answered_at: when the latest upload was answered.
        live_at: when the latest live message arrived, None when there was none yet.
        late_at: the same of late ones.
        moment: said by the latest late message.
        moment_since: when the first one that said the same arrived.
        moment_count: how many said so that did not come back to back.
        moment_key: of the latest one that said so.
        is_still: the clock stands still at ``moment``.
        is_draining: a queue drains whose moments cannot be read.
    """

    skew_s: float | None = None
    answered_at: float | None = None
    live_at: float | None = None
    late_at: float | None = None
    silence: Silence | None = None
    moment: float | None = None
    moment_since: float | None = None
    moment_count: int = 0
    moment_key: str = ""
    is_still: bool = False
    is_draining: bool = False
    supposition: Supposition | None = None

    @classmethod
    def from_plain(cls, skew_s: float | None, plain: dict[str, Any]) -> Self:
        """Read what ``to_plain`` wrote."""
        values = dict(plain)
        for name, kind in (("silence", Silence), ("supposition", Supposition)):
            if values.get(name) is not None:
                values[name] = kind(**values[name])
        return cls(skew_s=skew_s, **values)

    @property
    def is_doubted(self) -> bool:
        """Whether there is more to keep than the skew."""
        is_noted = self.is_still or self.is_draining
        return is_noted or self.supposition is not None or self.moment is not None

    def to_plain(self) -> dict[str, Any]:
        """Return everything but the skew as JSON can carry it; empty when nothing is doubted."""
        if not self.is_doubted:
            return {}
        return {name: value for name, value in asdict(self).items() if name != "skew_s"}


def recalled(state: ClockState, *, last: LastMessage | None, silence: Silence) -> ClockState:
    """Return a state with what the upload before and the connection tell.

    Args:
        state: as it was kept.
        last: the upload before; asked only of a state in which nothing is doubted.
        silence: the latest, as ``silence_of`` gives it.
    """
    before = state.silence
    if before is not None and before.since == silence.since and before.until > silence.until:
        silence = replace(silence, until=before.until)
    if last is None or state.is_doubted:
        return replace(state, silence=silence)
    return replace(
        state,
        silence=silence,
        answered_at=last.answered_at,
        live_at=None if last.is_late else last.at,
        late_at=last.at if last.is_late else None,
        moment=last.moment,
        moment_since=None if last.moment is None else last.at,
        moment_count=0 if last.moment is None else 1,
    )


def silence_of(connection: Connection | None, *, at: float) -> Silence:
    """Return when a terminal could not reach the platform last, as far as its connection tells.

    Args:
        connection: None when that is not watched.
        at: now.
    """
    if connection is None:
        return Silence(since=at, until=at, blind_s=None, is_certain=False)
    blind_s = max(_BLIND_S, 2 * connection.blind_s)
    if not connection.is_online:
        return Silence(connection.since, at, blind_s, is_certain=True)
    if connection.lost_at is None:
        # Heard for the first time: nothing was cut off.
        return Silence(connection.since, connection.since, blind_s, is_certain=False)
    return Silence(connection.lost_at, connection.since, blind_s, is_certain=True)
