"""Opening hours: which of a person's libraries let them pass a terminal at a moment."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from devices.models import Terminal
from faces.hours import Interval, WeekPlan
from faces.models import Holiday, LibraryMembership, LibraryPlan, Person

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DoorHours:
    """What a person's libraries say of a door at a moment.

    Attributes:
        libraries: ids of the person's libraries that the terminal holds.
        allowing: those of them that allow the moment, by their plan or by having none.
    """

    libraries: tuple[int, ...]
    allowing: tuple[int, ...]


def door_hours(*, person: Person, terminal: Terminal, at: datetime) -> DoorHours:
    """Return which libraries lead a person through a terminal's door at an aware moment.

    One library that allows is enough. Where no library has a plan, this asks two questions of
    the database.
    """
    memberships = LibraryMembership.objects.filter(person=person)
    if not terminal.all_libraries:
        memberships = memberships.filter(library__terminal_links__terminal=terminal)
    libraries = tuple(
        memberships.order_by("library_id").values_list("library_id", flat=True).distinct()
    )
    links = LibraryPlan.objects.filter(library_id__in=libraries).select_related("plan")
    links = links.prefetch_related("plan__intervals")
    zone = ZoneInfo(terminal.site.timezone)
    plans = {link.library_id: link for link in links}
    holidays = _holidays(terminal.site_id, at, zone) if plans else {}
    closed = {
        library_id
        for library_id, link in plans.items()
        if not _week_plan(link, holidays).allows(at, zone)
    }
    return DoorHours(libraries, tuple(one for one in libraries if one not in closed))


def _holidays(site_id: int, at: datetime, zone: ZoneInfo) -> dict[date, int | None]:
    """Return the holidays that can matter: of the day itself and of the day before."""
    today = at.astimezone(zone).date()
    days = [today] if today.toordinal() == 1 else [today - _DAY, today]
    rows = Holiday.objects.filter(site_id=site_id, date__in=days)
    return dict(rows.values_list("date", "counts_as"))


def _week_plan(link: LibraryPlan, holidays: dict[date, int | None]) -> WeekPlan:
    return WeekPlan(
        intervals=tuple(
            Interval(row.weekday, row.starts_at, row.ends_at) for row in link.plan.intervals.all()
        ),
        holidays=holidays,
    )
