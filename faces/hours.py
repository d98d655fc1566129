"""Weekly opening hours with holidays, as values.

No I/O and no clock. Everything is read off the site's wall clock, as a person at the door reads it:

- When clocks go forward, hours that do not exist that night are not made up for.
- When they go back, an hour that comes twice is allowed twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Interval:
    """Hours that begin on one weekday.

    Attributes:
        weekday: 0 Monday … 6 Sunday, on which the hours begin.
        starts_at: first moment allowed, on the wall clock.
        ends_at: first moment no longer allowed. At or before ``starts_at``: on the next day, so
            equal times are 24 hours.
    """

    weekday: int
    starts_at: time
    ends_at: time

    @property
    def runs_into_next_day(self) -> bool:
        """Tell whether the hours end on the day after they began."""
        return self.ends_at <= self.starts_at


@dataclass(frozen=True, slots=True)
class WeekPlan:
    """When people may pass; no interval at all allows nothing.

    Attributes:
        intervals: hours by weekday.
        holidays: date to the weekday it counts as, None when it has no hours of its own.
    """

    intervals: tuple[Interval, ...]
    holidays: Mapping[date, int | None]

    def allows(self, at: datetime, zone: ZoneInfo) -> bool:
        """Tell whether the plan allows a moment.

        Hours belong to the day on which they begin: those of the evening before a holiday run to
        their end, those that would begin on a closed holiday are left out whole.

        Args:
            at: an aware moment.
            zone: the site's time zone.

        Raises:
            ValueError: ``at`` has no time zone.
        """
        if at.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        local = at.astimezone(zone)
        today, clock = local.date(), local.time()
        weekday = self._weekday(today)
        # On the first day of the calendar nothing can run over from the day before.
        before = self._weekday(today - _DAY) if today > date.min else None
        return any(
            (interval.weekday == weekday and _begun(interval, clock))
            or (interval.weekday == before and _left_over(interval, clock))
            for interval in self.intervals
        )

    def _weekday(self, day: date) -> int | None:
        return self.holidays[day] if day in self.holidays else day.weekday()


def _begun(interval: Interval, clock: time) -> bool:
    return interval.starts_at <= clock and (interval.runs_into_next_day or clock < interval.ends_at)


def _left_over(interval: Interval, clock: time) -> bool:
    return interval.runs_into_next_day and clock < interval.ends_at
