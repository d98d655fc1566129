"""No terminal misses a change while everybody writes at once (invariant 1, decision 0002)."""

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone

from devices.models import Site, Terminal
from faces.choices import PersonState
from faces.models import Library, Person
from faces.selectors import people_for_terminal
from faces.services import (
    deletes_repeat,
    library_erase,
    library_save,
    person_erase,
    person_save,
    photo_attach,
    photo_write,
    picture_grant,
    terminal_libraries_set,
)
from tests.support.people import checked_photo, enrol
from tests.support.wire import PlatformBusy, WireClient

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgres,
]
PEOPLE = [str(number) for number in range(8)]
ROUNDS = int(os.environ.get("MENJIN_SYNC_ROUNDS", "12"))


def at_once(*works: Callable[[], None]) -> None:
    """Run every work in a thread with a connection of its own; raise the first failure."""
    failures: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=90 + 10 * ROUNDS)
    assert not [thread for thread in threads if thread.is_alive()]
    if failures:
        raise failures[0]


@dataclass
class ModelledTerminal:
    """What a terminal's flash holds: user id → (name, photo), from what it was told."""

    wire: WireClient
    chance: random.Random
    held: dict[str, tuple[str, int]] = field(default_factory=dict)

    def poll(self) -> bool:
        """Ask once and apply the answer; now and then it is lost on the way, or the flash is."""
        if self.chance.random() < 0.02:
            self.held, self.wire.cursor = {}, 0
        try:
            entries, cursor = self.wire.poll()
        except PlatformBusy:
            # While somebody holds the site's clock, not all who ask have room to wait for it.
            return True
        if self.chance.random() < 0.1:
            return True
        for entry in entries:
            if entry["operation"] == "save":
                name = entry["imageUrl"].rsplit("/", 1)[1].removesuffix(".jpg")
                self.held[entry["userId"]] = (entry["userName"], picture_grant(name).photo_id)
            else:
                self.held.pop(entry["userId"], None)
            if self.chance.random() < 0.5:
                result = {"resultList": {"userID": entry["userId"], "status": "100"}}
                with suppress(PlatformBusy):
                    self.wire.post("syresult", result)
        self.wire.cursor = cursor
        return bool(entries)

    def finish(self) -> None:
        """Poll until nothing is new and nothing gets lost any more."""
        self.chance = random.Random()
        self.chance.random = lambda: 0.5  # type: ignore[method-assign]
        for _ in range(200):
            if not self.poll():
                return
        raise AssertionError("the terminal is told changes without end")


def what_it_should_hold(terminal: Terminal) -> dict[str, tuple[str, int]]:
    """Return what is true in the database, in the model's words."""
    terminal.refresh_from_db()
    return {
        person.user_id: (person.name, person.photos.filter(status="ok").latest("pk").pk)
        for person in people_for_terminal(terminal)
    }


@pytest.fixture
def terminals(site: Site, token: str, library: Library, settings: Any) -> list[ModelledTerminal]:
    """Return three approved terminals; the first holds everybody, the others one library."""
    settings.TERMINAL_RATE = settings.ADDRESS_RATE = (1e6, 1e6)
    settings.SYNC_PAGE_SIZE = 3
    made = []
    for number in range(3):
        terminal = Terminal.objects.create(
            site=site, device_id=str(number), status="approved", all_libraries=number == 0
        )
        if number:
            terminal_libraries_set(terminal=terminal, library_ids=[library.pk])
        wire = WireClient(token=token, device_id=str(number))
        made.append(ModelledTerminal(wire, random.Random(number)))
    return made


def test_who_begins_first_and_commits_last_is_not_missed(
    site: Site, library: Library, terminals: list[ModelledTerminal]
) -> None:
    early, late = enrol(library, "early"), enrol(library, "late")
    for one in terminals:
        one.finish()
    begun, overtaken = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            early.name = "Changed by who began first"
            Person.objects.filter(pk=early.pk).update(remark="the transaction has begun")
            begun.set()
            overtaken.wait(30)
            person_save(person=early)
            # Committing takes its time too, and pollers ask meanwhile.
            time.sleep(0.3)

    def quick() -> None:
        begun.wait(30)
        late.name = "Changed by who began later"
        person_save(person=late)
        for one in terminals:
            one.poll()
        overtaken.set()
        for _ in range(20):
            for one in terminals:
                one.poll()

    at_once(slow, quick)

    for one in terminals:
        one.finish()
        assert one.held["early"][0] == "Changed by who began first"
        assert one.held["late"][0] == "Changed by who began later"


@pytest.fixture
def paused_answers() -> Iterator[Callable[[], None]]:
    """Let the platform's answers wait where they note what is told; the value lets them go on."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION wait_for_test() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN PERFORM pg_advisory_xact_lock_shared(4711); RETURN NULL; END'"
        )
        cursor.execute(
            "CREATE TRIGGER wait_for_test BEFORE INSERT ON faces_delivery"
            " EXECUTE FUNCTION wait_for_test()"
        )
        cursor.execute("SELECT pg_advisory_lock(4711)")

    def go_on() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock_all()")

    yield go_on
    go_on()
    with connection.cursor() as cursor:
        cursor.execute("DROP FUNCTION wait_for_test CASCADE")


def wait_for_waiting() -> None:
    """Wait until somebody waits for the test's lock."""
    deadline = time.monotonic() + 30
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute(
                "SELECT 1 FROM pg_locks"
                " WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted"
            )
            if cursor.fetchone():
                return
            time.sleep(0.01)
    raise TimeoutError("nobody waits")


def suspend(person: Person) -> None:
    """Take the person off all terminals, but keep them on file."""
    person.state = PersonState.SUSPENDED
    person_save(person=person)


