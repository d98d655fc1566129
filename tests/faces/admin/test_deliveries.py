"""What a manager sees of deliveries and revocations, and how they are sent again."""

import pytest
from django.urls import reverse
from django.utils import timezone

from devices.models import Terminal
from faces.choices import DeliveryState, Remedy
from faces.models import Delivery, Person
from tests.support.two_sites import World, client_of

pytestmark = pytest.mark.django_db

LIST = "admin:faces_delivery_changelist"


def needing(world: World, remedy: str) -> Delivery:
    return Delivery.objects.create(
        terminal=world.ours.terminal,
        person=world.ours.person,
        user_id=f"needs-{remedy}",
        state=DeliveryState.FAILED,
        remedy=remedy,
        changed_at=timezone.now(),
    )


def test_the_list_of_faces_that_need_somebody(world: World) -> None:
    for remedy in Remedy.values:
        needing(world, remedy)
    client = client_of(world.manager)

    everybody = client.get(reverse(LIST), {"needs": "any"}).content.decode()
    full = client.get(reverse(LIST), {"needs": "free_space"}).content.decode()

    assert all(f"needs-{remedy}" in everybody for remedy in Remedy.values)
    assert "Alpha-1" not in everybody
    assert "needs-free_space" in full
    assert "needs-retake" not in full
    assert "Free space on the terminal" in full


def unanswered(world: World, state: str, times: int) -> Delivery:
    return Delivery.objects.create(
        terminal=world.ours.terminal,
        person=world.ours.person,
        user_id=f"{state}-{times}",
        state=state,
        unanswered=times,
        changed_at=timezone.now(),
    )


def test_the_list_of_faces_told_again_in_vain(world: World) -> None:
    unanswered(world, DeliveryState.UNCONFIRMED, 2)
    unanswered(world, DeliveryState.UNCONFIRMED, 4)

    page = client_of(world.manager).get(reverse(LIST), {"needs": "confirmation"})

    content = page.content.decode()
    assert "unconfirmed-4" in content
    assert "unconfirmed-2" not in content
    assert "Told again three times, never confirmed" in content


@pytest.mark.parametrize("name", ["faces_person_change", "devices_terminal_change"])
def test_person_and_terminal_show_what_is_not_confirmed(world: World, name: str) -> None:
    unanswered(world, DeliveryState.UNCONFIRMED, 1)
    unanswered(world, DeliveryState.FETCHED, 0)
    row = world.ours.person if "person" in name else world.ours.terminal

    page = client_of(world.manager).get(reverse(f"admin:{name}", args=[row.pk])).content.decode()

    assert "Unconfirmed" in page
    assert "Fetched, does not report" in page
    if "person" in name:
        assert "told again at the terminal&#x27;s next poll (1 of 3)" in page
        assert "this terminal never reports results" in page


@pytest.mark.parametrize(("who", "expected"), [("manager", "pending"), ("guard", "failed")])
def test_managers_send_again_and_guards_do_not(world: World, who: str, expected: str) -> None:
    row = needing(world, Remedy.RETAKE)

    client_of(getattr(world, who)).post(
        reverse(LIST), {"action": "send_again", "_selected_action": [row.pk]}
    )

    row.refresh_from_db()
    assert row.state == expected


def test_another_sites_face_is_not_sent_again(world: World) -> None:
    row = world.theirs.delivery

    client_of(world.manager).post(
        reverse(LIST), {"action": "send_again", "_selected_action": [row.pk]}
    )

    row.refresh_from_db()
    assert row.state == DeliveryState.FAILED


def test_what_failed_on_chosen_terminals_is_sent_again(world: World) -> None:
    row = needing(world, Remedy.LOOK_AT_TERMINAL)

    page = client_of(world.manager).post(
        reverse("admin:devices_terminal_changelist"),
        {"action": "send_failed", "_selected_action": [world.ours.terminal.pk]},
        follow=True,
    )

    row.refresh_from_db()
    assert row.state == DeliveryState.PENDING
    assert "2 faces are sent again" in page.content.decode()


def test_somebody_for_whom_a_terminal_has_no_room_stays_on_the_form(world: World) -> None:
    """The service refuses; nothing is stored, nothing that was entered is lost."""
    ours = world.ours
    Terminal.objects.filter(pk=ours.terminal.pk).update(capacity=0, all_libraries=True)
    Delivery.objects.all().delete()
    person = ours.person
    fields = {
        "name": "Entered anew",
        "category": person.category,
        "state": person.state,
        "sex": person.sex,
        "in_libraries": [ours.library.pk],
    }

    page = client_of(world.manager).post(
        reverse("admin:faces_person_change", args=[person.pk]), fields
    )

    assert page.status_code == 200
    body = page.content.decode()
    assert "Alpha door can hold 0 people and would have to hold 1." in body
    assert 'value="Entered anew"' in body
    assert Person.objects.get(pk=person.pk).name == "Alpha person"


def test_a_library_too_large_for_a_terminal_is_refused_on_its_form(world: World) -> None:
    terminal = world.ours.terminal
    fields = {
        "name": "Renamed",
        "direction": terminal.direction,
        "unlock_delay_ms": 3000,
        "capacity": 0,
        "held_libraries": [world.ours.library.pk],
    }

    page = client_of(world.manager).post(
        reverse("admin:devices_terminal_change", args=[terminal.pk]), fields
    )

    assert page.status_code == 200
    assert "can hold 0 people and would have to hold 1" in page.content.decode()
    terminal.refresh_from_db()
    assert (terminal.name, terminal.capacity) == ("Alpha door", None)


def test_a_capacity_that_a_manager_enters_is_learnt_no_more(world: World) -> None:
    terminal = world.ours.terminal
    Terminal.objects.filter(pk=terminal.pk).update(capacity=3, capacity_learnt_at=timezone.now())
    fields = {"direction": terminal.direction, "unlock_delay_ms": 3000, "capacity": 500}

    client_of(world.manager).post(
        reverse("admin:devices_terminal_change", args=[terminal.pk]), fields
    )

    terminal.refresh_from_db()
    assert (terminal.capacity, terminal.capacity_learnt_at) == (500, None)


def test_the_page_of_revocations_counts_doors(world: World) -> None:
    page = client_of(world.manager).get(reverse("admin:faces_revocation_changelist"))

    body = page.content.decode()
    assert "Alpha-gone" in body
    assert "Doors still to forget" in body
