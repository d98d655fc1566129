"""Growing pauses between tries."""

import random


class Backoff:
    """Pauses that double up to a limit, each shortened by up to half at random.

    The chance keeps terminals apart that lost the platform at the same moment.
    """

    def __init__(self, *, first_s: float, most_s: float, chance: random.Random) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._chance = chance
        self._failures = 0

    def failed(self) -> float:
        """Note a failure; how long to wait now, in seconds."""
        # The exponent stops growing long before a float would overflow.
        whole_s = min(self._first_s * 2.0 ** min(self._failures, 32), self._most_s)
        self._failures += 1
        return whole_s * self._chance.uniform(0.5, 1.0)

    def succeeded(self) -> None:
        """Start over with the shortest pause."""
        self._failures = 0


def jittered(interval_s: float, chance: random.Random) -> float:
    """An interval moved by up to a tenth, so that a fleet does not march in step."""
    return interval_s * chance.uniform(0.9, 1.1)
