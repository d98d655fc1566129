"""Progress of a fleet, sampled at intervals."""

import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fleet.statistics import Statistics

if TYPE_CHECKING:
    from fleet.terminal import LightTerminal

_HISTORY: Final = 60  # how many moments are looked back at


@dataclass(frozen=True, slots=True)
class KindProgress:
    """One kind of request.

    Attributes:
        per_s: answers a second since the moment before.
        answered: with HTTP 200, since the start.
        busy: answered with HTTP 503, since the start.
        failed: everything else that went wrong, since the start.
        p50_ms: of the answers since the start; 0 without any.
        p99_ms: the same.
    """

    kind: str
    per_s: float
    answered: int
    busy: int
    failed: int
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a fleet at one time.

    Attributes:
        seconds: since the start; ``planned_s`` is how long people arrive.
        rates: answers a second at this moment and those before, oldest first.
        terminals: all of them; ``in_step`` had nothing new at their last poll.
        held: people on all terminals together.
        waiting: uploads that were not answered yet.
        errors: by request and failure, most frequent first.
    """

    seconds: float
    planned_s: float
    rates: tuple[float, ...]
    kinds: tuple[KindProgress, ...]
    visits: int
    answered: int
    opened: int
    waiting: int
    terminals: int
    in_step: int
    held: int
    errors: tuple[tuple[str, int], ...]

    @property
    def per_s(self) -> float:
        """Answers per second since the previous sample."""
        return self.rates[-1]


class Meter:
    """Sample the progress of a fleet."""

    def __init__(
        self, fleet: Sequence["LightTerminal"], statistics: Statistics, *, planned_s: float
    ) -> None:
        """Begin now."""
        self._fleet = fleet
        self._statistics = statistics
        self._planned_s = planned_s
        self._begin_s = self._then_s = time.monotonic()
        self._before: Counter[str] = Counter()
        self._rates: deque[float] = deque(maxlen=_HISTORY)

    def read(self) -> Progress:
        """Sample the progress; rates are since the previous sample."""
        statistics, now_s = self._statistics, time.monotonic()
        passed_s = max(now_s - self._then_s, 1e-3)
        counts = Counter({kind: one.count for kind, one in statistics.latencies.items()})
        new = counts - self._before
        self._before, self._then_s = counts, now_s
        self._rates.append(new.total() / passed_s)
        return Progress(
            seconds=now_s - self._begin_s,
            planned_s=self._planned_s,
            rates=tuple(self._rates),
            kinds=tuple(
                self._kind(kind, new[kind] / passed_s) for kind in sorted(statistics.asked)
            ),
            visits=statistics.visits,
            answered=statistics.answered,
            opened=statistics.opened,
            waiting=sum(one.waiting for one in self._fleet),
            terminals=len(self._fleet),
            in_step=sum(one.in_step for one in self._fleet),
            held=sum(len(one.held) for one in self._fleet),
            errors=tuple(statistics.errors.most_common()),
        )

    def _kind(self, kind: str, per_s: float) -> KindProgress:
        statistics = self._statistics
        times = statistics.latencies.get(kind)
        failures = sum(
            count for how, count in statistics.errors.items() if how.startswith(f"{kind} ")
        )
        busy = statistics.busy(kind)
        return KindProgress(
            kind=kind,
            per_s=per_s,
            answered=times.count if times else 0,
            busy=busy,
            failed=failures - busy,
            p50_ms=times.quantile_ms(0.5) if times else 0.0,
            p99_ms=times.quantile_ms(0.99) if times else 0.0,
        )


def is_library_empty(now: Progress) -> bool:
    """Return whether terminals are in sync with an empty library."""
    return bool(now.in_step and not now.held)


LIBRARY_EMPTY: Final = "all libraries are empty (are the terminals approved?)"


def line_of(now: Progress) -> str:
    """Return the progress as one line."""
    of_passes = {one.kind: one for one in now.kinds if one.answered}
    passes = of_passes.get("syface") or of_passes.get("syheartbeat")
    times = f", passes p50 {passes.p50_ms:.0f} p99 {passes.p99_ms:.0f} ms" if passes else ""
    errors = sum(count for _, count in now.errors)
    return (
        f"{now.seconds:5.0f} s  {now.per_s:6.0f} requests/s{times}, visits {now.visits},"
        f" answered {now.answered}, opened {now.opened},"
        f" in step {now.in_step}/{now.terminals}, errors {errors}"
        f"{f', {LIBRARY_EMPTY}' if is_library_empty(now) else ''}"
    )
