"""How long it takes until the last door has forgotten somebody."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from devices.models import Site, Terminal
from devices.services import site_token_rotate
from faces.choices import PersonState, RevocationState
from faces.models import Delivery, Library, Revocation
from faces.services import (
    deletes_repeat,
    deliveries_send_again,
    person_erase,
    person_save,
    terminal_erase,
    terminal_libraries_set,
)
from tests.support.people import enrol
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


@pytest.fixture
def doors(site: Site, token: str) -> list[WireClient]:
    """Return three doors that hold everybody."""
    for number in range(3):
        Terminal.objects.create(
            site=site, device_id=str(number), status="approved", all_libraries=True
        )
    return [WireClient(token=token, device_id=str(number)) for number in range(3)]


def confirm(wire: WireClient, user_id: str) -> None:
    wire.sync()
    wire.post("syresult", {"resultList": {"userID": user_id, "status": "100", "msg": ""}})


def test_it_ends_when_the_last_door_has_confirmed(
    doors: list[WireClient], library: Library
) -> None:
    person = enrol(library, "1")
    for door in doors:
        confirm(door, "1")
    before = timezone.now()
    person_erase(person=person)

    states = []
    for door in doors:
        confirm(door, "1")
        states.append(Revocation.objects.get().state)

    assert states == ["open", "open", "forgotten"]
    revocation = Revocation.objects.get()
    assert revocation.doors == 3
    assert revocation.ended_at
    assert before <= revocation.begun_at <= revocation.ended_at <= timezone.now()


def test_nobody_has_to_forget_whom_no_terminal_was_told(
    doors: list[WireClient], library: Library
) -> None:
    person_erase(person=enrol(library, "1"))

    assert not Revocation.objects.exists()


def test_somebody_suspended_and_then_erased_is_one_revocation_from_the_first_moment_on(
    doors: list[WireClient], library: Library
) -> None:
    person = enrol(library, "1")
    for door in doors:
        confirm(door, "1")
    person.state = PersonState.SUSPENDED
    person_save(person=person)
    begun_at = Revocation.objects.get().begun_at
    confirm(doors[0], "1")

    person_erase(person=person)
    for door in doors[1:]:
        confirm(door, "1")

    revocation = Revocation.objects.get()
    assert (revocation.begun_at, revocation.state) == (begun_at, RevocationState.FORGOTTEN)


def test_who_comes_back_before_withdraws_it(doors: list[WireClient], library: Library) -> None:
    person = enrol(library, "1")
    for door in doors:
        door.sync()
    person.state = PersonState.SUSPENDED
    person_save(person=person)

    person.state = PersonState.ACTIVE
    person_save(person=person)

    assert Revocation.objects.get().state == RevocationState.WITHDRAWN


def test_a_door_that_never_confirms_is_named_and_still_counts_later(
    doors: list[WireClient], library: Library
) -> None:
    person = enrol(library, "1")
    for door in doors:
        confirm(door, "1")
    person_erase(person=person)
    for door in doors[1:]:
        confirm(door, "1")
    for _ in range(4):
        doors[0].sync()
        deletes_repeat(now=timezone.now() + timedelta(hours=1))
    assert Revocation.objects.get().state == RevocationState.UNCONFIRMED

    confirm(doors[0], "1")

    assert Revocation.objects.get().state == RevocationState.FORGOTTEN


def test_a_door_that_is_taken_down_owes_nothing(
    doors: list[WireClient], library: Library, site: Site
) -> None:
    person = enrol(library, "1")
    for door in doors:
        confirm(door, "1")
    person_erase(person=person)
    for door in doors[1:]:
        confirm(door, "1")

    terminal_erase(terminal=site.terminals.get(device_id="0"))

    assert Revocation.objects.get().state == RevocationState.FORGOTTEN


def test_a_terminal_that_changes_its_libraries_revokes_nobody(
    doors: list[WireClient], library: Library, site: Site
) -> None:
    enrol(library, "1")
    doors[0].sync()

    terminal_libraries_set(terminal=site.terminals.get(device_id="0"), library_ids=[])

    assert not Revocation.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_last_doors_that_confirm_at_once_end_it(
    doors: list[WireClient], library: Library
) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite lets one writer in at a time")
    for number in range(12):
        user_id = f"u{number}"
        person = enrol(library, user_id)
        for door in doors:
            confirm(door, user_id)
        person_erase(person=person)
        for door in doors:
            door.sync()
        start = threading.Barrier(len(doors))

        def answer(
            door: WireClient, user_id: str = user_id, start: threading.Barrier = start
        ) -> None:
            start.wait()
            door.post("syresult", {"resultList": {"userID": user_id, "status": "100", "msg": ""}})
            connection.close()

        threads = [threading.Thread(target=answer, args=[door]) for door in doors]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert set(Revocation.objects.values_list("state", flat=True)) == {RevocationState.FORGOTTEN}
    assert Revocation.objects.count() == 12


class TestWhoConfirms:
    """Every terminal of a site knows the site's address; one must not forget for another."""

    @pytest.fixture
    def door(self, doors: list[WireClient], library: Library) -> WireClient:
        """Return a door that has fetched a delete and not yet confirmed it."""
        Terminal.objects.exclude(device_id="0").delete()
        person = enrol(library, "1")
        confirm(doors[0], "1")
        person_erase(person=person)
        doors[0].sync()
        return doors[0]

    def say(self, wire: WireClient, address: str = "127.0.0.1") -> str:
        """Say that the person is gone; returns the revocation's state."""
        wire.client.post(
            f"{wire.base}/syresult/{wire.device_id}",
            '{"resultList": {"userID": "1", "status": "100", "msg": ""}}',
            content_type="application/json",
            REMOTE_ADDR=address,
        )
        return str(Revocation.objects.get().state)

    def told_again(self, wire: WireClient) -> int:
        """Let the time of the next try come and the terminal poll; returns how often it is told."""
        Delivery.objects.update(sent_at=timezone.now() - timedelta(hours=1))
        deletes_repeat()
        return wire.sync()

    def test_the_caller_who_fetched_the_delete(self, door: WireClient) -> None:
        assert self.say(door) == "forgotten"

    def test_another_token_never_does(self, door: WireClient, site: Site) -> None:
        newer = site_token_rotate(site=site, overlap=timedelta(hours=1)).token
        other = WireClient(token=newer, device_id=door.device_id)
        assert self.say(other) == "open"
        assert self.told_again(door) == 1
        assert self.say(other) == "open"

        assert self.say(door) == "forgotten"

    def test_a_terminal_that_has_got_another_address_fetches_it_once_more(
        self, door: WireClient, site: Site
    ) -> None:
        newer = site_token_rotate(site=site, overlap=timedelta(hours=1)).token
        moved = WireClient(token=newer, device_id=door.device_id)
        moved.cursor = door.cursor
        assert self.say(moved) == "open"

        assert self.told_again(moved) == 1

        assert self.say(moved) == "forgotten"

    def test_from_elsewhere_it_is_told_once_more_and_then_believed(self, door: WireClient) -> None:
        assert self.say(door, "10.0.0.9") == "open"
        assert self.say(door, "10.0.0.9") == "open"

        assert self.told_again(door) == 1

        assert self.say(door, "10.0.0.9") == "forgotten"

    def test_telling_it_by_hand_begins_anew(self, door: WireClient) -> None:
        self.say(door, "10.0.0.9")
        deliveries_send_again(deliveries=Delivery.objects.all())
        assert door.sync() == 1

        assert self.say(door, "10.0.0.9") == "open"

    def test_a_delete_fetched_before_this_was_noted_is_believed(self, door: WireClient) -> None:
        Delivery.objects.update(told_token=None)

        assert self.say(door, "10.0.0.9") == "forgotten"
