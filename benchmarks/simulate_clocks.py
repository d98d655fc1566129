"""Simulation of passes with wrong terminal clocks and replayed queues.

Terminals are invented, the judgement is the platform's own (``devices.clock_learning``). Clocks are
right, drift, jump, fall back to 1970 or 2000, stand still, tell whole minutes or take summer time;
each has outages of minutes to weeks whose passes are sent afterwards, in several orders and at
several paces. A person at a closed door tries again.

The table says for each kind how many passes of now opened and did not, how many older than a minute
opened and did not, and for how long people stood at a closed door. ``python
benchmarks/simulate_clocks.py`` prints it.
"""

import argparse
import heapq
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from devices.clock_learning import LIVE_WITHIN_S, is_exact, judge
from devices.clock_state import (
    ClockState,
    Connection,
    HeardMoment,
    LastMessage,
    recalled,
    silence_of,
)

START = 1_780_000_000.0
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
_TRIES = 60
_BLIND_S = 120.0

Clock = Callable[[float], float]


@dataclass
class Tally:
    """The confusion table of one kind, and how long people stood at a closed door."""

    live_opened: int = 0
    live_closed: int = 0
    late_opened: int = 0
    late_closed: int = 0
    waits_s: list[float] = field(default_factory=list)
    given_up: int = 0

    def add(self, other: "Tally") -> None:
        """Add another tally."""
        self.live_opened += other.live_opened
        self.live_closed += other.live_closed
        self.late_opened += other.late_opened
        self.late_closed += other.late_closed
        self.waits_s += other.waits_s
        self.given_up += other.given_up


@dataclass(frozen=True)
class Outage:
    """Outage of a terminal, which sends its queue afterwards.

    Attributes:
        order: "oldest", "newest" or "mixed" first.
        pace: "back" to back, in "batches", or "slow": a pause behind each.
        queues_now: what happens meanwhile waits behind the queue too.
    """

    begins: float
    lasts: float
    order: str = "oldest"
    pace: str = "back"
    queues_now: bool = True


@dataclass(order=True)
class _Event:
    at: float
    number: int
    kind: str = field(compare=False)
    captured_at: float = field(compare=False, default=0.0)
    first: float = field(compare=False, default=0.0)
    tries: int = field(compare=False, default=1)


class Platform:
    """One terminal's row and records, kept as the platform keeps them."""

    def __init__(self, *, is_watched: bool) -> None:
        self.is_watched = is_watched
        self.connection = Connection(is_online=True, since=START, lost_at=None, blind_s=_BLIND_S)
        self.state = ClockState()
        self.last: LastMessage | None = None

    def take(self, heard: HeardMoment, answered_at: float) -> bool:
        """Judge an upload, note its answer, and return whether it is live."""
        state, is_live = self.state, True
        if not is_exact(state, heard):
            connection = self.connection if self.is_watched else None
            silence = silence_of(connection, at=heard.at)
            state = recalled(state, last=self.last, silence=silence)
            judged = judge(state, heard)
            state, is_live = judged.state, judged.is_live
        # What is not doubted is not kept.
        kept = replace(state, answered_at=answered_at) if state.is_doubted else None
        self.state = kept or ClockState(skew_s=state.skew_s)
        self.last = LastMessage(heard.at, answered_at, heard.moment, is_late=not is_live)
        return is_live


