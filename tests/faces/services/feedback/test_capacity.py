"""Terminals that hold no more people than they can."""

import pytest
from django.core.exceptions import ValidationError

from devices.models import Terminal
from faces.choices import Operation, PersonState, Remedy
from faces.models import Library, Person
from faces.services import (
    library_save,
    person_erase,
    person_save,
    terminal_libraries_set,
)
from tests.support.people import enrol
from tests.support.reports import in_a_while, report, row_of, told
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


class TestCapacity:
    def fill(self, wire: WireClient, library: Library, count: int) -> None:
        for number in range(count):
            enrol(library, str(number))
        wire.sync()
        for number in range(count):
            report(wire, str(number), "100")

    @pytest.mark.django_db(transaction=True)
    def test_it_is_learnt_when_the_terminal_says_that_it_is_full(
        self, wire: WireClient, terminal: Terminal, library: Library
    ) -> None:
        self.fill(wire, library, 3)
        enrol(library, "3")
        wire.sync()

        report(wire, "3", "50009", "人脸数据库已满")

        terminal.refresh_from_db()
        assert terminal.capacity == 3
        assert terminal.capacity_learnt_at is not None
        assert row_of("3").remedy == Remedy.FREE_SPACE

    @pytest.mark.django_db(transaction=True)
    def test_a_managers_figure_stays(
        self, wire: WireClient, terminal: Terminal, library: Library
    ) -> None:
        Terminal.objects.filter(pk=terminal.pk).update(capacity=500)
        self.fill(wire, library, 2)

        report(wire, "1", "50009")

        terminal.refresh_from_db()
        assert (terminal.capacity, terminal.capacity_learnt_at) == (500, None)

    def test_who_found_no_room_is_told_again_once_there_is_some(
        self, wire: WireClient, terminal: Terminal, library: Library
    ) -> None:
        self.fill(wire, library, 2)
        for user_id in "ab":
            enrol(library, user_id)
        wire.sync()
        report(wire, "a", "50009")
        report(wire, "b", "50009")
        person_erase(person=Person.objects.get(user_id="0"))
        wire.sync()

        report(wire, "0", "100")

        assert in_a_while(seconds=1) == 1
        assert told(wire) == [("save", "a")]
        assert row_of("b").remedy == Remedy.FREE_SPACE

    def test_nobody_is_assigned_beyond_it(
        self, wire: WireClient, terminal: Terminal, library: Library
    ) -> None:
        Terminal.objects.filter(pk=terminal.pk).update(capacity=2)
        spare = library_save(library=Library(site=library.site, name="Spare"))
        terminal_libraries_set(terminal=terminal, library_ids=[library.pk])
        for user_id in "12":
            enrol(library, user_id)
        third = enrol(spare, "3")

        with pytest.raises(ValidationError, match="can hold 2 people and would have to hold 3"):
            person_save(person=third, library_ids=[library.pk])

        assert wire.sync() == 2

    def test_whoever_is_there_already_may_be_changed_on_a_terminal_that_holds_too_many(
        self, wire: WireClient, terminal: Terminal, library: Library
    ) -> None:
        person = enrol(library, "1")
        enrol(library, "2")
        Terminal.objects.filter(pk=terminal.pk).update(capacity=1)

        person.name = "Renamed"
        person_save(person=person)
        person.state = PersonState.SUSPENDED
        person_save(person=person)

        assert row_of("2").operation == Operation.SAVE

    def test_a_library_that_does_not_fit_is_refused(
        self, wire: WireClient, terminal: Terminal, library: Library
    ) -> None:
        terminal_libraries_set(terminal=terminal, library_ids=[])
        Terminal.objects.filter(pk=terminal.pk).update(capacity=1)
        for user_id in "12":
            enrol(library, user_id)

        with pytest.raises(ValidationError, match="can hold 1 people"):
            terminal_libraries_set(terminal=terminal, library_ids=[library.pk])

        assert wire.sync() == 0
