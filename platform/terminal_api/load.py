"""How many requests of terminals one process works on at once, and who goes first.

Terminals wait some fifteen seconds for an answer. A server that takes everything in and answers in
order falls behind in a rush, and from then on works only for callers that have hung up. So what
cannot be begun soon is told at once to come again, people at doors go before everything else, and
what has been begun is finished before more is begun: a poll that finds news makes a terminal
fetch pictures and report results, and a terminal whose picture is refused reports a failure.
"""

import logging
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from functools import cache

from django.conf import settings

logger = logging.getLogger(__name__)

DOOR_WAIT_S = 3.0
REST_WAIT_S = 2.0
POLL_WAIT_S = 1.0
_TELL_EVERY_S = 10.0
# Callers sent away in one rush should not all come back in one.
_RETRY_AFTER_S = (5, 15)
_CHANCE = random.Random()  # noqa: S311 - no secret
os.register_at_fork(after_in_child=_CHANCE.seed)


class Errand(IntEnum):
    """What a request is about; the lower goes first."""

    DOOR = 0
    """It decides about a door."""
    REST = 1
    """Pictures, results, readings, heartbeats."""
    POLL = 2
    """It asks what is new in the library, and so begins what the others have to finish."""


class Crowded(Exception):
    """There is no room for this request; its sender should come again later."""


def crowded_retry_after_s() -> int:
    """Return when somebody who is sent away should come again, in seconds."""
    return _CHANCE.randint(*_RETRY_AFTER_S)


class SentAway:
    """Counts who was told to come again, and tells the log now and then instead of each time."""

    def __init__(self, *, every_s: float = _TELL_EVERY_S) -> None:
        self._every_s = every_s
        self._lock = threading.Lock()
        self._counts = dict.fromkeys(Errand, 0)
        self._told_at = float("-inf")

    def count(self, errand: Errand) -> None:
        """Count one; the first is told at once, those of the next seconds with the one after."""
        with self._lock:
            self._counts[errand] += 1
            now = time.monotonic()
            if now < self._told_at + self._every_s:
                return
            counts, self._counts = self._counts, dict.fromkeys(Errand, 0)
            self._told_at = now
        words = " ".join(f"{one.name.lower()}={counts[one]}" for one in Errand)
        logger.warning("terminals_sent_away %s", words)


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
    """Room for requests of terminals, shared by the threads of a process.

    Requests that decide about a door may take all slots but one; everything else at most half of
    them, polls a quarter, and waits shorter. So no kind can shut out another for good.

    Args:
        total: requests worked on at once; at least 2.
        door_wait_s: how long a request about a door waits for a slot at most, in seconds.
        rest_wait_s: the same for pictures, results, readings and heartbeats,
        poll_wait_s: and for polls.
    """

    def __init__(
        self,
        total: int,
        *,
        door_wait_s: float = DOOR_WAIT_S,
        rest_wait_s: float = REST_WAIT_S,
        poll_wait_s: float = POLL_WAIT_S,
    ) -> None:
        if total < 2:
            raise ValueError("there must be at least 2 slots, one for each kind of request")
        self._total = total
        self._half = half = total // 2
        quarter, ample = max(1, total // 4), max(2, total * 3 // 4)
        self._lock = lock = threading.Lock()
        self._kinds = {
            Errand.DOOR: _Kind(lock, most=total - 1, waiting_most=ample, wait_s=door_wait_s),
            # Those that a poll began come all together, and cost little; refused, they would come
            # again ten seconds later, and the face with them.
            Errand.REST: _Kind(lock, most=half, waiting_most=ample, wait_s=rest_wait_s),
            Errand.POLL: _Kind(lock, most=quarter, waiting_most=half, wait_s=poll_wait_s),
        }

    @property
    def waiting(self) -> int:
        """Requests that wait for a slot."""
        return sum(kind.waiting for kind in self._kinds.values())

    @contextmanager
    def taken(self, errand: Errand) -> Iterator[None]:
        """Hold a slot.

        Raises:
            Crowded: too many wait already, or none became free in time.
        """
        self._enter(errand)
        try:
            yield
        finally:
            with self._lock:
                self._kinds[errand].busy -= 1
                self._wake_next()

    def _enter(self, errand: Errand) -> None:
        kind = self._kinds[errand]
        with self._lock:
            if self._is_free(errand):
                kind.busy += 1
                return
            if kind.waiting >= kind.waiting_most:
                raise Crowded
            kind.waiting += 1
            try:
                self._wait(kind, errand)
                kind.busy += 1
            finally:
                kind.waiting -= 1
                # Whom this one held back may go now, and who was woken for nothing wakes the next.
                self._wake_next()

    def _wait(self, kind: _Kind, errand: Errand) -> None:
        """Return when there is room for this errand; the lock is held then as before."""
        until = time.monotonic() + kind.wait_s
        while not self._is_free(errand):
            left_s = until - time.monotonic()
            if (left_s <= 0 or not kind.changed.wait(left_s)) and not self._is_free(errand):
                raise Crowded

    def _wake_next(self) -> None:
        """Wake one who may go in now; waking all costs more than most of them have to do."""
        for errand, kind in self._kinds.items():
            if kind.waiting and self._is_free(errand):
                kind.changed.notify()
                return

    def _is_free(self, errand: Errand) -> bool:
        if not self._has_room(errand):
            return False
        # Somebody more urgent who could go in goes in first, but never keeps all others out.
        is_held_back = self._kinds[errand].busy and any(
            self._kinds[other].waiting and self._has_room(other)
            for other in Errand
            if other < errand
        )
        return not is_held_back

    def _has_room(self, errand: Errand) -> bool:
        kind, door = self._kinds[errand], self._kinds[Errand.DOOR]
        busy = sum(one.busy for one in self._kinds.values())
        if kind.busy >= kind.most or busy >= self._total:
            return False
        return kind is door or busy - door.busy < self._half


@cache
def shared_slots() -> Slots:
    """Return the slots of this process, for all its lanes together."""
    return Slots(settings.TERMINAL_SLOTS)
