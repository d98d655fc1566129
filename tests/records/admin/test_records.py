"""Records and alerts in the admin."""

import re
from datetime import UTC, datetime

from django.urls import reverse

from records.models import Alert, Record
from tests.support.two_sites import World, client_of

RECORDS = "admin:records_record_changelist"
ALERTS = "admin:records_alert_changelist"


def states(world: World) -> list[str]:
    return [Alert.objects.get(pk=side.alert.pk).state for side in (world.ours, world.theirs)]


def press(world: World, user: str, action: str) -> None:
    rows = [world.ours.alert.pk, world.theirs.alert.pk]
    client_of(getattr(world, user)).post(
        reverse(ALERTS), {"action": action, "_selected_action": rows}
    )


def test_list_shows_picture_beside_reference_and_colours_the_fever(world: World) -> None:
    page = client_of(world.manager).get(reverse(RECORDS)).content.decode()

    assert reverse("console:record-picture", args=[world.ours.record.pk]) in page
    assert reverse("console:record-reference", args=[world.ours.record.pk]) in page
    assert '<span class="mj-badge mj-bad">38.2 °C</span>' in page
    assert "The temperature is above the limit" in page


def test_moment_is_told_in_the_sites_time(world: World) -> None:
    Record.objects.filter(pk=world.ours.record.pk).update(
        received_at=datetime(2031, 5, 1, 23, 40, 5, tzinfo=UTC)
    )

    page = client_of(world.manager).get(reverse(RECORDS)).content.decode()

    assert "2031-05-02 07:40:05" in page


def test_list_asks_the_same_few_questions_for_many_records(
    world: World, django_assert_max_num_queries: object
) -> None:
    for number in range(30):
        Record.objects.create(
            site=world.ours.site,
            terminal=world.ours.terminal,
            kind="pass",
            dedupe_key=f"r{number}",
            person=world.ours.person,
            received_at=datetime(2031, 5, 1, tzinfo=UTC),
            reason="allowed",
        )
    client = client_of(world.manager)
    client.get(reverse(RECORDS))

    with django_assert_max_num_queries(12):  # type: ignore[operator]
        client.get(reverse(RECORDS))


def test_record_cannot_be_changed_even_by_a_superuser(world: World) -> None:
    address = reverse("admin:records_record_change", args=[world.ours.record.pk])

    answer = client_of(world.superuser).post(address, {"door_opened": "on"})

    assert answer.status_code == 403


def test_record_page_does_not_show_the_id_card(world: World) -> None:
    Record.objects.filter(pk=world.ours.record.pk).update(
        id_card='{"number": "110105194912310000"}', id_card_name="Alpha card"
    )
    address = reverse("admin:records_record_change", args=[world.ours.record.pk])

    page = client_of(world.manager).get(address).content.decode()

    assert "Alpha card" in page
    assert "110105194912310000" not in page


def test_guard_acknowledges_own_alerts_only(world: World) -> None:
    press(world, "guard", "acknowledge")

    assert states(world) == ["acknowledged", "active"]
    assert Alert.objects.get(pk=world.ours.alert.pk).acknowledged_by == world.guard


def test_guard_cannot_clear(world: World) -> None:
    press(world, "guard", "clear")

    assert states(world) == ["active", "active"]


def test_manager_clears_own_alerts_only(world: World) -> None:
    press(world, "manager", "clear")

    assert states(world) == ["cleared", "active"]
    assert Alert.objects.get(pk=world.ours.alert.pk).cleared_by == world.manager


def test_a_decision_names_its_libraries(world: World) -> None:
    """Their numbers did not tell which door had which libraries."""
    library = world.ours.library
    Record.objects.filter(pk=world.ours.record.pk).update(
        trace={"person": {"libraries": [library.pk, 987654], "libraries_allowing": [library.pk]}}
    )
    address = reverse("admin:records_record_change", args=[world.ours.record.pk])

    page = client_of(world.manager).get(address).content.decode()

    assert page.count(f"<div>{library.name}</div>") == 2
    assert "library 987654, deleted since" in page


def test_no_two_lines_of_a_record_have_one_name(world: World) -> None:
    """In Chinese, who was recognised and the person on file were both called 人员."""
    client = client_of(world.superuser)
    address = reverse("admin:records_record_change", args=[world.ours.record.pk])
    for language in ("en", "zh-hans"):
        client.cookies["django_language"] = language

        page = client.get(address).content.decode()

        labels = re.findall(r"<label>(.*?)</label>", page)
        assert len(labels) > 10
        assert len(labels) == len(set(labels)), sorted(labels)
