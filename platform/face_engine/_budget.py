"""Memory budget of decoded bytes for all pictures of a process.

A picture takes what it will cost before it is decoded and gives it back when it is done with.
Those that do not fit wait in the order in which they came, a bounded time, and a bounded number of
them. Usual pictures have a part of the budget for themselves, so that large ones never hold up a
door; of large ones few are decoded at once, because each takes a core for a second.

Of what comes from one owner, such as a terminal, only a share is let in: one that sends many
pictures at once holds up itself and not others.

A caller holds one picture at a time and waits for none while it holds one: nothing can wait in a
circle.
"""

import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from face_engine._memory import return_free_memory, return_large_memory
from face_engine.exceptions import ImageTooHeavy, PicturesBusy

LIGHT_BYTES: Final = 36 * 1024 * 1024
"""More than a JPEG of one scan costs, which is what terminals and phones send: reduced while it is
decoded, it has no more than 2047 pixels each way."""

_LIGHT_SHARE: Final = 3
_HEAVY_AT_ONCE: Final = 2
_WAITING_MOST: Final = 32
# Of a part of the budget one owner has so much, or a single picture that is larger.
_OWNER_SHARE: Final = 4
_OWNER_WAITING_MOST: Final = 2
# Usual pictures: so many bytes have been freed, and so long ago was the last time. Taking memory
# anew costs a fifth of decoding a phone's photo.
_TRIM_BYTES: Final = 64 * 1024 * 1024
_TRIM_EVERY_S: Final = 10.0
# Less than this may stay after the last picture.
_LEFT_BYTES: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class WaitLimits:
    """How long a caller waits for room.

    Attributes:
        wait_s: at most, in seconds.
        behind_most: waiting ones that are enough: with them there, it does not wait at all.
    """

    wait_s: float
    behind_most: int = _WAITING_MOST


class _Pool:
    """One pool of the budget with its queue; the budget owns the lock."""

    def __init__(self, total: int, *, at_once: int) -> None:
        self.total = total
        self.at_once = at_once
        self.used = 0
        self.decoding = 0
        self.queue: deque[object] = deque()
        # By owner: what its pictures take, let in or in the queue, and how many are in neither.
        self.owned: Counter[Hashable] = Counter()
        self.kept_back: Counter[Hashable] = Counter()
        self.changed = threading.Condition()

    def enter(self, weight: int, wait_limits: WaitLimits, owner: Hashable | None) -> None:
        """Reserve memory once all earlier callers have theirs.

        Raises:
            PicturesBusy: too many wait already, or there was no room in time.
        """
        until = time.monotonic() + wait_limits.wait_s
        with self.changed:
            self._enter_share(weight, until, owner)
            try:
                if self.queue or not self._fits(weight):
                    self._wait(weight, wait_limits, until)
            except PicturesBusy:
                self._leave_share(weight, owner)
                raise
            self.used += weight
            self.decoding += 1

    def _enter_share(self, weight: int, until: float, owner: Hashable | None) -> None:
        """Wait beside the queue until the owner's other pictures leave room for this one."""
        if owner is None:
            return
        if not self._fits_share(weight, owner):
            if self.kept_back[owner] >= _OWNER_WAITING_MOST:
                raise PicturesBusy
            self.kept_back[owner] += 1
            try:
                self._wait_until(lambda: self._fits_share(weight, owner), until)
            finally:
                self.kept_back[owner] -= 1
                if not self.kept_back[owner]:
                    del self.kept_back[owner]
        self.owned[owner] += weight

    def _fits_share(self, weight: int, owner: Hashable) -> bool:
        owned = self.owned[owner]
        return not owned or owned + weight <= self.total // _OWNER_SHARE

    def _leave_share(self, weight: int, owner: Hashable | None) -> None:
        if owner is None:
            return
        self.owned[owner] -= weight
        if not self.owned[owner]:
            del self.owned[owner]
        self.changed.notify_all()

    def _wait_until(self, is_time: Callable[[], bool], until: float) -> None:
        while not is_time():
            left_s = until - time.monotonic()
            if left_s <= 0:
                raise PicturesBusy
            self.changed.wait(left_s)

    def _wait(self, weight: int, wait_limits: WaitLimits, until: float) -> None:
        if len(self.queue) >= wait_limits.behind_most:
            raise PicturesBusy
        ticket = object()
        self.queue.append(ticket)
        try:
            self._wait_until(lambda: self.queue[0] is ticket and self._fits(weight), until)
        finally:
            self.queue.remove(ticket)
            # The one behind may be next, whether this one goes in or away.
            self.changed.notify_all()

    def _fits(self, weight: int) -> bool:
        return self.used + weight <= self.total and self.decoding < self.at_once

    def give_back(self, weight: int, *, decoded: bool, owner: Hashable | None) -> None:
        with self.changed:
            self._leave_share(weight, owner)
            self.used -= weight
            self.decoding -= decoded
            self.changed.notify_all()


