"""Loops that fail come back, and say so when they keep failing."""

import asyncio

import pytest

from edge_agent.service.supervision import RestartBudget, State, Supervisor
from tests.support.edge.fakes import ListEventLog, ManualClock

BUDGET = RestartBudget(restarts=2, within_s=60.0, pause_s=0.0, degraded_pause_s=0.0)


def supervisor(clock: ManualClock, event_log: ListEventLog) -> Supervisor:
    return Supervisor("camera", clock=clock, event_log=event_log, budget=BUDGET)


async def test_loop_that_returns_is_not_started_again(clock: ManualClock) -> None:
    runs = []

    async def work() -> None:
        runs.append(1)

    watched = supervisor(clock, ListEventLog())
    await watched.supervise(work)

    assert (len(runs), watched.state) == (1, State.STOPPED)


async def test_too_many_failures_in_a_row_mean_degraded_and_still_it_goes_on(
    clock: ManualClock,
) -> None:
    event_log = ListEventLog()
    states: list[State] = []
    watched = supervisor(clock, event_log)

    async def work() -> None:
        states.append(watched.state)
        if len(states) < 6:
            raise RuntimeError("no")

    await watched.supervise(work)

    assert states == [State.RUNNING] * 3 + [State.DEGRADED] * 3
    assert [event["state"] for event in event_log.events] == ["degraded"]


async def test_failures_long_ago_do_not_count(clock: ManualClock) -> None:
    states: list[State] = []
    watched = supervisor(clock, ListEventLog())

    async def work() -> None:
        states.append(watched.state)
        clock.advance(61)
        if len(states) < 8:
            raise RuntimeError("no")

    await watched.supervise(work)

    assert set(states) == {State.RUNNING}


async def test_recovery_is_told(clock: ManualClock) -> None:
    event_log = ListEventLog()
    runs = 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        clock.advance(61 if runs > 4 else 1)
        if runs < 7:
            raise RuntimeError("no")

    await supervisor(clock, event_log).supervise(work)

    assert [event["state"] for event in event_log.events] == ["degraded", "running"]


async def test_cancelling_stops(clock: ManualClock) -> None:
    watched = supervisor(clock, ListEventLog())
    task = asyncio.create_task(watched.supervise(asyncio.Event().wait))  # type: ignore[arg-type]
    await asyncio.sleep(0)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert watched.state is State.STOPPED
