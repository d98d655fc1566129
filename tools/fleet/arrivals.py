"""Arrivals of people at one door: pure, the same seed gives the same times."""

import random
import re
from dataclasses import dataclass
from typing import Final

_PER_S: Final = {"s": 1.0, "min": 60.0, "h": 3600.0}
_RATE: Final = re.compile(r"(\d+(?:\.\d+)?)/(s|min|h)")
_BURST: Final = re.compile(r"(\d+)@(\d+(?:\.\d+)?)s?")


@dataclass(frozen=True, slots=True)
class Arrivals:
    """How people arrive.

    Attributes:
        per_s: on average at each door, independently of one another.
        burst: so many more at each door,
        burst_at_s: all within the second that begins here.
    """

    per_s: float = 0.0
    burst: int = 0
    burst_at_s: float = 0.0

    @classmethod
    def parse(cls, words: str) -> "Arrivals":
        """Read "2/min", "30/h", "5@20" (five at the 20th second), or both with a plus.

        Raises:
            ValueError: for anything else.
        """
        per_s, burst, burst_at_s = 0.0, 0, 0.0
        for word in words.split("+"):
            if rate := _RATE.fullmatch(word.strip()):
                per_s = float(rate[1]) / _PER_S[rate[2]]
            elif found := _BURST.fullmatch(word.strip()):
                burst, burst_at_s = int(found[1]), float(found[2])
            else:
                raise ValueError("arrivals look like 2/min, 30/h, 5@20 or 2/min+5@20")
        return cls(per_s, burst, burst_at_s)

    def moments(self, duration_s: float, rng: random.Random) -> list[float]:
        """Draw the moments at one door, in seconds from the start, in order."""
        found = []
        at_s = rng.expovariate(self.per_s) if self.per_s else duration_s
        while at_s < duration_s:
            found.append(at_s)
            at_s += rng.expovariate(self.per_s)
        burst_moments = (self.burst_at_s + rng.random() for _ in range(self.burst))
        return sorted(found + [moment for moment in burst_moments if moment < duration_s])
