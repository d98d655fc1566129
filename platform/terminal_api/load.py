"""Load shedding: slots for requests of terminals, and their priorities.

Terminals wait some fifteen seconds for an answer. A server that takes everything in and answers in
order falls behind in a rush, and from then on works only for callers that have hung up. So what
cannot be begun soon is shed at once, to come again later, people at doors go before everything
else, and what has been begun is finished before more is begun: a poll that finds news makes a
terminal fetch pictures and report results, and a terminal whose picture is refused reports a
failure.
"""

import logging
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from functools import cache

from django.conf import settings

logger = logging.getLogger(__name__)

DOOR_WAIT_S = 3.0
NORMAL_WAIT_S = 2.0
POLL_WAIT_S = 1.0
_LOG_EVERY_S = 10.0
# Callers shed in one rush should not all come back in one.
_RETRY_AFTER_S = (5, 15)
# Of the slots, as many again are for idle requests at once, and so many more of these wait for a
# moment. With the usual 8 slots and all who can wait for them, 31 of a server's 32 threads are
# taken at most.
_IDLE_AT_ONCE = 1 / 2
_IDLE_WAITING = 3 / 8
_IDLE_WAIT_S = 0.5
_CHANCE = random.Random()  # noqa: S311 - no secret
os.register_at_fork(after_in_child=_CHANCE.seed)


class Priority(IntEnum):
    """Priority of a request; the lowest goes first."""

    DOOR = 0
    """It decides about a door."""
    NORMAL = 1
    """Pictures, results, readings, heartbeats."""
    POLL = 2
    """It asks what is new in the library, and so begins what the others have to finish."""


class Overloaded(Exception):
    """No slot for this request; its sender should come again later."""


def overloaded_retry_after_s() -> int:
    """Return after how many seconds a shed caller should come again."""
    return _CHANCE.randint(*_RETRY_AFTER_S)


