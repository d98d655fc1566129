"""Nobody waits in a circle: each test here was a deadlock that the explorer found."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone

from devices.models import Site, Terminal
from devices.services import terminal_approve, terminal_disable
from faces.models import Delivery, Library, Person
from faces.services import (
    Feedback,
    deliveries_answered,
    library_erase,
    person_save,
    sync_answer,
    terminal_libraries_set,
    validity_sweep,
)
from tests.support.database_locks import started, wait_until_somebody_waits
from tests.support.people import enrol

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgres,
]

# The statement by which a change takes its site's clock.
TAKES_THE_CLOCK = "SELECT pg_advisory_xact_lock("


def test_a_list_of_results_holds_no_row_while_it_waits_for_another(
    site: Site, library: Library, terminal: Terminal
) -> None:
    """Whoever dooms rows takes them in another order, and one of the two was ended."""
    enrol(library, "1")
    enrol(library, "2")
    sync_answer(terminal=terminal, last_query_time=0, picture_root="http://menjin")
    results = [Feedback("1", "100", ""), Feedback("2", "100", "")]

    with transaction.atomic():
        Delivery.objects.select_for_update().get(user_id="2")
        reporting = started(lambda: deliveries_answered(terminal=terminal, results=results))
        wait_until_somebody_waits()
        taken = Delivery.objects.select_for_update(nowait=True).get(user_id="1")
    reporting.join(30)

    assert taken.state == "stored"
    assert Delivery.objects.get(user_id="2").state == "stored"


@pytest.mark.parametrize("change", [terminal_approve, terminal_disable])
def test_a_new_person_does_not_wait_for_a_terminal_that_is_being_changed(
    site: Site, library: Library, terminal: Terminal, change: Callable[..., Terminal]
) -> None:
    """Whoever changes a terminal waits for the clock next, which whoever enters people holds."""
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '20s'")
    changed, entered = threading.Event(), threading.Event()

    def change_slowly() -> None:
        with transaction.atomic():
            change(terminal=terminal)
            changed.set()
            entered.wait(5)

    changing = started(change_slowly)
    changed.wait(30)
    began = time.monotonic()
    enrol(library, "1")
    took_s = time.monotonic() - began
    entered.set()
    changing.join(30)

    assert took_s < 4


def test_a_library_is_dropped_with_all_its_people_locked_before_the_clock(
    site: Site, library: Library
) -> None:
    """Who had joined last was not, and met somebody who changed the same person."""
    enrol(library, "1")
    last = person_save(person=Person(site=site, user_id="2", name="Last"), library_ids=[])
    seen: list[str] = []

    def join() -> None:
        person_save(person=last, library_ids=[library.pk])

    def is_last_locked() -> None:
        with transaction.atomic():
            free = Person.objects.select_for_update(skip_locked=True).filter(pk=last.pk)
            seen.append("free" if free.exists() else "locked")

    def around(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if 'FROM "faces_library" ' in sql and "FOR UPDATE" in sql and "joined" not in seen:
            seen.append("joined")
            started(join).join(30)
        if TAKES_THE_CLOCK in sql:
            started(is_last_locked).join(30)
        return execute(sql, *rest)

    with connection.execute_wrapper(around):
        library_erase(library=library)

    assert seen[:2] == ["joined", "locked"]
    assert not Library.objects.filter(pk=library.pk).exists()


def test_a_visit_that_begins_does_not_keep_an_answer_waiting_for_the_person(
    site: Site, library: Library, terminal: Terminal
) -> None:
    """The sweep holds people and waits for the clock; an answer holds the clock and names them."""
    soon = timezone.now() + timedelta(hours=1)
    person = enrol(library, "1", valid_from=soon)
    Person.objects.filter(pk=person.pk).update(valid_from=timezone.now())
    told: list[str] = []

    def answer() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '5s'")
        given = sync_answer(terminal=terminal, last_query_time=0, picture_root="http://menjin")
        told.extend(entry.user_id for entry in given.entries)

    def around(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if TAKES_THE_CLOCK in sql and not told:
            started(answer).join(30)
        return execute(sql, *rest)

    with connection.execute_wrapper(around):
        swept = validity_sweep()

    assert (swept, told) == (1, ["1"])


def join(library_id: int, terminal: Terminal) -> None:
    """A person is put into the library."""
    del terminal
    person_save(person=Person.objects.get(user_id="2"), library_ids=[library_id])


def subscribe(library_id: int, terminal: Terminal) -> None:
    """A terminal is to hold the library."""
    terminal_libraries_set(terminal=terminal, library_ids=[library_id])


@pytest.mark.parametrize("change", [join, subscribe])
def test_who_names_a_library_that_is_being_dropped_waits_without_the_clock(
    site: Site,
    library: Library,
    terminal: Terminal,
    change: Callable[[int, Terminal], None],
) -> None:
    """References are checked at the commit, under the clock, for which the other one waits."""
    enrol(library, "1")
    person_save(person=Person(site=site, user_id="2", name="Second"), library_ids=[])
    library_id, outcomes = library.pk, list[str]()

    def name_it() -> None:
        try:
            change(library_id, terminal)
        except ValidationError as error:
            outcomes.append(type(error).__name__)

    def around(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if TAKES_THE_CLOCK in sql and not threads:
            threads.append(started(name_it))
            wait_until_somebody_waits()
        return execute(sql, *rest)

    threads: list[threading.Thread] = []
    with connection.execute_wrapper(around):
        library_erase(library=library)
    threads[0].join(30)

    assert outcomes == ["ValidationError"]
