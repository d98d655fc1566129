"""Libraries and deliveries in the admin."""

from django.urls import reverse

from devices.models import Terminal
from faces.models import FacePhoto, Library, LibraryMembership, TerminalLibrary
from tests.support.two_sites import World, client_of

LIST = "admin:faces_library_changelist"


def test_counts_people_and_terminals_that_hold_it(world: World) -> None:
    """A terminal that holds every library and one that chose this one are two."""
    TerminalLibrary.objects.create(terminal=world.ours.terminal, library=world.ours.library)
    Terminal.objects.create(site=world.ours.site, device_id="all", all_libraries=True)
    Terminal.objects.create(site=world.ours.site, device_id="none")

    answer = client_of(world.manager).get(reverse(LIST))

    (row,) = answer.context["cl"].result_list
    assert (row.people_count, row.terminal_count) == (1, 2)


def test_deleting_a_library_leaves_its_people(world: World) -> None:
    address = reverse("admin:faces_library_delete", args=[world.ours.library.pk])

    client_of(world.manager).post(address, {"post": "yes"})

    assert not Library.objects.filter(pk=world.ours.library.pk).exists()
    world.ours.person.refresh_from_db()


def shared_out(world: World) -> Library:
    """Have two doors hold the site's library, one of them every library, and its person two."""
    other = Library.objects.create(site=world.ours.site, name="Other")
    LibraryMembership.objects.create(library=other, person=world.ours.person)
    FacePhoto.objects.filter(person=world.ours.person).update(status="ok")
    Terminal.objects.filter(pk=world.ours.terminal.pk).update(
        name="Gate", status="approved", all_libraries=False
    )
    TerminalLibrary.objects.get_or_create(terminal=world.ours.terminal, library=world.ours.library)
    Terminal.objects.create(
        site=world.ours.site, device_id="all", name="Hall", status="approved", all_libraries=True
    )
    return other


def test_before_a_library_is_deleted_its_people_and_their_doors_are_counted(world: World) -> None:
    shared_out(world)
    client = client_of(world.manager)
    address = reverse("admin:faces_library_delete", args=[world.ours.library.pk])

    asked = client.get(address).content.decode()
    client.cookies["django_language"] = "zh-hans"
    in_chinese = client.get(address).content.decode()

    assert "1 person is in what is deleted, and stays on file." in asked
    assert "Door Gate will forget 1 person." in asked
    # It holds every library, and the person is in another one.
    assert "Door Hall" not in asked
    assert "Gate 将删除 1 人" in in_chinese
    assert Library.objects.filter(pk=world.ours.library.pk).exists()


def test_libraries_deleted_together_are_counted_together(world: World) -> None:
    other = shared_out(world)
    rows = [world.ours.library.pk, other.pk]

    asked = client_of(world.manager).post(
        reverse(LIST), {"action": "delete_selected", "_selected_action": rows}
    )

    for door in ("Gate", "Hall"):
        assert f"Door {door} will forget 1 person." in asked.content.decode()
    assert Library.objects.filter(pk__in=rows).count() == 2


def test_where_no_door_has_to_forget_anybody_that_is_said(world: World) -> None:
    Terminal.objects.filter(site=world.ours.site).update(status="pending")
    address = reverse("admin:faces_library_delete", args=[world.ours.library.pk])

    asked = client_of(world.manager).get(address).content.decode()

    assert "No door has to forget anybody." in asked


def test_bulk_delete_cannot_reach_another_site(world: World) -> None:
    rows = [world.ours.library.pk, world.theirs.library.pk]

    client_of(world.manager).post(
        reverse(LIST), {"action": "delete_selected", "_selected_action": rows, "post": "yes"}
    )

    assert list(Library.objects.values_list("pk", flat=True)) == [world.theirs.library.pk]


def test_library_cannot_be_added_to_another_site(world: World) -> None:
    address = reverse("admin:faces_library_add")

    refused = client_of(world.manager).post(
        address, {"site": world.theirs.site.pk, "name": "Planted"}
    )

    assert refused.status_code == 200
    assert not Library.objects.filter(name="Planted").exists()


def test_delivery_list_gives_the_reason_in_words(world: World) -> None:
    page = client_of(world.manager).get(reverse("admin:faces_delivery_changelist"))

    assert "The terminal found no face in the photo." in page.content.decode()


def test_delivery_cannot_be_added_changed_or_deleted_even_by_a_superuser(world: World) -> None:
    client = client_of(world.superuser)
    change = reverse("admin:faces_delivery_change", args=[world.ours.delivery.pk])

    answers = [
        client.get(reverse("admin:faces_delivery_add")),
        client.post(change, {"state": "stored"}),
        client.post(change.replace("/change/", "/delete/"), {"post": "yes"}),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
