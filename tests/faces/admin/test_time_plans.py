"""Time plans and holidays in the admin."""

from typing import Any

import pytest
from django.urls import reverse

from faces.models import Holiday, LibraryPlan, TimePlan
from tests.support.two_sites import Side, World, client_of

ADD = "admin:faces_timeplan_add"


def form(side: Side, library: int) -> dict[str, Any]:
    """Return what a browser sends: a plan of one evening, for one library."""
    return {
        "site": side.site.pk,
        "name": "Evenings",
        "intervals-TOTAL_FORMS": 1,
        "intervals-INITIAL_FORMS": 0,
        "intervals-0-weekday": 4,
        "intervals-0-starts_at": "20:00",
        "intervals-0-ends_at": "02:00",
        "library_links-TOTAL_FORMS": 1,
        "library_links-INITIAL_FORMS": 0,
        "library_links-0-library": library,
    }


def test_manager_enters_a_plan_with_hours_and_libraries(world: World) -> None:
    client_of(world.manager).post(reverse(ADD), form(world.ours, world.ours.library.pk))

    plan = TimePlan.objects.get()
    assert [str(row) for row in plan.intervals.all()] == ["Friday 20:00–02:00"]
    assert LibraryPlan.objects.get().library == world.ours.library


@pytest.mark.parametrize("user", ["manager", "superuser"])
def test_a_plan_takes_no_library_of_another_site(world: World, user: str) -> None:
    answer = client_of(getattr(world, user)).post(
        reverse(ADD), form(world.ours, world.theirs.library.pk)
    )

    assert answer.status_code == 200
    assert not TimePlan.objects.exists()


def test_manager_sees_and_changes_plans_of_own_sites_only(world: World) -> None:
    foreign = TimePlan.objects.create(site=world.theirs.site, name="Bravo hours")
    client = client_of(world.manager)

    assert "Bravo" not in client.get(reverse("admin:faces_timeplan_changelist")).content.decode()
    assert "Bravo" not in client.get(reverse(ADD)).content.decode()
    client.post(reverse(ADD), form(world.theirs, world.theirs.library.pk))
    client.post(reverse("admin:faces_timeplan_delete", args=[foreign.pk]), {"post": "yes"})
    assert list(TimePlan.objects.all()) == [foreign]


def test_guard_enters_nothing(world: World) -> None:
    client = client_of(world.guard)

    assert client.get(reverse(ADD)).status_code == 403
    assert client.get(reverse("admin:faces_holiday_add")).status_code == 403


def test_manager_enters_a_holiday_of_own_sites_only(world: World) -> None:
    client = client_of(world.manager)
    for side in (world.ours, world.theirs):
        client.post(
            reverse("admin:faces_holiday_add"),
            {"site": side.site.pk, "date": "2026-10-01", "name": "National Day", "counts_as": ""},
        )

    holiday = Holiday.objects.get()
    assert (holiday.site, holiday.counts_as) == (world.ours.site, None)
