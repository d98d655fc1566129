"""What a process remembers between requests, and how all of it is forgotten at once.

Whatever keeps such state registers here how to forget it. A test begins as a new process would.
"""

import time
from collections.abc import Callable
from typing import Final

_forgetting: Final[list[Callable[[], object]]] = []


def forgets(forget: Callable[[], object]) -> None:
    """Register what makes a module forget what it remembers."""
    _forgetting.append(forget)


def process_state_forget() -> None:
    """Forget everything, as a process that has just started."""
    for forget in _forgetting:
        forget()


class RareComplaint:
    """Something that is logged once in a while at most, however often it happens.

    Args:
        every_s: seconds in which it is logged once.
    """

    def __init__(self, every_s: float = 60.0) -> None:
        self._every_s = every_s
        self._last_s: float | None = None
        forgets(self.forget)

    def is_due(self) -> bool:
        """Tell whether it is to be logged now; if so, not again for a while."""
        now_s = time.monotonic()
        if self._last_s is not None and now_s - self._last_s <= self._every_s:
            return False
        self._last_s = now_s
        return True

    def forget(self) -> None:
        """Log it the next time in any case."""
        self._last_s = None
