"""One change is news for every terminal of a site: their answers do not wait for each other."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from devices.models import Site, Terminal
from faces.models import Library, Person
from faces.services import person_erase, person_save, sync_answer
from faces.services.clock import clock_share
from terminal_protocol import SyncAnswer
from tests.support.database_locks import started, wait_until_somebody_waits
from tests.support.people import enrol

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgres,
]


@pytest.fixture
def cursor(library: Library, terminal: Terminal) -> int:
    """Return the cursor of the terminal when it has been told of somebody, "old"."""
    enrol(library, "old")
    return answer(terminal, 0).last_query_time


def answer(terminal: Terminal, asked: int) -> SyncAnswer:
    """Answer a poll; whoever waits more than ten seconds for a lock fails."""
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '10s'")
    return sync_answer(terminal=terminal, last_query_time=asked, picture_root="http://menjin")


def told(given: SyncAnswer) -> list[tuple[str, str]]:
    """Return what an answer says of whom."""
    return [(entry.operation, entry.user_id) for entry in given.entries]


def rename(person: Person) -> None:
    """Change somebody, so that every terminal is told of them."""
    person.name = "Renamed"
    person_save(person=person)


def test_an_answer_with_news_does_not_wait_for_another_one(
    site: Site, library: Library, terminal: Terminal, cursor: int
) -> None:
    enrol(library, "new")
    answers: list[SyncAnswer] = []

    with transaction.atomic():
        clock_share(site_id=site.pk)
        started(lambda: answers.append(answer(terminal, cursor))).join(30)

    assert [told(one) for one in answers] == [[("save", "new")]]


def test_a_change_waits_for_an_answer_but_not_for_those_that_come_after_it(
    site: Site, library: Library, terminal: Terminal, cursor: int
) -> None:
    """A fleet that asks without a pause would keep everybody from being enrolled or erased."""
    person = enrol(library, "new")
    answers: list[SyncAnswer] = []

    with transaction.atomic():
        clock_share(site_id=site.pk)
        changing = started(lambda: rename(person))
        wait_until_somebody_waits()
        asking = started(lambda: answers.append(answer(terminal, cursor)))
        asking.join(0.5)
        is_in_turn = asking.is_alive()
    changing.join(30)
    asking.join(30)

    assert is_in_turn
    assert [entry.user_name for one in answers for entry in one.entries] == ["Renamed"]


def erase(person: Person) -> None:
    """Erase somebody whom the terminal holds."""
    person_erase(person=person)


def begin_anew(person: Person) -> None:
    """Let the terminal be told everything once more."""
    Terminal.objects.get().cursor.delete()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (erase, [("delete", "old"), ("save", "new")]),
        (begin_anew, [("save", "old"), ("save", "new")]),
    ],
)
def test_what_changes_between_the_look_and_the_lock_is_told_under_a_new_stamp(
    library: Library,
    terminal: Terminal,
    cursor: int,
    change: Callable[[Person], None],
    expected: list[tuple[str, str]],
) -> None:
    new = enrol(library, "new")
    changed = threading.Event()

    def around(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if sql.startswith("SELECT complete_from") and not changed.is_set():
            changed.set()
            started(lambda: change(Person.objects.get(user_id="old"))).join(30)
        return execute(sql, *rest)

    with connection.execute_wrapper(around):
        given = answer(terminal, cursor)

    assert changed.is_set()
    assert told(given) == expected
    assert given.last_query_time > new.sync_stamp > cursor


def test_a_terminal_that_went_to_another_site_meanwhile_is_told_nothing(
    site: Site, library: Library, terminal: Terminal, cursor: int
) -> None:
    enrol(library, "new")
    other = Site.objects.create(code="other", name="Other")
    as_admitted = Terminal.objects.get()
    Terminal.objects.update(site=other)

    given = answer(as_admitted, cursor)

    assert (told(given), given.last_query_time) == ([], 0)