class ShedCount:
    """Shed count: requests turned away, logged now and then instead of each time."""

    def __init__(
        self, *, every_s: float = _LOG_EVERY_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._every_s = every_s
        self._clock = clock
        self._lock = threading.Lock()
        self._counts = dict.fromkeys(Priority, 0)
        self._logged_at = float("-inf")

    def count(self, priority: Priority) -> None:
        """Count one; the first is logged at once, those of the next seconds with the one after."""
        with self._lock:
            self._counts[priority] += 1
            now = self._clock()
            if now < self._logged_at + self._every_s:
                return
            counts, self._counts = self._counts, dict.fromkeys(Priority, 0)
            self._logged_at = now
        words = " ".join(f"{one.name.lower()}={counts[one]}" for one in Priority)
        logger.warning("terminals_shed %s", words)


class _Kind:
    """One kind of request: how many may be worked on, how many may wait and how long."""

    def __init__(
        self, lock: threading.Lock, *, most: int, waiting_most: int, wait_s: float
    ) -> None:
        self.changed = threading.Condition(lock)
        self.most = most
        self.waiting_most = waiting_most
        self.wait_s = wait_s
        self.busy = 0
        self.waiting = 0


class Slots:
    """Slots for requests of terminals, shared by the threads of a process.

    Requests that decide about a door may take all slots but one; everything else at most half of
    them, polls a quarter, and waits shorter. So no kind can shut out another for good.

    Args:
        total: requests worked on at once; at least 2.
        door_wait_s: how long a request about a door waits for a slot at most, in seconds.
        normal_wait_s: the same for pictures, results, readings and heartbeats,
        poll_wait_s: and for polls.
    """

    def __init__(
        self,
        total: int,
        *,
        door_wait_s: float = DOOR_WAIT_S,
        normal_wait_s: float = NORMAL_WAIT_S,
        poll_wait_s: float = POLL_WAIT_S,
    ) -> None:
        if total < 2:
            raise ValueError("there must be at least 2 slots, one for each kind of request")
        self._total = total
        self._half = half = total // 2
        quarter, ample = max(1, total // 4), max(2, total * 3 // 4)
        self._lock = lock = threading.Lock()
        self._kinds = {
            Priority.DOOR: _Kind(lock, most=total - 1, waiting_most=ample, wait_s=door_wait_s),
            # Those that a poll began come all together, and cost little; refused, they would come
            # again ten seconds later, and the face with them.
            Priority.NORMAL: _Kind(lock, most=half, waiting_most=ample, wait_s=normal_wait_s),
            Priority.POLL: _Kind(lock, most=quarter, waiting_most=half, wait_s=poll_wait_s),
        }

    @property
    def waiting(self) -> int:
        """Requests that wait for a slot."""
        return sum(kind.waiting for kind in self._kinds.values())

    @contextmanager
    def taken(self, priority: Priority) -> Iterator[None]:
        """Hold a slot.

        Raises:
            Overloaded: too many wait already, or none became free in time.
        """
        self._enter(priority)
        try:
            yield
        finally:
            with self._lock:
                self._kinds[priority].busy -= 1
                self._wake_next()

    def _enter(self, priority: Priority) -> None:
        kind = self._kinds[priority]
        with self._lock:
            if self._is_free(priority):
                kind.busy += 1
                return
            if kind.waiting >= kind.waiting_most:
                raise Overloaded
            kind.waiting += 1
            try:
                self._wait(kind, priority)
                kind.busy += 1
            finally:
                kind.waiting -= 1
                # Those that this one held back may go now; one woken for nothing wakes the next.
                self._wake_next()

    def _wait(self, kind: _Kind, priority: Priority) -> None:
        """Return when there is a slot for this priority; the lock is held then as before."""
        until = time.monotonic() + kind.wait_s
        while not self._is_free(priority):
            left_s = until - time.monotonic()
            if (left_s <= 0 or not kind.changed.wait(left_s)) and not self._is_free(priority):
                raise Overloaded

    def _wake_next(self) -> None:
        """Wake one who may go in now; waking all costs more than most of them have to do."""
        for priority, kind in self._kinds.items():
            if kind.waiting and self._is_free(priority):
                kind.changed.notify()
                return

    def _is_free(self, priority: Priority) -> bool:
        if not self._has_slot(priority):
            return False
        # A more urgent one that could go in goes in first, but never keeps all others out.
        is_held_back = self._kinds[priority].busy and any(
            self._kinds[other].waiting and self._has_slot(other)
            for other in Priority
            if other < priority
        )
        return not is_held_back

    def _has_slot(self, priority: Priority) -> bool:
        kind, door = self._kinds[priority], self._kinds[Priority.DOOR]
        busy = sum(one.busy for one in self._kinds.values())
        if kind.busy >= kind.most or busy >= self._total:
            return False
        return kind is door or busy - door.busy < self._half


class IdleSlots:
    """Slots for requests in their cheap form, beside all others.

    Args:
        at_once: so many are worked on at once,
        waiting: and so many more wait for a moment.
    """

    def __init__(self, *, at_once: int, waiting: int) -> None:
        self._slots = threading.Semaphore(at_once)
        self._queue = threading.Semaphore(waiting)

    @classmethod
    def of_total(cls, total: int) -> "IdleSlots":
        """Return those that go with so many slots for all other requests."""
        return cls(
            at_once=max(1, int(total * _IDLE_AT_ONCE)), waiting=max(1, int(total * _IDLE_WAITING))
        )

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold a slot, at once or after a short wait in a short queue.

        Raises:
            Overloaded: there is none.
        """
        if not self._slots.acquire(blocking=False):
            if not self._queue.acquire(blocking=False):
                raise Overloaded
            try:
                if not self._slots.acquire(timeout=_IDLE_WAIT_S):
                    raise Overloaded
            finally:
                self._queue.release()
        try:
            yield
        finally:
            self._slots.release()


@cache
def shared_slots() -> Slots:
    """Return the slots of this process, shared by all that answers terminals in it."""
    return Slots(settings.TERMINAL_SLOTS)
