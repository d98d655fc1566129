"""Whether a terminal's clock is right, judged by its uploads (decision 0011)."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from devices.models import Terminal
from devices.services import ClockTurn, clock_judge

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def judged(terminal: Terminal, *uploads: tuple[float, float]) -> list[tuple[float, bool]]:
    """Upload at (minutes after noon, seconds of difference); return turns as (minute, wrong)."""
    turns = []
    for minute, skew_s in uploads:
        turn = clock_judge(
            terminal_id=terminal.pk, skew_s=skew_s, now=NOON + timedelta(minutes=minute)
        )
        if turn is not None:
            turns.append((minute, turn.is_wrong))
    return turns


def test_a_right_clock_turns_nothing_and_writes_nothing(
    terminal: Terminal, django_assert_num_queries: pytest.FixtureRequest
) -> None:
    with django_assert_num_queries(3):  # type: ignore[operator]
        assert judged(terminal, (0, 0.4), (5, 299), (6, -299)) == []


def test_a_moment_in_the_future_is_a_wrong_clock_at_once(terminal: Terminal) -> None:
    turn = clock_judge(terminal_id=terminal.pk, skew_s=-7200, now=NOON)

    assert turn == ClockTurn(is_wrong=True, skew_s=-7200)


def test_a_clock_that_is_behind_is_called_so_after_ten_minutes(terminal: Terminal) -> None:
    assert judged(terminal, (0, 7200), (5, 7230), (9.9, 7170), (10, 7201), (11, 7200)) == [
        (10, True)
    ]
    terminal.refresh_from_db()
    assert (terminal.clock_is_wrong, terminal.clock_skew_s) == (True, 7200)


def test_two_uploads_are_enough(terminal: Terminal) -> None:
    assert judged(terminal, (0, 7200), (180, 7200)) == [(180, True)]


def test_a_queue_that_drains_is_no_wrong_clock(terminal: Terminal) -> None:
    """Three hours of passes, uploaded in twenty minutes, then one of now."""
    drained = [(minute, 10800 - minute * 540) for minute in range(20)]

    assert judged(terminal, *drained, (21, 1)) == []


def test_one_old_message_each_day_is_no_wrong_clock(terminal: Terminal) -> None:
    day = 24 * 60
    uploads = [(0, 3600), (1, 0), (day, 3600), (day + 1, 0), (2 * day, 3600)]

    assert judged(terminal, *uploads) == []


def test_a_clock_that_is_set_is_right_again(terminal: Terminal) -> None:
    assert judged(terminal, (0, -900), (1, 2), (2, 2)) == [(0, True), (1, False)]
    terminal.refresh_from_db()
    assert (terminal.clock_is_wrong, terminal.clock_skew_s) == (False, None)


def test_a_clock_set_wrong_anew_stays_wrong(terminal: Terminal) -> None:
    assert judged(terminal, (0, -900), (5, 86400), (6, -30000)) == [(0, True)]
    terminal.refresh_from_db()
    assert terminal.clock_skew_s == -30000


def test_a_terminal_that_is_gone_is_nobodys_clock(terminal: Terminal) -> None:
    gone = terminal.pk
    terminal.delete()

    assert clock_judge(terminal_id=gone, skew_s=-9000) is None


@given(st.lists(st.tuples(st.floats(0, 60), st.floats(-1e6, 1e9)), max_size=12))
@examples(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_turns_alternate_whatever_comes(
    terminal: Terminal, uploads: list[tuple[float, float]]
) -> None:
    Terminal.objects.filter(pk=terminal.pk).update(
        clock_is_wrong=False, clock_skew_s=None, clock_skew_since=None
    )
    turns = [wrong for _, wrong in judged(terminal, *sorted(uploads))]

    assert turns == [number % 2 == 0 for number in range(len(turns))]
    terminal.refresh_from_db()
    assert terminal.clock_is_wrong is (len(turns) % 2 == 1)


@pytest.mark.django_db(transaction=True)
def test_uploads_that_arrive_at_once_turn_it_once(terminal: Terminal) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite lets one writer in at a time")
    for _ in range(10):
        Terminal.objects.filter(pk=terminal.pk).update(clock_is_wrong=False, clock_skew_s=None)
        turns: list[ClockTurn | None] = []
        start = threading.Barrier(4)

        def upload(start: threading.Barrier = start, turns: list[ClockTurn | None] = turns) -> None:
            start.wait()
            turns.append(clock_judge(terminal_id=terminal.pk, skew_s=-9000))
            connection.close()

        threads = [threading.Thread(target=upload) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len([turn for turn in turns if turn]) == 1
