"""The first page of the admin says what waits for the user, and leads there."""

import pytest
from django.utils import timezone

from devices.models import Terminal
from faces.models import Delivery, Revocation
from records.models import Alert
from tests.support.first_page import tiles
from tests.support.two_sites import World, client_of

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def fill(world: World) -> None:
    for side in (world.ours, world.theirs):
        Delivery.objects.filter(pk=side.delivery.pk).update(remedy="retake")
        Revocation.objects.filter(pk=side.revocation.pk).update(state="unconfirmed")
        for number, unanswered in (("in vain", 4), ("told again", 2)):
            Delivery.objects.create(
                terminal=side.terminal,
                user_id=number,
                state="unconfirmed",
                unanswered=unanswered,
                changed_at=timezone.now(),
            )
        Terminal.objects.filter(pk=side.terminal.pk).update(
            presence="offline", presence_since=timezone.now()
        )
        Terminal.objects.create(site=side.site, device_id="waits")


@pytest.mark.parametrize(("who", "count"), [("manager", 1), ("guard", 1), ("superuser", 2)])
def test_everything_that_waits_at_the_own_sites_is_counted(
    world: World, who: str, count: int
) -> None:
    fill(world)

    found = tiles(world, who)

    assert len(found) == 6
    assert {one for one, _ in found.values()} == {count}


def test_each_tile_leads_to_exactly_what_it_counted(world: World) -> None:
    fill(world)
    client = client_of(world.superuser)

    for count, address in tiles(world, "superuser").values():
        page = client.get(address)
        assert page.status_code == 200
        assert page.context["cl"].result_count == count


def test_nothing_waits_when_nothing_waits(world: World) -> None:
    Alert.objects.update(state="cleared")

    assert tiles(world, "manager") == {}
