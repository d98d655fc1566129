"""What becomes of a face that a terminal could not store, or did not confirm to have deleted."""

from datetime import timedelta

import pytest
from django.utils import timezone

from devices.models import Site, Terminal
from faces.choices import DeliveryState, Remedy
from faces.models import Delivery, Library
from faces.services import (
    deletes_repeat,
    deliveries_send_again,
    library_save,
    person_erase,
    person_save,
    terminal_libraries_set,
    terminal_send_all_again,
    terminal_send_failed_again,
)
from faces.services.delivery.policy import BACK_OFF
from tests.support.people import enrol
from tests.support.reports import in_a_while, report, row_of, told
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


class TestRetries:
    def test_a_face_that_could_not_be_fetched_is_told_again_when_it_is_due(
        self, wire: WireClient, terminal: Terminal, library: Library
    ) -> None:
        enrol(library, "1")
        enrol(library, "2")
        wire.sync()
        report(wire, "1", "30004", "download failed")

        too_early = in_a_while(seconds=50)
        nothing = told(wire)
        due = in_a_while(minutes=2)
        again = told(wire)

        assert (too_early, nothing, due, again) == (0, [], 1, [("save", "1")])
        row = row_of("1")
        assert (row.state, row.attempts, row.retry_at) == (DeliveryState.SENT, 2, None)
        assert told(wire) == []

    def test_each_try_waits_longer_and_after_the_last_one_somebody_is_needed(
        self, wire: WireClient, terminal: Terminal, library: Library
    ) -> None:
        enrol(library, "1")
        waits = []
        for _ in BACK_OFF:
            wire.sync()
            report(wire, "1", "50002")
            row = row_of("1")
            assert row.retry_at and row.answered_at
            waits.append(row.retry_at - row.answered_at)
            in_a_while(days=1)
        wire.sync()
        report(wire, "1", "50002")

        assert [round(wait / timedelta(minutes=1)) for wait in waits] == [1, 5, 30, 120, 720]
        row = row_of("1")
        assert (row.retry_at, row.remedy) == (None, Remedy.LOOK_AT_TERMINAL)
        assert in_a_while(days=30) == 0

    def test_a_photo_without_a_face_is_never_told_again(
        self, wire: WireClient, terminal: Terminal, library: Library
    ) -> None:
        enrol(library, "1")
        wire.sync()

        report(wire, "1", "101", "图片中未检测到人脸")

        row = row_of("1")
        assert (row.state, row.remedy) == (DeliveryState.FAILED, Remedy.RETAKE)
        assert in_a_while(days=30) == 0
        assert told(wire) == []

    def test_the_same_failure_reported_twice_is_one_try(
        self, wire: WireClient, terminal: Terminal, library: Library
    ) -> None:
        enrol(library, "1")
        wire.sync()
        report(wire, "1", "50002")
        first = row_of("1").retry_at

        report(wire, "1", "50002")

        assert (row_of("1").retry_at, row_of("1").attempts) == (first, 1)

    def test_an_answer_that_got_lost_is_one_try(
        self, wire: WireClient, terminal: Terminal, library: Library
    ) -> None:
        wire.sync()
        enrol(library, "1")
        for _ in range(7):
            wire.poll()

        assert row_of("1").attempts == 1

    def test_a_late_success_ends_the_tries(
        self, wire: WireClient, terminal: Terminal, library: Library
    ) -> None:
        enrol(library, "1")
        wire.sync()
        report(wire, "1", "50002")

        report(wire, "1", "100")

        row = row_of("1")
        assert (row.state, row.retry_at, row.remedy) == (DeliveryState.STORED, None, "")
        assert in_a_while(days=1) == 0

    def test_a_new_change_starts_over(
        self, wire: WireClient, terminal: Terminal, library: Library
    ) -> None:
        person = enrol(library, "1")
        wire.sync()
        report(wire, "1", "30002")

        person.name = "Renamed"
        person_save(person=person)

        row = row_of("1")
        assert (row.state, row.attempts, row.remedy) == (DeliveryState.PENDING, 0, "")

    def test_a_retry_reaches_only_the_terminal_that_failed(
        self, wire: WireClient, terminal: Terminal, library: Library, site: Site, token: str
    ) -> None:
        Terminal.objects.create(site=site, device_id="2", status="approved", all_libraries=True)
        other = WireClient(token=token, device_id="2")
        enrol(library, "1")
        wire.sync()
        other.sync()
        report(wire, "1", "50002")

        in_a_while(minutes=2)

        assert told(wire) == [("save", "1")]
        assert told(other) == []

    @pytest.mark.parametrize(("code", "again"), [("50002", 1), ("101", 0)])
    def test_an_old_question_that_arrives_late_does_not_end_the_tries(
        self, wire: WireClient, terminal: Terminal, library: Library, code: str, again: int
    ) -> None:
        """A poll sent twice: the second copy came after the failure, and nobody read its answer."""
        wire.sync()
        before = wire.cursor
        enrol(library, "1")
        wire.sync()
        report(wire, "1", code)
        failed = row_of("1")

        wire.poll(before)

        row = row_of("1")
        assert (row.state, row.retry_at, row.remedy) == ("failed", failed.retry_at, failed.remedy)
        assert in_a_while(hours=1) == again
        assert told(wire) == [("save", "1")] * again

    def test_two_workers_at_once_tell_it_once(
        self, wire: WireClient, terminal: Terminal, library: Library
    ) -> None:
        enrol(library, "1")
        wire.sync()
        report(wire, "1", "50002")

        assert [in_a_while(hours=1), in_a_while(hours=1)] == [1, 0]

    def test_a_retry_that_got_lost_is_told_again(
        self, wire: WireClient, terminal: Terminal, library: Library
    ) -> None:
        enrol(library, "1")
        wire.sync()
        report(wire, "1", "50002")
        in_a_while(hours=1)

        lost, _ = wire.poll()

        assert [one["userId"] for one in lost] == ["1"]
        assert told(wire) == [("save", "1")]

    def test_many_retries_come_in_pages(
        self,
        wire: WireClient,
        terminal: Terminal,
        library: Library,
        settings: pytest.FixtureRequest,
    ) -> None:
        settings.SYNC_PAGE_SIZE = 3  # type: ignore[attr-defined]
        people = [str(number) for number in range(10)]
        for user_id in people:
            enrol(library, user_id)
        wire.sync()
        for user_id in people:
            report(wire, user_id, "50002")
        in_a_while(hours=1)

        pages = [told(wire) for _ in range(6)]

        assert max(len(page) for page in pages) <= 3
        assert sorted(user_id for page in pages for _, user_id in page) == people

    def test_a_failure_of_somebody_never_sent_needs_nobody(
        self, wire: WireClient, terminal: Terminal
    ) -> None:
        report(wire, "stranger", "50002")

        row = row_of("stranger")
        assert (row.state, row.retry_at, row.remedy) == (DeliveryState.FAILED, None, "")


