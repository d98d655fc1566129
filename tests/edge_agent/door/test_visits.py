"""Visits side by side: bounded, and no failure gets lost."""

import asyncio

import pytest

from edge_agent.door.decision import DoorDecision, DoorReason
from edge_agent.door.visits import ConcurrentVisits

CLOSED = DoorDecision(open_door=False, reason=DoorReason.UNRECOGNISED)


async def test_at_most_four_go_on_at_once_and_all_are_waited_for() -> None:
    running = most = done = 0

    async def visit() -> DoorDecision:
        nonlocal running, most, done
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        done += 1
        return CLOSED

    async with ConcurrentVisits() as concurrent:
        for _ in range(20):
            await concurrent.begin(visit())
        assert concurrent.is_busy

    assert (most, done) == (4, 20)
    assert concurrent.first == CLOSED


async def test_a_failure_reaches_who_began_the_visit() -> None:
    async def visit() -> DoorDecision:
        raise ValueError("the disk is gone")

    with pytest.raises(ValueError, match=r"disk is gone"):
        async with ConcurrentVisits() as concurrent:
            await concurrent.begin(visit())


async def test_visits_end_with_the_loop_that_is_stopped() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def visit() -> DoorDecision:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return CLOSED

    async def loop() -> None:
        async with ConcurrentVisits() as concurrent:
            await concurrent.begin(visit())
            await asyncio.Event().wait()

    task = asyncio.create_task(loop())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert ended.is_set()
