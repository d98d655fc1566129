"""Watchdog: reports whether the terminal is alive to systemd, a last-resort timer, and a file.

The event loop shows that it runs by running this. Every thread has to answer, the door must not
hold a picture for ever, a relay must have released, and no loop may have ended. While any of these
fails, "all is well" is not sent, and systemd or the timer ends the process: a driver or a model
that hangs cannot be cured from within, and a new process begins with a locked door.
"""

import asyncio
import dataclasses
import faulthandler
import logging
import os
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from edge_agent.config import WatchdogConfig
from edge_agent.drivers import Clock, EventLog
from edge_agent.service.live_state import LiveFile, LiveState, agent_version
from edge_agent.service.service_manager import ServiceManager
from edge_agent.service.supervision import State, Supervisor

logger = logging.getLogger(__name__)

_CHECK_EVERY_S: Final = 1.0
# Of the shortest limit; so that findings are reported well before it.
_CHECKS_PER_LIMIT: Final = 4
# Their work is done when a camera has no more pictures, or a reader no more cards.
_MAY_END: Final = frozenset({"door", "cards"})
_STDERR: Final = 2  # by its number, which stays good whatever becomes of the object

HealthCheck = Callable[[float], str]
"""Given the moment of the monotonic clock, what is stuck; empty when nothing is."""


class Alarm(Protocol):
    """Timer that ends the process unless it is reset, even when no Python code can run."""

    def set(self, after_s: float) -> None:
        """Reset the timer to so many seconds from now."""
        ...


class FaultAlarm:
    """`Alarm` by faulthandler's thread, which needs no lock of the interpreter.

    It writes where every thread stands, without any values, and ends with status 1.
    """

    def set(self, after_s: float) -> None:
        """See `Alarm.set`."""
        faulthandler.dump_traceback_later(after_s, exit=True, file=_STDERR)


class ThreadCheck:
    """Health check of a thread: it must answer a small request within a limit."""

    def __init__(self, name: str, ask: Callable[[], Awaitable[object]], *, within_s: float) -> None:
        self._name = name
        self._ask = ask
        self._within_s = within_s
        self._asked_at_s = 0.0
        self._asking: asyncio.Task[None] | None = None

    def __call__(self, now_s: float) -> str:
        """See `HealthCheck`."""
        asking = self._asking
        if asking is None or asking.done():
            # One that failed has answered: a full disk is no reason to start again.
            if asking is not None and not asking.cancelled() and asking.exception() is not None:
                logger.info("answered_with_error name=%s", self._name, exc_info=asking.exception())
            self._asked_at_s = now_s
            self._asking = asyncio.create_task(self._wait(), name=f"ask-{self._name}")
            return ""
        waited_s = now_s - self._asked_at_s
        return f"{self._name} does not answer" if waited_s > self._within_s else ""

    async def close(self) -> None:
        """Wait no longer."""
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.cancel()
            await asyncio.wait([asking])

    async def _wait(self) -> None:
        await self._ask()


