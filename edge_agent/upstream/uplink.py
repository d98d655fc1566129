"""Uplink: sends the outbox in order and with retries, and a waiting visitor's event at once."""

import asyncio
import logging
import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from edge_agent.drivers import Backoff, Clock
from edge_agent.storage import Event, Outbox
from edge_agent.upstream.platform_client import PlatformClient, Reply, problem_of
from terminal_protocol import Ack, PassAnswer, RetCode

logger = logging.getLogger(__name__)

# The platform will say the same of this very upload for ever (seed 7; DESIGN, "Answers").
_PERMANENT: Final = frozenset(
    {RetCode.PARAM_INVALID, RetCode.MISSING_PARAM, RetCode.AVATAR_FILE_ILLEGAL}
)
# Codes 10001 to 10005 are about the terminal, not about the upload.
_TERMINAL_CODES: Final = "1000"
_AWAY_FIRST_S: Final = 1.0
_AWAY_MOST_S: Final = 60.0
# Not admitted, or not understood: a person has to act first, so asking often does not help.
_SLOW_FIRST_S: Final = 30.0
_SLOW_MOST_S: Final = 600.0
# From here on it may be the event; the one behind it is tried in turn with it.
_SUSPECT_AFTER: Final = 3


class UploadVerdict(StrEnum):
    """Action for an event after a reply."""

    DONE = "done"  # the platform has it
    PARK = "park"  # it will never take it
    LATER = "later"  # something is odd about this one; others may pass
    AWAY = "away"  # the platform cannot answer now; everything waits
    REFUSED = "refused"  # the platform does not want this terminal; everything waits longer


_HELD_UP: Final = frozenset({UploadVerdict.AWAY, UploadVerdict.REFUSED})
_TOO_OFTEN: Final = 429  # is about how many come, never about this one


@dataclass(frozen=True, slots=True)
class UploadResult:
    """How one try went.

    Attributes:
        verdict: what became of the event.
        reply: what the platform said.
        answer: its word about the door, for a stored pass; None otherwise.
        has_delay: whether the answer carried an unlock delay.
    """

    verdict: UploadVerdict
    reply: Reply
    answer: PassAnswer | None = None
    has_delay: bool = False


def judge(kind: str, reply: Reply) -> UploadResult:
    """Decide the action for a sent event by its reply.

    Only HTTP 200 with ``ret`` "0" means that the platform has it.

    Args:
        kind: of the event.
        reply: what came back.
    """
    if reply.is_away:
        return UploadResult(UploadVerdict.AWAY, reply)
    if reply.status == 413:  # this one is too long for something on the way
        return UploadResult(UploadVerdict.LATER, reply)
    if reply.status != 200:
        return UploadResult(UploadVerdict.REFUSED, reply)
    if not isinstance(reply.payload, dict):
        # A field server answered null for months; a page of a hotel's network is no answer.
        verdict = UploadVerdict.AWAY if reply.problem else UploadVerdict.LATER
        return UploadResult(verdict, reply)
    ret = Ack.from_wire(reply.payload).ret
    if ret == RetCode.SUCCESS:
        answer = PassAnswer.from_wire(reply.payload) if kind == "syface" else None
        return UploadResult(UploadVerdict.DONE, reply, answer, has_delay=_has_delay(reply.payload))
    if ret in _PERMANENT:
        return UploadResult(UploadVerdict.PARK, reply)
    if ret.startswith(_TERMINAL_CODES):
        return UploadResult(UploadVerdict.REFUSED, reply)
    return UploadResult(UploadVerdict.LATER, reply)


def _has_delay(payload: dict[str, object]) -> bool:
    return payload.get("unlockDelay") not in (None, "", 0, "0")


