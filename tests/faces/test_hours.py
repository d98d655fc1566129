"""Weekly hours: by the wall clock, across midnight, clock changes and holidays."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faces.hours import Interval, WeekPlan

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
MON, TUE, WED, THU, FRI, SAT, SUN = range(7)


def plan(*hours: tuple[int, str, str], holidays: dict[date, int | None] | None = None) -> WeekPlan:
    """Return a plan of (weekday, from, until)."""
    intervals = tuple(
        Interval(weekday, time.fromisoformat(start), time.fromisoformat(end))
        for weekday, start, end in hours
    )
    return WeekPlan(intervals, holidays or {})


# Monday 5 January 2026.
@pytest.mark.parametrize(
    ("at", "allowed"),
    [
        ("2026-01-05T08:59:59", False),
        ("2026-01-05T09:00:00", True),
        ("2026-01-05T17:59:59", True),
        ("2026-01-05T18:00:00", False),
        ("2026-01-06T10:00:00", False),
        ("2026-01-12T10:00:00", True),
    ],
)
def test_hours_begin_and_end_to_the_second_on_their_weekday(at: str, allowed: bool) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=SHANGHAI)

    assert plan((MON, "09:00", "18:00")).allows(moment, SHANGHAI) is allowed


def test_the_sites_clock_counts_not_the_callers() -> None:
    night_in_berlin = datetime(2026, 1, 5, 2, 30, tzinfo=BERLIN)

    assert plan((MON, "09:00", "10:00")).allows(night_in_berlin, SHANGHAI)
    assert not plan((MON, "09:00", "10:00")).allows(night_in_berlin, BERLIN)


@pytest.mark.parametrize(
    ("at", "allowed"),
    [
        ("2026-01-09T21:59:59", False),
        ("2026-01-09T22:00:00", True),
        ("2026-01-10T00:00:00", True),
        ("2026-01-10T05:59:59", True),
        ("2026-01-10T06:00:00", False),
        ("2026-01-10T22:30:00", False),
        ("2026-01-09T03:00:00", False),  # Thursday's night was nobody's shift
    ],
)
def test_a_night_shift_runs_into_the_next_day(at: str, allowed: bool) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=SHANGHAI)

    assert plan((FRI, "22:00", "06:00")).allows(moment, SHANGHAI) is allowed


def test_the_night_from_sunday_ends_on_monday() -> None:
    assert plan((SUN, "23:00", "01:00")).allows(
        datetime(2026, 1, 5, 0, 59, tzinfo=SHANGHAI), SHANGHAI
    )


@pytest.mark.parametrize(
    ("start", "end", "at", "allowed"),
    [
        ("08:00", "00:00", "2026-01-05T23:59:59.999999", True),
        ("08:00", "00:00", "2026-01-06T00:00:00", False),
        ("00:00", "00:00", "2026-01-05T00:00:00", True),
        ("00:00", "00:00", "2026-01-06T00:00:00", False),
        ("08:00", "08:00", "2026-01-06T07:59:00", True),
        ("08:00", "08:00", "2026-01-06T08:00:00", False),
    ],
)
def test_midnight_ends_the_day_and_equal_times_are_24_hours(
    start: str, end: str, at: str, allowed: bool
) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=SHANGHAI)

    assert plan((MON, start, end)).allows(moment, SHANGHAI) is allowed


# Berlin: 02:00 becomes 03:00 on Sunday 29 March, 03:00 becomes 02:00 on Sunday 25 October 2026.
@pytest.mark.parametrize(
    ("hours", "utc", "allowed"),
    [
        # Spring, an interval that ends in the hour that does not exist.
        ((SUN, "01:30", "02:30"), "2026-03-29T00:29", False),
        ((SUN, "01:30", "02:30"), "2026-03-29T00:30", True),
        ((SUN, "01:30", "02:30"), "2026-03-29T00:59", True),
        ((SUN, "01:30", "02:30"), "2026-03-29T01:00", False),  # 03:00
        # Spring, wholly inside it: never.
        ((SUN, "02:10", "02:50"), "2026-03-29T00:59", False),
        ((SUN, "02:10", "02:50"), "2026-03-29T01:00", False),
        # Spring, the night shift is an hour shorter.
        ((SAT, "22:00", "06:00"), "2026-03-28T21:00", True),
        ((SAT, "22:00", "06:00"), "2026-03-29T03:59", True),
        ((SAT, "22:00", "06:00"), "2026-03-29T04:00", False),
        # Autumn, the hour comes twice and is allowed twice.
        ((SUN, "02:00", "02:30"), "2026-10-25T00:00", True),
        ((SUN, "02:00", "02:30"), "2026-10-25T00:30", False),
        ((SUN, "02:00", "02:30"), "2026-10-25T01:00", True),
        ((SUN, "02:00", "02:30"), "2026-10-25T01:30", False),
        # Autumn, the night shift is an hour longer.
        ((SAT, "22:00", "06:00"), "2026-10-24T20:00", True),
        ((SAT, "22:00", "06:00"), "2026-10-25T04:59", True),
        ((SAT, "22:00", "06:00"), "2026-10-25T05:00", False),
        # Office hours stay where people's watches are, before and after.
        ((FRI, "09:00", "10:00"), "2026-03-27T08:00", True),
        ((FRI, "09:00", "10:00"), "2026-04-03T07:00", True),
        ((FRI, "09:00", "10:00"), "2026-04-03T08:00", False),
    ],
)
def test_clock_changes_follow_the_clock_on_the_wall(
    hours: tuple[int, str, str], utc: str, allowed: bool
) -> None:
    moment = datetime.fromisoformat(utc).replace(tzinfo=UTC)

    assert plan(hours).allows(moment, BERLIN) is allowed


@pytest.mark.parametrize(
    ("counts_as", "at", "allowed"),
    [
        (None, "2026-01-05T10:00", False),
        (None, "2026-01-06T10:00", True),
        (SAT, "2026-01-05T10:00", False),
        (SAT, "2026-01-05T14:00", True),
        (MON, "2026-01-05T10:00", True),
        # The evening before runs to its end; the holiday's own evening does not begin.
        (None, "2026-01-05T01:00", True),
        (None, "2026-01-05T23:30", False),
        (None, "2026-01-06T01:00", False),
    ],
)
def test_a_holiday_has_no_hours_or_those_of_a_weekday(
    counts_as: int | None, at: str, allowed: bool
) -> None:
    week = plan(
        (MON, "09:00", "12:00"),
        (TUE, "09:00", "12:00"),
        (SAT, "13:00", "15:00"),
        (SUN, "23:00", "02:00"),
        (MON, "23:00", "02:00"),
        holidays={date(2026, 1, 5): counts_as},
    )
    moment = datetime.fromisoformat(at).replace(tzinfo=SHANGHAI)

    assert week.allows(moment, SHANGHAI) is allowed


def test_a_plan_without_hours_allows_nothing() -> None:
    assert not plan().allows(datetime(2026, 1, 5, 10, tzinfo=SHANGHAI), SHANGHAI)


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        plan().allows(datetime(2026, 1, 5, 10), SHANGHAI)  # noqa: DTZ001 - the point of it


zones = st.sampled_from(
    ["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
).map(ZoneInfo)
moments = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
clocks = st.times(timezones=st.none())
intervals = st.builds(Interval, st.integers(0, 6), clocks, clocks)


@given(zone=zones, at=moments, rows=st.lists(intervals, max_size=5))
def test_hours_are_those_between_begin_and_end_written_out_as_dates(
    zone: ZoneInfo, at: datetime, rows: list[Interval]
) -> None:
    """Compare with wall-clock dates written out for the days around, without any shortcut."""
    local = at.astimezone(zone).replace(tzinfo=None)
    expected = False
    for back in range(3):
        day = local.date() - timedelta(days=back)
        for row in rows:
            if row.weekday != day.weekday():
                continue
            begin = datetime.combine(day, row.starts_at)
            end = datetime.combine(day, row.ends_at)
            if end <= begin:
                end += timedelta(days=1)
            expected = expected or begin <= local < end

    assert WeekPlan(tuple(rows), {}).allows(at, zone) is expected


@given(zone=zones, at=moments)
def test_seven_whole_days_leave_no_gap_at_any_clock_change(zone: ZoneInfo, at: datetime) -> None:
    whole = WeekPlan(tuple(Interval(day, time(0), time(0)) for day in range(7)), {})

    assert whole.allows(at, zone)


@given(zone=zones, at=moments, rows=st.lists(intervals, max_size=4), more=intervals)
def test_more_hours_never_close_a_door(
    zone: ZoneInfo, at: datetime, rows: list[Interval], more: Interval
) -> None:
    if WeekPlan(tuple(rows), {}).allows(at, zone):
        assert WeekPlan((*rows, more), {}).allows(at, zone)


@given(zone=zones, at=moments, rows=st.lists(intervals, max_size=4))
def test_a_holiday_that_counts_as_its_own_weekday_changes_nothing(
    zone: ZoneInfo, at: datetime, rows: list[Interval]
) -> None:
    day = at.astimezone(zone).date()
    week = tuple(rows)

    assert WeekPlan(week, {day: day.weekday()}).allows(at, zone) is WeekPlan(week, {}).allows(
        at, zone
    )
