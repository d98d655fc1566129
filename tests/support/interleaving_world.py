"""A site with two doors, what can be done to it, and what its doors should hold by the facts.

The facts are read from the tables by a statement of this module's own: who is active, within their
validity, not blacklisted, in a library of the door, and which photo is their newest. Nothing here
knows of stamps, cursors' meaning or delivery rows.
"""

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import IO, Any

from django.core.files.storage import Storage
from django.db import connection

from devices.models import Site, Terminal
from devices.services import terminal_change, terminal_create
from faces.choices import Category, PersonState, PhotoStatus
from faces.models import Library, Person
from faces.services import (
    CheckedPhoto,
    Feedback,
    deletes_repeat,
    deliveries_answered,
    deliveries_retry,
    deliveries_unconfirm,
    library_erase,
    library_save,
    person_erase,
    person_save,
    photo_attach,
    picture_grant,
    sync_answer,
    terminal_libraries_set,
    terminal_send_failed_again,
    terminal_view_changed,
    validity_sweep,
)
from terminal_protocol import SyncAnswer, SyncEntry
from tests.support.people import checked_photo

IDS = [str(number) for number in range(5)]
LIBRARIES = ["A", "B"]
DOORS = ["0", "1"]
# Two thirds of a day of 2026, so that steps of a day and of an hour land on both sides of it.
START = datetime(2026, 3, 1, 16, tzinfo=UTC)
# In this order the rows can go.
_TABLES = (
    "faces_delivery", "faces_revocation", "faces_facedescriptor", "faces_galleryremoval",
    "faces_doomedfile", "faces_facephoto", "faces_librarymembership", "faces_person",
    "faces_terminallibrary", "faces_terminalcursor", "devices_terminal", "faces_library",
    "faces_gallery", "faces_syncclock",
)  # fmt: skip
# A row for each door that is admitted even if it should hold nobody.
_FACTS = """
SELECT t.device_id, p.user_id, p.name, max(f.id)
FROM devices_terminal t
LEFT JOIN (faces_person p JOIN faces_facephoto f ON f.person_id = p.id AND f.status = 'ok')
ON p.site_id = t.site_id AND p.state = 'active' AND p.category <> 3
AND (p.valid_from IS NULL OR p.valid_from <= %(now)s)
AND (p.valid_until IS NULL OR p.valid_until > %(now)s)
AND EXISTS (SELECT 1 FROM faces_librarymembership m WHERE m.person_id = p.id
    AND (t.all_libraries OR EXISTS (SELECT 1 FROM faces_terminallibrary l
        WHERE l.terminal_id = t.id AND l.library_id = m.library_id)))
WHERE t.site_id = %(site)s AND t.status = 'approved'
GROUP BY 1, 2, 3
"""

Face = tuple[str, int]


class Nowhere(Storage):
    """Keeps no file: no door of this world fetches a picture."""

    _names = itertools.count(1)

    def save(self, name: str | None, content: IO[Any], max_length: int | None = None) -> str:
        """Return a name that was never given before."""
        return f"faces/{next(self._names)}.jpg"

    def exists(self, name: str) -> bool:
        """Nothing is ever there."""
        return False

    def delete(self, name: str) -> None:
        """There is nothing to delete."""


class Clock:
    """The server's clock, which moves only when told to."""

    def __init__(self) -> None:
        self.moment = START

    def now(self) -> datetime:
        """Return the time of day as ``django.utils.timezone.now`` does."""
        return self.moment


@dataclass
class Door:
    """A terminal: what its flash holds, and the results it has not reported yet."""

    device_id: str
    cursor: int = 0
    held: dict[str, Face] = field(default_factory=dict)
    unreported: list[tuple[str, str]] = field(default_factory=list)
    # Whether a result of it may have been taken for the word on another change.
    has_reported: bool = False
    # Whether it let go of something it could not store, which only telling it again can mend.
    has_failed: bool = False

    def apply(self, entries: tuple[SyncEntry, ...]) -> None:
        """Do what an answer says."""
        for entry in entries:
            if entry.operation == "save":
                name = entry.image_url.rsplit("/", 1)[1].removesuffix(".jpg")
                self.held[entry.user_id] = (entry.user_name, picture_grant(name).photo_id)
            else:
                self.held.pop(entry.user_id, None)
            self.unreported.append((entry.user_id, "100"))


