"""Call store in memory, for a platform that is one process."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from .steps import Check, Moved, Note, NoteFirst, Push, Put, Step, Take, Turn

# So many names of a kind (before the colon) are kept; those noted longest ago are forgotten.
# Buckets that are forgotten are full again.
_NAMES_MOST = {"bucket": 50_000, "exchanges": 4_000}
# Fields of one name under which turns are noted.
_TURNING_MOST = 20_000


class MemoryCallStore:
    """Store in this process, for any of its threads; nothing in it ends by time."""

    def __init__(
        self, *, names_most: dict[str, int] | None = None, turning_most: int = _TURNING_MOST
    ) -> None:
        self._lock = threading.Lock()
        self._names_most = _NAMES_MOST if names_most is None else names_most
        self._turning_most = turning_most
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._values: dict[str, str] = {}
        self._notes: dict[str, OrderedDict[str, str]] = {}
        self._pushed: OrderedDict[str, list[str]] = OrderedDict()
        self._turned: dict[str, set[str]] = {}
        # By kind, the names in the order of their last note.
        self._recent: dict[str, OrderedDict[str, None]] = {}

    def run(self, steps: Sequence[Step], *, now: float) -> bool:
        """See ``CallStore``."""
        # As Redis is set up.
        now = round(now, 3)
        with self._lock:
            for step in steps:
                match step:
                    case Take():
                        if not self._take(step, now):
                            return False
                    case Check():
                        found = self._values.get(step.name, "")
                        if found != step.value:
                            raise Moved(found)
                    case Put():
                        self._values[step.name] = step.value
                    case Note():
                        self._of(step.name)[step.field] = step.value
                    case NoteFirst():
                        notes = self._of(step.name)
                        if len(notes) < step.most:
                            notes.setdefault(step.field, step.value)
                    case Push():
                        values = self._pushed.setdefault(step.name, [])
                        self._pushed[step.name] = [step.value, *values][: step.most]
                    case Turn():
                        self._turn(step, now)
                self._touch(step.name)
        return True

    def fields(self, name: str, fields: Iterable[str]) -> dict[str, str]:
        """See ``CallStore``."""
        with self._lock:
            notes: dict[str, str] = self._notes.get(name) or {}
            return {field: notes[field] for field in fields if field in notes}

    def notes(self, name: str) -> dict[str, str]:
        """See ``CallStore``."""
        with self._lock:
            return dict(self._notes.get(name, {}))

    def take_notes(self, name: str) -> dict[str, str]:
        """See ``CallStore``."""
        with self._lock:
            return dict(self._notes.pop(name, {}))

    def pushed(self, name: str) -> list[str]:
        """See ``CallStore``."""
        with self._lock:
            return list(self._pushed.get(name, []))

    def take_turned(self, name: str) -> set[str]:
        """See ``CallStore``."""
        with self._lock:
            return self._turned.pop(name, set())

    def _of(self, name: str) -> OrderedDict[str, str]:
        return self._notes.setdefault(name, OrderedDict())

    def _take(self, step: Take, now: float) -> bool:
        left, at = self._buckets.get(step.name, (step.burst, now))
        left = min(step.burst, left + max(0.0, now - at) * step.rate)
        is_allowed = left >= 1
        self._buckets[step.name] = (left - 1 if is_allowed else left, now)
        self._touch(step.name)
        return is_allowed

    def _turn(self, step: Turn, now: float) -> None:
        notes = self._of(step.name)
        turns = notes.get(step.field, "").split()
        if turns and turns[-1].partition("=")[2] == step.value:
            return
        turns = [*turns, f"{now:.3f}={step.value}"][-step.most :]
        notes[step.field] = " ".join(turns)
        notes.move_to_end(step.field)
        if len(turns) > 1:
            self._turned.setdefault(step.turned, set()).add(step.field)
        if len(notes) > self._turning_most:
            forgotten, _ = notes.popitem(last=False)
            self._turned.get(step.turned, set()).discard(forgotten)

    def _touch(self, name: str) -> None:
        """Note that a name was used, and forget the one of its kind that was used longest ago."""
        kind = name.partition(":")[0]
        most = self._names_most.get(kind)
        if most is None:
            return
        recent = self._recent.setdefault(kind, OrderedDict())
        recent[name] = None
        recent.move_to_end(name)
        if len(recent) > most:
            forgotten, _ = recent.popitem(last=False)
            for kept in (self._buckets, self._notes, self._pushed):
                kept.pop(forgotten, None)
