"""Live or late, and what a terminal's clock tells: the judgement by itself (decision 0021)."""

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.clock_learning import is_exact, judge
from devices.clock_state import (
    ClockState,
    Connection,
    HeardMoment,
    LastMessage,
    Silence,
    recalled,
    silence_of,
)

HOUR, DAY = 3600.0, 86400.0
T = 1_780_000_000.0
UNWATCHED = silence_of(None, at=T)


class Terminal:
    """Uploads of one terminal, judged one after the other as its row would keep them."""

    def __init__(self, *, connection: Connection | None = None) -> None:
        self.state, self.last, self.connection = ClockState(), None, connection

    def send(
        self,
        at: float,
        skew: float | None,
        *,
        key: str = "",
        behind: float | None = None,
    ) -> bool:
        """Let an upload arrive at ``T + at``; ``behind`` seconds after the answer before it.

        Without a skew its moment cannot be read.
        """
        began = T + at
        if behind is not None:
            assert self.state.answered_at is not None
            began = self.state.answered_at + behind
        moment = None if skew is None else T + at - skew
        heard = HeardMoment(
            at=T + at, began=began, moment=moment, key=key, is_unreadable=moment is None
        )
        if is_exact(self.state, heard):
            is_live = True
        else:
            silence = silence_of(self.connection, at=T + at)
            judged = judge(recalled(self.state, last=self.last, silence=silence), heard)
            is_live, self.state = judged.is_live, judged.state
        self.last = LastMessage(T + at, T + at + 0.1, heard.moment, is_late=not is_live)
        if self.state.is_doubted:
            self.state = replace(self.state, answered_at=T + at + 0.1)
        return is_live


@pytest.mark.parametrize("skew", [0, 60, -60, 59.9])
def test_within_a_minute_of_true_time_is_now(skew: float) -> None:
    assert Terminal().send(0, skew)


@pytest.mark.parametrize("skew", [61, -61, HOUR, -HOUR, 20 * 365 * DAY])
def test_anything_else_is_late_until_its_clock_is_known(skew: float) -> None:
    assert not Terminal().send(0, skew)


def test_without_a_moment_it_is_now() -> None:
    heard = HeardMoment(at=T, began=T, moment=None)

    assert is_exact(ClockState(), heard)
    assert judge(ClockState(), heard).is_live


@pytest.mark.parametrize("skew", [3 * HOUR, -3 * HOUR, T - 946_684_800, T - 9000, 90, -90])
def test_two_messages_ten_seconds_apart_tell_a_clock_that_jumped(skew: float) -> None:
    terminal = Terminal()

    assert [terminal.send(at, skew) for at in (0, 12, 40)] == [False, True, True]


@pytest.mark.parametrize(("second_at", "second_skew"), [(9, 7200), (12, 7204), (12, 7196)])
def test_too_close_or_at_another_pace_tells_nothing(second_at: float, second_skew: float) -> None:
    terminal = Terminal()

    assert not terminal.send(0, 7200)
    assert not terminal.send(second_at, second_skew)


def test_what_comes_right_behind_an_answer_tells_nothing() -> None:
    """A queue whose pictures take as long to send as passed between its people."""
    terminal = Terminal()

    assert not any(terminal.send(at, 7200, behind=1.9 if at else None) for at in range(0, 200, 10))
    # The next one comes by itself.
    assert terminal.send(300, 7200)


def test_another_pace_in_between_speaks_against_a_clock() -> None:
    terminal = Terminal()
    terminal.send(0, 7200)
    terminal.send(6, 7100, behind=0.2)

    assert not terminal.send(12, 7200)


def test_the_known_clock_beats_another_one_as_long_as_messages_fit_it() -> None:
    terminal = Terminal()
    uploads = [(0, 0), (20, 7200), (26, 0), (32, 7200), (38, 0)]

    assert [terminal.send(*one) for one in uploads] == [True, False, True, False, True]


def test_a_queue_at_the_pace_of_a_clock_takes_two_minutes_to_be_believed() -> None:
    """Behind a known outage: passes of every twelve seconds, sent every twelve seconds."""
    terminal = Terminal(
        connection=Connection(is_online=True, since=T + 7200, lost_at=T + 60, blind_s=120)
    )
    assert terminal.send(0, 0)

    queue = [terminal.send(7210 + 12 * one, 7000) for one in range(9)]

    assert not any(queue)


def test_a_connected_terminal_has_no_queue() -> None:
    """Nobody passed for hours, and meanwhile the clock fell back by one."""
    terminal = Terminal(
        connection=Connection(is_online=True, since=T - DAY, lost_at=None, blind_s=120)
    )
    assert terminal.send(0, 0)

    assert [terminal.send(8 * HOUR + at, HOUR) for at in (0, 12)] == [False, True]


def test_a_clock_that_is_set_right_is_right_at_once() -> None:
    for skew in (HOUR, -HOUR):
        terminal = Terminal()
        terminal.send(0, skew)
        assert terminal.send(12, skew)

        assert terminal.send(20, 1)
        assert terminal.state.skew_s is None


def test_an_hours_queue_of_a_clock_that_is_an_hour_ahead_is_not_of_now() -> None:
    terminal = Terminal()
    terminal.send(0, -HOUR)
    assert terminal.send(12, -HOUR)
    terminal.connection = Connection(
        is_online=True, since=T + 2 * HOUR, lost_at=T + 60, blind_s=120
    )

    # Made an hour ago, and said to be of now.
    assert not any(terminal.send(2 * HOUR + at, at - 30, behind=None) for at in range(1, 60, 5))