class Watchdog:
    """Run all health checks at least once a second and report."""

    def __init__(
        self,
        config: WatchdogConfig,
        *,
        clock: Clock,
        event_log: EventLog,
        live: LiveFile,
        ports: Callable[[], tuple[str, int, int]],
        manager: ServiceManager | None = None,
        alarm: Alarm | None = None,
    ) -> None:
        """Make a watchdog without health checks.

        Args:
            config: limits.
            clock: for durations and the moment of the start.
            event_log: where it is written that something is stuck, and that it goes on.
            live: the file.
            ports: host, port and push port of the interface; 0 while it does not listen.
            manager: None for the one that started this process.
            alarm: None for the interpreter's.
        """
        self._config = config
        self._clock = clock
        self._event_log = event_log
        self.live = live
        self._ports = ports
        self._manager = ServiceManager.from_environment() if manager is None else manager
        self._alarm: Alarm = FaultAlarm() if alarm is None else alarm
        self._signs: list[HealthCheck] = []
        self._answers: list[ThreadCheck] = []
        self._loops: dict[str, Supervisor] = {}
        self._troubles: tuple[str, ...] = ()
        self._told_at_s = -float("inf")
        self._told_status = ""
        self._is_ready = False
        self._is_stopping = False
        self._state = LiveState(
            pid=os.getpid(),
            version=agent_version(),
            started_at=clock.now().isoformat(timespec="seconds"),
        )

    def watch(self, sign: HealthCheck) -> None:
        """Add a health check."""
        self._signs.append(sign)

    def watch_thread(self, name: str, ask: Callable[[], Awaitable[object]]) -> None:
        """Have a thread answer from now on.

        Args:
            name: in words, "the database".
            ask: gives it something small to do and waits for it.
        """
        sign = ThreadCheck(name, ask, within_s=self._config.answer_within_s)
        self._answers.append(sign)
        self.watch(sign)

    def watch_loop(self, name: str, supervisor: Supervisor) -> None:
        """Add the health check of a supervised loop.

        Args:
            name: of it.
            supervisor: starts it again.
        """
        self._loops[name] = supervisor

    def ready(self) -> None:
        """Report that the door is ready; repeated calls do nothing."""
        if not self._is_ready:
            self._is_ready = True
            self._manager.send("READY=1")

    def waits_to_start(self, text: str) -> None:
        """Report that the start takes longer, and why; to be repeated within half a minute."""
        self._manager.send("EXTEND_TIMEOUT_USEC=60000000", f"STATUS={text}")

    async def run(self) -> None:
        """Check until cancelled."""
        try:
            while True:
                self.check()
                await asyncio.sleep(self.check_every_s)
        finally:
            for one in self._answers:
                await one.close()

    @property
    def check_every_s(self) -> float:
        """Pause between two checks."""
        limits = (
            self._config.exit_after_s,
            self._config.answer_within_s,
            self._manager.watchdog_s / 2,
        )
        return min([_CHECK_EVERY_S, *(one / _CHECKS_PER_LIMIT for one in limits if one)])

    def check(self) -> None:
        """Run all checks once and report."""
        now_s = self._clock.monotonic()
        found = [*(sign(now_s) for sign in self._signs), *self._ended()]
        self._note(tuple(one for one in found if one))
        if not self._troubles:
            self._notify_systemd(now_s)
        self._report_state(now_s)

    def stopping(self, *, is_restart: bool) -> None:
        """Report that the process is stopping.

        Args:
            is_restart: whether the same process begins anew; to systemd that is no end.
        """
        self._is_stopping = True
        self._manager.send("STATUS=starts anew" if is_restart else "STOPPING=1")

    def _ended(self) -> list[str]:
        if self._is_stopping:
            return []
        return [
            f"{name} has ended"
            for name, supervisor in self._loops.items()
            if supervisor.state is State.STOPPED and name not in _MAY_END
        ]

    def _note(self, troubles: tuple[str, ...]) -> None:
        if troubles == self._troubles:
            return
        self._troubles = troubles
        if troubles:
            logger.error("stuck what=%s", "; ".join(troubles))
        text = "; ".join(troubles) if troubles else "goes on"
        self._event_log.write("watchdog", f"watchdog: {text}", troubles=list(troubles))

    def _notify_systemd(self, now_s: float) -> None:
        if self._config.exit_after_s:
            self._alarm.set(self._config.exit_after_s)
        interval_s = self._manager.watchdog_s / 2
        # A look early rather than one late.
        if interval_s and now_s - self._told_at_s > interval_s - self.check_every_s:
            self._told_at_s = now_s
            self._manager.send("WATCHDOG=1")

    def _report_state(self, now_s: float) -> None:
        loops = {name: str(supervisor.state) for name, supervisor in self._loops.items()}
        host, port, push_port = self._ports()
        self._state = dataclasses.replace(
            self._state,
            host=host,
            port=port,
            push_port=push_port,
            loops=loops,
            troubles=self._troubles,
        )
        self.live.keep(self._state, now_s)
        degraded = [f"{name} {state}" for name, state in loops.items() if state != State.RUNNING]
        status = "; ".join([*self._troubles, *degraded]) or "all is well"
        if status != self._told_status and not self._is_stopping:
            self._told_status = status
            self._manager.send(f"STATUS={status}")
