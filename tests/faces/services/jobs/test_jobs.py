"""Work on many people, libraries, faces and terminals, as jobs do it."""

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from devices.models import Job, Site, Terminal
from devices.services import job_work, terminals_approve_start
from faces.models import (
    Delivery,
    FacePhoto,
    Library,
    LibraryMembership,
    Person,
    Revocation,
    TerminalCursor,
)
from faces.services import library_erase, people_stamp, sync_answer
from faces.services.jobs import (
    deliveries_send_again_start,
    people_erase_start,
    terminals_send_again_start,
)
from faces.services.jobs import terminals_send_again as again_module
from faces.services.people import people as people_module

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
ROOT = "http://door.example"


def enrol_many(library: Library, number: int) -> list[Person]:
    """Enter people with an accepted photo as they are after their enrolment."""
    people = Person.objects.bulk_create(
        Person(site=library.site, user_id=f"m{one}", name=f"Many {one}", sync_stamp=1)
        for one in range(number)
    )
    FacePhoto.objects.bulk_create(
        FacePhoto(person=person, status="ok", sha256=f"{person.pk}") for person in people
    )
    LibraryMembership.objects.bulk_create(
        LibraryMembership(person=person, library=library) for person in people
    )
    with transaction.atomic():
        people_stamp(site_id=library.site_id, person_ids=[person.pk for person in people])
    return people


def told(terminal: Terminal) -> tuple[set[str], set[str]]:
    """Return whom a terminal is told to store and to delete until it is told nothing more."""
    saves: set[str] = set()
    deletes: set[str] = set()
    asked = TerminalCursor.objects.filter(terminal=terminal)
    cursor = asked.values_list("issued", flat=True).first() or 0
    for _ in range(20):
        answer = sync_answer(terminal=terminal, last_query_time=cursor, picture_root=ROOT)
        cursor = answer.last_query_time
        if not answer.entries:
            return saves, deletes
        for entry in answer.entries:
            (saves if entry.operation == "save" else deletes).add(entry.user_id)
    raise AssertionError("there is no end of news")


def finish() -> None:
    """Work on every open job until none is left."""
    while job := Job.objects.filter(ended_at__isnull=True).first():
        assert job_work(job_id=job.pk), "the job does not move"


def test_many_people_are_erased_in_batches_and_every_terminal_forgets_them(
    library: Library, terminal: Terminal
) -> None:
    people = enrol_many(library, 120)
    assert len(told(terminal)[0]) == 120

    (job,) = people_erase_start(people=Person.objects.exclude(pk=people[7].pk))
    assert (job.state, job.total, Person.objects.count()) == ("waiting", 119, 120)
    finish()

    job.refresh_from_db()
    assert (job.state, job.result) == ("done", {"people": 119})
    assert list(Person.objects.all()) == [people[7]]
    assert not FacePhoto.objects.exclude(person=people[7]).exists()
    assert Revocation.objects.filter(state="open", doors=1).count() == 119
    assert not Delivery.objects.filter(operation="delete").exclude(sent_text="").exists()


def test_the_cost_of_erasing_grows_with_batches_and_not_with_people(
    library: Library, terminal: Terminal
) -> None:
    enrol_many(library, 50)
    told(terminal)

    with CaptureQueriesContext(connection) as queries:
        (job,) = people_erase_start(people=Person.objects.all())

    assert (job.state, job.result) == ("done", {"people": 50})
    assert len(queries) < 45


def test_a_large_library_is_gone_at_once_and_terminals_are_told_by_a_job(
    library: Library, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people_module, "INLINE_ROWS", 60)
    people = enrol_many(library, 70)
    other = Library.objects.create(site=library.site, name="Staff")
    LibraryMembership.objects.create(person=people[0], library=other)
    told(terminal)

    assert library_erase(library=library)

    assert not Library.objects.filter(pk=library.pk).exists()
    assert list(LibraryMembership.objects.values_list("library_id", flat=True)) == [other.pk]
    job = Job.objects.get()
    assert (job.kind, job.state, job.total) == ("faces.people_tell", "waiting", 70)
    finish()
    terminal.refresh_from_db()
    gone = told(terminal)[1]
    assert gone == {person.user_id for person in people[1:]}


