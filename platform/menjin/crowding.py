"""How many requests of terminals one process works on at once, and who goes first.

Terminals wait some fifteen seconds for an answer. A server that takes everything in and answers in
order falls behind in a rush, and from then on works only for callers that have hung up. So what
cannot be begun soon is told at once to come again, people at doors go before everything else, and
what has been begun is finished before more is begun: a poll that finds news makes a terminal
fetch pictures and report results, and a terminal whose picture is refused reports a failure.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

DOOR_WAIT_S = 3.0
OTHER_WAIT_S = 1.0


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


class _Kind:
    """One kind of request: how many may be worked on, how many may wait and how long."""

    def __init__(self, *, most: int, waiting_most: int, wait_s: float) -> None:
        self.most = most
        self.waiting_most = waiting_most
        self.wait_s = wait_s
        self.busy = 0
        self.waiting = 0


class Slots:
    """Room for requests of terminals, shared by the threads of a process.

    Requests that decide about a door may take all slots but one; everything else at most half of
    them, polls one less than that, and waits shorter. So no kind can shut out another for good.

    Args:
        total: requests worked on at once; at least 2.
        door_wait_s: how long a request about a door waits for a slot at most, in seconds.
        other_wait_s: the same for all other requests.
    """

    def __init__(
        self, total: int, *, door_wait_s: float = DOOR_WAIT_S, other_wait_s: float = OTHER_WAIT_S
    ) -> None:
        if total < 2:
            raise ValueError("there must be at least 2 slots, one for each kind of request")
        self._total = total
        self._half = total // 2
        self._kinds = {
            Errand.DOOR: _Kind(most=total - 1, waiting_most=total, wait_s=door_wait_s),
            Errand.REST: _Kind(most=self._half, waiting_most=self._half, wait_s=other_wait_s),
            Errand.POLL: _Kind(
                most=max(1, self._half - 1), waiting_most=max(1, total // 4), wait_s=other_wait_s
            ),
        }
        self._changed = threading.Condition()

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
            with self._changed:
                self._kinds[errand].busy -= 1
                self._changed.notify_all()

    def _enter(self, errand: Errand) -> None:
        with self._changed:
            if not self._is_free(errand):
                self._wait(errand)
            self._kinds[errand].busy += 1

    def _wait(self, errand: Errand) -> None:
        """Return when there is room for this errand; the lock is held then as before."""
        kind = self._kinds[errand]
        if kind.waiting >= kind.waiting_most:
            raise Crowded
        until = time.monotonic() + kind.wait_s
        kind.waiting += 1
        try:
            while not self._is_free(errand):
                left_s = until - time.monotonic()
                if left_s <= 0 or not self._changed.wait(left_s):
                    if self._is_free(errand):
                        return
                    raise Crowded
        finally:
            kind.waiting -= 1

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
