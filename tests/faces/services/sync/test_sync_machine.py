"""Whatever happens in whatever order, a terminal ends up with exactly its people (invariant 1).

A machine changes people, libraries and terminals at random and polls as a terminal would. What a
terminal should hold is computed from a model of its own that knows nothing of stamps or rows.
``MENJIN_SYNC_RUNS`` makes it run longer.
"""

import itertools
import os
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone
from hypothesis import HealthCheck, Phase
from hypothesis import settings as examples
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from devices.models import Terminal
from devices.services import site_create, terminal_change
from faces.choices import Category, PersonState
from faces.models import Library, Person, SyncClock
from faces.services import (
    clock_last,
    deletes_repeat,
    deliveries_retry,
    deliveries_unconfirm,
    library_erase,
    library_save,
    person_erase,
    person_save,
    photo_attach,
    terminal_libraries_set,
    terminal_send_failed_again,
    terminal_view_changed,
    validity_sweep,
)
from tests.support.people import checked_photo, enrol
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite, pytest.mark.slow]
RUNS = int(os.environ.get("MENJIN_SYNC_RUNS", "25"))
IDS = [str(number) for number in range(5)]
LIBRARIES = ["A", "B", "C"]
_numbers = itertools.count(1)

ids = st.sampled_from(IDS)
library_sets = st.sets(st.sampled_from(LIBRARIES))
doors = st.sampled_from(["0", "1"])


@dataclass
class Known:
    """A person of the model."""

    name: str
    libraries: set[str]
    is_active: bool = True
    is_valid: bool = True
    is_blacklisted: bool = False


@dataclass
class Door:
    """A terminal of the model: what it may hold, and what its flash holds (id → name)."""

    wire: WireClient
    libraries: set[str] | None
    is_approved: bool = True
    held: dict[str, str] = field(default_factory=dict)

    def apply(self, entries: list[dict[str, Any]]) -> None:
        """Do what an answer says."""
        for entry in entries:
            if entry["operation"] == "save":
                assert entry["imageUrl"]
                self.held[entry["userId"]] = entry["userName"]
            else:
                self.held.pop(entry["userId"], None)


