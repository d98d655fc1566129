"""Callers that a process admitted lately, until admission changes anywhere.

What is remembered carries the mark that stood when its caller was looked up. Whatever makes an
admission wrong sets another mark in the store that all processes share. Each call shows the mark of
what it was admitted by there (``call_taken``), on the way that it goes anyway.
"""

import secrets
import threading
import time
from collections import OrderedDict
from typing import Generic, TypeVar

from django.db import transaction

from server_common.call_store import Check, Put, call_store
from server_common.process_state import forgets

# Four times the usual interval of heartbeats, so that two processes remember most of a fleet.
REMEMBERED_SECONDS = 120.0
_MARK = "admission:mark"
_REMEMBERED_MAX = 50_000

Key = tuple[str | None, str, str]
Kept = TypeVar("Kept")


class AdmissionOutdated(Exception):
    """What a caller was admitted by may be wrong by now: it has to be looked up again."""


class Remembered(Generic[Kept]):
    """Callers this process admitted, for messages that hand nothing out and open nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, tuple[float, str, Kept]] = OrderedDict()
        forgets(self.clear)

    def get(self, key: Key) -> Kept | None:
        with self._lock:
            until, mark, kept = self._kept.get(key, (0.0, "", None))
        return kept if time.monotonic() < until and mark == mark_known() else None

    def put(self, key: Key, kept: Kept, *, mark: str) -> None:
        """Remember a caller with the mark that was known before it was looked up."""
        with self._lock:
            self._kept[key] = (time.monotonic() + REMEMBERED_SECONDS, mark, kept)
            self._kept.move_to_end(key)
            if len(self._kept) > _REMEMBERED_MAX:
                self._kept.popitem(last=False)

    def drop(self, key: Key) -> None:
        """Have a caller looked up again."""
        with self._lock:
            self._kept.pop(key, None)

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()


# As this process saw it last in the store; only whether two are equal means anything.
_mark = ""


def mark_known() -> str:
    """Return the mark that this process knows."""
    return _mark


def mark_check(mark: str) -> Check:
    """Return the step that ends a call whose caller was admitted by another mark."""
    return Check(_MARK, mark)


def mark_learn(mark: str) -> None:
    """Note the mark that stands now; what was remembered under another one is not used again."""
    global _mark
    _mark = mark


forgets(lambda: mark_learn(""))


def admissions_forget_on_commit() -> None:
    """Have every process look its callers up again, once the current transaction has committed.

    While the store is away, what is remembered ends by itself.
    """

    # A function and no partial: Django logs the name of what fails, and a partial has none.
    def set_another_mark() -> None:
        mark = secrets.token_hex(8)
        call_store().run([Put(_MARK, mark)], now=time.time())

    transaction.on_commit(set_another_mark, robust=True)
