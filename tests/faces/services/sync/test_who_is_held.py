"""Who a terminal holds: its libraries' people who may enter, and nobody else."""

from datetime import timedelta

import pytest
from django.utils import timezone

from devices.models import Site, Terminal
from devices.services import terminal_approve
from faces.choices import PersonState
from faces.models import Library, Person
from faces.services import (
    library_erase,
    person_save,
    terminal_libraries_set,
    validity_sweep,
)
from tests.support.people import enrol
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def test_a_suspended_person_leaves_and_comes_back(
    wire: WireClient, terminal: Terminal, library: Library
) -> None:
    person = enrol(library, "1")
    wire.sync()

    person.state = PersonState.SUSPENDED
    person_save(person=person)
    wire.sync()
    assert wire.held == {}

    person.state = PersonState.ACTIVE
    person_save(person=person)
    wire.sync()
    assert set(wire.held) == {"1"}


def test_a_visit_begins_and_ends_by_itself(
    wire: WireClient, terminal: Terminal, library: Library
) -> None:
    now = timezone.now()
    person = enrol(
        library, "1", valid_from=now + timedelta(hours=1), valid_until=now + timedelta(hours=2)
    )
    wire.sync()
    assert wire.held == {}

    Person.objects.filter(pk=person.pk).update(valid_from=now - timedelta(minutes=1))
    assert validity_sweep() == 1
    wire.sync()
    assert set(wire.held) == {"1"}

    Person.objects.filter(pk=person.pk).update(valid_until=now)
    assert validity_sweep() == 1
    assert validity_sweep() == 0
    wire.sync()
    assert wire.held == {}


def test_a_terminal_holds_only_its_libraries(
    wire: WireClient, terminal: Terminal, library: Library, site: Site
) -> None:
    other = Library.objects.create(site=site, name="Other")
    enrol(library, "1")
    enrol(other, "2")
    terminal_libraries_set(terminal=terminal, library_ids=[library.pk])
    wire.sync()
    assert set(wire.held) == {"1"}

    terminal_libraries_set(terminal=terminal, library_ids=[other.pk])
    wire.sync()
    assert set(wire.held) == {"2"}


def test_a_changed_set_of_libraries_is_told_in_pages_that_end(
    wire: WireClient,
    terminal: Terminal,
    library: Library,
    site: Site,
    settings: pytest.FixtureRequest,
) -> None:
    settings.SYNC_PAGE_SIZE = 2  # type: ignore[attr-defined]
    other = Library.objects.create(site=site, name="Other")
    for number in range(7):
        enrol(library if number % 2 else other, str(number))
    terminal_libraries_set(terminal=terminal, library_ids=[library.pk])
    wire.sync()

    terminal_libraries_set(terminal=terminal, library_ids=[library.pk, other.pk])
    wire.sync()
    assert set(wire.held) == {str(number) for number in range(7)}

    terminal_libraries_set(terminal=terminal, library_ids=[other.pk])
    wire.sync()
    assert set(wire.held) == {"0", "2", "4", "6"}


def test_a_deleted_library_takes_its_people_along(
    wire: WireClient, terminal: Terminal, library: Library, site: Site
) -> None:
    kept = Library.objects.create(site=site, name="Kept")
    enrol(library, "1")
    both = enrol(library, "2")
    person_save(person=both, library_ids=[library.pk, kept.pk])
    wire.sync()

    library_erase(library=library)
    wire.sync()

    assert set(wire.held) == {"2"}


def test_a_pending_terminal_gets_an_empty_library_and_then_everything(
    site: Site, token: str, library: Library
) -> None:
    Site.objects.filter(pk=site.pk).update(auto_approve=False)
    enrol(library, "1")
    wire = WireClient(token=token, device_id="new")
    assert wire.poll(0) == ([], 0)

    terminal = Terminal.objects.get(device_id="new")
    terminal = terminal_approve(terminal=terminal)
    terminal_libraries_set(terminal=terminal, library_ids=[library.pk])
    wire.sync()

    assert set(wire.held) == {"1"}


def test_people_without_an_accepted_photo_are_not_sent(
    wire: WireClient, terminal: Terminal, library: Library, site: Site
) -> None:
    person_save(person=Person(site=site, user_id="1", name="A"), library_ids=[library.pk])

    assert wire.poll(0)[0] == []


def test_blacklisted_people_are_kept_off_terminals(
    wire: WireClient, terminal: Terminal, library: Library
) -> None:
    enrol(library, "1", category=3)

    assert wire.poll(0)[0] == []
