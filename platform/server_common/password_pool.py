"""Passwords are hashed by a few processes that step back behind all other work.

Hashing one takes a core for a good part of a second, and anybody may ask for it. So few are hashed
at once, few wait, and the rest is refused at once: what threads and cores there are is left to
the doors.
"""

import base64
import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import IO

from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.utils.encoding import force_bytes

WAITING_FOR_EACH = 3
RETRY_AFTER_S = 5
_PROGRAM = Path(__file__).with_name("password_process.py")


class HashingBusy(Exception):
    """Too many passwords are being checked; the caller should come again a little later."""


class HashingDied(Exception):
    """A process that hashes passwords ended in the middle of one."""


class HashingProcess:
    """``password_process`` as seen from outside; for one caller at a time.

    Started when it is first needed, and again where it has ended.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def derive(self, password: str, salt: str, *, iterations: int, digest: str) -> bytes:
        """Return the key of a password by PBKDF2.

        Raises:
            HashingDied: twice in a row the process ended instead of answering.
        """
        asked = {
            "password": force_bytes(password).hex(),
            "salt": force_bytes(salt).hex(),
            "iterations": iterations,
            "digest": digest,
        }
        order = f"{json.dumps(asked)}\n"
        for _ in range(2):
            if answer := self._ask(order):
                return bytes.fromhex(answer)
        raise HashingDied

    def _ask(self, order: str) -> str:
        """Return the answer to an order; "" when the process has ended instead."""
        if self._process is None:
            self._process = _started()
        answer = ""
        try:
            _pipe(self._process.stdin).write(order)
            _pipe(self._process.stdin).flush()
            answer = _pipe(self._process.stdout).readline()
        except BrokenPipeError:
            return ""
        finally:
            if not answer.endswith("\n"):
                # What it may still say must never be taken for the answer to another order.
                self.end()
        return answer if answer.endswith("\n") else ""

    @property
    def pid(self) -> int | None:
        """Return the number of the process; None while there is none."""
        return self._process.pid if self._process is not None else None

    def end(self) -> None:
        """End the process, also in the middle of its work."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with contextlib.suppress(BrokenPipeError), process:
                """Leaving closes the pipes, whatever was not read, and takes note of the end."""


def _started() -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - a program of ours, and no words of others
        # Without the site's packages, of which it needs none: it is small and soon ready.
        [sys.executable, "-I", "-S", str(_PROGRAM)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="ascii",
        # Ctrl-C is meant for the server, which is asked to end in its own way.
        start_new_session=True,
    )


def _pipe(pipe: IO[str] | None) -> IO[str]:
    if pipe is None:
        raise RuntimeError("started without pipes")
    return pipe


class HashingPool:
    """Room for hashing.

    Args:
        processes: one for each password that is hashed at once.
        waiting: how many more may wait.
    """

    def __init__(self, processes: Iterable[HashingProcess], *, waiting: int) -> None:
        self._idle = list(processes)
        self._free = threading.Semaphore(len(self._idle))
        self._left = len(self._idle) + waiting
        self._lock = threading.Lock()

    def derive(self, password: str, salt: str, *, iterations: int, digest: str) -> bytes:
        """Return the key of a password as soon as a process is free.

        Raises:
            HashingBusy: there is no room.
        """
        with self._lock:
            if self._left == 0:
                raise HashingBusy
            self._left -= 1
        try:
            with self._free:
                process = self._idle.pop()
                try:
                    return process.derive(password, salt, iterations=iterations, digest=digest)
                finally:
                    self._idle.append(process)
        finally:
            with self._lock:
                self._left += 1

    @property
    def has_room(self) -> bool:
        """Tell whether somebody who came now would be served."""
        return self._left > 0

    @property
    def pids(self) -> list[int]:
        """Return the numbers of the processes that have started and have nothing to do."""
        return [process.pid for process in self._idle if process.pid is not None]

    def end(self) -> None:
        """End the processes that have nothing to do."""
        for process in self._idle:
            process.end()


@cache
def hashing_pool() -> HashingPool:
    """Return the pool of this process."""
    slots: int = settings.PASSWORD_SLOTS
    processes = [HashingProcess() for _ in range(slots)]
    return HashingPool(processes, waiting=slots * WAITING_FOR_EACH)


# After a fork both sides would talk to the same processes.
os.register_at_fork(after_in_child=hashing_pool.cache_clear)


class PooledHasher(PBKDF2PasswordHasher):
    """Django's own hasher, in the pool; what it stores is the same."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        self._check_encode_args(password, salt)  # type: ignore[attr-defined]  # of Django's base
        iterations = iterations or self.iterations
        key = hashing_pool().derive(
            password, salt, iterations=iterations, digest=self.digest().name
        )
        return f"{self.algorithm}${iterations}${salt}${base64.b64encode(key).decode('ascii')}"