class TestDeletes:
    def test_whom_the_terminal_does_not_know_counts_as_deleted(
        self, wire: WireClient, terminal: Terminal, library: Library
    ) -> None:
        person = enrol(library, "1")
        wire.sync()
        report(wire, "1", "100")
        person_erase(person=person)
        wire.sync()

        report(wire, "1", "20001", "人员不存在")

        assert (row_of("1").state, row_of("1").held) == (DeliveryState.STORED, False)

    def test_after_three_times_somebody_has_to_look(
        self, wire: WireClient, terminal: Terminal, library: Library
    ) -> None:
        person = enrol(library, "1")
        wire.sync()
        person_erase(person=person)
        for _ in range(5):
            wire.sync()
            deletes_repeat(now=timezone.now() + timedelta(hours=1))

        row = row_of("1")
        assert (row.attempts, row.remedy, row.held) == (3, Remedy.LOOK_AT_TERMINAL, True)

        report(wire, "1", "100")

        row = row_of("1")
        assert (row.state, row.remedy, row.held) == (DeliveryState.STORED, "", False)

    def test_asking_for_a_lost_answer_three_times_is_not_three_times_told(
        self, wire: WireClient, terminal: Terminal, library: Library
    ) -> None:
        person = enrol(library, "1")
        wire.sync()
        person_erase(person=person)
        for _ in range(4):
            wire.poll()

        assert row_of("1").attempts == 1

    def test_a_delete_that_failed_after_the_late_word_on_the_save_is_told_again(
        self, wire: WireClient, terminal: Terminal, library: Library
    ) -> None:
        """The success seemed to confirm the delete, the failure after it did not undo that."""
        person = enrol(library, "1")
        wire.sync()
        person_erase(person=person)
        wire.sync()
        report(wire, "1", "100")

        report(wire, "1", "113")
        again = deletes_repeat(now=timezone.now() + timedelta(hours=1))

        assert again == 1
        assert told(wire) == [("delete", "1")]

    def test_the_late_word_on_the_save_does_not_leave_the_face_there(
        self, wire: WireClient, terminal: Terminal, library: Library
    ) -> None:
        """The delete's answer was lost; then comes the success of the save before it."""
        person = enrol(library, "1")
        wire.sync()
        person_erase(person=person)
        _, after_the_lost_answer = wire.poll()
        report(wire, "1", "100")
        wire.cursor = after_the_lost_answer

        deletes_repeat(now=timezone.now() + timedelta(hours=1))

        assert told(wire) == [("delete", "1")]
        report(wire, "1", "100")
        assert deletes_repeat(now=timezone.now() + timedelta(days=1)) == 0
        assert (row_of("1").state, row_of("1").held) == (DeliveryState.STORED, False)

    def test_deletes_do_not_wait_behind_pages_of_saves(
        self,
        wire: WireClient,
        terminal: Terminal,
        library: Library,
        settings: pytest.FixtureRequest,
    ) -> None:
        settings.SYNC_PAGE_SIZE = 2  # type: ignore[attr-defined]
        person = enrol(library, "gone")
        wire.sync()
        for number in range(6):
            enrol(library, str(number))
        person_erase(person=person)

        assert told(wire)[0] == ("delete", "gone")

    def test_many_deletes_come_in_pages_before_any_save(
        self,
        wire: WireClient,
        terminal: Terminal,
        library: Library,
        settings: pytest.FixtureRequest,
    ) -> None:
        settings.SYNC_PAGE_SIZE = 3  # type: ignore[attr-defined]
        other = library_save(library=Library(site=library.site, name="Other"))
        for number in range(10):
            enrol(library, str(number))
        wire.sync()
        terminal_libraries_set(terminal=terminal, library_ids=[other.pk])
        enrol(other, "new")

        pages = [told(wire) for _ in range(6)]

        assert max(len(page) for page in pages) <= 3
        said = [entry for page in pages for entry in page]
        assert sorted(said[:10]) == [("delete", str(number)) for number in range(10)]
        assert said[10:] == [("save", "new")]

    def test_a_lost_page_of_many_deletes_is_told_again(
        self,
        wire: WireClient,
        terminal: Terminal,
        library: Library,
        settings: pytest.FixtureRequest,
    ) -> None:
        settings.SYNC_PAGE_SIZE = 2  # type: ignore[attr-defined]
        people = [enrol(library, str(number)) for number in range(7)]
        wire.sync()
        for person in people:
            person_erase(person=person)

        pages = []
        while not pages or pages[-1]:
            lost, _ = wire.poll()
            pages.append(told(wire))
            assert [one["userId"] for one in lost] == [user_id for _, user_id in pages[-1]]

        said = [user_id for page in pages for _, user_id in page]
        assert sorted(said) == [str(number) for number in range(7)]


