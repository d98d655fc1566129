"""No terminal misses a change (invariant 1)."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.utils import timezone

from devices.models import Site, Terminal
from devices.services import terminal_change
from faces.choices import DeliveryState, Operation
from faces.models import Delivery, Library, Person, SyncClock, TerminalCursor
from faces.services import (
    clock_last,
    deletes_repeat,
    person_erase,
    person_save,
    sync_answer,
    terminal_libraries_set,
    terminal_view_changed,
)
from faces.services.clock import clock_advance_held, clock_hold
from tests.support.people import enrol
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def test_a_new_person_reaches_the_terminal_once(
    wire: WireClient, terminal: Terminal, library: Library
) -> None:
    enrol(library, "1")

    entries, cursor = wire.poll(0)

    assert [(one["operation"], one["userId"]) for one in entries] == [("save", "1")]
    assert wire.poll(cursor) == ([], cursor)


def test_the_entry_has_every_key_of_the_seed(
    wire: WireClient, terminal: Terminal, library: Library
) -> None:
    enrol(library, "1", name="刘金", user_type="student", sex=1, remark="学生")

    entry = wire.poll(0)[0][0]

    address = entry["imageUrl"]
    assert entry == {
        "operation": "save",
        "userType": "student",
        "userId": "1",
        "userName": "刘金",
        "sex": 1,
        "userRemark": "学生",
        "imageUrl": address,
        "userImageUrl": address,
        "operateTime": entry["operateTime"],
    }
    assert address.startswith("http://testserver/i/")
    assert address.endswith(".jpg")
    assert len(address) <= 128


def test_a_lost_answer_is_given_again(
    wire: WireClient, terminal: Terminal, library: Library
) -> None:
    wire.sync()
    enrol(library, "1")

    lost, _ = wire.poll(wire.cursor)
    again, _ = wire.poll(wire.cursor)

    assert [one["userId"] for one in lost] == [one["userId"] for one in again] == ["1"]


def test_changes_within_one_second_are_all_told(
    wire: WireClient, terminal: Terminal, library: Library
) -> None:
    wire.sync()
    for number in range(20):
        enrol(library, str(number))
        wire.sync()

    assert sorted(wire.held, key=int) == [str(number) for number in range(20)]


def test_a_clock_that_steps_back_loses_nothing(
    wire: WireClient, terminal: Terminal, library: Library, site: Site
) -> None:
    enrol(library, "1")
    SyncClock.objects.filter(site=site).update(last_stamp=clock_last(site_id=site.pk) + 7200)
    wire.sync()

    enrol(library, "2")
    wire.sync()

    assert set(wire.held) == {"1", "2"}


def test_pages_are_bounded_and_complete(
    wire: WireClient,
    terminal: Terminal,
    library: Library,
    settings: pytest.FixtureRequest,
) -> None:
    settings.SYNC_PAGE_SIZE = 3  # type: ignore[attr-defined]
    for number in range(10):
        enrol(library, str(number))

    sizes = []
    for _ in range(30):
        entries, wire.cursor = wire.poll()
        if not entries:
            break
        sizes.append(len(entries))
        wire.held |= {one["userId"]: one["imageUrl"] for one in entries}

    assert max(sizes) <= 3
    assert len(wire.held) == 10


def test_a_page_of_a_full_sync_that_got_lost_is_given_again(
    wire: WireClient, terminal: Terminal, library: Library, settings: pytest.FixtureRequest
) -> None:
    settings.SYNC_PAGE_SIZE = 2  # type: ignore[attr-defined]
    for number in range(5):
        enrol(library, str(number))
    _, first = wire.poll(0)

    lost, _ = wire.poll(first)
    again, _ = wire.poll(first)

    assert [one["userId"] for one in lost] == [one["userId"] for one in again] == ["2", "3"]


@pytest.mark.parametrize("times", [1, 2, 12])
def test_the_last_page_of_a_full_sync_is_given_again_as_often_as_it_gets_lost(
    wire: WireClient,
    terminal: Terminal,
    library: Library,
    settings: pytest.FixtureRequest,
    times: int,
) -> None:
    settings.SYNC_PAGE_SIZE = 2  # type: ignore[attr-defined]
    for number in range(5):
        enrol(library, str(number))
    _, first = wire.poll(0)
    _, second = wire.poll(first)

    told = [[one["userId"] for one in wire.poll(second)[0]] for _ in range(times + 1)]

    assert told == [["4"]] * (times + 1)


def test_a_lost_last_page_that_grew_meanwhile_is_told_whole(
    wire: WireClient, terminal: Terminal, library: Library, settings: pytest.FixtureRequest
) -> None:
    settings.SYNC_PAGE_SIZE = 2  # type: ignore[attr-defined]
    for number in range(3):
        enrol(library, str(number))
    first, second = wire.poll(0)
    lost, _ = wire.poll(second)
    for number in range(3, 8):
        enrol(library, str(number))

    wire.cursor = second
    wire.sync()

    assert [one["userId"] for one in lost] == ["2"]
    assert {one["userId"] for one in first} | set(wire.held) == set("01234567")


def test_a_cursor_of_the_former_site_does_not_stand_for_the_new_one(
    wire: WireClient, terminal: Terminal, library: Library, site: Site
) -> None:
    """The other site's clock ran ahead, so its cursors are greater than those given out now."""
    enrol(library, "1")
    SyncClock.objects.filter(site=site).update(last_stamp=clock_last(site_id=site.pk) + 7200)
    wire.sync()
    old = wire.cursor
    SyncClock.objects.filter(site=site).update(last_stamp=clock_last(site_id=site.pk) - 7200)
    terminal_view_changed(terminal=terminal)

    lost, _ = wire.poll(old)
    again, _ = wire.poll(old)

    assert [one["userId"] for one in lost] == [one["userId"] for one in again] == ["1"]


