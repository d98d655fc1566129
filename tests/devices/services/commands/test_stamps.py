"""Timestamps of calls: none twice for one terminal, whoever calls it, however its clock moves."""

import threading
import time

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.choices import CommandKind
from devices.models import Terminal, TerminalCommand, TerminalContact
from devices.services import Requester, command_work, commands_request
from devices.services.commands.stamps import _next, stamp_reserve
from tests.support.terminal_api import TerminalServer

NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000


def reserve(terminal: Terminal, wanted_ms: int, late_ms: int = 60_000) -> int:
    return stamp_reserve(terminal_id=terminal.pk, wanted_ms=wanted_ms, late_ms=late_ms)


@pytest.mark.django_db
def test_a_clock_that_stands_still_gives_rising_timestamps(terminal: Terminal) -> None:
    stamps = [reserve(terminal, NOW_MS) for _ in range(100)]

    assert stamps == sorted(set(stamps))
    assert NOW_MS <= stamps[0] < NOW_MS + 16
    assert stamps[-1] < NOW_MS + 2000


@pytest.mark.django_db
def test_a_clock_that_is_set_back_is_followed_and_meets_nothing_again(terminal: Terminal) -> None:
    first = [reserve(terminal, NOW_MS + number) for number in range(0, 2000, 7)]
    second = [reserve(terminal, NOW_MS + HOUR_MS)]
    third = [reserve(terminal, NOW_MS + number) for number in range(0, 2000, 7)]

    assert len({*first, *second, *third}) == len(first) + 1 + len(third)
    assert third[0] < NOW_MS + 16


@pytest.mark.django_db
def test_a_time_that_is_set_is_not_a_minute_late(terminal: Terminal) -> None:
    reserve(terminal, NOW_MS + 30_000)

    assert NOW_MS <= reserve(terminal, NOW_MS, late_ms=1000) < NOW_MS + 1000


@pytest.mark.django_db
def test_terminals_do_not_share_their_timestamps(terminal: Terminal) -> None:
    other = Terminal.objects.create(site=terminal.site, device_id="other")

    assert reserve(terminal, NOW_MS) == reserve(other, NOW_MS)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just(0), st.integers(0, 20)),
            st.tuples(st.just(0), st.integers(-500, 500)),
            st.tuples(st.just(1), st.integers(-HOUR_MS, HOUR_MS)),
        ),
        max_size=200,
    )
)
def test_no_timestamp_comes_twice(moves: list[tuple[int, int]]) -> None:
    """Time goes on, stands, jitters; and is set back, up to fifteen times."""
    given_out: set[int] = set()
    last_ms, lane, now_ms, set_backs = 0, 0, NOW_MS, 0
    for jumps, by_ms in moves:
        set_backs += jumps
        if set_backs > 15:
            break
        now_ms += by_ms
        last_ms, lane = _next(last_ms, lane, now_ms, 60_000)
        assert last_ms not in given_out
        assert now_ms <= last_ms <= now_ms + 60_000 + 16
        given_out.add(last_ms)


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgres
def test_threads_that_call_at_once_never_share_a_timestamp(terminal: Terminal) -> None:
    """Each has a connection of its own to PostgreSQL, as processes have."""
    given_out: list[list[int]] = [[] for _ in range(8)]
    start = threading.Barrier(len(given_out))

    def take(mine: list[int]) -> None:
        try:
            start.wait(20)
            mine += [reserve(terminal, NOW_MS) for _ in range(50)]
        finally:
            connection.close()

    threads = [threading.Thread(target=take, args=(mine,)) for mine in given_out]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    every = [stamp for mine in given_out for stamp in mine]
    assert len(every) == len(set(every)) == 400
    assert all(mine == sorted(mine) for mine in given_out)
    assert TerminalContact.objects.get(terminal=terminal).stamp_ms == max(every)