def test_a_clock_that_stands_still_says_no_moment() -> None:
    terminal = Terminal()
    frozen = [terminal.send(at, HOUR + at, key=str(at)) for at in (0, 12, 13, 700)]

    assert frozen == [False, True, True, True]
    assert terminal.state.is_still
    # It goes again.
    assert not terminal.send(800, 2 * HOUR)
    assert not terminal.state.is_still


def test_one_message_that_failed_and_comes_again_is_no_clock_that_stands_still() -> None:
    terminal = Terminal()

    assert not any(terminal.send(at, HOUR + at, key="one") for at in (0, 12, 40, 400))
    assert not terminal.state.is_still


def test_what_cannot_be_read_opens_for_people_who_come_one_by_one() -> None:
    for connection in (None, Connection(is_online=True, since=T, lost_at=None, blind_s=120)):
        terminal = Terminal(connection=connection)

        assert all(terminal.send(at, None) for at in (0, 3, 60, DAY))


def test_a_queue_that_cannot_be_read_opens_nothing_while_it_drains() -> None:
    back = Connection(is_online=True, since=T, lost_at=T - HOUR, blind_s=120)
    terminal = Terminal(connection=back)

    # Longer than a terminal counts as just back.
    assert not any(terminal.send(0.5 * number, None) for number in range(240))
    # Who comes now may wait behind it, for a minute.
    assert [terminal.send(120 + at, None) for at in (5, 30, 59, 65)] == [False] * 3 + [True]
    assert not terminal.state.is_doubted


def test_what_cannot_be_read_opens_nothing_right_behind_an_answer() -> None:
    """Nothing watches the terminal's connection."""
    terminal = Terminal()
    terminal.send(0, None)

    assert not any(terminal.send(1 + number, None) for number in range(30))
    assert terminal.send(40, None)


def test_what_cannot_be_read_teaches_nothing() -> None:
    terminal = Terminal()
    terminal.send(0, HOUR)
    assert terminal.send(12, HOUR)
    assert terminal.send(20, None)

    assert terminal.send(30, HOUR)
    assert terminal.state.skew_s == HOUR


def test_a_clock_that_tells_whole_minutes_is_learnt() -> None:
    terminal = Terminal()

    def send(at: float) -> bool:
        return terminal.send(at, 3 * HOUR + (T + at) % 60)

    assert [send(at) for at in (0, 30, 70)] == [False, False, True]
    assert [send(at) for at in range(100, 700, 7)].count(False) <= 2


def test_a_clock_that_drifts_is_followed() -> None:
    terminal = Terminal()
    # Half a minute a day, somebody every ten minutes.
    days = [terminal.send(at, at * 30 / DAY) for at in range(0, int(9 * DAY), 600)]

    assert all(days)
    assert terminal.state.skew_s is not None
    assert terminal.state.skew_s > 200


def test_the_smaller_skew_is_closer_to_the_truth() -> None:
    """A slow line while the clock is learnt must not let through what is older later."""
    terminal = Terminal()
    terminal.send(0, HOUR + 2.5)
    terminal.send(12, HOUR + 2.5)
    assert terminal.send(20, HOUR)

    assert terminal.send(90, HOUR + 60)
    assert not terminal.send(100, HOUR + 61)


def test_ages_are_told_by_a_known_clock_only() -> None:
    unknown = judge(ClockState(), HeardMoment(T, T, T - 600))
    known = ClockState(live_at=T - 3000, answered_at=T - 0.5, silence=UNWATCHED)
    drained = judge(known, HeardMoment(T, T, T - 600))
    jumped = judge(replace(known, answered_at=T - 30), HeardMoment(T, T, T - DAY))

    assert (unknown.is_live, unknown.age_s) == (False, None)
    assert (drained.is_live, drained.age_s) == (False, 600)
    assert (jumped.is_live, jumped.age_s) == (False, None)


def test_a_state_is_kept_as_json() -> None:
    terminal = Terminal(
        connection=Connection(is_online=True, since=T - 50, lost_at=T - 900, blind_s=120)
    )
    terminal.send(0, HOUR, key="a")

    plain = json.loads(json.dumps(terminal.state.to_plain()))

    assert ClockState.from_plain(terminal.state.skew_s, plain) == terminal.state
    assert isinstance(terminal.state.silence, Silence)


@given(
    queue=st.lists(st.floats(0.3, 900), min_size=2, max_size=60),
    pauses=st.lists(st.floats(0.0, 1.9), min_size=60, max_size=60),
    is_newest_first=st.booleans(),
)
def test_no_queue_that_drains_back_to_back_opens(
    queue: list[float], pauses: list[float], is_newest_first: bool
) -> None:
    terminal = Terminal()
    made, moments = 0.0, []
    for gap in queue:
        made += gap
        moments.append(T + made)
    at = made + 61.5
    if is_newest_first:
        moments.reverse()
    for number, (moment, pause) in enumerate(zip(moments, pauses, strict=False)):
        skew = T + at - moment
        live = terminal.send(at, skew, behind=pause if number else None)
        assert not live
        at += pause + 0.1


@pytest.fixture(scope="module")
def simulation() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "simulate_clocks.py"
    spec = importlib.util.spec_from_file_location("simulate_clocks", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_simulation_keeps_doors_closed_to_queues_and_open_to_people(
    simulation: Any,
) -> None:
    tallies = simulation.simulate(days=1.5, seed=5, rounds=1)
    total = simulation.Tally()
    for tally in tallies.values():
        total.add(tally)

    assert total.late_closed > 500
    # A queue that happens to keep the pace of a clock for minutes is not told from one.
    assert total.late_opened <= total.late_closed / 200
    assert total.live_closed <= total.live_opened / 20
    assert total.given_up <= total.live_opened / 500
    assert "stands still" in simulation.table(tallies, by=0)
