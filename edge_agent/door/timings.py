"""How long the door takes, over the last visits."""

from collections import deque
from typing import Final

_KEPT: Final = 1000


class Timings:
    """Times of one kind; the newest thousand are kept."""

    def __init__(self) -> None:
        self._ms: deque[float] = deque(maxlen=_KEPT)

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._ms)

    def add(self, seconds: float) -> None:
        """Note one."""
        self._ms.append(seconds * 1000.0)

    def quantile_ms(self, part: float) -> float | None:
        """Return the time that this part (0 to 1) of them did not exceed; None without any."""
        if not self._ms:
            return None
        ordered = sorted(self._ms)
        return ordered[min(int(part * len(ordered)), len(ordered) - 1)]