@pytest.mark.parametrize("cursor", ["99999999999", "1573539353795", "x", "-1", "", "9" * 40])
def test_a_cursor_that_was_never_handed_out_means_a_full_sync(
    wire: WireClient, terminal: Terminal, library: Library, cursor: str
) -> None:
    enrol(library, "1")
    wire.sync()

    entries, _ = wire.poll(cursor)

    assert [one["userId"] for one in entries] == ["1"]


def test_a_cursor_of_another_terminal_means_a_full_sync(
    wire: WireClient, terminal: Terminal, library: Library, token: str
) -> None:
    enrol(library, "1")
    wire.sync()
    other = WireClient(token=token, device_id="0000002")

    entries, _ = other.poll(wire.cursor)

    assert [one["userId"] for one in entries] == ["1"]


def test_a_restored_backup_means_a_full_sync(
    wire: WireClient, terminal: Terminal, library: Library, site: Site
) -> None:
    enrol(library, "1")
    wire.sync()
    saved = TerminalCursor.objects.get(terminal=terminal)
    enrol(library, "2")
    wire.sync()

    saved.save()
    entries, _ = wire.poll(wire.cursor)

    assert {one["userId"] for one in entries} == {"1", "2"}


def test_an_erased_person_leaves_the_terminal(
    wire: WireClient, terminal: Terminal, library: Library
) -> None:
    person = enrol(library, "1")
    wire.sync()

    person_erase(person=person)
    wire.sync()

    assert wire.held == {}
    delivery = Delivery.objects.get(terminal=terminal, user_id="1")
    assert (delivery.operation, delivery.state) == (Operation.DELETE, DeliveryState.SENT)
    assert delivery.person is None


def test_an_erased_person_is_told_until_confirmed_or_three_times(
    wire: WireClient, terminal: Terminal, library: Library
) -> None:
    person = enrol(library, "1")
    wire.sync()
    person_erase(person=person)

    told = []
    for _ in range(5):
        told.append([one["operation"] for one in wire.poll()[0]])
        wire.sync()
        Delivery.objects.update(sent_at=timezone.now() - timedelta(hours=1))
        deletes_repeat()

    # The first telling, and its repetition inside sync(), then one for each retry.
    assert told[:2] == [["delete"], ["delete"]]
    assert told[-1] == []


def test_a_confirmed_delete_is_not_told_again(
    wire: WireClient, terminal: Terminal, library: Library
) -> None:
    person = enrol(library, "1")
    wire.sync()
    person_erase(person=person)
    wire.sync()

    wire.post("syresult", {"resultList": {"userID": "1", "status": "100", "msg": "ok"}})

    delivery = Delivery.objects.get(terminal=terminal, user_id="1")
    assert (delivery.state, delivery.held) == (DeliveryState.STORED, False)
    assert wire.poll(0)[0] == []


def test_somebody_never_sent_is_not_deleted(
    wire: WireClient, terminal: Terminal, library: Library
) -> None:
    wire.sync()
    person = enrol(library, "1")
    person_erase(person=person)

    assert wire.poll()[0] == []


def test_only_the_newest_change_of_a_person_is_told(
    wire: WireClient, terminal: Terminal, library: Library
) -> None:
    wire.sync()
    person = enrol(library, "1")
    person.name = "Later"
    person_save(person=person)

    assert [one["userName"] for one in wire.poll()[0]] == ["Later"]


def test_nothing_new_reads_no_person(
    wire: WireClient,
    terminal: Terminal,
    library: Library,
    django_assert_max_num_queries: pytest.FixtureRequest,
) -> None:
    enrol(library, "1")
    wire.sync()

    with django_assert_max_num_queries(2) as captured:  # type: ignore[operator]
        wire.poll()

    naming = [one["sql"] for one in captured if "faces_person" in one["sql"]]
    assert len(naming) == 1
    if connection.vendor == "postgresql":
        # It names people for the case that the clock has moved, and does not look at them.
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF) {naming[0]}")
            plan = [row[0] for row in cursor.fetchall() if "faces_person" in row[0]]
        assert plan
        assert all("never executed" in line for line in plan)
    assert not [one for one in captured if one["sql"].startswith(("INSERT", "UPDATE"))]


