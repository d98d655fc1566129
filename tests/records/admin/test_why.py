"""“Why would this person be let in?” in the admin, the rules, and “not this person”."""

import re
from datetime import time
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.urls import reverse

from devices.models import Terminal
from faces.models import LibraryPlan, TimePlan
from faces.services import person_save
from records.models import Alert, FaceNegative, PassRules, Picture, Record
from tests.support.two_sites import World, client_of

WHY = reverse("admin:records_record_why")
RECORDS = "admin:records_record_changelist"


def ask(world: World, user: str = "manager", **changes: Any) -> Any:
    """Ask about our person at our door, on a Monday at ten."""
    Terminal.objects.update(all_libraries=True)
    asked = {
        "person": world.ours.person.pk,
        "terminal": world.ours.terminal.pk,
        "at": "2026-01-05T10:00",
        "mask": "unknown",
        "verification": "match",
        **changes,
    }
    return client_of(getattr(world, user)).get(WHY, asked)


@pytest.mark.parametrize("user", ["manager", "guard", "superuser"])
def test_the_persons_page_leads_to_the_question(world: World, user: str) -> None:
    client = client_of(getattr(world, user))
    page = client.get(reverse("admin:faces_person_change", args=[world.ours.person.pk]))

    address = f"{WHY}?person={world.ours.person.pk}"
    assert address in page.content.decode()
    assert client.get(address).status_code == 200


def test_the_door_opens_and_nothing_is_stored(world: World) -> None:
    before = (Record.objects.count(), Alert.objects.count())

    assert "The door opens" in ask(world).content.decode()
    assert (Record.objects.count(), Alert.objects.count()) == before


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("2026-01-05T09:00", "The door opens"),
        ("2026-01-05T18:00", "The person may not pass at this time"),
    ],
)
def test_the_moment_is_read_on_the_sites_clock(world: World, at: str, words: str) -> None:
    world.ours.site.timezone = "America/New_York"
    world.ours.site.save()
    plan = TimePlan.objects.create(site=world.ours.site, name="Office")
    plan.intervals.create(weekday=0, starts_at=time(9), ends_at=time(18))
    LibraryPlan.objects.create(library=world.ours.library, plan=plan)

    assert words in ask(world, at=at).content.decode()


def test_what_is_supposed_decides(world: World) -> None:
    page = ask(world, temperature_c="38.5").content.decode()

    assert '<span class="mj-badge mj-bad">The temperature is above the limit</span>' in page


@pytest.mark.parametrize("person", ["", "x", "0", "9" * 30, "١"])
def test_nobody_is_not_found(world: World, person: str) -> None:
    assert ask(world, person=person).status_code == 404


def test_another_sites_people_and_doors_do_not_exist(world: World) -> None:
    assert ask(world, person=world.theirs.person.pk).status_code == 404
    page = ask(world, terminal=world.theirs.terminal.pk)
    assert page.context["decided"] is None
    assert "Bravo" not in page.content.decode()


def test_one_sites_person_is_not_asked_about_at_another_sites_door(world: World) -> None:
    assert ask(world, "superuser", terminal=world.theirs.terminal.pk).context["decided"] is None


@pytest.mark.parametrize("at", ["", "yesterday", "0001-01-01T00:00", "9999-12-31T23:59"])
def test_a_moment_that_makes_no_sense_is_asked_for_again(world: World, at: str) -> None:
    page = ask(world, at=at)

    assert (page.status_code, page.context["decided"]) == (200, None)


def press(world: World, user: str, action: str) -> None:
    """Choose both sites' records and an action."""
    rows = [world.ours.record.pk, world.theirs.record.pk]
    client_of(getattr(world, user)).post(
        reverse(RECORDS), {"action": action, "_selected_action": rows, "confirmed": "yes"}
    )


@pytest.fixture
def faces(world: World, portraits: dict[str, Path]) -> None:
    """Let the records of both sites show a face."""
    for side in (world.ours, world.theirs):
        picture = Picture(site=side.site, sha256="f" * 64, width=4000, height=4000)
        picture.image.save("picture.jpg", ContentFile(portraits["biden.jpg"].read_bytes()))
        Record.objects.filter(pk=side.record.pk).update(picture=picture)


