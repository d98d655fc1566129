"""The embedded server has room for doors, whatever else is connected."""

import asyncio
import resource
from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server_common import connection_limits
from server_common.connection_limits import Connections, connections_allowed


class Line(asyncio.Transport):
    """A connection; knows whether it was ended."""

    def __init__(self, name: str = "") -> None:
        super().__init__()
        self.name = name
        self.is_ended = False

    def abort(self) -> None:
        self.is_ended = True

    def __repr__(self) -> str:
        return self.name


def test_who_has_waited_longest_makes_room() -> None:
    connections = Connections(most=3)
    lines = [Line(str(number)) for number in range(5)]

    assert all(connections.enter(one, f"10.0.0.{one.name}") for one in lines[:3])
    connections.work(lines[0])
    assert connections.enter(lines[3], "10.0.0.3")
    connections.work(lines[2])
    connections.rest(lines[2])
    assert connections.enter(lines[4], "10.0.0.4")

    assert [one.is_ended for one in lines] == [False, True, False, True, False]
    assert len(connections) == 3


def test_requests_that_are_answered_are_not_broken_off() -> None:
    connections = Connections(most=2)
    lines = [Line(), Line()]
    for one in lines:
        connections.enter(one, "10.0.0.1")
        connections.work(one)

    assert not connections.enter(Line(), "10.0.0.2")
    assert not any(one.is_ended for one in lines)
    connections.leave(lines[0])
    assert connections.enter(Line(), "10.0.0.2")


def test_an_address_takes_no_room_from_others() -> None:
    connections = Connections(most=100, most_per_address=2)
    door = Line()
    connections.enter(door, "10.0.0.1")
    greedy = [Line() for _ in range(50)]

    assert all(connections.enter(one, "10.0.0.2") for one in greedy)

    assert not door.is_ended
    assert [one.is_ended for one in greedy] == [True] * 48 + [False] * 2
    # A proxy speaks for many.
    assert all(connections.enter(Line(), "") for _ in range(20))
    assert len(connections) == 23


def test_half_requests_behind_the_address_of_a_fleet_end_none_of_its_connections() -> None:
    connections = Connections(most=2000, most_per_address=1000)
    fleet = [Line() for _ in range(500)]
    for one in fleet:
        assert connections.enter(one, "10.0.0.1")
        connections.work(one)
        connections.rest(one)
    halves = [Line() for _ in range(600)]

    assert all(connections.enter(one, "10.0.0.1") for one in halves)

    assert not any(one.is_ended for one in fleet)
    assert [one.is_ended for one in halves] == [True] * 100 + [False] * 500


def test_the_address_with_most_half_requests_makes_room_first() -> None:
    connections = Connections(most=6)
    slow, resting, door = Line(), Line(), Line()
    connections.enter(slow, "10.0.0.1")
    connections.enter(resting, "10.0.0.2")
    connections.work(resting)
    connections.rest(resting)
    halves = [Line() for _ in range(4)]
    for one in halves:
        connections.enter(one, "10.0.0.3")

    assert connections.enter(door, "10.0.0.4")

    assert [one.is_ended for one in halves] == [True, False, False, False]
    assert not slow.is_ended
    assert not resting.is_ended


def test_a_connection_that_rests_and_begins_again_is_a_half_request() -> None:
    connections = Connections(most=2)
    resting, again = Line(), Line()
    for one in (again, resting):
        connections.enter(one, "10.0.0.1")
        connections.work(one)
        connections.rest(one)
    connections.begin(again)

    assert connections.enter(Line(), "10.0.0.2")
    assert (again.is_ended, resting.is_ended) == (True, False)


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["enter", "begin", "rest", "work", "leave"]), st.integers(0, 9))
    )
)
def test_limits_hold_and_nothing_is_left_behind(steps: list[tuple[str, int]]) -> None:
    connections = Connections(most=5, most_per_address=3)
    lines = [Line(str(number)) for number in range(10)]
    inside: deque[Line] = deque()
    for step, number in steps:
        line = lines[number]
        if step != "enter":
            getattr(connections, step)(line)
            if step == "leave" and line in inside:
                inside.remove(line)
        elif line not in inside:
            line.is_ended = False
            if connections.enter(line, str(number % 3)):
                inside.append(line)
            inside = deque(one for one in inside if not one.is_ended)
        assert len(connections) == len(inside) <= 5
        for address in range(3):
            assert sum(int(one.name) % 3 == address for one in inside) <= 3
    for line in lines:
        connections.leave(line)
    assert len(connections) == 0
    assert not connections._addresses


@pytest.mark.parametrize(
    ("soft", "hard", "allowed", "raised"),
    [
        (100_000, 100_000, 2000, None),
        (1024, 100_000, 2000, 2512),
        (1024, 1524, 1012, 1524),
        (256, 256, 64, 256),
        (1024, resource.RLIM_INFINITY, 2000, 2512),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, 2000, None),
    ],
)
def test_there_are_files_enough_for_all_connections(
    soft: int, hard: int, allowed: int, raised: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    # The system's limit; this process' own must not change for the tests that follow.
    monkeypatch.setattr(connection_limits.resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(connection_limits.resource, "setrlimit", lambda _, both: told.append(both))

    assert connections_allowed(2000) == allowed
    assert told == ([] if raised is None else [(raised, hard)])
