"""The thread of a driver: in order, with a limit, and never in the way of the end."""

import asyncio
import subprocess
import sys
import threading

import pytest

from edge_agent.drivers.exceptions import DriverError, DriverTimeout
from edge_agent.drivers.worker import DriverThread


def thread(timeout_s: float = 5.0) -> DriverThread:
    return DriverThread("test-worker", timeout_s=timeout_s, device="the device")


async def test_calls_come_one_after_the_other_on_one_named_thread() -> None:
    worker = thread()
    order: list[int] = []

    def work(number: int) -> str:
        order.append(number)
        return threading.current_thread().name

    names = await asyncio.gather(*(worker.run(lambda n=n: work(n)) for n in range(20)))
    worker.end()

    assert order == list(range(20))
    assert set(names) == {"test-worker"}


async def test_errors_reach_who_waits_and_the_thread_goes_on() -> None:
    worker = thread()

    def fail() -> None:
        raise DriverError("broken")

    with pytest.raises(DriverError, match="broken"):
        await worker.run(fail)
    assert await worker.run(lambda: 5) == 5
    worker.end()


async def test_what_nobody_waits_for_any_more_is_never_begun() -> None:
    """A relay must not pull in long after everybody has gone."""
    worker = thread(0.05)
    release, moved = threading.Event(), threading.Event()
    with pytest.raises(DriverTimeout, match="the device does not answer"):
        await worker.run(release.wait)
    with pytest.raises(DriverTimeout):
        await worker.run(moved.set)

    release.set()
    assert await worker.run(lambda: True)  # everything before it is through

    assert not moved.is_set()
    worker.end()


async def test_an_ended_worker_can_work_again() -> None:
    worker = thread()
    worker.end()
    assert not worker.is_started
    assert await worker.run(lambda: 7) == 7
    worker.end()
    assert await worker.run(lambda: 8) == 8
    worker.end()
    worker.end()


PROGRAM = """
import asyncio, threading
from edge_agent.drivers.worker import DriverThread
from edge_agent.drivers.exceptions import DriverTimeout

async def main():
    worker = DriverThread("stuck", timeout_s=0.05, device="the device")
    try:
        await worker.run(threading.Event().wait)
    except DriverTimeout:
        worker.end()
        print("left")

asyncio.run(main())
"""


def test_a_device_that_never_answers_keeps_no_process_from_ending() -> None:
    reported = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=20, check=True
    )

    assert reported.stdout == "left\n"
