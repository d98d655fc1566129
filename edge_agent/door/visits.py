"""Concurrent visits and their timings."""

import asyncio
from collections import deque
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Final

from edge_agent.door.decision import DoorDecision

_AT_ONCE: Final = 4  # more people do not stand before one camera and wait for one platform
_KEPT: Final = 1000


class ConcurrentVisits:
    """Run visits concurrently; leaving the context waits for them, an error cancels them.

    A visit that fails ends the loop that began it, at its next visit or at its end, as it would if
    it had been waited for.

    Attributes:
        first: what was decided first.
    """

    def __init__(self) -> None:
        self._running: set[asyncio.Task[DoorDecision]] = set()
        self._failed: BaseException | None = None
        self.first: DoorDecision | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a visit goes on."""
        return bool(self._running)

    async def begin(self, visit: Coroutine[Any, Any, DoorDecision]) -> None:
        """Start a visit, as soon as there are not too many.

        Raises:
            Exception: what an earlier visit failed with.
        """
        try:
            while len(self._running) >= _AT_ONCE:
                await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
            self._raise_failure()
        except BaseException:
            visit.close()
            raise
        task = asyncio.create_task(visit, name="visit")
        self._running.add(task)
        task.add_done_callback(self._ended)

    def note(self, decision: DoorDecision | None) -> None:
        """Note a decision that was made elsewhere."""
        self.first = self.first or decision

    async def __aenter__(self) -> "ConcurrentVisits":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None and self._running:
                await asyncio.wait(self._running)
        finally:
            left = set(self._running)
            for task in left:
                task.cancel()
            if left:
                await asyncio.wait(left)
        if error is None:
            self._raise_failure()

    def _ended(self, task: asyncio.Task[DoorDecision]) -> None:
        self._running.discard(task)
        if task.cancelled():
            return
        failure = task.exception()
        if failure is not None:
            self._failed = self._failed or failure
        else:
            self.note(task.result())

    def _raise_failure(self) -> None:
        failed, self._failed = self._failed, None
        if failed is not None:
            raise failed


class Timings:
    """Times of one kind; the newest thousand are kept."""

    def __init__(self) -> None:
        self._ms: deque[float] = deque(maxlen=_KEPT)

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._ms)

    def add(self, seconds: float) -> None:
        """Note one."""
        self._ms.append(seconds * 1000.0)

    def quantile_ms(self, part: float) -> float | None:
        """Return a quantile (0 to 1) of the times; None without any."""
        if not self._ms:
            return None
        ordered = sorted(self._ms)
        return ordered[min(int(part * len(ordered)), len(ordered) - 1)]