class Uplink:
    """Send events; one loop works through the queue, and a visitor's event may overtake it."""

    def __init__(
        self, *, outbox: Outbox, client: PlatformClient, clock: Clock, rng: random.Random
    ) -> None:
        self._outbox = outbox
        self._client = client
        self._clock = clock
        self._away = Backoff(first_s=_AWAY_FIRST_S, most_s=_AWAY_MOST_S, rng=rng)
        self._refused = Backoff(first_s=_SLOW_FIRST_S, most_s=_SLOW_MOST_S, rng=rng)
        self._deferred_until_s: dict[int, float] = {}
        self._deferrals: dict[int, Backoff] = {}
        self._rng = rng
        # Tries in vain since anything was answered, and what had failed when something was.
        self._failures: dict[int, int] = {}
        self._blamed: set[int] = set()
        self._tries_next = False
        self._in_flight: set[int] = set()
        self._resume_at_s = 0.0
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()
        self._problem = ""

    async def wait_empty(self) -> None:
        """Wait until the queue is empty; parked events do not count."""
        while True:
            self._settled.clear()
            if (await self._outbox.counts()).pending == 0:
                return
            await self._settled.wait()

    def wake(self) -> None:
        """Wake the loop for a new event in the queue."""
        self._wake.set()

    async def deliver_now(self, seq: int, *, until_s: float) -> UploadResult | None:
        """Send one event at once, ahead of the queue and its pauses, for a waiting visitor.

        Args:
            seq: an event that is in the outbox.
            until_s: moment of the monotonic clock until which the visitor waits.

        Returns:
            How it went; None when the time was over first, or the queue is sending it already.
            The event then stays in the queue, and its answer will not be acted on.
        """
        left_s = until_s - self._clock.monotonic()
        if seq in self._in_flight or left_s <= 0:
            self.wake()
            return None
        self._in_flight.add(seq)
        try:
            async with asyncio.timeout(left_s):
                event = await self._outbox.get(seq)
                if event is None:
                    return None
                delivery = await self._send(event)
        except TimeoutError:
            self._note_problem("no answer in time")
            return None
        finally:
            self._in_flight.discard(seq)
            self.wake()
        await self._settle(event, delivery)
        return delivery

    async def deliver_unstored(
        self, kind: str, body: bytes, *, until_s: float
    ) -> UploadResult | None:
        """Send an upload at once that found no room in the queue.

        Args:
            kind, body: see `edge_agent.storage.events.Event`.
            until_s: see `deliver_now`.

        Returns:
            How it went; None when the time was over first.
        """
        left_s = until_s - self._clock.monotonic()
        if left_s <= 0:
            return None
        try:
            async with asyncio.timeout(left_s):
                delivery = judge(kind, await self._client.post(kind, body))
        except TimeoutError:
            self._note_problem("no answer in time")
            return None
        if delivery.verdict in _HELD_UP:
            self._hold_back(delivery)
        else:
            self._note_answered()
            self._note_working()
            self.wake()
        return delivery

    async def run(self) -> None:
        """Send the queue until cancelled."""
        while True:
            self._wake.clear()
            pause_s = await self.step()
            try:
                async with asyncio.timeout(pause_s):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def step(self) -> float | None:
        """Send the oldest due event, alternating with later ones while it keeps failing.

        Returns:
            Seconds until the next step is due; None when it is due after the next `wake`.
        """
        now_s = self._clock.monotonic()
        if now_s < self._resume_at_s:
            return self._resume_at_s - now_s
        waiting = {seq: at for seq, at in self._deferred_until_s.items() if at > now_s}
        event = await self._next(frozenset(waiting) | frozenset(self._in_flight))
        if event is None:
            return min(waiting.values()) - now_s if waiting else None
        self._in_flight.add(event.seq)
        try:
            delivery = await self._send(event)
        finally:
            self._in_flight.discard(event.seq)
        await self._settle(event, delivery)
        return 0.0

    async def _next(self, skip: frozenset[int]) -> Event | None:
        """Read the oldest event, or every other time one that is not suspected.

        A platform that is away fails every event; one that fails at an event takes the others.
        """
        oldest = await self._outbox.first(skip=skip)
        suspects = {seq for seq, times in self._failures.items() if times >= _SUSPECT_AFTER}
        self._tries_next = oldest is not None and oldest.seq in suspects and not self._tries_next
        if self._tries_next:
            return await self._outbox.first(skip=skip | suspects) or oldest
        return oldest

    async def _send(self, event: Event) -> UploadResult:
        return judge(event.kind, await self._client.post(event.kind, event.body))

    async def _settle(self, event: Event, delivery: UploadResult) -> None:
        """Apply the action of a reply to an event, and adapt the pauses."""
        verdict, reply = delivery.verdict, delivery.reply
        if verdict in _HELD_UP and event.seq in self._blamed and reply.status != _TOO_OFTEN:
            verdict = UploadVerdict.LATER
        elif verdict not in _HELD_UP:
            self._note_answered()
        now_s = self._clock.monotonic()
        if verdict is UploadVerdict.DONE:
            await self._outbox.done(event.seq)
            self._forget(event.seq)
            self._settled.set()
        elif verdict is UploadVerdict.PARK:
            await self._outbox.park(event.seq, problem_of(reply))
            self._forget(event.seq)
            self._settled.set()
            logger.warning("event_parked kind=%s reason=%s", event.kind, problem_of(reply))
        elif verdict is UploadVerdict.LATER:
            backoff = self._deferrals.setdefault(
                event.seq, Backoff(first_s=_SLOW_FIRST_S, most_s=_SLOW_MOST_S, rng=self._rng)
            )
            pause_s = max(backoff.failed(), reply.retry_after_s or 0.0)
            self._deferred_until_s[event.seq] = now_s + pause_s
            logger.warning("event_deferred kind=%s reason=%s", event.kind, problem_of(reply))
        else:
            self._failures[event.seq] = self._failures.get(event.seq, 0) + 1
            self._hold_back(delivery)
            return
        self._note_working()

    def _hold_back(self, delivery: UploadResult) -> None:
        """Pause the queue, longer each time."""
        backoff = self._away if delivery.verdict is UploadVerdict.AWAY else self._refused
        pause_s = max(backoff.failed(), delivery.reply.retry_after_s or 0.0)
        self._resume_at_s = max(self._resume_at_s, self._clock.monotonic() + pause_s)
        self._note_problem(problem_of(delivery.reply))

    def _note_answered(self) -> None:
        """Remember which events failed, to blame the event and not the platform next time."""
        self._blamed |= self._failures.keys()
        self._failures.clear()

    def _note_working(self) -> None:
        self._resume_at_s = 0.0
        self._away.succeeded()
        self._refused.succeeded()
        self._note_problem("")

    def _forget(self, seq: int) -> None:
        self._deferred_until_s.pop(seq, None)
        self._deferrals.pop(seq, None)
        self._failures.pop(seq, None)
        self._blamed.discard(seq)

    def _note_problem(self, problem: str) -> None:
        """Log when the platform goes away or comes back, not on every try."""
        if bool(problem) != bool(self._problem):
            if problem:
                logger.warning("uplink_waits reason=%s", problem)
            else:
                logger.info("uplink_works")
        self._problem = problem
