"""Supervision of loops: a few fast restarts, then slow ones, each change logged."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from edge_agent.drivers import Clock, EventLog

logger = logging.getLogger(__name__)


class State(StrEnum):
    """Of one loop: starting → running ⇄ degraded → stopped."""

    STARTING = "starting"
    RUNNING = "running"
    DEGRADED = "degraded"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class RestartBudget:
    """Number of restarts that is normal, and the pauses before them.

    Attributes:
        restarts: more than this many failures within `within_s` mean degraded.
        pause_s: before a restart.
        degraded_pause_s: before a restart while degraded.
    """

    restarts: int = 5
    within_s: float = 60.0
    pause_s: float = 1.0
    degraded_pause_s: float = 30.0


class Supervisor:
    """Run one loop until it returns or is cancelled, and restart it after exceptions."""

    def __init__(
        self,
        name: str,
        *,
        clock: Clock,
        event_log: EventLog,
        budget: RestartBudget | None = None,
    ) -> None:
        self._name = name
        self._clock = clock
        self._event_log = event_log
        self._budget = budget or RestartBudget()
        self._failures: deque[float] = deque()
        self.state = State.STARTING

    async def supervise(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run the loop; start it again after every failure."""
        try:
            while True:
                if self.state is State.STARTING:
                    self.state = State.RUNNING
                try:
                    await work()
                    return
                except Exception:
                    # The border of a loop (house style 34): nothing may end the terminal.
                    logger.exception("loop_failed name=%s", self._name)
                await asyncio.sleep(self._pause_after_failure())
        finally:
            self.state = State.STOPPED

    def _pause_after_failure(self) -> float:
        now_s = self._clock.monotonic()
        self._failures.append(now_s)
        while self._failures[0] < now_s - self._budget.within_s:
            self._failures.popleft()
        state = State.DEGRADED if len(self._failures) > self._budget.restarts else State.RUNNING
        if state is not self.state:
            self._event_log.write(
                "state", f"{self._name}: {state.value}", part=self._name, state=state.value
            )
        self.state = state
        if state is State.DEGRADED:
            return self._budget.degraded_pause_s
        return self._budget.pause_s
