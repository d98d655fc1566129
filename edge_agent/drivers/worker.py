"""Thread for a device whose library blocks; calls are serialised and have a time limit."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, Final, TypeVar

from edge_agent.drivers.exceptions import DriverTimeout

Result = TypeVar("Result")
_END: Final = None


class DriverThread:
    """A thread of a driver.

    It is a daemon: a device that never answers must not keep the process from ending, as the
    threads of an executor would.

    Args:
        name: of the thread.
        timeout_s: limit for one call; the thread may go on with it, later calls wait behind it.
        device: what does not answer, for example ``GPIO chip /dev/gpiochip0``.
    """

    def __init__(self, name: str, *, timeout_s: float, device: str) -> None:
        self._name = name
        self._timeout_s = timeout_s
        self._device = device
        self._jobs: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] | None = None

    @property
    def is_started(self) -> bool:
        """Whether the thread runs, so that there may be something to close in it."""
        return self._jobs is not None

    async def run(self, work: Callable[[], Result]) -> Result:
        """Do something in the thread, which is started by the first call.

        Raises:
            DriverTimeout: it took longer than the limit; what had not begun is never done.
        """
        if self._jobs is None:
            self._jobs = SimpleQueue()
            threading.Thread(
                target=_work_off, args=(self._jobs,), name=self._name, daemon=True
            ).start()
        future: Future[Result] = Future()
        self._jobs.put((future, work))
        try:
            async with asyncio.timeout(self._timeout_s):
                return await asyncio.wrap_future(future)
        except TimeoutError as error:
            raise DriverTimeout(f"{self._device} does not answer") from error

    def end(self) -> None:
        """End the thread after its current work; `run` would start another one."""
        jobs, self._jobs = self._jobs, None
        if jobs is not None:
            jobs.put(_END)


def _work_off(jobs: "SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]") -> None:
    while (job := jobs.get()) is not _END:
        future, work = job
        if not future.set_running_or_notify_cancel():
            continue  # its caller has given up
        try:
            result = work()
        except BaseException as error:
            # The border of the thread: whatever it was reaches who waits.
            future.set_exception(error)
        else:
            future.set_result(result)