def erase(person: Person) -> None:
    """Take the person away altogether."""
    person_erase(person=person)


@pytest.mark.parametrize("change", [suspend, erase])
def test_somebody_taken_away_while_an_answer_is_on_its_way_leaves_the_terminal(
    site: Site,
    library: Library,
    terminals: list[ModelledTerminal],
    change: Callable[[Person], None],
    request: pytest.FixtureRequest,
) -> None:
    """The answer had been read, its deliveries not noted yet: nobody told the terminal to delete.

    The person's row of a delivery never sent was dropped, the answer then wrote it anew as sent,
    and no later change turned it into a delete.
    """
    one = terminals[0]
    one.chance.random = lambda: 0.5  # type: ignore[method-assign]
    person = enrol(library, "1")
    go_on: Callable[[], None] = request.getfixturevalue("paused_answers")
    taken_away = threading.Event()

    def take_away() -> None:
        change(person)
        taken_away.set()

    answering = threading.Thread(target=at_once, args=(one.poll,))
    answering.start()
    wait_for_waiting()
    changing = threading.Thread(target=at_once, args=(take_away,))
    changing.start()
    # Either the change is there already, or it waits for the answer; both are right.
    taken_away.wait(1)
    go_on()
    answering.join(30)
    changing.join(30)

    one.finish()
    assert taken_away.is_set()
    assert one.held == {}


class Writer:
    """Changes people, libraries and terminals at random, in transactions that overlap."""

    def __init__(self, site: Site, libraries: list[Library], number: int) -> None:
        self.site, self.libraries, self.number = site, libraries, number
        self.chance = random.Random(number)

    def run(self) -> None:
        """Do everything a dozen times, in random order."""
        works = [
            self.rename, self.suspend, self.move, self.photograph, self.erase, self.enter,
            self.enter, self.subscribe, self.sweep, self.drop_library,
        ] * ROUNDS  # fmt: skip
        self.chance.shuffle(works)
        for work in works:
            # Somebody else may have erased the person.
            with suppress(ValidationError, Person.DoesNotExist):
                work()

    @contextmanager
    def slow_transaction(self) -> Iterator[None]:
        """Begin long before the change and commit long after it."""
        with transaction.atomic():
            Person.objects.filter(site=self.site).count()
            time.sleep(self.chance.random() * 0.02)
            yield
            time.sleep(self.chance.random() * 0.02)

    def somebody(self) -> Person:
        """Return a person at random, as a manager's page had read it before."""
        found = Person.objects.filter(site=self.site, user_id=self.chance.choice(PEOPLE)).first()
        if found is None:
            raise ValidationError("nobody has this id now")
        return found

    def rename(self) -> None:
        with self.slow_transaction():
            person = self.somebody()
            person.name = f"Name {self.chance.random()}"
            person_save(person=person)

    def suspend(self) -> None:
        with self.slow_transaction():
            person = self.somebody()
            active = person.state == PersonState.ACTIVE
            person.state = PersonState.SUSPENDED if active else PersonState.ACTIVE
            person_save(person=person)

    def move(self) -> None:
        with self.slow_transaction():
            chosen = [one.pk for one in self.libraries if self.chance.random() < 0.5]
            person_save(person=self.somebody(), library_ids=chosen)

    def photograph(self) -> None:
        checked = checked_photo(str(self.chance.random()))
        # Files are written before the transaction that names them (decision 0028).
        photo = photo_write(checked)
        with self.slow_transaction():
            photo_attach(person=self.somebody(), checked=checked, photo=photo)

    def erase(self) -> None:
        with self.slow_transaction():
            person_erase(person=self.somebody())

    def enter(self) -> None:
        # Each writer enters ids of its own: that two enter one person at once is another story.
        there = set(Person.objects.filter(site=self.site).values_list("user_id", flat=True))
        missing = [one for one in PEOPLE if one not in there and int(one) % 3 == self.number]
        if missing:
            enrol(self.chance.choice(self.libraries), self.chance.choice(missing))

    def subscribe(self) -> None:
        with self.slow_transaction():
            terminal = Terminal.objects.get(site=self.site, device_id=self.chance.choice("12"))
            chosen = [one.pk for one in self.libraries if self.chance.random() < 0.6]
            terminal_libraries_set(terminal=terminal, library_ids=chosen)

    def sweep(self) -> None:
        deletes_repeat(now=timezone.now() + timedelta(hours=1))

    def drop_library(self) -> None:
        spare = library_save(library=Library(site=self.site, name=f"Spare {self.chance.random()}"))
        for _ in range(3):
            with suppress(ValidationError):
                person_save(person=self.somebody(), library_ids=[spare.pk])
        with self.slow_transaction():
            library_erase(library=spare)


@pytest.mark.slow
def test_after_everybody_wrote_at_once_each_terminal_holds_exactly_what_it_should(
    site: Site, library: Library, terminals: list[ModelledTerminal]
) -> None:
    other = library_save(library=Library(site=site, name="Other"))
    for user_id in PEOPLE:
        enrol(library, user_id)
    writers = [Writer(site, [library, other], number) for number in range(3)]
    all_written = threading.Event()
    polls = Counter[str]()

    def write() -> None:
        try:
            at_once(*(writer.run for writer in writers))
        finally:
            all_written.set()

    def ask(one: ModelledTerminal) -> None:
        while not all_written.is_set():
            one.poll()
            polls[one.wire.device_id] += 1

    at_once(write, *(partial(ask, one) for one in terminals))

    assert min(polls.values()) > ROUNDS
    for one in terminals:
        one.finish()
        terminal = Terminal.objects.get(device_id=one.wire.device_id)
        assert one.held == what_it_should_hold(terminal), one.wire.device_id
