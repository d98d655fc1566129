"""Latencies and errors of many requests, in bounded memory."""

import math
from collections import Counter
from typing import Any, Final

_LEAST_MS: Final = 0.1
_GROWTH: Final = 1.05  # of a class; a quantile is off by at most half of that
_CLASSES: Final = 300  # up to about 200 000 s


class Histogram:
    """Latencies in classes that grow by five per cent."""

    def __init__(self) -> None:
        self._counts = [0] * _CLASSES
        self.count = 0
        self.most_ms = 0.0

    def add(self, ms: float) -> None:
        """Note one."""
        number = 0
        if ms > _LEAST_MS:
            number = min(int(math.log(ms / _LEAST_MS) / math.log(_GROWTH)) + 1, _CLASSES - 1)
        self._counts[number] += 1
        self.count += 1
        self.most_ms = max(self.most_ms, ms)

    def quantile_ms(self, part: float) -> float:
        """Return a quantile (0 to 1) to within a class; 0 without any values."""
        wanted, passed = part * self.count, 0
        for number, count in enumerate(self._counts):
            passed += count
            if count and passed >= wanted:
                return float(min(_LEAST_MS * _GROWTH**number, self.most_ms))
        return 0.0

    def summary(self) -> dict[str, float]:
        """Return the summary for a report."""
        quantiles = {f"p{part}_ms": self.quantile_ms(part / 100) for part in (50, 90, 99)}
        values = {**quantiles, "most_ms": self.most_ms}
        return {"count": self.count, **{name: round(ms, 2) for name, ms in values.items()}}


class Statistics:
    """Statistics of the whole fleet.

    Attributes:
        asked: requests that were begun, by kind (``syface``, ``picture`` …).
        latencies: of those that were answered with HTTP 200.
        errors: by kind of request and of failure: class, HTTP status, or ret.
        visits: visits that happened; `answered` of them got ret "0", `opened` an open door, and
            `dropped` were refused for good, as a terminal drops what no platform will take.
        repeated: uploads that were sent again.
        fetched_late: pictures that came at a later try than the first.
    """

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.latencies: dict[str, Histogram] = {}
        self.errors: Counter[str] = Counter()
        self.visits = self.answered = self.opened = self.dropped = self.repeated = 0
        self.fetched_late = 0

    def took(self, kind: str, seconds: float) -> None:
        """Note an answered request."""
        self.latencies.setdefault(kind, Histogram()).add(seconds * 1000.0)

    def failed(self, kind: str, how: str) -> None:
        """Count a request without an answer, or with an invalid one."""
        self.errors[f"{kind} {how}"] += 1

    @property
    def requests(self) -> int:
        """Requests that were answered."""
        return sum(one.count for one in self.latencies.values())

    def busy(self, kind: str) -> int:
        """Return how many requests of a kind were answered with HTTP 503."""
        return self.errors[f"{kind} HTTP 503"]

    def summary(self) -> dict[str, Any]:
        """Return the summary for a report."""
        kinds = sorted(self.asked)
        return {
            "requests": self.requests,
            "asked": {kind: self.asked[kind] for kind in kinds},
            "told_to_come_again": {kind: self.busy(kind) for kind in kinds},
            "visits": self.visits,
            "visits_answered": self.answered,
            "visits_opened": self.opened,
            "visits_dropped": self.dropped,
            "uploads_repeated": self.repeated,
            "pictures_fetched_late": self.fetched_late,
            "errors": dict(self.errors.most_common()),
            "latencies": {kind: one.summary() for kind, one in sorted(self.latencies.items())},
        }
