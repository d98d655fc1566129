"""Faces that a terminal fetched and did not report on: told again, then shown (seed 9.4)."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from devices.models import Site, Terminal
from faces.choices import DeliveryState, Operation
from faces.models import Delivery, Library, Person, TerminalCursor
from faces.services import (
    deletes_repeat,
    deliveries_retry,
    deliveries_send_again,
    deliveries_unconfirm,
    person_erase,
    person_save,
    terminal_send_failed_again,
)
from faces.services.delivery.deliveries import deliveries_sent
from faces.services.feedback import unconfirmed as module
from faces.words import delivery_words
from tests.support.people import enrol
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def report(wire: WireClient, user_id: str, code: str = "100") -> None:
    assert wire.post("syresult", {"resultList": {"userID": user_id, "status": code}})["ret"] == "0"


def told(wire: WireClient) -> list[tuple[str, str]]:
    """Poll once, keeping the cursor: (operation, user id) of each entry."""
    entries, wire.cursor = wire.poll()
    return [(one["operation"], one["userId"]) for one in entries]


def row_of(user_id: str) -> Delivery:
    return Delivery.objects.get(user_id=user_id)


def after(**wait: int) -> int:
    return deliveries_unconfirm(now=timezone.now() + timedelta(**wait))


@pytest.fixture
def reporting(wire: WireClient, terminal: Terminal, library: Library) -> WireClient:
    """Return a terminal that has reported once and holds that face."""
    enrol(library, "0")
    wire.sync()
    report(wire, "0")
    return wire


class TestTellingAgain:
    def test_a_face_without_an_answer_is_told_again_after_the_sites_time(
        self, reporting: WireClient, library: Library
    ) -> None:
        enrol(library, "1")
        reporting.sync()

        too_early = after(minutes=59)
        due = after(minutes=61)
        state = row_of("1").state
        again = told(reporting)

        assert (too_early, due, state) == (0, 1, DeliveryState.UNCONFIRMED)
        assert again == [("save", "1")]
        assert (row_of("1").state, row_of("1").attempts) == (DeliveryState.SENT, 2)
        assert told(reporting) == []

    def test_the_time_is_the_sites_own(
        self, reporting: WireClient, library: Library, site: Site
    ) -> None:
        Site.objects.filter(pk=site.pk).update(unconfirmed_after_s=120)
        enrol(library, "1")
        reporting.sync()

        assert after(seconds=119) == 0
        assert after(seconds=121) == 1

    def test_it_is_told_three_times_more_and_then_stays_unconfirmed(
        self, reporting: WireClient, library: Library
    ) -> None:
        enrol(library, "1")
        times = 0
        for _ in range(8):
            times += len(told(reporting))
            after(hours=2)

        row = row_of("1")
        assert times == 4
        assert (row.state, row.unanswered, row.attempts) == (DeliveryState.UNCONFIRMED, 4, 4)
        assert told(reporting) == []
        assert "Told again three times, never confirmed" in delivery_words(row)

    def test_one_that_waits_for_its_poll_uses_up_no_try(
        self, reporting: WireClient, library: Library
    ) -> None:
        enrol(library, "1")
        reporting.sync()

        marked = [after(hours=hours) for hours in (2, 4, 6)]

        assert marked == [1, 0, 0]
        assert row_of("1").unanswered == 1

    def test_only_faces_without_an_answer_are_told_again(
        self, reporting: WireClient, library: Library
    ) -> None:
        for user_id in "123":
            enrol(library, user_id)
        reporting.sync()
        report(reporting, "1")
        report(reporting, "2", "101")

        assert after(hours=2) == 1
        assert told(reporting) == [("save", "3")]

    def test_deletes_keep_their_own_rules(self, reporting: WireClient, library: Library) -> None:
        person_erase(person=Person.objects.get(user_id="0"))
        reporting.sync()

        assert after(hours=2) == 0
        assert deletes_repeat(now=timezone.now() + timedelta(hours=1)) == 1

    def test_a_run_takes_so_many_and_the_next_one_goes_on(
        self, reporting: WireClient, library: Library
    ) -> None:
        for number in range(1, 6):
            enrol(library, str(number))
        reporting.sync()
        later = timezone.now() + timedelta(hours=2)

        runs = [deliveries_unconfirm(now=later, limit=2) for _ in range(4)]

        assert runs == [2, 2, 1, 0]

    def test_many_come_in_pages(
        self, reporting: WireClient, library: Library, settings: pytest.FixtureRequest
    ) -> None:
        settings.SYNC_PAGE_SIZE = 3  # type: ignore[attr-defined]
        for number in range(1, 9):
            enrol(library, str(number))
        reporting.sync()
        after(hours=2)

        pages = [told(reporting) for _ in range(5)]

        assert max(map(len, pages)) <= 3
        assert sorted(user_id for page in pages for _, user_id in page) == list("12345678")

    def test_another_terminal_is_told_nothing(
        self, reporting: WireClient, library: Library, site: Site, token: str
    ) -> None:
        Terminal.objects.create(site=site, device_id="2", status="approved", all_libraries=True)
        other = WireClient(token=token, device_id="2")
        enrol(library, "1")
        reporting.sync()
        other.sync()
        report(other, "0")
        report(other, "1")

        after(hours=2)

        assert told(other) == []

    def test_a_telling_again_whose_answer_got_lost_comes_once_more(
        self, reporting: WireClient, library: Library
    ) -> None:
        enrol(library, "1")
        reporting.sync()
        after(hours=2)

        lost, _ = reporting.poll()

        assert [one["userId"] for one in lost] == ["1"]
        assert told(reporting) == [("save", "1")]
        assert row_of("1").attempts == 2


class TestAnswers:
    def test_a_late_answer_settles_it_and_nothing_is_told_again(
        self, reporting: WireClient, library: Library
    ) -> None:
        enrol(library, "1")
        reporting.sync()
        after(hours=2)

        report(reporting, "1")

        row = row_of("1")
        assert (row.state, row.unanswered) == (DeliveryState.STORED, 0)
        assert told(reporting) == []
        assert row_of("1").state == DeliveryState.STORED
        assert after(days=3) == 0

    def test_an_answer_settles_even_what_was_told_in_vain(
        self, reporting: WireClient, library: Library
    ) -> None:
        enrol(library, "1")
        for _ in range(6):
            told(reporting)
            after(hours=2)

        report(reporting, "1")

        assert (row_of("1").state, row_of("1").unanswered) == (DeliveryState.STORED, 0)

    def test_a_late_failure_is_tried_again_as_any_failure(
        self, reporting: WireClient, library: Library
    ) -> None:
        enrol(library, "1")
        reporting.sync()
        after(hours=2)

        report(reporting, "1", "50002")

        row = row_of("1")
        assert (row.state, row.retry_at is not None) == (DeliveryState.FAILED, True)
        assert told(reporting) == []
        assert deliveries_retry(now=timezone.now() + timedelta(days=1)) == 1
        assert told(reporting) == [("save", "1")]

    def test_what_a_manager_sent_again_is_told_though_an_older_answer_comes_late(
        self, reporting: WireClient, library: Library
    ) -> None:
        """It was sent again, its answer was lost; then the word on the first telling arrives."""
        enrol(library, "1")
        reporting.sync()
        deliveries_send_again(deliveries=Delivery.objects.filter(user_id="1"))
        reporting.poll()
        after(hours=2)

        report(reporting, "1")

        assert told(reporting) == [("save", "1")]

    def test_an_answer_while_the_page_is_made_is_not_undone_by_it(
        self, reporting: WireClient, terminal: Terminal, library: Library
    ) -> None:
        person = enrol(library, "1")
        reporting.sync()
        after(hours=2)
        read_before: object = Person.objects.get(pk=person.pk)
        read_before.listed_stamp = row_of("1").again_stamp  # type: ignore[attr-defined]
        read_before.photo_id = None  # type: ignore[attr-defined]
        report(reporting, "1")

        deliveries_sent(terminal=terminal, people=[read_before])  # type: ignore[list-item]

        assert row_of("1").state == DeliveryState.STORED

    def test_a_full_sync_asks_for_every_answer_anew(
        self, reporting: WireClient, library: Library
    ) -> None:
        enrol(library, "1")
        reporting.sync()
        after(hours=2)
        report(reporting, "1")
        reporting.cursor = 0

        reporting.sync()

        assert row_of("1").state == DeliveryState.SENT

    def test_a_newer_change_starts_over(self, reporting: WireClient, library: Library) -> None:
        person = enrol(library, "1")
        reporting.sync()
        after(hours=2)

        person.name = "Renamed"
        person_save(person=person)
        report(reporting, "1")

        row = row_of("1")
        assert (row.state, row.unanswered) == (DeliveryState.PENDING, 0)
        assert told(reporting) == [("save", "1")]

    def test_a_delete_after_an_unconfirmed_save_is_told_once_more_than_confirmed(
        self, reporting: WireClient, library: Library
    ) -> None:
        """The success may be the late word on the save, as for one that was only sent."""
        person = enrol(library, "1")
        reporting.sync()
        after(hours=2)
        person_erase(person=person)
        reporting.sync()
        report(reporting, "1")

        assert deletes_repeat(now=timezone.now() + timedelta(hours=1)) == 1
        assert told(reporting) == [("delete", "1")]

    def test_send_what_failed_again_takes_the_unconfirmed_along(
        self, reporting: WireClient, terminal: Terminal, library: Library
    ) -> None:
        enrol(library, "1")
        for _ in range(6):
            told(reporting)
            after(hours=2)

        assert terminal_send_failed_again(terminal=terminal) == 1

        assert told(reporting) == [("save", "1")]
        assert row_of("1").unanswered == 0


class TestTerminalsThatNeverReport:
    def test_nothing_is_told_again_and_it_is_said(
        self, wire: WireClient, terminal: Terminal, library: Library
    ) -> None:
        enrol(library, "1")
        wire.sync()
        photo = wire.held["1"].rsplit("/", 1)[1]
        assert wire.client.get(f"/i/{photo}").status_code == 200

        marked = after(hours=2)

        row = row_of("1")
        assert (marked, row.state, row.unanswered) == (1, DeliveryState.FETCHED, 0)
        assert delivery_words(row) == "Photo fetched; this terminal never reports results."
        assert told(wire) == []
        assert after(days=30) == 0

    def test_that_the_photo_was_not_fetched_is_said_as_well(
        self, wire: WireClient, terminal: Terminal, library: Library
    ) -> None:
        enrol(library, "1")
        wire.sync()
        after(hours=2)

        assert "photo not fetched" in delivery_words(row_of("1"))

    def test_a_first_answer_settles_its_face(
        self, wire: WireClient, terminal: Terminal, library: Library
    ) -> None:
        enrol(library, "1")
        wire.sync()
        after(hours=2)

        report(wire, "1")

        assert row_of("1").state == DeliveryState.STORED

    def test_once_it_reports_the_others_are_told_again_in_the_sites_time(
        self, wire: WireClient, terminal: Terminal, library: Library
    ) -> None:
        for user_id in "12":
            enrol(library, user_id)
        wire.sync()
        after(hours=2)
        report(wire, "1")

        at_once = after(minutes=30)
        later = after(hours=2)

        assert (at_once, later) == (0, 1)
        assert told(wire) == [("save", "2")]

    def test_a_result_about_nobody_on_file_is_a_report(
        self, wire: WireClient, terminal: Terminal, library: Library
    ) -> None:
        enrol(library, "1")
        wire.sync()
        assert TerminalCursor.objects.get().reported_at is None

        report(wire, "x" * 40)

        assert TerminalCursor.objects.get().reported_at is not None

    def test_a_result_before_the_first_poll_is_a_report(
        self, wire: WireClient, terminal: Terminal
    ) -> None:
        report(wire, "stranger")

        first = TerminalCursor.objects.get().reported_at
        report(wire, "stranger")

        assert first is not None
        assert TerminalCursor.objects.get().reported_at == first


def test_the_poll_after_the_mark_is_quiet_for_a_terminal_that_never_reports(
    wire: WireClient, terminal: Terminal, library: Library
) -> None:
    """Nothing is news to it, so it stays on the fast way (decision 0017)."""
    enrol(library, "1")
    wire.sync()
    before = wire.cursor
    after(hours=2)

    assert (told(wire), wire.cursor) == ([], before)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_an_answer_that_comes_before_the_sweep_has_the_row_is_not_undone(
    reporting: WireClient, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweep has chosen the row; the answer commits while it waits for the site's clock."""
    enrol(library, "1")
    reporting.sync()
    chosen, answered = threading.Event(), threading.Event()
    hold = module.clock_hold

    def held_late(*, site_id: int) -> int:
        chosen.set()
        assert answered.wait(20)
        return hold(site_id=site_id)

    monkeypatch.setattr(module, "clock_hold", held_late)
    marked: list[int] = []

    def sweep() -> None:
        try:
            marked.append(after(hours=2))
        finally:
            connection.close()

    thread = threading.Thread(target=sweep)
    thread.start()
    assert chosen.wait(20)
    report(reporting, "1")
    answered.set()
    thread.join(20)

    assert marked == [0]
    assert row_of("1").state == DeliveryState.STORED
    assert told(reporting) == []


def test_two_sweeps_tell_it_once(reporting: WireClient, library: Library) -> None:
    enrol(library, "1")
    reporting.sync()

    with transaction.atomic():
        marked = [after(hours=2), after(hours=2)]

    assert marked == [1, 0]
    assert row_of("1").operation == Operation.SAVE
