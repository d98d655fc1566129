"""Terminals of two sites with one device ID are told apart wherever both can be seen."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from console.live_view import live_view_state
from devices.models import SiteMembership, Terminal, TerminalCommand
from faces.models import Library
from tests.support.two_sites import World, client_of

pytestmark = pytest.mark.django_db
BOTH = {"Alpha site · 0000001", "Bravo site · 0000001"}
LISTS = ("records_record", "records_alert", "faces_delivery", "devices_terminalcommand")


@pytest.fixture
def same_ids(world: World) -> World:
    Terminal.objects.update(device_id="0000001", name="")
    Library.objects.update(name="Residents")
    return world


@pytest.fixture
def of_both(same_ids: World) -> User:
    SiteMembership.objects.create(user=same_ids.manager, site=same_ids.theirs.site, role="manager")
    return same_ids.manager


def page(user: User, address: str) -> str:
    return client_of(user).get(address).content.decode()


@pytest.mark.parametrize("name", LISTS)
def test_lists_and_their_filters_name_the_site(same_ids: World, of_both: User, name: str) -> None:
    for user in (of_both, same_ids.superuser):
        listed = page(user, reverse(f"admin:{name}_changelist"))
        filters, rows = listed.split('id="changelist-filter"')[1], listed.split("<tbody>")[1]

        assert all(words in filters for words in BOTH)
        shown = rows.split("</tbody>")[0]
        assert all(words in shown for words in BOTH) or all(
            words.partition(" · ")[0] in shown for words in BOTH
        )


@pytest.mark.parametrize("name", LISTS)
def test_where_one_site_is_seen_its_name_is_left_out(same_ids: World, name: str) -> None:
    listed = page(same_ids.manager, reverse(f"admin:{name}_changelist"))

    assert "0000001" in listed
    assert not any(words in listed for words in BOTH)


def test_the_live_page_names_the_site(same_ids: World, of_both: User) -> None:
    shown: dict[str, Any] = live_view_state(of_both)

    assert {card["terminal"] for card in shown["records"]} == BOTH
    assert {card["terminal"] for card in shown["alerts"]} == BOTH
    assert {card["name"] for card in shown["terminals"]} == BOTH
    User.objects.filter(pk=of_both.pk).update(is_staff=False)
    SiteMembership.objects.filter(site=same_ids.theirs.site).delete()
    assert {card["name"] for card in live_view_state(of_both)["terminals"]} == {"0000001"}


def test_selects_name_the_site(same_ids: World, of_both: User) -> None:
    libraries = page(of_both, reverse("admin:faces_person_add"))

    assert "Alpha site · Residents" in libraries
    assert "Bravo site · Residents" in libraries


def test_remote_control_names_the_site(same_ids: World, of_both: User) -> None:
    ids = f"?ids={same_ids.ours.terminal.pk},{same_ids.theirs.terminal.pk}"
    TerminalCommand.objects.update(created_at=timezone.now())

    shown = page(of_both, reverse("admin:devices_terminal_remote") + ids)

    assert all(words in shown for words in BOTH)