class Door:
    """A terminal with its clock, its outages, and the people in front of it."""

    def __init__(
        self, clock: Clock, outages: list[Outage], rng: random.Random, *, is_watched: bool
    ) -> None:
        self.clock, self.outages, self.rng = clock, outages, rng
        self.platform = Platform(is_watched=is_watched)
        self.tally = Tally()
        self.queue: list[_Event] = []
        self.events: list[_Event] = []
        self.numbers = 0
        self.drains: Outage | None = None
        self.sent = 0
        # One stands at the door, the others behind.
        self.is_taken = False
        self.line: list[float] = []

    def run(self, passes: Iterator[float]) -> Tally:
        """Let people pass until there are no more, and return what opened."""
        for captured_at in passes:
            self._plan(captured_at, "come", first=captured_at)
        for outage in self.outages:
            self._plan(outage.begins + _BLIND_S, "lost")
            self._plan(outage.begins + outage.lasts, "back")
        while self.events:
            event = heapq.heappop(self.events)
            getattr(self, f"_{event.kind}")(event)
        return self.tally

    def _plan(
        self, at: float, kind: str, *, captured_at: float = 0.0, first: float = 0.0, tries: int = 1
    ) -> None:
        self.numbers += 1
        heapq.heappush(self.events, _Event(at, self.numbers, kind, captured_at, first, tries))

    def _cut_off(self, at: float) -> bool:
        return any(one.begins <= at < one.begins + one.lasts for one in self.outages)

    def _lost(self, event: _Event) -> None:
        if self._cut_off(event.at):
            since = event.at - _BLIND_S
            self.platform.connection = Connection(
                is_online=False, since=since, lost_at=None, blind_s=_BLIND_S
            )

    def _back(self, event: _Event) -> None:
        before = self.platform.connection
        if not before.is_online:
            self.platform.connection = Connection(
                is_online=True, since=event.at, lost_at=before.since, blind_s=_BLIND_S
            )
        self.drains = next(o for o in self.outages if o.begins + o.lasts == event.at)
        if self.drains.order == "newest":
            self.queue.reverse()
        elif self.drains.order == "mixed":
            self.rng.shuffle(self.queue)
        self.sent = 0
        self._plan(event.at + self.rng.uniform(0.1, 5.0), "drain")

    def _come(self, event: _Event) -> None:
        if self.is_taken:
            self.line.append(event.first)
            return
        self.is_taken = True
        self._pass(replace(event, captured_at=event.at, first=event.at))

    def _go(self, at: float) -> None:
        self.is_taken = False
        if self.line:
            self._plan(at + self.rng.uniform(1, 3), "come", first=self.line.pop(0))

    def _pass(self, event: _Event) -> None:
        is_queued = self._cut_off(event.at) or (
            self.drains is not None and self.drains.queues_now and bool(self.queue)
        )
        if is_queued:
            self.queue.append(event)
            self._go(event.at)
            return
        self._send(event, event.at + self.rng.uniform(0.05, 0.4))

    def _drain(self, event: _Event) -> None:
        if not self.queue or self.drains is None or self._cut_off(event.at):
            return
        answered_at = self._send(self.queue.pop(0), event.at, has_waited=True)
        self.sent += 1
        pause_s = self.rng.uniform(0.02, 0.5)
        if self.drains.pace == "slow":
            pause_s = self.rng.uniform(2.1, 20.0)
        elif self.drains.pace == "batches" and self.sent % 10 == 0:
            pause_s = self.rng.uniform(5.0, 60.0)
        self._plan(answered_at + pause_s, "drain")

    def _send(self, event: _Event, began: float, *, has_waited: bool = False) -> float:
        at = began + self.rng.uniform(0.01, 0.3)
        answered_at = at + self.rng.uniform(0.03, 0.3)
        heard = HeardMoment(at=at, began=began, moment=self.clock(event.captured_at))
        is_live = self.platform.take(heard, answered_at)
        if at - event.captured_at > LIVE_WITHIN_S:
            self.tally.late_opened += is_live
            self.tally.late_closed += not is_live
            return answered_at
        self.tally.live_opened += is_live
        self.tally.live_closed += not is_live
        if has_waited:
            return answered_at
        if is_live:
            self.tally.waits_s.append(at - event.first)
            self._go(answered_at)
        elif event.tries >= _TRIES:
            self.tally.given_up += 1
            self._go(answered_at)
        else:
            again = answered_at + self.rng.uniform(2.1, 8.0)
            self._plan(again, "pass", captured_at=again, first=event.first, tries=event.tries + 1)
        return answered_at


def arrival_times(rng: random.Random, *, lasts: float, rush_s: float = HOUR) -> list[float]:
    """Return when people pass: every few minutes, and every few seconds in the rush hours."""
    at, end, passes = START, START + lasts, []
    while at < end:
        hour = (at - START) % DAY / HOUR
        is_rush = 7.5 <= hour < 7.5 + rush_s / HOUR or 17 <= hour < 17 + rush_s / HOUR
        is_night = hour >= 22 or hour < 6
        if is_rush:
            at += rng.uniform(1, 15)
        else:
            at += rng.expovariate(1 / (3 * HOUR if is_night else 5 * MINUTE))
        passes.append(at)
    return passes


