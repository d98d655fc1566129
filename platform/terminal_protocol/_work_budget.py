"""Limits on the work that reading one body may cause.

A message of chapter 9 has some forty values, a batch of 2,000 results (9.4) some 8,000. Reading a
value takes microseconds, reading a megabyte of picture hardly more: so values are counted and
bytes are not (decision 0004).
"""

from typing import Final

from .exceptions import UnreadableBody

# In a body, those of objects in texts inside of it included.
VALUES_MAX: Final = 100_000
# Keys, values, separators and quotes that the lenient reader looks at, in one text and in all.
STEPS_MAX: Final = 40_000
_STEPS_IN_ALL_MAX: Final = 100_000
# A text that is tried as an object costs about as much as so many steps, whatever is in it.
_STEPS_OF_A_TEXT: Final = 5
# One behind the other; as many as results are read at once.
OBJECTS_MAX: Final = 10_000
# Characters written as two halves (CESU-8), and halves alone.
HALVES_MAX: Final = 50_000
# Backslashes and percent signs that begin no escape.
STRAYS_MAX: Final = 100_000

_SEPARATORS: Final = (",", "\\u002c", "\\u002C")
_OPENING: Final = ("{", "[", "\\u007b", "\\u007B", "\\u005b", "\\u005B")


class WorkBudget:
    """Remaining work that reading a body may cause."""

    def __init__(self) -> None:
        self._values_left = VALUES_MAX
        self._steps_left = _STEPS_IN_ALL_MAX

    def admit(self, text: str) -> None:
        """Reserve the greatest cost of reading a text, before it is read.

        Separators in names count as well: telling them apart would be reading the text.

        Raises:
            UnreadableBody: too_large, or too_deep where most brackets are not closed.
        """
        separators = sum(text.count(one) for one in _SEPARATORS)
        opening = sum(text.count(one) for one in _OPENING)
        self._values_left -= separators + opening
        if self._values_left < 0:
            closing = text.count("}") + text.count("]")
            raise UnreadableBody(
                "too_deep" if opening > 2 * (closing + separators) else "too_large"
            )
        self.step(_STEPS_OF_A_TEXT)

    def step(self, count: int = 1) -> None:
        """Consume steps.

        Raises:
            UnreadableBody: too_large.
        """
        self._steps_left -= count
        if self._steps_left < 0:
            raise UnreadableBody("too_large")
