"""Terminals' clocks on their rows: what is read, written, and who sees whose."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from devices.choices import Presence
from devices.models import PresenceChange, Terminal
from devices.services import ClockTurn, LastUpload, clock_answered, clock_heard, clock_known

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Row:
    """A terminal's row, read anew for each upload as its admission does."""

    def __init__(self, terminal: Terminal) -> None:
        self.pk = terminal.pk
        self.last: LastUpload | None = None

    @property
    def terminal(self) -> Terminal:
        return Terminal.objects.select_related("site").get(pk=self.pk)

    def send(self, second: float, skew_s: float, key: str = "") -> tuple[bool, ClockTurn | None]:
        """Let an upload arrive so many seconds after noon."""
        at = NOON + timedelta(seconds=second)
        moment = at - timedelta(seconds=skew_s)
        judged, turn = clock_heard(
            terminal=self.terminal,
            at=at,
            began=at,
            moment=moment,
            key=key or f"{second}",
            last=lambda: self.last,
        )
        answered_at = at + timedelta(seconds=0.2)
        clock_answered(terminal_id=self.pk, at=answered_at)
        self.last = LastUpload(at, answered_at, moment, is_late=not judged.is_live)
        return judged.is_live, turn


@pytest.fixture
def row(terminal: Terminal) -> Row:
    return Row(terminal)


def test_a_clock_that_fits_costs_nothing(
    terminal: Terminal, django_assert_num_queries: Any
) -> None:
    def last() -> None:
        raise AssertionError("nothing is to be learnt")

    for learnt, skew in ((None, 0.4), (None, -3), (None, 5), (7200.0, 7201)):
        known = Terminal.objects.get(pk=terminal.pk)
        known.clock_learnt_s = learnt
        known.clock_is_wrong = learnt is not None
        with django_assert_num_queries(0):
            judged, turn = clock_heard(
                terminal=known,
                at=NOON,
                began=NOON,
                moment=NOON - timedelta(seconds=skew),
                key="1",
                last=last,
            )
        assert (judged.is_live, turn) == (True, None)


def test_a_clock_that_is_behind_is_called_so_when_it_is_learnt(row: Row) -> None:
    assert [row.send(at, 7200) for at in (0, 12)] == [
        (False, None),
        (True, ClockTurn(is_wrong=True, skew_s=7200)),
    ]
    terminal = row.terminal
    assert (terminal.clock_is_wrong, terminal.clock_skew_s) == (True, 7200)
    assert (terminal.clock_learnt_s, terminal.clock_learning) == (7200, {})


def test_a_moment_in_the_future_is_a_wrong_clock_at_once(row: Row) -> None:
    assert row.send(0, -7200) == (False, ClockTurn(is_wrong=True, skew_s=-7200))


def test_a_clock_set_wrong_anew_stays_wrong(row: Row) -> None:
    turns = [row.send(at, skew)[1] for at, skew in ((0, -900), (60, 86400), (80, 86400))]

    assert [turn is not None for turn in turns] == [True, False, False]
    assert row.terminal.clock_skew_s == 86400


def test_a_clock_that_is_set_is_right_again(row: Row) -> None:
    assert [turn and turn.is_wrong for _, turn in (row.send(0, -900), row.send(60, 2))] == [
        True,
        False,
    ]
    terminal = row.terminal
    assert (terminal.clock_is_wrong, terminal.clock_skew_s) == (False, None)


def test_a_minutes_difference_is_learnt_and_not_called_wrong(row: Row) -> None:
    assert [row.send(at, 200) for at in (0, 12)] == [(False, None), (True, None)]
    assert (row.terminal.clock_learnt_s, row.terminal.clock_is_wrong) == (200, False)


def test_a_queue_that_drains_is_no_wrong_clock(row: Row) -> None:
    """Three hours of passes, uploaded in twenty minutes, then one of now."""
    drained = [(60 * minute, 10800 - minute * 540) for minute in range(20)]

    assert [row.send(*one) for one in (*drained, (1260, 1))] == [
        *[(False, None)] * 20,
        (True, None),
    ]


def test_a_clock_that_stands_still_turns(row: Row) -> None:
    turns = [row.send(at, 9007 + at)[1] for at in (0, 12, 30)]

    assert [turn is not None for turn in turns] == [False, True, False]
    assert turns[1] is not None
    assert turns[1].is_still
    assert row.terminal.clock_stands_still


def test_an_outage_that_was_noticed_makes_its_queue_doubtful(row: Row) -> None:
    back = NOON + timedelta(hours=2)
    Terminal.objects.update(presence=Presence.ONLINE, presence_since=back)
    PresenceChange.objects.create(
        terminal_id=row.pk, presence=Presence.OFFLINE, at=NOON + timedelta(minutes=2)
    )
    row.send(-5, 0)

    assert [row.send(7210 + 12 * one, 7000)[0] for one in range(9)] == [False] * 9


def test_a_terminal_that_is_gone_teaches_nothing(terminal: Terminal) -> None:
    gone = Terminal.objects.get(pk=terminal.pk)
    terminal.delete()

    judged, turn = clock_heard(
        terminal=gone,
        at=NOON,
        began=NOON,
        moment=NOON - timedelta(hours=1),
        key="1",
        last=lambda: None,
    )
    clock_answered(terminal_id=gone.pk, at=NOON)

    assert (judged.is_live, turn) == (False, None)


def test_what_is_known_says_an_age_and_learns_nothing(
    terminal: Terminal, django_assert_num_queries: Any
) -> None:
    moment = NOON - timedelta(hours=1)
    with django_assert_num_queries(0):
        ages = [
            clock_known(terminal=terminal, at=NOON, moment=moment, is_sure=sure).age_s
            for sure in (True, False)
        ]

    assert ages == [3600, None]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_uploads_that_arrive_at_once_turn_it_once(terminal: Terminal) -> None:
    for _ in range(10):
        Terminal.objects.filter(pk=terminal.pk).update(
            clock_is_wrong=False, clock_skew_s=None, clock_learnt_s=None, clock_learning={}
        )
        turns: list[ClockTurn | None] = []
        start = threading.Barrier(4)

        def upload(start: threading.Barrier = start, turns: list[ClockTurn | None] = turns) -> None:
            known = Terminal.objects.select_related("site").get(pk=terminal.pk)
            start.wait()
            turns.append(
                clock_heard(
                    terminal=known,
                    at=NOON,
                    began=NOON,
                    moment=NOON + timedelta(hours=3),
                    key="1",
                    last=lambda: None,
                )[1]
            )
            connection.close()

        threads = [threading.Thread(target=upload) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len([turn for turn in turns if turn]) == 1