class World:
    """One site; everything that can happen is a method that takes plain values."""

    def __init__(self, site: Site, clock: Clock) -> None:
        self.site, self.clock = site, clock
        self.doors: dict[str, Door] = {}

    def begin(self) -> None:
        """Make everything as it was the first time: two doors, two libraries, five people."""
        self.clock.moment = START
        with connection.cursor() as cursor:
            cursor.execute(";".join(f"DELETE FROM {table}" for table in _TABLES))
        libraries = [library_save(library=Library(site=self.site, name=one)) for one in LIBRARIES]
        terminal_create(site=self.site, device_id="0", status="approved", all_libraries=True)
        chosen = [libraries[0].pk]
        terminal_create(site=self.site, device_id="1", status="approved", libraries=chosen)
        self.doors = {one: Door(one) for one in DOORS}
        for user_id in IDS[:4]:
            self.enter(user_id, f"Person {user_id}", LIBRARIES[int(user_id) % 2])

    # What managers do.

    def enter(self, user_id: str, name: str, library: str) -> None:
        """A new person, then their photo."""
        person = Person(site=self.site, user_id=user_id, name=name)
        person_save(person=person, library_ids=self._libraries(library))
        photo_attach(person=person, checked=checked_photo(name))

    def rename(self, user_id: str, name: str) -> None:
        """The name changes."""
        person = self._person(user_id)
        person.name = name
        person_save(person=person)

    def photograph(self, user_id: str, word: str) -> None:
        """A new photo."""
        photo_attach(person=self._person(user_id), checked=checked_photo(word))

    def photograph_badly(self, user_id: str) -> None:
        """A photo that is refused: the old one stays."""
        refused = CheckedPhoto(PhotoStatus.REFUSED, b"", ("no_face",))
        photo_attach(person=self._person(user_id), checked=refused)

    def move(self, user_id: str, libraries: str) -> None:
        """Into these libraries and out of all others."""
        person_save(person=self._person(user_id), library_ids=self._libraries(libraries))

    def suspend_or_let_back(self, user_id: str) -> None:
        """Off all terminals, or on them again."""
        person = self._person(user_id)
        is_active = person.state == PersonState.ACTIVE
        person.state = PersonState.SUSPENDED if is_active else PersonState.ACTIVE
        person_save(person=person)

    def blacklist_or_forgive(self, user_id: str) -> None:
        """Onto the blacklist, or off it."""
        person = self._person(user_id)
        is_listed = person.category == Category.BLACKLIST
        person.category = Category.EMPLOYEE if is_listed else Category.BLACKLIST
        person_save(person=person)

    def limit(self, user_id: str, starts_h: int | None, ends_h: int | None) -> None:
        """A period of validity, in hours from now."""
        person, now = self._person(user_id), self.clock.moment
        person.valid_from = None if starts_h is None else now + timedelta(hours=starts_h)
        person.valid_until = None if ends_h is None else now + timedelta(hours=ends_h)
        person_save(person=person)

    def erase(self, user_id: str) -> None:
        """The person goes for good."""
        person_erase(person=self._person(user_id))

    def drop_library(self, name: str) -> None:
        """The library goes; its people stay on file."""
        library_erase(library=Library.objects.get(site=self.site, name=name))

    def make_library(self, name: str) -> None:
        """The library is there again, empty."""
        library_save(library=Library(site=self.site, name=name))

    def subscribe(self, device_id: str, libraries: str) -> None:
        """The door holds these libraries; ``*`` is all, later ones too."""
        terminal_libraries_set(
            terminal=self._terminal(device_id),
            library_ids=[] if libraries == "*" else self._libraries(libraries),
            all_libraries=libraries == "*",
        )

    def disable_or_approve(self, device_id: str) -> None:
        """The door is refused from now on, or admitted again."""
        terminal = self._terminal(device_id)
        status = "disabled" if terminal.status == "approved" else "approved"
        terminal_change(terminal=terminal, status=status)

    def send_all_again(self, device_id: str) -> None:
        """The button on a terminal's page."""
        terminal_view_changed(terminal=self._terminal(device_id))

    # What happens by itself.

    def time_passes(self, seconds: int) -> None:
        """The server's clock goes forward, or is set back."""
        self.clock.moment += timedelta(seconds=seconds)

    def sweep(self) -> None:
        """What beat starts every twenty seconds."""
        validity_sweep()

    def repeat_deletes(self) -> None:
        """Ten minutes have passed for deletes nobody confirmed."""
        deletes_repeat(now=self.clock.moment + timedelta(hours=1))

    def retry_failed(self) -> None:
        """A day has passed for faces that could not be stored."""
        deliveries_retry(now=self.clock.moment + timedelta(days=1))

    def answers_are_overdue(self) -> None:
        """A day has passed for faces that nobody reported on."""
        deliveries_unconfirm(now=self.clock.moment + timedelta(days=1))

    def send_failed_again(self, device_id: str) -> None:
        """Another button on a terminal's page."""
        terminal_send_failed_again(terminal=self._terminal(device_id))

    # What a door does.

    def poll(self, device_id: str, *, terminal: Terminal | None = None) -> int:
        """Ask, do what the answer says, store the cursor; returns how much it said."""
        door = self.doors[device_id]
        answer = self._ask(door, terminal)
        if answer is None:
            return 0
        door.apply(answer.entries)
        door.cursor = answer.last_query_time
        return len(answer.entries)

    def poll_in_vain(self, device_id: str) -> None:
        """The answer is lost on the way."""
        self._ask(self.doors[device_id])

    def poll_and_lose_power(self, device_id: str) -> None:
        """The faces are stored, the cursor is not."""
        door = self.doors[device_id]
        answer = self._ask(door)
        if answer is not None:
            door.apply(answer.entries)

    def fail(self, device_id: str) -> None:
        """Nothing of an answer can be stored; all is reported as failed and asked for again."""
        door = self.doors[device_id]
        answer = self._ask(door)
        if answer is not None:
            self._report_failed(door, answer)

    def fail_and_go_on(self, device_id: str) -> None:
        """Nothing of an answer can be stored; all is reported as failed, the cursor is stored."""
        door = self.doors[device_id]
        answer = self._ask(door)
        if answer is not None:
            door.has_failed, door.cursor = True, answer.last_query_time
            self._report_failed(door, answer)

    def report(self, device_id: str) -> None:
        """Say what became of everything since the last report."""
        door = self.doors[device_id]
        due, door.unreported = door.unreported, []
        self._report(door, due)

    def reset(self, device_id: str) -> None:
        """Back to the factory."""
        self.doors[device_id] = Door(device_id)

    def forget_cursor(self, device_id: str) -> None:
        """The cursor is gone, the faces are not."""
        self.doors[device_id].cursor = 0

    def _ask(self, door: Door, terminal: Terminal | None = None) -> SyncAnswer | None:
        terminal = terminal or self._terminal(door.device_id)
        if terminal.status != "approved":
            return None  # admission refuses it
        return sync_answer(
            terminal=terminal, last_query_time=door.cursor, picture_root="http://menjin"
        )

    def _report_failed(self, door: Door, answer: SyncAnswer) -> None:
        """Report it after what came before: terminals do not mix up the order of their results."""
        due = [*door.unreported, *((entry.user_id, "113") for entry in answer.entries)]
        door.unreported = []
        self._report(door, due)

    def _report(self, door: Door, due: list[tuple[str, str]]) -> None:
        if due:
            door.has_reported = True
            results = [Feedback(user_id, code, "") for user_id, code in due]
            deliveries_answered(terminal=self._terminal(door.device_id), results=results)

    def _person(self, user_id: str) -> Person:
        return Person.objects.get(site=self.site, user_id=user_id)

    def _terminal(self, device_id: str) -> Terminal:
        return Terminal.objects.get(site=self.site, device_id=device_id)

    def _libraries(self, names: str) -> list[int]:
        found = Library.objects.filter(site=self.site, name__in=list(names))
        return list(found.values_list("pk", flat=True))

    def facts(self) -> dict[str, dict[str, Face]]:
        """Return what each admitted door should hold now: user id → (name, photo)."""
        should: dict[str, dict[str, Face]] = {}
        with connection.cursor() as cursor:
            cursor.execute(_FACTS, {"site": self.site.pk, "now": self.clock.moment})
            for device_id, user_id, name, photo in cursor.fetchall():
                holds = should.setdefault(device_id, {})
                if user_id is not None:
                    holds[user_id] = (name, photo)
        return should

    def held_by_rows(self) -> dict[str, set[str]]:
        """Return whom each door may hold by the platform's own notes; erasure follows these."""
        noted: dict[str, set[str]] = {one: set() for one in DOORS}
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT t.device_id, d.user_id FROM faces_delivery d JOIN devices_terminal t"
                " ON t.id = d.terminal_id WHERE t.site_id = %s AND d.held",
                [self.site.pk],
            )
            for device_id, user_id in cursor.fetchall():
                noted[device_id].add(user_id)
        return noted

    def terminals(self) -> dict[str, Terminal]:
        """Return the rows of all doors."""
        return {one.device_id: one for one in Terminal.objects.filter(site=self.site)}