def run(terminal: Terminal, kind: CommandKind) -> TerminalCommand:
    asked = commands_request(
        kind=kind, terminals=[terminal], requester=Requester("manager"), reason="parcel"
    )
    command_work(command_id=asked.commands[0].pk)
    asked.commands[0].refresh_from_db()
    return asked.commands[0]


@pytest.mark.django_db
def test_no_two_calls_of_commands_are_signed_alike(gate: Terminal, door: TerminalServer) -> None:
    door.state.takes_stamps_once = True

    for kind in (CommandKind.SETTINGS_READ, CommandKind.OPEN_DOOR, CommandKind.SYNC_TIME) * 3:
        assert run(gate, kind).state == "done"

    assert len(door.state.stamps) == len(set(door.state.stamps)) > 15


@pytest.mark.django_db
@pytest.mark.parametrize("is_known", [False, True])
def test_a_clock_that_is_ahead_is_set_right_and_not_signed_by(
    gate: Terminal, door: TerminalServer, is_known: bool
) -> None:
    """One call signed ahead would keep every right time out until then."""
    door.state.takes_stamps_once = True
    door.state.clock_offset_ms = 5 * HOUR_MS
    if is_known:
        TerminalContact.objects.create(terminal=gate, clock_offset_ms=5 * HOUR_MS)

    assert run(gate, CommandKind.OPEN_DOOR).state == "done"

    assert max(door.state.stamps) < time.time_ns() // 1_000_000 + 2000
    assert abs(door.state.clock_offset_ms) < 2000
    assert TerminalContact.objects.get(terminal=gate).clock_offset_ms == 0
    assert run(gate, CommandKind.SYNC_TIME).state == "done"


@pytest.mark.django_db
def test_a_terminal_that_does_not_let_its_clock_be_set_is_called_by_it(
    gate: Terminal, door: TerminalServer
) -> None:
    door.state.clock_offset_ms, door.state.is_strict_about_sync = 5 * HOUR_MS, True

    assert [run(gate, CommandKind.OPEN_DOOR).state for _ in range(2)] == ["done", "done"]

    assert len(door.state.opened) == 2
    contact = TerminalContact.objects.get(terminal=gate)
    assert abs(contact.clock_offset_ms - 5 * HOUR_MS) < 2000


@pytest.mark.django_db
def test_a_clock_that_is_behind_is_signed_by_as_before(
    gate: Terminal, door: TerminalServer
) -> None:
    """What is signed behind keeps no later time out."""
    door.state.clock_offset_ms = -5 * HOUR_MS

    assert run(gate, CommandKind.OPEN_DOOR).state == "done"

    assert "POST /api/device/syncTime" not in door.state.calls


@pytest.mark.django_db
def test_a_terminal_that_took_a_later_call_is_not_led_by_steps(
    gate: Terminal, door: TerminalServer
) -> None:
    """Each step would be one more call that is ahead of the right time."""
    door.state.takes_stamps_once = True
    door.state.clock_offset_ms = HOUR_MS
    door.state.taken.add(time.time_ns() // 1_000_000 + HOUR_MS // 2)

    command = run(gate, CommandKind.SYNC_TIME)

    assert (command.state, command.code) == ("refused", "10003")
    assert door.state.calls == ["POST /api/device/syncTime"]


@pytest.mark.django_db
def test_a_timestamp_that_another_caller_used_is_replaced(
    gate: Terminal, door: TerminalServer
) -> None:
    door.state.takes_stamps_once = True
    now_ms = time.time_ns() // 1_000_000
    taken = range(now_ms, now_ms + 60_000)
    TerminalContact.objects.create(terminal=gate, stamp_ms=now_ms + 30_000)
    door.state.taken = {stamp for stamp in taken if stamp < now_ms + 30_017}

    assert run(gate, CommandKind.OPEN_DOOR).state == "done"

    assert len(door.state.opened) == 1
    assert len(door.state.stamps) == 2
