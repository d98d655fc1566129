"""Heartbeats to the platform (seed 9.5)."""

import asyncio
import contextlib
import random

from edge_agent.drivers import Clock, EventLog, jittered
from edge_agent.storage import DiskFull, Store
from edge_agent.upstream.platform_client import PlatformClient, problem_of
from terminal_protocol import Ack, RetCode

_NOTE_EVERY_S = 60.0  # writing every heartbeat down would wear a memory card out


class HeartbeatSender:
    """Beats the heart. A beat that fails is not repeated; the next one follows anyway."""

    def __init__(
        self,
        *,
        client: PlatformClient,
        store: Store,
        clock: Clock,
        event_log: EventLog,
        interval_s: float,
        rng: random.Random,
    ) -> None:
        self._client = client
        self._store = store
        self._clock = clock
        self._event_log = event_log
        self._interval_s = interval_s
        self._rng = rng
        self._problem: str | None = None
        self._noted_at_s: float | None = None

    @property
    def is_answered(self) -> bool | None:
        """Whether the platform answered the last beat; None before the first."""
        return None if self._problem is None else not self._problem

    async def run(self) -> None:
        """Send heartbeats until cancelled."""
        while True:
            await self.beat()
            await asyncio.sleep(jittered(self._interval_s, self._rng))

    async def beat(self) -> bool:
        """Send one heartbeat; returns whether the platform acknowledged it."""
        reply = await self._client.heartbeat()
        is_taken = (
            reply.status == 200
            and isinstance(reply.payload, dict)
            and Ack.from_wire(reply.payload).ret == RetCode.SUCCESS
        )
        self._note("" if is_taken else problem_of(reply))
        now_s = self._clock.monotonic()
        if is_taken and (self._noted_at_s is None or now_s - self._noted_at_s >= _NOTE_EVERY_S):
            self._noted_at_s = now_s
            with contextlib.suppress(DiskFull):  # it beats even so
                await self._store.note_moment("heartbeat_at", self._clock.now())
        return is_taken

    def _note(self, problem: str) -> None:
        if self._problem is None or bool(problem) != bool(self._problem):
            line = f"heartbeat: no answer ({problem})" if problem else "heartbeat: answered"
            self._event_log.write("heartbeat", line, is_answered=not problem, problem=problem)
        self._problem = problem
