"""Password hashing in a small pool of threads with low priority.

Hashing one takes a core for a good part of a second, and any caller may ask for it. So few are
hashed at once, few wait, and the rest is refused at once: what threads and cores there are is left
to the doors.
"""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher

from server_common.process_state import forgets

P = ParamSpec("P")
R = TypeVar("R")

# As seen by the scheduler of the operating system: 0 is usual, 19 the last.
_NICENESS = 10
WAITING_FOR_EACH = 3
RETRY_AFTER_S = 5


class HashingBusy(Exception):
    """Too many passwords are being checked; the caller should come again a little later."""


class HashingPool:
    """Threads that hash passwords, and a bound of those that wait.

    Args:
        workers: passwords hashed at once.
        waiting: how many more may wait.
    """

    def __init__(self, workers: int, *, waiting: int) -> None:
        self._left = workers + waiting
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(workers, "password", initializer=_step_back)

    def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do the work in the pool and wait for it.

        Raises:
            HashingBusy: there is no room.
        """
        with self._lock:
            if self._left == 0:
                raise HashingBusy
            self._left -= 1
        try:
            return self._threads.submit(work, *args, **kwargs).result()
        finally:
            with self._lock:
                self._left += 1

    @property
    def has_room(self) -> bool:
        """Tell whether another password could be hashed now."""
        return self._left > 0


def _step_back() -> None:
    """Let other threads go first; a thread has a niceness of its own on Linux only."""
    if hasattr(os, "setpriority") and threading.get_native_id() != os.getpid():
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        except OSError:  # a system on which threads are no processes
            return


@cache
def hashing_pool() -> HashingPool:
    """Return the pool of this process."""
    slots: int = settings.PASSWORD_SLOTS
    return HashingPool(slots, waiting=slots * WAITING_FOR_EACH)


# A fork takes the object along and leaves the threads behind.
os.register_at_fork(after_in_child=hashing_pool.cache_clear)
forgets(hashing_pool.cache_clear)


class PooledHasher(PBKDF2PasswordHasher):
    """Django's own hasher, in the pool; what it stores is the same."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        return hashing_pool().run(super().encode, password, salt, iterations)
