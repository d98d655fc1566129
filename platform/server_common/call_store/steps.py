"""Protocol of a call store, and the steps that it can take.

Steps are tuples, which are made and packed many times faster than objects: each request of a
terminal takes seven. The last field of each is the word by which the script in Redis knows it.
"""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, Protocol


class Moved(Exception):
    """Another value stands than ``Check`` names: ``value``."""

    def __init__(self, value: str) -> None:
        super().__init__(value)
        self.value = value


class Put(NamedTuple):
    """Put a value under a name."""

    name: str
    value: str
    word: Literal["put"] = "put"


class Check(NamedTuple):
    """End the steps when another value was put under a name; empty: when any was."""

    name: str
    value: str
    word: Literal["check"] = "check"


class Take(NamedTuple):
    """Take a token from a bucket that holds ``burst`` and gains ``rate`` a second.

    An empty bucket ends the steps: none behind it is taken.
    """

    name: str
    rate: float
    burst: float
    word: Literal["take"] = "take"


class Note(NamedTuple):
    """Note a value under a field; with ``keep_s``, all fields go so long after the last note."""

    name: str
    field: str
    value: str
    keep_s: int = 0
    word: Literal["note"] = "note"


class NoteFirst(NamedTuple):
    """Note a value under a field that has none yet, unless there are ``most`` fields already."""

    name: str
    field: str
    value: str
    most: int
    word: Literal["first"] = "first"


class Push(NamedTuple):
    """Put a value before all others, of which the first ``most`` are kept, for ``keep_s``."""

    name: str
    value: str
    most: int
    keep_s: int
    word: Literal["push"] = "push"


class Turn(NamedTuple):
    """Note under a field when its value is another one than the time before.

    A field that had another value is entered in the set ``turned``.

    Attributes:
        value: without blanks and equals signs; noted as ``<Unix seconds>=<value>``, the latest
            ``most`` with blanks between.
    """

    name: str
    field: str
    value: str
    most: int
    keep_s: int
    turned: str
    word: Literal["turn"] = "turn"


Step = Put | Check | Take | Note | NoteFirst | Push | Turn


class CallStore(Protocol):
    """Store of notes on calls; any method raises ``CallStoreAway`` while it is away."""

    def run(self, steps: Sequence[Step], *, now: float) -> bool:
        """Take steps in one go; False when a bucket was empty.

        Raises:
            Moved: a check failed; none of the steps behind it was taken.
        """
        ...

    def fields(self, name: str, fields: Iterable[str]) -> dict[str, str]:
        """Return what is noted under these fields, as far as anything is."""
        ...

    def notes(self, name: str) -> dict[str, str]:
        """Return all that is noted."""
        ...

    def take_notes(self, name: str) -> dict[str, str]:
        """Return all that is noted and forget it."""
        ...

    def pushed(self, name: str) -> list[str]:
        """Return what was pushed, the latest first."""
        ...

    def take_turned(self, name: str) -> set[str]:
        """Return the fields that turned since this was asked last."""
        ...
