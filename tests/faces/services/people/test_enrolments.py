"""An enrolment writes its file first, then stamps the clock and fills its deliveries once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.test.utils import CaptureQueriesContext

from devices.models import Site, Terminal
from faces.models import Delivery, Library, Person, SyncClock
from faces.services import CheckedPhoto, person_save, photo_attach, photo_check

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
# Statements of an enrolment with a photo into one library that one terminal holds, by whether the
# person is new. They were 62 and 65 when photo and person each stamped the clock and filled the
# deliveries.
MOST = {True: 47, False: 50}


@pytest.fixture
def checked(portraits: dict[str, Path]) -> CheckedPhoto:
    return photo_check(portraits["obama.jpg"].read_bytes())


def statements(do: Callable[[], Any]) -> list[str]:
    """Return the SQL of what is done."""
    with CaptureQueriesContext(connection) as caught:
        do()
    return [one["sql"] for one in caught.captured_queries]


def count(sqls: list[str], begin: str) -> int:
    """Return how many statements begin so."""
    return sum(sql.startswith(begin) for sql in sqls)


@pytest.mark.parametrize("is_new", [True, False])
def test_an_enrolment_stamps_and_fills_once(
    site: Site, library: Library, terminal: Terminal, checked: CheckedPhoto, *, is_new: bool
) -> None:
    person = Person(site=site, user_id="1", name="A")
    if not is_new:
        person_save(person=person, library_ids=[])
    before = SyncClock.objects.values_list("last_stamp", flat=True).first() or 0

    sqls = statements(lambda: person_save(person=person, library_ids=[library.pk], photo=checked))

    assert count(sqls, 'UPDATE "faces_syncclock"') == 1
    assert count(sqls, 'UPDATE "faces_person" SET "sync_stamp"') == 1
    assert count(sqls, 'INSERT INTO "faces_delivery"') == 1
    assert len(sqls) <= MOST[is_new]
    row = Delivery.objects.get()
    person.refresh_from_db()
    assert row.sync_stamp == person.sync_stamp > before


def test_a_photo_by_itself_stamps_and_fills_once(
    site: Site, library: Library, terminal: Terminal, checked: CheckedPhoto
) -> None:
    person = person_save(person=Person(site=site, user_id="1", name="A"), library_ids=[library.pk])
    before = person.sync_stamp

    sqls = statements(lambda: photo_attach(person=person, checked=checked))

    assert count(sqls, 'UPDATE "faces_syncclock"') == 1
    person.refresh_from_db()
    assert Delivery.objects.get().sync_stamp == person.sync_stamp > before


@pytest.mark.django_db(transaction=True)
def test_the_file_is_there_before_the_transaction_begins(site: Site, checked: CheckedPhoto) -> None:
    """The suite's storage refuses it later; a rolled back enrolment leaves it to the sweep."""
    taken: list[str] = []

    def when_joining(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith("INSERT INTO") and "faces_facephoto" in sql:
            folders, _ = default_storage.listdir("faces")
            taken.extend(
                f"faces/{folder}/{name}"
                for folder in folders
                for name in default_storage.listdir(f"faces/{folder}")[1]
            )
            raise RuntimeError("the power went")
        return execute(sql, *rest)

    with pytest.raises(RuntimeError), connection.execute_wrapper(when_joining):
        person_save(person=Person(site=site, user_id="1", name="A"), photo=checked)

    assert Person.objects.count() == 0
    contents = []
    for path in taken:
        with default_storage.open(path) as stored:
            contents.append(stored.read())
    assert checked.jpeg in contents
