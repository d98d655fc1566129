"""How many requests of terminals one process works on at once, and who goes first.

Terminals wait some fifteen seconds for an answer. A server that takes everything in and answers in
order falls behind in a rush, and from then on works only for callers that have hung up. So what
cannot be begun soon is told at once to come again, and people at doors go before everything else.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

DOOR_WAIT_S = 3.0
OTHER_WAIT_S = 1.0


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

    Requests that decide about a door may take all slots but one; everything else (library polls,
    pictures, heartbeats, feedback) at most half of them, and waits shorter. So neither kind can
    shut out the other for good.

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
        self._door = _Kind(most=total - 1, waiting_most=total, wait_s=door_wait_s)
        self._other = _Kind(
            most=max(1, total // 2), waiting_most=max(1, total // 2), wait_s=other_wait_s
        )
        self._changed = threading.Condition()

    @property
    def waiting(self) -> int:
        """Requests that wait for a slot."""
        return self._door.waiting + self._other.waiting

    @contextmanager
    def taken(self, *, is_door: bool) -> Iterator[None]:
        """Hold a slot.

        Raises:
            Crowded: too many wait already, or none became free in time.
        """
        kind = self._door if is_door else self._other
        self._enter(kind)
        try:
            yield
        finally:
            with self._changed:
                kind.busy -= 1
                self._changed.notify_all()

    def _enter(self, kind: _Kind) -> None:
        with self._changed:
            if not self._is_free(kind):
                self._wait(kind)
            kind.busy += 1

    def _wait(self, kind: _Kind) -> None:
        """Return when there is room for this kind; the lock is held then as before."""
        if kind.waiting >= kind.waiting_most:
            raise Crowded
        until = time.monotonic() + kind.wait_s
        kind.waiting += 1
        try:
            while not self._is_free(kind):
                left_s = until - time.monotonic()
                if left_s <= 0 or not self._changed.wait(left_s):
                    if self._is_free(kind):
                        return
                    raise Crowded
        finally:
            kind.waiting -= 1

    def _is_free(self, kind: _Kind) -> bool:
        if kind.busy >= kind.most or self._door.busy + self._other.busy >= self._total:
            return False
        # Somebody at a door who could go in goes in first.
        is_held_back = kind is self._other and self._door.waiting and kind.busy
        return not (is_held_back and self._door.busy < self._door.most)