class TestSendAgain:
    def test_one_person(self, wire: WireClient, terminal: Terminal, library: Library) -> None:
        enrol(library, "1")
        enrol(library, "2")
        wire.sync()

        assert deliveries_send_again(deliveries=Delivery.objects.filter(user_id="2")) == 1

        assert row_of("2").state == DeliveryState.PENDING
        assert told(wire) == [("save", "2")]
        assert told(wire) == []

    def test_what_failed_on_a_terminal(
        self, wire: WireClient, terminal: Terminal, library: Library
    ) -> None:
        for user_id in "123":
            enrol(library, user_id)
        wire.sync()
        report(wire, "1", "100")
        report(wire, "2", "30002")
        report(wire, "3", "50002")

        assert terminal_send_failed_again(terminal=terminal) == 2

        assert told(wire) == [("save", "2"), ("save", "3")]
        assert [row_of(user_id).attempts for user_id in "123"] == [1, 1, 1]

    def test_an_unconfirmed_delete(
        self, wire: WireClient, terminal: Terminal, library: Library
    ) -> None:
        person = enrol(library, "1")
        wire.sync()
        report(wire, "1", "100")
        person_erase(person=person)
        wire.sync()

        assert deliveries_send_again(deliveries=Delivery.objects.all()) == 1
        assert told(wire) == [("delete", "1")]

        report(wire, "1", "100")
        assert deliveries_send_again(deliveries=Delivery.objects.all()) == 0

    def test_from_zero(self, wire: WireClient, terminal: Terminal, library: Library) -> None:
        enrol(library, "1")
        wire.sync()
        report(wire, "1", "30002")

        assert terminal_send_all_again(terminal=terminal) == 1

        assert told(wire) == [("save", "1")]
        assert (row_of("1").state, row_of("1").remedy) == (DeliveryState.SENT, "")

    def test_somebody_never_sent_cannot_be_sent_again(
        self, wire: WireClient, terminal: Terminal
    ) -> None:
        report(wire, "stranger", "50002")

        assert deliveries_send_again(deliveries=Delivery.objects.all()) == 0
