"""People in the admin: scoping, saving through the services, photos, erasure."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from devices.models import Terminal
from faces.models import Delivery, FacePhoto, Library, Person
from tests.support.person_form import VALUES, change, change_address
from tests.support.two_sites import World, client_of, jpeg

LIST = "admin:faces_person_changelist"
ADD = "admin:faces_person_add"


def said(answer: Any) -> str:
    return " ".join(str(message) for message in answer.context["messages"])


def test_filter_offers_own_libraries_only(world: World) -> None:
    Library.objects.create(site=world.ours.site, name="Alpha staff")

    page = client_of(world.manager).get(reverse(LIST)).content.decode()

    assert f"libraries__id__exact={world.ours.library.pk}" in page
    assert f"libraries__id__exact={world.theirs.library.pk}" not in page


@pytest.mark.parametrize("term", ["Alpha person", "Alpha-1", "13900001111"])
def test_search_by_name_id_and_mobile(world: World, term: str) -> None:
    Person.objects.filter(pk=world.ours.person.pk).update(mobile="13900001111")
    Person.objects.create(site=world.ours.site, user_id="other", name="Somebody else")

    answer = client_of(world.manager).get(reverse(LIST), {"q": term})

    assert [row.pk for row in answer.context["cl"].result_list] == [world.ours.person.pk]


@pytest.mark.parametrize(
    ("face", "found"), [("ok", ["Alpha-1"]), ("none", ["faceless"]), ("refused", ["refused"])]
)
def test_filter_by_face(world: World, face: str, found: list[str]) -> None:
    Person.objects.create(site=world.ours.site, user_id="faceless", name="No photo")
    refused = Person.objects.create(site=world.ours.site, user_id="refused", name="Refused")
    FacePhoto.objects.create(person=refused, status="refused", problems=["no_face"])

    answer = client_of(world.manager).get(reverse(LIST), {"face": face})

    assert [row.user_id for row in answer.context["cl"].result_list] == found


def test_list_asks_the_same_few_questions_for_many_people(
    world: World, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        Person.objects.create(site=world.ours.site, user_id=f"p{number}", name="Somebody")
    client = client_of(world.manager)
    client.get(reverse(LIST))

    # Three of them count the doors that should hold these people, rows or no rows.
    with django_assert_max_num_queries(17):
        client.get(reverse(LIST))


def test_new_person_goes_to_the_terminals_of_their_libraries(
    world: World, portraits: dict[str, Path]
) -> None:
    Terminal.objects.filter(pk=world.ours.terminal.pk).update(all_libraries=True)
    photo = SimpleUploadedFile("obama.jpg", portraits["obama.jpg"].read_bytes(), "image/jpeg")
    values = {
        **VALUES,
        "site": world.ours.site.pk,
        "user_id": "1001",
        "in_libraries": [world.ours.library.pk],
        "upload": photo,
    }

    answer = client_of(world.manager).post(reverse(ADD), values)

    person = Person.objects.get(user_id="1001")
    assert answer.status_code == 302
    assert person.photos.get().status == "ok"
    assert Delivery.objects.get(person=person).terminal == world.ours.terminal


def test_refused_photo_says_what_to_do_and_leaves_the_old_one(world: World) -> None:
    upload = SimpleUploadedFile("grey.jpg", jpeg(), "image/jpeg")
    client = client_of(world.manager)

    answer = change(client, world.ours.person, upload=upload, _continue="1")
    page = client.get(answer["Location"])

    assert "No face was found. Use a photo that shows the whole face" in said(page)
    assert FacePhoto.objects.filter(pk=world.ours.photo.pk, status="ok").exists()


def history(person: Person, user: User) -> str:
    return (
        client_of(user)
        .get(reverse("admin:faces_person_history", args=[person.pk]))
        .content.decode()
    )


def test_the_history_does_not_say_that_a_refused_photo_changed_anything(world: World) -> None:
    client = client_of(world.manager)
    person = world.ours.person
    change(client, person)
    LogEntry.objects.all().delete()

    change(client, person, upload=SimpleUploadedFile("grey.jpg", jpeg(), "image/jpeg"))
    refused = history(person, world.manager)
    change(
        client, person, name="Renamed",
        upload=SimpleUploadedFile("grey.jpg", jpeg(), "image/jpeg"),
    )  # fmt: skip
    renamed = history(person, world.manager)

    assert "A new photo was refused." in refused
    assert "Changed" not in refused.split("<tbody>")[1]
    assert "Changed name. A new photo was refused." in renamed


def test_the_photo_on_file_never_stands_beside_the_word_of_a_refused_one(world: World) -> None:
    client = client_of(world.manager)
    change(client, world.ours.person, upload=SimpleUploadedFile("grey.jpg", jpeg(), "image/jpeg"))

    page = client.get(change_address(world.ours.person)).content.decode()
    row = client.get(reverse(LIST)).content.decode()

    shown, newer = page.split('<div class="mj-face-newer">')
    assert "Accepted" in shown.split('<div class="mj-face">')[1]
    assert 'mj-bad"' not in shown.split('<div class="mj-face">')[1]
    assert newer.startswith("A newer upload was refused; the photo on file stays.")
    assert "No face was found." in newer
    assert '<span class="mj-badge mj-bad">Refused</span>' not in row
    assert "A newer upload was refused" in row


def test_without_a_photo_on_file_a_refused_one_is_red(world: World) -> None:
    world.ours.person.photos.all().delete()
    client = client_of(world.manager)
    change(client, world.ours.person, upload=SimpleUploadedFile("grey.jpg", jpeg(), "image/jpeg"))

    page = client.get(change_address(world.ours.person)).content.decode()

    assert '<span class="mj-badge mj-bad">Refused</span>' in page
    assert "There is no accepted photo yet." in page


def test_the_form_says_what_the_blacklist_does_not_do(world: World) -> None:
    page = client_of(world.manager).get(change_address(world.ours.person)).content.decode()

    assert "Strangers are not searched for people on the blacklist" in page


def test_doors_without_a_row_count_as_missing(world: World) -> None:
    """One door has stored the face, the other was approved and has not asked: that is not all."""
    held = world.ours.delivery
    Terminal.objects.filter(pk=held.terminal_id).update(all_libraries=True)
    Delivery.objects.filter(pk=held.pk).update(state="stored", code="100")
    Terminal.objects.create(
        site=world.ours.site, device_id="new", status="approved", all_libraries=True
    )
    client = client_of(world.manager)

    pages = [
        client.get(address).content.decode()
        for address in (reverse(LIST), change_address(world.ours.person))
    ]

    for page in pages:
        assert '<span class="mj-badge mj-warn">1 of 2 doors</span>' in page


def test_no_door_of_two_is_not_green(world: World) -> None:
    Delivery.objects.all().delete()
    for number in range(2):
        Terminal.objects.create(
            site=world.ours.site, device_id=f"new{number}", status="approved", all_libraries=True
        )

    page = client_of(world.manager).get(change_address(world.ours.person)).content.decode()

    assert '<span class="mj-badge mj-warn">0 of 2 doors</span>' in page
    assert "No terminal holds one of these libraries." not in page


def test_every_door_is_green(world: World) -> None:
    Terminal.objects.filter(pk=world.ours.terminal.pk).update(all_libraries=True)
    Delivery.objects.filter(pk=world.ours.delivery.pk).update(state="stored", code="100")

    page = client_of(world.manager).get(reverse(LIST)).content.decode()

    assert '<span class="mj-badge mj-good">1 of 1 doors</span>' in page


def test_a_confirmed_delete_reads_forgotten(world: World) -> None:
    Delivery.objects.filter(pk=world.ours.delivery.pk).update(operation="delete", state="stored")
    client = client_of(world.manager)

    pages = [
        client.get(reverse(address, args=args)).content.decode()
        for address, args in (
            ("admin:faces_delivery_changelist", []),
            ("admin:faces_person_change", [world.ours.person.pk]),
            (LIST, []),
            ("admin:devices_terminal_changelist", []),
        )
    ]

    for page in pages:
        assert "Forgotten</span>" in page
        assert "Stored</span>" not in page


def test_file_that_is_no_picture_is_refused_in_words(world: World) -> None:
    upload = SimpleUploadedFile("list.xls", b"PK not a picture", "application/vnd.ms-excel")
    client = client_of(world.manager)

    answer = change(client, world.ours.person, upload=upload, _continue="1")

    assert "The file is no picture." in said(client.get(answer["Location"]))


def test_person_cannot_be_entered_at_or_linked_to_another_site(world: World) -> None:
    client = client_of(world.manager)
    new = {**VALUES, "user_id": "x"}

    there = client.post(reverse(ADD), {**new, "site": world.theirs.site.pk})
    linked = client.post(
        reverse(ADD),
        {**new, "site": world.ours.site.pk, "in_libraries": [world.theirs.library.pk]},
    )
    moved = change(client, world.ours.person, in_libraries=[world.theirs.library.pk])

    assert [answer.status_code for answer in (there, linked, moved)] == [200, 200, 200]
    assert not Person.objects.filter(user_id="x").exists()
    assert world.ours.person.memberships.get().library == world.ours.library


def test_superuser_cannot_mix_sites_either(world: World) -> None:
    values = {
        **VALUES,
        "user_id": "x",
        "site": world.ours.site.pk,
        "in_libraries": [world.theirs.library.pk],
    }

    answer = client_of(world.superuser).post(reverse(ADD), values)

    assert "A library belongs to another site." in answer.content.decode()


def test_add_page_offers_own_sites_and_libraries_only(world: World) -> None:
    page = client_of(world.manager).get(reverse(ADD)).content.decode()

    assert "Alpha residents" in page
    assert "Bravo" not in page


def test_id_number_shows_its_end_only_and_stays_when_left_empty(world: World) -> None:
    client = client_of(world.manager)

    page = client.get(change_address(world.ours.person)).content.decode()
    change(client, world.ours.person)
    world.ours.person.refresh_from_db()

    assert "11010519491231002X" not in page
    assert "••002X" in page
    assert world.ours.person.id_number == "11010519491231002X"


def test_validity_is_entered_in_the_sites_own_time(world: World) -> None:
    """18:00 on the form is 18:00 at a door in China, 10:00 UTC."""
    answer = change(
        client_of(world.manager),
        world.ours.person,
        valid_until_0="2031-05-01",
        valid_until_1="18:00:00",
    )

    world.ours.person.refresh_from_db()
    assert answer.status_code == 302
    assert world.ours.person.valid_until is not None
    assert world.ours.person.valid_until.isoformat() == "2031-05-01T10:00:00+00:00"


def test_validity_that_ends_before_it_begins_is_refused(world: World) -> None:
    answer = change(
        client_of(world.manager),
        world.ours.person,
        valid_from_0="2031-05-02",
        valid_from_1="00:00:00",
        valid_until_0="2031-05-01",
        valid_until_1="00:00:00",
    )

    assert answer.content.decode().count("This must be after the beginning.") == 1


def test_matrix_says_why_a_terminal_refused(world: World) -> None:
    page = client_of(world.manager).get(change_address(world.ours.person)).content.decode()

    assert "Alpha door" in page
    assert "The terminal found no face in the photo." in page


def test_matrix_says_why_no_terminal_gets_a_person(world: World) -> None:
    person = Person.objects.create(
        site=world.ours.site, user_id="x", name="Nobody", state="suspended"
    )

    page = client_of(world.manager).get(change_address(person)).content.decode()

    assert "There is no photo yet." in page
    assert "The person is suspended." in page
    assert "The person is in no library." in page


def test_deleting_erases_and_terminals_are_told(world: World) -> None:
    Delivery.objects.filter(pk=world.ours.delivery.pk).update(held=True)
    address = reverse("admin:faces_person_delete", args=[world.ours.person.pk])

    client_of(world.manager).post(address, {"post": "yes"})

    assert not Person.objects.filter(pk=world.ours.person.pk).exists()
    assert not FacePhoto.objects.filter(pk=world.ours.photo.pk).exists()
    delivery = Delivery.objects.get(pk=world.ours.delivery.pk)
    assert (delivery.operation, delivery.state) == ("delete", "pending")


def test_bulk_delete_cannot_reach_another_site(world: World) -> None:
    rows = [world.ours.person.pk, world.theirs.person.pk]

    client_of(world.manager).post(
        reverse(LIST), {"action": "delete_selected", "_selected_action": rows, "post": "yes"}
    )

    assert list(Person.objects.values_list("pk", flat=True)) == [world.theirs.person.pk]


def test_admin_log_keeps_no_name(world: World) -> None:
    """The log outlives the person; a name in it would survive the erasure."""
    client = client_of(world.manager)
    change(client, world.ours.person)
    address = reverse("admin:faces_person_delete", args=[world.ours.person.pk])
    client.post(address, {"post": "yes"})

    logged = set(LogEntry.objects.values_list("object_repr", flat=True))

    assert logged == {"Alpha-1"}


def test_guard_sees_libraries_and_no_form(world: World) -> None:
    page = client_of(world.guard).get(change_address(world.ours.person)).content.decode()

    assert "Alpha residents" in page
    assert "New photo" not in page
    assert "<textarea" not in page


def test_page_escapes_what_people_are_called(world: World) -> None:
    Person.objects.filter(pk=world.ours.person.pk).update(name="<img src=x onerror=alert(1)>")

    page = client_of(world.manager).get(reverse(LIST)).content.decode()

    assert "<img src=x" not in page
    assert "&lt;img src=x" in page
