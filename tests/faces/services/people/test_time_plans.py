"""Which of a person's libraries open a door at a moment."""

from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django.db.models import ProtectedError

from devices.models import Site, Terminal
from faces.models import Holiday, Library, LibraryPlan, Person, TimePlan
from faces.services import door_hours, person_save, terminal_libraries_set
from tests.support.factories import make_library, make_site

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

ZONE = ZoneInfo("Asia/Shanghai")
MONDAY_MORNING = datetime(2026, 1, 5, 10, tzinfo=ZONE)
MONDAY_NIGHT = datetime(2026, 1, 5, 23, tzinfo=ZONE)


@pytest.fixture
def person(site: Site, library: Library) -> Person:
    """Return a person of one library."""
    return person_save(person=Person(site=site, user_id="1", name="One"), library_ids=[library.pk])


@pytest.fixture
def office(site: Site, library: Library) -> TimePlan:
    """Return the plan that the library follows: Mondays from nine to six."""
    plan = TimePlan.objects.create(site=site, name="Office")
    plan.intervals.create(weekday=0, starts_at=time(9), ends_at=time(18))
    LibraryPlan.objects.create(library=library, plan=plan)
    return plan


def open_at(person: Person, terminal: Terminal, at: datetime) -> bool:
    """Tell whether any library lets the person pass."""
    return bool(door_hours(person=person, terminal=terminal, at=at).allowing)


def test_a_library_without_a_plan_is_always_open(person: Person, terminal: Terminal) -> None:
    assert open_at(person, terminal, MONDAY_NIGHT)


def test_a_library_with_a_plan_is_open_in_its_hours(
    person: Person, terminal: Terminal, office: TimePlan
) -> None:
    assert open_at(person, terminal, MONDAY_MORNING)
    assert not open_at(person, terminal, MONDAY_NIGHT)


def test_one_library_that_allows_is_enough(
    site: Site, person: Person, library: Library, terminal: Terminal, office: TimePlan
) -> None:
    guards = make_library(site)
    person_save(person=person, library_ids=[library.pk, guards.pk])

    hours = door_hours(person=person, terminal=terminal, at=MONDAY_NIGHT)

    assert set(hours.libraries) == {library.pk, guards.pk}
    assert hours.allowing == (guards.pk,)


def test_a_library_that_the_terminal_does_not_hold_opens_nothing(
    site: Site, person: Person, library: Library, terminal: Terminal, office: TimePlan
) -> None:
    guards = make_library(site)
    person_save(person=person, library_ids=[library.pk, guards.pk])
    terminal_libraries_set(terminal=terminal, library_ids=[library.pk])
    terminal.refresh_from_db()

    assert not open_at(person, terminal, MONDAY_NIGHT)
    assert door_hours(person=person, terminal=terminal, at=MONDAY_NIGHT).libraries == (library.pk,)


def test_nobody_passes_where_they_are_in_no_library(site: Site, terminal: Terminal) -> None:
    stranger = person_save(person=Person(site=site, user_id="2", name="Two"))

    assert door_hours(person=stranger, terminal=terminal, at=MONDAY_MORNING).libraries == ()


def test_holidays_are_those_of_the_site(
    site: Site, person: Person, terminal: Terminal, office: TimePlan
) -> None:
    Holiday.objects.create(site=make_site(), date=MONDAY_MORNING.date(), name="Elsewhere")
    assert open_at(person, terminal, MONDAY_MORNING)

    Holiday.objects.create(site=site, date=MONDAY_MORNING.date(), name="Here")
    assert not open_at(person, terminal, MONDAY_MORNING)


def test_a_plan_in_use_cannot_be_deleted(office: TimePlan) -> None:
    with pytest.raises(ProtectedError):
        office.delete()


def test_a_library_of_another_site_is_refused(office: TimePlan) -> None:
    link = LibraryPlan(library=make_library(make_site()), plan=office)

    with pytest.raises(ValidationError):
        link.full_clean()
