"""No admin page shows or changes a row of a site that is not the user's (invariant 5)."""

import pytest
from django.urls import reverse

from devices.models import SiteMembership, Terminal
from tests.support.two_sites import World, client_of

MODELS = {
    "devices_site": "site",
    "devices_terminal": "terminal",
    "devices_job": "job",
    "faces_library": "library",
    "faces_person": "person",
    "faces_delivery": "delivery",
    "faces_revocation": "revocation",
    "records_record": "record",
    "records_alert": "alert",
}
pages = pytest.mark.parametrize(("model", "attribute"), MODELS.items())


@pages
def test_list_shows_a_manager_their_own_rows_only(world: World, model: str, attribute: str) -> None:
    client = client_of(world.manager)

    page = client.get(reverse(f"admin:{model}_changelist")).content.decode()

    assert "Alpha" in page
    assert "Bravo" not in page


@pages
def test_page_of_a_foreign_row_is_not_there(world: World, model: str, attribute: str) -> None:
    client = client_of(world.manager)
    ours, theirs = getattr(world.ours, attribute), getattr(world.theirs, attribute)

    own = client.get(reverse(f"admin:{model}_change", args=[ours.pk]))
    foreign = client.get(reverse(f"admin:{model}_change", args=[theirs.pk]))
    history = client.get(reverse(f"admin:{model}_history", args=[theirs.pk]))

    assert own.status_code == 200
    assert b"Bravo" not in own.content
    assert foreign.status_code == history.status_code == 302
    assert foreign["Location"] == reverse("admin:index")


@pages
def test_superuser_sees_every_site(world: World, model: str, attribute: str) -> None:
    client = client_of(world.superuser)

    page = client.get(reverse(f"admin:{model}_changelist")).content.decode()

    assert "Alpha" in page
    assert "Bravo" in page


@pages
def test_staff_without_a_site_sees_nothing(world: World, model: str, attribute: str) -> None:
    SiteMembership.objects.filter(user=world.manager).delete()

    answer = client_of(world.manager).get(reverse(f"admin:{model}_changelist"))

    assert answer.status_code == 403


@pages
def test_guard_looks_and_changes_nothing(world: World, model: str, attribute: str) -> None:
    client = client_of(world.guard)
    address = reverse(f"admin:{model}_change", args=[getattr(world.ours, attribute).pk])

    looked = client.get(address)
    changed = client.post(address, {"name": "taken over"})
    deleted = client.post(address.replace("/change/", "/delete/"), {"post": "yes"})

    assert looked.status_code == 200
    assert b'name="_save"' not in looked.content
    assert changed.status_code == deleted.status_code == 403


@pytest.mark.parametrize(
    ("model", "parameter", "attribute"),
    [
        ("faces_person", "libraries__id__exact", "library"),
        ("faces_delivery", "terminal__id__exact", "terminal"),
        ("records_record", "terminal__id__exact", "terminal"),
        ("records_alert", "terminal__id__exact", "terminal"),
    ],
)
def test_filter_by_a_foreign_row_finds_nothing(
    world: World, model: str, parameter: str, attribute: str
) -> None:
    # A filter is there when there is something to choose from.
    Terminal.objects.create(site=world.ours.site, device_id="second")
    client = client_of(world.manager)
    address = reverse(f"admin:{model}_changelist")

    own = client.get(address, {parameter: getattr(world.ours, attribute).pk})
    foreign = client.get(address, {parameter: getattr(world.theirs, attribute).pk})

    assert own.context["cl"].result_count == 1
    assert foreign.context["cl"].result_count == 0
    assert b"Bravo" not in foreign.content


@pytest.mark.parametrize(
    ("model", "field", "word"),
    [("record", "person", "person"), ("record", "terminal", "door"), ("record", "site", "site")],
)
def test_autocomplete_offers_own_rows_only(world: World, model: str, field: str, word: str) -> None:
    asked = {"app_label": "records", "model_name": model, "field_name": field, "term": word}

    answer = client_of(world.manager).get(reverse("admin:autocomplete"), asked)

    words = [result["text"] for result in answer.json()["results"]]
    assert len(words) == 1
    assert "Alpha" in words[0]


def test_manager_of_one_site_who_guards_another_changes_the_first_only(world: World) -> None:
    SiteMembership.objects.create(user=world.manager, site=world.theirs.site, role="guard")
    client = client_of(world.manager)
    rows = [world.ours.terminal.pk, world.theirs.terminal.pk]

    page = client.get(reverse("admin:devices_terminal_changelist")).content.decode()
    client.post(
        reverse("admin:devices_terminal_changelist"),
        {"action": "disable", "_selected_action": rows},
    )

    assert "Bravo door" in page
    world.ours.terminal.refresh_from_db()
    world.theirs.terminal.refresh_from_db()
    assert (world.ours.terminal.status, world.theirs.terminal.status) == ("disabled", "approved")


def test_ended_membership_ends_access_at_once(world: World) -> None:
    client = client_of(world.manager)
    address = reverse("admin:faces_person_changelist")
    before = client.get(address).status_code

    SiteMembership.objects.filter(user=world.manager).delete()

    assert (before, client.get(address).status_code) == (200, 403)
