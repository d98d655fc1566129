"""Loops that fail come back, and say so when they keep failing."""

import asyncio

import pytest

from edge_agent.service.supervision import RestartBudget, State, Supervisor
from tests.edge_agent.fakes import ListStory, ManualClock

BUDGET = RestartBudget(restarts=2, within_s=60.0, pause_s=0.0, degraded_pause_s=0.0)


def supervisor(clock: ManualClock, story: ListStory) -> Supervisor:
    return Supervisor("camera", clock=clock, story=story, budget=BUDGET)


async def test_loop_that_returns_is_not_started_again(clock: ManualClock) -> None:
    runs = []

    async def work() -> None:
        runs.append(1)

    keeper = supervisor(clock, ListStory())
    await keeper.keep(work)

    assert (len(runs), keeper.state) == (1, State.STOPPED)


async def test_too_many_failures_in_a_row_mean_degraded_and_still_it_goes_on(
    clock: ManualClock,
) -> None:
    story = ListStory()
    states: list[State] = []
    keeper = supervisor(clock, story)

    async def work() -> None:
        states.append(keeper.state)
        if len(states) < 6:
            raise RuntimeError("no")

    await keeper.keep(work)

    assert states == [State.RUNNING] * 3 + [State.DEGRADED] * 3
    assert [event["state"] for event in story.events] == ["degraded"]


async def test_failures_long_ago_do_not_count(clock: ManualClock) -> None:
    states: list[State] = []
    keeper = supervisor(clock, ListStory())

    async def work() -> None:
        states.append(keeper.state)
        clock.advance(61)
        if len(states) < 8:
            raise RuntimeError("no")

    await keeper.keep(work)

    assert set(states) == {State.RUNNING}


async def test_recovery_is_told(clock: ManualClock) -> None:
    story = ListStory()
    runs = 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        clock.advance(61 if runs > 4 else 1)
        if runs < 7:
            raise RuntimeError("no")

    await supervisor(clock, story).keep(work)

    assert [event["state"] for event in story.events] == ["degraded", "running"]


async def test_cancelling_stops(clock: ManualClock) -> None:
    keeper = supervisor(clock, ListStory())
    task = asyncio.create_task(keeper.keep(asyncio.Event().wait))  # type: ignore[arg-type]
    await asyncio.sleep(0)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert keeper.state is State.STOPPED