def test_a_poll_between_two_batches_misses_nothing(
    library: Library, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The terminal polls after each batch; a full sync in between does not hide the rest."""
    monkeypatch.setattr(people_module, "INLINE_ROWS", 60)
    people = enrol_many(library, 120)
    told(terminal)
    library_erase(library=library)
    job = Job.objects.get()

    gone: set[str] = set()
    for _ in range(10):
        job_work(job_id=job.pk, turn_s=0)
        terminal = Terminal.objects.get(pk=terminal.pk)
        gone |= told(terminal)[1]

    assert gone == {person.user_id for person in people}


@pytest.mark.parametrize("scope", ["failed", "all"])
def test_whole_terminals_are_told_again_in_batches(
    library: Library, terminal: Terminal, monkeypatch: pytest.MonkeyPatch, scope: str
) -> None:
    monkeypatch.setattr(again_module, "BATCH", 7)
    for kind in again_module.KINDS:
        assert kind.at_once >= 30
    enrol_many(library, 30)
    told(terminal)
    Delivery.objects.update(state="failed", remedy="retake")

    jobs = terminals_send_again_start(terminals=[terminal], scope=scope)  # type: ignore[arg-type]

    assert [job.result["deliveries"] for job in jobs] == [30]
    assert set(Delivery.objects.values_list("state", "remedy")) == {("pending", "")}
    assert len(told(Terminal.objects.get(pk=terminal.pk))[0]) == 30


@pytest.mark.slow
def test_what_the_full_sync_has_told_meanwhile_is_not_told_twice(
    library: Library, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol_many(library, 1200)
    told(terminal)
    (job,) = terminals_send_again_start(terminals=[terminal], scope="all")
    job_work(job_id=job.pk, turn_s=0)
    again = Terminal.objects.get(pk=terminal.pk)
    assert len(told(again)[0]) == 1200

    finish()

    job.refresh_from_db()
    assert job.result == {"deliveries": 1000, "terminals": 1}
    assert told(Terminal.objects.get(pk=terminal.pk)) == (set(), set())


@pytest.mark.slow
def test_telling_again_costs_a_few_statements_for_each_page(
    library: Library, terminal: Terminal
) -> None:
    enrol_many(library, 900)
    told(terminal)

    with CaptureQueriesContext(connection) as queries:
        (job,) = deliveries_send_again_start(deliveries=Delivery.objects.all())

    assert job.result == {"deliveries": 900}
    assert len(queries) < 30


def test_many_terminals_are_approved_by_a_job(site: Site, library: Library) -> None:
    enrol_many(library, 3)
    Terminal.objects.bulk_create(
        Terminal(site=site, device_id=f"n{one}", all_libraries=True) for one in range(8)
    )

    (job,) = terminals_approve_start(terminals=Terminal.objects.all())
    finish()

    job.refresh_from_db()
    assert job.result == {"terminals": 8}
    assert Delivery.objects.filter(state="pending").count() == 24


def test_a_job_of_one_site_touches_no_row_of_another(library: Library, terminal: Terminal) -> None:
    """Arguments are numbers; a job that names rows of elsewhere does nothing to them."""
    enrol_many(library, 3)
    elsewhere = Site.objects.create(code="elsewhere", name="Elsewhere")
    keys = list(Person.objects.values_list("pk", flat=True))
    job = Job.objects.create(
        site=elsewhere, kind="faces.people_erase", arguments={"ids": keys}, total=3
    )

    job_work(job_id=job.pk)

    job.refresh_from_db()
    assert (job.state, job.result, Person.objects.count()) == ("done", {"people": 0}, 3)