def test_manager_says_not_this_person_of_own_records_and_undoes_it(
    world: World, faces: None
) -> None:
    press(world, "manager", "say_not_this_person")

    negative = FaceNegative.objects.get()
    assert (negative.record, negative.created_by) == (world.ours.record, world.manager)
    address = reverse("admin:records_record_change", args=[world.ours.record.pk])
    page = client_of(world.manager).get(address).content.decode()
    assert f"manager, {negative.created_at:%Y}" in page
    assert "Refused from now on" in page
    person = reverse("admin:faces_person_change", args=[world.ours.person.pk])
    of_person = client_of(world.manager).get(person).content.decode()
    assert "Faces that are not this person's" in of_person
    assert f'<a href="{address}">the pass</a>' in of_person
    assert "closer to this face than to the photo on file is refused" in of_person
    press(world, "manager", "undo_not_this_person")
    assert not FaceNegative.objects.exists()


def asked_first(world: World) -> Any:
    """Choose the action and confirm nothing yet."""
    return client_of(world.manager).post(
        reverse(RECORDS),
        {
            "action": "say_not_this_person",
            "_selected_action": [world.ours.record.pk, world.theirs.record.pk],
        },
    )


def test_the_page_says_first_what_will_happen(world: World, faces: None) -> None:
    page = asked_first(world).content.decode()

    assert not FaceNegative.objects.exists()
    assert "is refused for this person from now on" in page
    assert f'name="_selected_action" value="{world.ours.record.pk}"' in page
    assert "Bravo" not in page


def test_the_page_shows_whom_it_is_about(world: World, faces: None) -> None:
    """Words alone let a manager refuse a resident for a face that nobody had looked at."""
    page = asked_first(world).content.decode()

    record = world.ours.record.pk
    for name, words in (("record-picture", "at the door"), ("record-reference", "on file")):
        picture = re.search(
            rf'<figure><img [^>]*src="{reverse(f"console:{name}", args=[record])}"[^>]*>'
            rf"<figcaption>{words}</figcaption></figure>",
            page,
        )
        assert picture, name
        address = reverse(f"console:{name}", args=[record])
        assert client_of(world.manager).get(address).status_code == 200
        assert f"{reverse(f'console:{name}', args=[world.theirs.record.pk])}" not in page


def test_without_a_photo_on_file_there_is_no_second_picture(world: World, faces: None) -> None:
    world.ours.photo.delete()

    page = asked_first(world).content.decode()

    assert page.count("<figure>") == 1
    assert "on file</figcaption>" not in page


def test_a_picture_like_the_photo_on_file_leads_to_that_photo(
    world: World, faces: None, portraits: dict[str, Path]
) -> None:
    person_save(person=world.ours.person, photo=portraits["biden.jpg"].read_bytes())
    person = reverse("admin:faces_person_change", args=[world.ours.person.pk])

    page = asked_first(world).content.decode()
    press(world, "manager", "say_not_this_person")

    assert "This picture looks like the photo on file" in page
    assert f'href="{person}">Replace the photo</a>' in page
    assert 'name="_selected_action"' not in page
    assert not FaceNegative.objects.exists()


def test_a_negative_like_a_newer_photo_says_so_on_its_record(
    world: World, faces: None, portraits: dict[str, Path]
) -> None:
    press(world, "manager", "say_not_this_person")
    person_save(person=world.ours.person, photo=portraits["biden.jpg"].read_bytes())

    address = reverse("admin:records_record_change", args=[world.ours.record.pk])
    page = client_of(world.manager).get(address).content.decode()

    assert "It looks like the photo on file" in page
    assert "Replace the photo</a>" in page


def test_guard_says_nothing_of_the_kind(world: World, faces: None) -> None:
    press(world, "guard", "say_not_this_person")

    assert not FaceNegative.objects.exists()


def test_a_record_without_a_face_is_named(world: World) -> None:
    client = client_of(world.manager)
    answer = client.post(
        reverse(RECORDS),
        {"action": "say_not_this_person", "_selected_action": [world.ours.record.pk]},
        follow=True,
    )

    assert "There is no face in this record&#x27;s picture." in answer.content.decode()


def test_manager_enters_rules_of_own_site_only(world: World) -> None:
    client = client_of(world.manager)
    for side in (world.ours, world.theirs):
        client.post(
            reverse("admin:records_passrules_add"),
            {
                "site": side.site.pk,
                "similarity_floor": 70,
                "passback": "soft",
                "passback_minutes": 30,
            },
        )

    rules = PassRules.objects.get()
    assert (rules.site, rules.similarity_floor, rules.passback) == (world.ours.site, 70, "soft")
