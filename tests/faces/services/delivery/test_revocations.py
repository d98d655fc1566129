"""How long it takes until the last door has forgotten somebody."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from devices.models import PresenceFlush, Site, SiteToken, Terminal, TerminalAddress
from devices.services import address_approve, presence_flush, site_token_rotate, terminal_erase
from faces.choices import PersonState, RevocationState
from faces.models import Delivery, Library, Revocation
from faces.services import (
    deletes_doubt,
    deletes_repeat,
    deliveries_send_again,
    person_erase,
    person_save,
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


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_last_doors_that_confirm_at_once_end_it(
    doors: list[WireClient], library: Library
) -> None:
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


class TestWhereItLives:
    """Who asked last is not who lives there: a terminal's word counts from where it calls."""

    FOREIGN = "127.0.0.66"

    @pytest.fixture
    def door(self, doors: list[WireClient], library: Library) -> WireClient:
        """Return a door that is known by its address, holds a person and is to forget it."""
        Terminal.objects.exclude(device_id="0").delete()
        person = enrol(library, "1")
        confirm(doors[0], "1")
        presence_flush()
        person_erase(person=person)
        return doors[0]

    def foreign(self, door: WireClient, *, base: str = "") -> WireClient:
        """Return a caller from elsewhere that knows the address and the device ID."""
        other = WireClient(token=None, device_id=door.device_id)
        other.base, other.cursor = base or door.base, door.cursor
        other.client.defaults["REMOTE_ADDR"] = self.FOREIGN
        return other

    def say(self, wire: WireClient) -> str:
        """Say that the person is gone; returns the revocation's state."""
        wire.post("syresult", {"resultList": {"userID": "1", "status": "0"}})
        return str(Revocation.objects.get().state)

    def told_again(self) -> None:
        Delivery.objects.update(sent_at=timezone.now() - timedelta(hours=1))
        deletes_repeat()

    def silent(self, address: str, minutes: int = 60) -> None:
        """Let a terminal not have called from an address for a while."""
        long_ago = timezone.now() - timedelta(minutes=minutes)
        TerminalAddress.objects.filter(address=address).update(last_seen_at=long_ago)
        self.flushed(steady=timedelta(minutes=minutes))

    def flushed(self, *, ago: timedelta = timedelta(), steady: timedelta) -> None:
        """Let sightings have been written so long ago last, and without a gap for so long."""
        now = timezone.now()
        PresenceFlush.objects.update(flushed_at=now - ago, steady_since=now - steady)

    def test_polling_after_the_terminal_takes_nothing_from_it(self, door: WireClient) -> None:
        other = self.foreign(door)
        assert door.sync() == 1
        assert other.sync() == 1

        assert self.say(other) == "open"

        assert self.say(door) == "forgotten"

    def test_polling_before_the_terminal_gives_nothing(self, door: WireClient) -> None:
        other = self.foreign(door)
        assert other.sync() == 1
        assert self.say(other) == "open"
        assert door.sync() == 1

        assert self.say(door) == "forgotten"

    def test_saying_it_once_more_gives_nothing(self, door: WireClient) -> None:
        other = self.foreign(door)
        door.sync()
        other.sync()
        for _ in range(4):
            assert self.say(other) != "forgotten"
            self.told_again()
            other.sync()
            presence_flush()

        assert self.say(other) != "forgotten"
        assert Delivery.objects.get().held
        confirm(door, "1")
        assert Revocation.objects.get().state == "forgotten"

    def test_the_former_secret_of_the_site_gives_nothing_elsewhere(
        self, door: WireClient, site: Site
    ) -> None:
        newer = site_token_rotate(site=site, overlap=timedelta(hours=1)).token
        other = self.foreign(door)
        door.base = f"/t/{newer}"
        door.sync()
        other.sync()

        assert self.say(other) == "open"
        self.told_again()
        other.sync()
        assert self.say(other) == "open"
        assert self.say(door) == "forgotten"

    def test_the_former_secret_gives_nothing_behind_the_same_address(
        self, door: WireClient, library: Library, site: Site
    ) -> None:
        former = WireClient(token=None, device_id=door.device_id)
        former.base, former.cursor = door.base, door.cursor
        newer = site_token_rotate(site=site, overlap=timedelta(hours=1)).token
        door.base = f"/t/{newer}"
        confirm(door, "1")
        Revocation.objects.all().delete()
        person = enrol(library, "1")
        confirm(door, "1")
        person_erase(person=person)
        former.sync()

        assert self.say(former) == "open"
        door.sync()
        former.poll()
        assert self.say(former) == "open"
        assert self.say(door) == "forgotten"

    def test_a_secret_that_ended_holds_up_no_terminal_that_uses_an_older_one(
        self, door: WireClient, site: Site
    ) -> None:
        older = door.base
        door.base = f"/t/{site_token_rotate(site=site, overlap=timedelta(hours=1)).token}"
        door.sync()
        SiteToken.objects.filter(ends_at__isnull=True).update(ends_at=timezone.now())
        door.base = older
        self.told_again()
        assert door.sync() == 1

        assert self.say(door) == "forgotten"

    def test_a_terminal_that_has_moved_is_believed_once_its_former_address_is_silent(
        self, door: WireClient
    ) -> None:
        moved = self.foreign(door)
        moved.sync()
        presence_flush()
        assert self.say(moved) == "open"
        self.silent("127.0.0.1")
        self.told_again()
        assert moved.sync() == 1

        assert self.say(moved) == "forgotten"

    @pytest.mark.parametrize(
        ("ago", "steady"),
        [
            (timedelta(minutes=15), timedelta(days=1)),
            (timedelta(minutes=3), timedelta(days=1)),
            (timedelta(), timedelta(minutes=14)),
        ],
        ids=["stopped", "late", "began again"],
    )
    def test_nothing_is_silent_while_sightings_are_not_written(
        self, door: WireClient, ago: timedelta, steady: timedelta
    ) -> None:
        other = self.foreign(door)
        door.sync()
        self.silent("127.0.0.1")
        self.flushed(ago=ago, steady=steady)
        other.sync()

        assert self.say(other) == "open"
        self.told_again()
        other.sync()
        assert self.say(other) == "open"

    def test_nothing_is_silent_where_sightings_were_never_written(self, door: WireClient) -> None:
        other = self.foreign(door)
        self.silent("127.0.0.1")
        PresenceFlush.objects.all().delete()
        other.sync()

        assert self.say(other) == "open"

    def test_an_address_that_was_approved_is_one_of_the_terminal(self, door: WireClient) -> None:
        other = self.foreign(door)
        other.sync()
        presence_flush()
        assert self.say(other) == "open"

        address_approve(address=TerminalAddress.objects.get(address=self.FOREIGN))

        other.cursor = 0
        assert other.sync() == 1
        assert self.say(other) == "forgotten"

    def test_an_address_used_for_long_is_one_of_the_terminal(self, door: WireClient) -> None:
        other = self.foreign(door)
        other.sync()
        presence_flush()
        week = timezone.now() - timedelta(days=8)
        TerminalAddress.objects.filter(address=self.FOREIGN).update(first_seen_at=week)
        other.cursor = 0
        assert other.sync() == 1

        assert self.say(other) == "forgotten"

    def test_a_terminal_that_comes_back_is_told_what_was_confirmed_elsewhere(
        self, door: WireClient
    ) -> None:
        other = self.foreign(door)
        self.silent("127.0.0.1")
        other.sync()
        presence_flush()
        assert self.say(other) == "forgotten"
        presence_flush()
        assert deletes_doubt() == 0

        door.post("syheartbeat", "")
        presence_flush()

        assert deletes_doubt() == 1
        assert deletes_doubt() == 0
        assert Revocation.objects.get().state == "open"
        assert door.sync() == 1
        assert self.say(door) == "forgotten"