class PictureHold:
    """Reservation of one caller: nothing at first, then the memory of a picture."""

    def __init__(
        self, budget: "PictureBudget", wait_limits: WaitLimits, owner: Hashable | None = None
    ) -> None:
        self._budget = budget
        self._owner = owner
        self._wait_limits = wait_limits
        self._pool: _Pool | None = None
        self._weight = 0
        self._is_decoding = False

    def take(self, weight: int) -> None:
        """Reserve a picture's memory before it is decoded; an earlier reservation is released.

        Raises:
            PicturesBusy: there was no room in time.
            ImageTooHeavy: it will never fit.
        """
        if self._is_decoding and weight <= self._weight:
            return
        self.release()
        pool = self._budget.pool_for(weight)
        pool.enter(weight, self._wait_limits, self._owner)
        self._pool, self._weight, self._is_decoding = pool, weight, True

    def keep(self, weight: int) -> None:
        """Reduce the reservation to this size when the picture is decoded."""
        if self._pool is None:
            return
        kept = min(weight, self._weight)
        freed = self._weight - kept
        # Before the next one starts: what this one has freed would still be there beside it.
        self._budget.trim(freed, is_heavy=self._is_decoding and self._weight > LIGHT_BYTES)
        self._pool.give_back(freed, decoded=self._is_decoding, owner=self._owner)
        self._weight, self._is_decoding = kept, False

    def release(self) -> None:
        """Release the reservation; does nothing without one."""
        self.keep(0)
        self._pool = None


class PictureBudget:
    """Room for decoded pictures, shared by the threads of a process.

    Args:
        total: bytes; a third of them is for usual pictures only.
        trim_every_s: at least so long between two returns of what usual pictures have freed.
        return_memory: what returns free memory to the system.
    """

    def __init__(
        self,
        total: int,
        *,
        trim_every_s: float = _TRIM_EVERY_S,
        return_memory: Callable[[], None] = return_free_memory,
    ) -> None:
        return_large_memory()
        light = max(LIGHT_BYTES, total // _LIGHT_SHARE)
        self._light = _Pool(light, at_once=sys.maxsize)
        self._heavy = _Pool(max(0, total - light), at_once=_HEAVY_AT_ONCE)
        self._trim_lock = threading.Lock()
        self._trim_every_s = trim_every_s
        self._return_memory = return_memory
        self._freed = 0
        self._trimmed_at = -trim_every_s
        self._later: threading.Timer | None = None

    @property
    def used(self) -> int:
        """Bytes that are held now."""
        return self._light.used + self._heavy.used

    @property
    def waiting(self) -> int:
        """Pictures that wait for room."""
        return sum(len(pool.queue) + pool.kept_back.total() for pool in (self._light, self._heavy))

    @contextmanager
    def hold(
        self, wait_limits: WaitLimits, *, owner: Hashable | None = None
    ) -> Iterator[PictureHold]:
        """Provide a reservation; what it holds at the end is released.

        Args:
            wait_limits: how long it waits.
            owner: whose pictures have a share only; None has no such limit.
        """
        held = PictureHold(self, wait_limits, owner)
        try:
            yield held
        finally:
            held.release()

    def pool_for(self, weight: int) -> _Pool:
        """Return the part of the budget that a picture of this weight belongs to."""
        if weight <= LIGHT_BYTES:
            return self._light
        if weight > self._heavy.total:
            raise ImageTooHeavy
        return self._heavy

    def trim(self, freed: int, *, is_heavy: bool) -> None:
        """Return free memory to the system, which the C library would keep.

        After each heavy picture; after usual ones, which would only take it again, now and then and
        when nothing is decoded. What is left after the last picture follows a little later.
        """
        with self._trim_lock:
            self._freed += freed
            is_idle = not self._light.decoding and not self._heavy.decoding
            wait_s = self._trimmed_at + self._trim_every_s - time.monotonic()
            is_due = is_heavy or (is_idle and wait_s <= 0 and self._freed >= _TRIM_BYTES)
            if is_due:
                self._freed, self._trimmed_at = 0, time.monotonic()
            # Heavy ones too: what holds the picture when it is decoded lets go after this.
            if (is_heavy or self._freed >= _LEFT_BYTES) and not self._is_awaited():
                self._later = threading.Timer(self._trim_every_s, self._trim_late)
                self._later.daemon = True
                self._later.start()
        if is_due:
            self._return_memory()

    def _is_awaited(self) -> bool:
        # A fork takes the object along and leaves the thread behind.
        return self._later is not None and self._later.is_alive()

    def _trim_late(self) -> None:
        with self._trim_lock:
            self._freed, self._trimmed_at = 0, time.monotonic()
        self._return_memory()