class Sync(RuleBasedStateMachine):
    """One site with two doors; door 0 holds every library, door 1 some."""

    def __init__(self) -> None:
        super().__init__()
        self.settings = override_settings(
            SYNC_PAGE_SIZE=2, TERMINAL_RATE=(1e9, 1e9), ADDRESS_RATE=(1e9, 1e9)
        )
        self.settings.enable()

    @initialize()
    def begin(self) -> None:
        self.site = site_create(name=f"Machine {next(_numbers)}")
        self.libraries = {
            name: library_save(library=Library(site=self.site, name=name)) for name in LIBRARIES
        }
        self.people: dict[str, Known] = {}
        self.doors: dict[str, Door] = {}
        token = self.site.tokens.get().token
        for device_id, libraries in (("0", None), ("1", {"A"})):
            terminal = Terminal.objects.create(
                site=self.site, device_id=device_id, status="approved", all_libraries=not libraries
            )
            if libraries:
                terminal_libraries_set(terminal=terminal, library_ids=self._keys(libraries))
            self.doors[device_id] = Door(WireClient(token=token, device_id=device_id), libraries)
        for user_id, library in zip(IDS, "ABCAB", strict=True):
            self.enter(user_id, library)

    def _keys(self, names: set[str]) -> list[int]:
        return [self.libraries[name].pk for name in names]

    def _person(self, user_id: str) -> Person:
        return Person.objects.get(site=self.site, user_id=user_id)

    def _terminal(self, device_id: str) -> Terminal:
        return Terminal.objects.select_related("site").get(site=self.site, device_id=device_id)

    @rule(user_id=ids, library=st.sampled_from(LIBRARIES))
    def enter(self, user_id: str, library: str) -> None:
        if user_id not in self.people:
            name = f"Person {next(_numbers)}"
            enrol(self.libraries[library], user_id, name=name)
            self.people[user_id] = Known(name, {library})

    @rule(user_id=ids)
    def rename(self, user_id: str) -> None:
        if known := self.people.get(user_id):
            person = self._person(user_id)
            person.name = known.name = f"Person {next(_numbers)}"
            person_save(person=person)

    @rule(user_id=ids)
    def photograph(self, user_id: str) -> None:
        if user_id in self.people:
            photo_attach(
                person=self._person(user_id), checked=checked_photo(f"photo {next(_numbers)}")
            )

    @rule(user_id=ids, libraries=library_sets)
    def move(self, user_id: str, libraries: set[str]) -> None:
        if known := self.people.get(user_id):
            person_save(person=self._person(user_id), library_ids=self._keys(libraries))
            known.libraries = set(libraries)

    @rule(user_id=ids)
    def suspend_or_let_back(self, user_id: str) -> None:
        if known := self.people.get(user_id):
            known.is_active = not known.is_active
            person = self._person(user_id)
            person.state = PersonState.ACTIVE if known.is_active else PersonState.SUSPENDED
            person_save(person=person)

    @rule(user_id=ids)
    def blacklist_or_forgive(self, user_id: str) -> None:
        if known := self.people.get(user_id):
            known.is_blacklisted = not known.is_blacklisted
            person = self._person(user_id)
            person.category = Category.BLACKLIST if known.is_blacklisted else Category.EMPLOYEE
            person_save(person=person)

    @rule(user_id=ids, hours=st.sampled_from([None, 1, -1]), begins=st.booleans())
    def limit(self, user_id: str, hours: int | None, begins: bool) -> None:
        """Let the visit begin or end an hour from now, or an hour ago, or lift the limits."""
        if known := self.people.get(user_id):
            person = self._person(user_id)
            moment = None if hours is None else timezone.now() + timedelta(hours=hours)
            person.valid_from = moment if begins else None
            person.valid_until = None if begins else moment
            person_save(person=person)
            known.is_valid = hours is None or (hours < 0) is begins

    @rule(user_id=ids)
    def an_hour_passes_for_a_visit(self, user_id: str) -> None:
        """Time itself cannot be moved here, so the limits are, without any service knowing."""
        if known := self.people.get(user_id):
            person, hours = self._person(user_id), timedelta(hours=2)
            if person.valid_from:
                person.valid_from -= hours
            if person.valid_until:
                person.valid_until -= hours
            Person.objects.filter(pk=person.pk).update(
                valid_from=person.valid_from, valid_until=person.valid_until
            )
            if person.valid_from:
                known.is_valid = person.valid_from <= timezone.now()
            elif person.valid_until:
                known.is_valid = person.valid_until > timezone.now()
            validity_sweep()

    @rule(user_id=ids)
    def erase(self, user_id: str) -> None:
        if self.people.pop(user_id, None):
            person_erase(person=self._person(user_id))

    @rule(name=st.sampled_from(LIBRARIES))
    def drop_and_remake_a_library(self, name: str) -> None:
        library_erase(library=self.libraries[name])
        self.libraries[name] = library_save(library=Library(site=self.site, name=name))
        for known in self.people.values():
            known.libraries.discard(name)
        for door in self.doors.values():
            if door.libraries is not None:
                door.libraries.discard(name)

    @rule(libraries=library_sets)
    def subscribe(self, libraries: set[str]) -> None:
        terminal_libraries_set(terminal=self._terminal("1"), library_ids=self._keys(libraries))
        self.doors["1"].libraries = set(libraries)

    @rule()
    def subscribe_to_everything(self) -> None:
        terminal_libraries_set(terminal=self._terminal("1"), library_ids=[], all_libraries=True)
        self.doors["1"].libraries = None

    @rule(device_id=doors)
    def disable_or_approve(self, device_id: str) -> None:
        door = self.doors[device_id]
        door.is_approved = not door.is_approved
        status = "approved" if door.is_approved else "disabled"
        terminal_change(terminal=self._terminal(device_id), status=status)

    @rule(device_id=doors)
    def send_everything_again(self, device_id: str) -> None:
        terminal_view_changed(terminal=self._terminal(device_id))

    @rule(hours=st.sampled_from([1, 24]))
    def the_servers_clock_steps_back(self, hours: int) -> None:
        """Stamps were given out that are ahead of what the clock says now."""
        ahead = clock_last(site_id=self.site.pk) + hours * 3600
        SyncClock.objects.filter(site=self.site).update(last_stamp=ahead)

    @rule(size=st.integers(1, 4))
    def change_the_page_size(self, size: int) -> None:
        self.settings.disable()
        self.settings.options["SYNC_PAGE_SIZE"] = size
        self.settings.enable()

    @rule(device_id=doors)
    def poll(self, device_id: str) -> None:
        door = self.doors[device_id]
        if door.is_approved:
            entries, door.wire.cursor = door.wire.poll()
            door.apply(entries)

    @rule(device_id=doors)
    def poll_and_lose_the_answer(self, device_id: str) -> None:
        if self.doors[device_id].is_approved:
            self.doors[device_id].wire.poll()

    @rule(device_id=doors)
    def apply_an_answer_but_lose_its_cursor(self, device_id: str) -> None:
        """Power goes between the faces and the cursor being written."""
        door = self.doors[device_id]
        if door.is_approved:
            door.apply(door.wire.poll()[0])

    @rule(device_id=doors, code=st.sampled_from(["100", "113"]))
    def answer_and_report(self, device_id: str, code: str) -> None:
        """Apply a page and report each face; one that failed is not on the terminal."""
        door = self.doors[device_id]
        if not door.is_approved:
            return
        entries, cursor = door.wire.poll()
        if code == "100":
            door.apply(entries)
            door.wire.cursor = cursor
        for entry in entries:
            door.wire.post("syresult", {"resultList": {"userID": entry["userId"], "status": code}})

    @rule(device_id=doors, code=st.sampled_from(["50002", "30002", "50009"]))
    def one_face_fails(self, device_id: str, code: str) -> None:
        """Take a page in, cursor and all, but for one face that could not be stored."""
        door = self.doors[device_id]
        if not door.is_approved:
            return
        entries, door.wire.cursor = door.wire.poll()
        for entry in [one for one in entries if one["operation"] == "save"][:1]:
            entries.remove(entry)
            # What could not be replaced is not there any more.
            door.held.pop(entry["userId"], None)
            door.wire.post("syresult", {"resultList": {"userID": entry["userId"], "status": code}})
        door.apply(entries)

    @rule()
    def a_day_passes_for_retries(self) -> None:
        deliveries_retry(now=timezone.now() + timedelta(days=1))

    @rule()
    def a_day_passes_for_answers(self) -> None:
        deliveries_unconfirm(now=timezone.now() + timedelta(days=1))

    @rule(device_id=doors)
    def reset_to_factory(self, device_id: str) -> None:
        door = self.doors[device_id]
        door.held, door.wire.cursor = {}, 0

    @rule(device_id=doors)
    def forget_the_cursor_only(self, device_id: str) -> None:
        self.doors[device_id].wire.cursor = 0

    @rule()
    def ten_minutes_pass_for_deletes(self) -> None:
        deletes_repeat(now=timezone.now() + timedelta(hours=1))

    def _settle(self, door: Door, *, losses: int = 0) -> None:
        """Poll until nothing is new: then the door holds exactly what it should."""
        if not door.is_approved:
            return
        terminal_send_failed_again(terminal=self._terminal(door.wire.device_id))
        for _ in range(200):
            for _ in range(losses):
                door.wire.poll()
            entries, door.wire.cursor = door.wire.poll()
            if not entries:
                break
            door.apply(entries)
        else:
            raise AssertionError("the terminal is told changes without end")
        assert door.held == {
            user_id: known.name
            for user_id, known in self.people.items()
            if known.is_active
            and known.is_valid
            and not known.is_blacklisted
            and (known.libraries if door.libraries is None else known.libraries & door.libraries)
        }

    # More than once, so that it comes often among so many rules.
    @rule(device_id=doors)
    def one_door_is_told_everything(self, device_id: str) -> None:
        self._settle(self.doors[device_id])

    @rule()
    def both_doors_are_told_everything(self) -> None:
        for door in self.doors.values():
            self._settle(door)

    @rule()
    def the_first_door_is_told_everything(self) -> None:
        self._settle(self.doors["0"])

    @rule()
    def the_second_door_is_told_everything(self) -> None:
        self._settle(self.doors["1"])

    @rule(device_id=doors, losses=st.integers(1, 3), begins_anew=st.booleans())
    def one_door_is_told_everything_though_answers_get_lost(
        self, device_id: str, losses: int, begins_anew: bool
    ) -> None:
        if begins_anew:
            self.reset_to_factory(device_id)
        self._settle(self.doors[device_id], losses=losses)

    def teardown(self) -> None:
        """Let everything be told at the end of each run, and give the settings back."""
        try:
            for device_id, door in getattr(self, "doors", {}).items():
                if not door.is_approved:
                    self.disable_or_approve(device_id)
                self._settle(door)
        finally:
            self.settings.disable()


def test_each_terminal_ends_up_with_exactly_its_people() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Sync,
        settings=examples(
            max_examples=RUNS,
            stateful_step_count=40,
            deadline=None,
            # A run takes a tenth of a second, shrinking a failure thousands of them.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