def clocks(turn: float) -> dict[str, Clock]:
    """Return the kinds of clock; those that jump do it at ``turn``."""

    def whole_seconds(at: float) -> float:
        return float(int(at))

    def off(seconds: float) -> Clock:
        return lambda at: whole_seconds(at if at < turn else at + seconds)

    def reset(to: float) -> Clock:
        return lambda at: whole_seconds(at if at < turn else to + at - turn)

    def minutes(seconds: float) -> Clock:
        return lambda at: (at if at < turn else at + seconds) // MINUTE * MINUTE

    return {
        "right": whole_seconds,
        "20 s a day fast": lambda at: whole_seconds(at + (at - START) * 20 / DAY),
        "20 s a day slow": lambda at: whole_seconds(at - (at - START) * 20 / DAY),
        "10 s an hour slow": lambda at: whole_seconds(at - (at - START) * 10 / HOUR),
        "jumps 25 min back": off(-25 * MINUTE),
        "jumps 3 h back": off(-3 * HOUR),
        "jumps 3 h ahead": off(3 * HOUR),
        "jumps 90 s back": off(-90),
        "jumps 90 s ahead": off(90),
        "summer time": off(HOUR),
        "end of summer time": off(-HOUR),
        "falls back to 1970": reset(0.0),
        "falls back to 2000": reset(946_684_800.0),
        "stands still": lambda at: whole_seconds(min(at, turn)),
        "whole minutes": minutes(0),
        "whole minutes, 3 h back": minutes(-3 * HOUR),
        "ahead, set right": lambda at: whole_seconds(at + HOUR if at < turn else at),
        "behind, set right": lambda at: whole_seconds(at - HOUR if at < turn else at),
    }


def outages(rng: random.Random, lasts: float) -> dict[str, list[Outage]]:
    """Return the kinds of outage, each at some time of a day, in every order and pace."""
    kinds: dict[str, list[Outage]] = {"none": []}
    spans = {"10 min": 10 * MINUTE, "1 h": HOUR, "a night": 10 * HOUR, "2 weeks": 14 * DAY}
    for name, span in spans.items():
        if span >= lasts / 2:
            continue
        for order in ("oldest", "newest", "mixed"):
            for pace in ("back", "batches", "slow"):
                begins = START + rng.uniform(0.1, 0.9) * (lasts - span)
                queues_now = rng.random() < 0.5
                outage = Outage(begins, span, order, pace, queues_now=queues_now)
                kinds[f"{name}, {order} first, {pace}"] = [outage]
    # The morning's rush hour whole.
    begins = START + DAY + 7.4 * HOUR
    for pace in ("back", "batches", "slow"):
        kinds[f"rush hour, {pace}"] = [Outage(begins, 1.2 * HOUR, "oldest", pace)]
    return kinds


def simulate(
    *, days: float, seed: int, rounds: int, is_watched: bool = True
) -> dict[tuple[str, str], Tally]:
    """Return a tally for each kind of clock and each kind of outage.

    Args:
        days: how long each door is looked at.
        seed: of the random numbers.
        rounds: how often, each time with other passes and outages.
        is_watched: the terminals send heartbeats, so that outages are known.
    """
    tallies: dict[tuple[str, str], Tally] = {}
    for number in range(rounds):
        rng = random.Random(f"{seed}-{number}")
        lasts = days * DAY
        turn = START + rng.uniform(0.3, 0.7) * lasts
        passes = arrival_times(rng, lasts=lasts)
        kinds = list(outages(rng, lasts).items())
        for name, clock in clocks(turn).items():
            # Each clock with some outages a round.
            for outage, cuts in rng.sample(kinds, 5):
                door = Door(clock, cuts, rng, is_watched=is_watched)
                tallies.setdefault((name, outage), Tally()).add(door.run(iter(passes)))
    return tallies


def table(tallies: dict[tuple[str, str], Tally], *, by: int) -> str:
    """Return the tallies summed by clock (0) or by outage (1) as a table."""
    sums: dict[str, Tally] = {}
    for key, tally in tallies.items():
        sums.setdefault(key[by], Tally()).add(tally)
    total = Tally()
    for tally in sums.values():
        total.add(tally)
    head = (
        f"{'':34}{'now: open':>11}{'closed':>8}{'late: open':>12}{'closed':>9}"
        f"{'waited':>9}{'in vain':>9}"
    )
    lines = [head]
    for name, tally in [*sums.items(), ("all", total)]:
        waited = max(tally.waits_s, default=0.0)
        lines.append(
            f"{name:34}{tally.live_opened:11}{tally.live_closed:8}{tally.late_opened:12}"
            f"{tally.late_closed:9}{waited:7.0f} s{tally.given_up:9}"
        )
    return "\n".join(lines)


def main() -> None:
    """Run the simulation and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--unwatched", action="store_true", help="no heartbeats: outages unknown")
    chosen = parser.parse_args()
    tallies = simulate(
        days=chosen.days,
        seed=chosen.seed,
        rounds=chosen.rounds,
        is_watched=not chosen.unwatched,
    )
    print(table(tallies, by=0), table(tallies, by=1), sep="\n\n")


if __name__ == "__main__":
    main()