def test_sending_everything_again_starts_from_zero(
    wire: WireClient, terminal: Terminal, library: Library
) -> None:
    enrol(library, "1")
    wire.sync()

    terminal_view_changed(terminal=terminal)

    assert [one["userId"] for one in wire.poll()[0]] == ["1"]


def test_a_picture_is_served_by_its_signed_address_only(
    wire: WireClient, terminal: Terminal, obama: Person, portraits: dict[str, Path]
) -> None:
    wire.sync()
    path = wire.held["1001"].removeprefix("http://testserver")

    served = wire.client.get(path)
    altered = wire.client.get(path[:-6] + ("A" if path[-6] != "A" else "B") + path[-5:])
    unchanged = wire.client.get(path, headers={"If-None-Match": served["ETag"]})

    assert served.status_code == 200
    assert served["Content-Type"] == "image/jpeg"
    assert served.content[:3] == b"\xff\xd8\xff"
    assert altered.status_code == 404
    assert unchanged.status_code == 304
    assert Delivery.objects.get(user_id="1001").downloaded_at is not None


@pytest.mark.parametrize("all_libraries", [True, False])
def test_what_a_terminal_holds_may_change_between_its_admission_and_its_answer(
    terminal: Terminal, library: Library, site: Site, *, all_libraries: bool
) -> None:
    """The answer went by the row as it was admitted, and its cursor meant that all was told."""
    other = Library.objects.create(site=site, name="Other")
    enrol(library, "1")
    enrol(other, "2")
    chosen = [] if all_libraries else [library.pk]
    terminal_libraries_set(terminal=terminal, library_ids=chosen, all_libraries=all_libraries)
    admitted = Terminal.objects.get(pk=terminal.pk)

    terminal_libraries_set(
        terminal=terminal, library_ids=[library.pk], all_libraries=not all_libraries
    )
    answer = sync_answer(terminal=admitted, last_query_time=0, picture_root="http://menjin")

    told = {entry.user_id for entry in answer.entries}
    assert told == ({"1"} if all_libraries else {"1", "2"})


def test_a_terminal_disabled_between_its_admission_and_its_answer_is_told_nothing(
    terminal: Terminal, library: Library
) -> None:
    enrol(library, "1")
    admitted = Terminal.objects.get(pk=terminal.pk)

    terminal_change(terminal=terminal, status="disabled")
    answer = sync_answer(terminal=admitted, last_query_time=0, picture_root="http://menjin")

    assert (answer.entries, answer.last_query_time) == ((), 0)


def test_sending_all_again_from_an_old_page_takes_nobody_away(
    wire: WireClient, terminal: Terminal, library: Library, site: Site
) -> None:
    """The page had been read before the door got its second library."""
    other = Library.objects.create(site=site, name="Other")
    enrol(library, "1")
    enrol(other, "2")
    terminal_libraries_set(terminal=terminal, library_ids=[library.pk])
    read_before = Terminal.objects.get(pk=terminal.pk)
    terminal_libraries_set(terminal=terminal, library_ids=[], all_libraries=True)
    wire.sync()

    terminal_view_changed(terminal=read_before)
    told = {(one["operation"], one["userId"]) for one in wire.poll()[0]}

    assert told == {("save", "1"), ("save", "2")}


def test_a_held_clock_moves_from_what_was_held_only(site: Site, terminal: Terminal) -> None:
    with transaction.atomic():
        held = clock_hold(site_id=site.pk)
        stamp = clock_advance_held(site_id=site.pk, held=held, above=held + 1000)

        assert stamp >= held + 1001
        assert clock_last(site_id=site.pk) == stamp
        with pytest.raises(RuntimeError, match=r"does not hold it"):
            clock_advance_held(site_id=site.pk, held=held)


def test_told_rows_that_were_there_are_turned_and_failures_stand(
    wire: WireClient, terminal: Terminal, library: Library
) -> None:
    """One statement enters new deliveries and turns old ones, each as it has to."""
    for user_id in ("1", "2", "3"):
        enrol(library, user_id)
    wire.poll(0)
    Delivery.objects.filter(user_id="1").update(held=False, state=DeliveryState.STORED)
    Delivery.objects.filter(user_id="2").update(state=DeliveryState.FAILED, remedy="free_space")
    Delivery.objects.filter(user_id="3").delete()

    wire.poll(0)

    rows = {row.user_id: row for row in Delivery.objects.all()}
    assert {user_id: (row.state, row.attempts) for user_id, row in rows.items()} == {
        "1": (DeliveryState.SENT, 2),
        "2": (DeliveryState.FAILED, 1),
        "3": (DeliveryState.SENT, 1),
    }
    assert all(row.held for row in rows.values())
    assert rows["2"].remedy == "free_space"
