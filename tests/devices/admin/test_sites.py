"""Sites and keys in the admin."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from devices.models import ApiToken, Site, SiteToken
from devices.services import api_token_create, api_token_user
from tests.support.two_sites import World, client_of


def page_of(world: World, user: object, side: str = "ours") -> str:
    site = getattr(world, side).site
    client = client_of(user)  # type: ignore[arg-type]
    return client.get(reverse("admin:devices_site_change", args=[site.pk])).content.decode()


def test_manager_reads_the_base_url_and_a_guard_does_not(world: World) -> None:
    token = world.ours.site.tokens.get().token

    assert f"http://testserver/t/{token}" in page_of(world, world.manager)
    assert token not in page_of(world, world.guard)


def test_base_url_is_in_no_list(world: World) -> None:
    token = world.ours.site.tokens.get().token

    page = client_of(world.manager).get(reverse("admin:devices_site_changelist"))

    assert token not in page.content.decode()


def test_rotation_gives_a_new_address_and_lets_the_old_one_go_on(world: World) -> None:
    old = world.ours.site.tokens.get()
    rows = [world.ours.site.pk, world.theirs.site.pk]

    client_of(world.manager).post(
        reverse("admin:devices_site_changelist"), {"action": "rotate", "_selected_action": rows}
    )

    old.refresh_from_db()
    current = SiteToken.objects.get(site=world.ours.site, ends_at__isnull=True)
    assert current.token != old.token
    assert old.ends_at is not None
    assert old.ends_at > timezone.now() + timedelta(days=6)
    assert SiteToken.objects.filter(site=world.theirs.site).count() == 1


def test_manager_changes_rules_but_not_what_other_sites_feel(world: World) -> None:
    site = world.ours.site
    values = {
        "name": "Alpha renamed",
        "timezone": "Asia/Shanghai",
        "verification": "enforce",
        "when_unverifiable": "deny",
        "temperature_limit_c": "37.5",
        "newcomers_per_hour": "12",
        "offline_after_s": "60",
        "unconfirmed_after_s": "7200",
        "late_passes": "lenient",
        "allowed_networks": "[]",
        "allow_bare_path": "on",
        "code": "bravo2",
    }

    answer = client_of(world.manager).post(
        reverse("admin:devices_site_change", args=[site.pk]), values
    )

    site.refresh_from_db()
    assert answer.status_code == 302
    assert (site.name, site.verification) == ("Alpha renamed", "enforce")
    assert (site.unconfirmed_after_s, site.late_passes) == (7200, "lenient")
    assert site.newcomers_per_hour == 12
    assert (site.code, site.allow_bare_path) == ("alpha", False)


def test_only_a_superuser_adds_a_site_and_it_has_an_address(world: World) -> None:
    address = reverse("admin:devices_site_add")
    values = {
        "code": "charlie",
        "name": "Charlie",
        "timezone": "Asia/Shanghai",
        "verification": "observe",
        "when_unverifiable": "deny",
        "temperature_limit_c": "37.3",
        "newcomers_per_hour": "30",
        "offline_after_s": "120",
        "unconfirmed_after_s": "3600",
        "late_passes": "strict",
        "allowed_networks": "[]",
        "memberships-TOTAL_FORMS": "0",
        "memberships-INITIAL_FORMS": "0",
    }

    refused = client_of(world.manager).post(address, values)
    client_of(world.superuser).post(address, values)

    assert refused.status_code == 403
    assert Site.objects.get(code="charlie").tokens.filter(ends_at__isnull=True).count() == 1


def test_members_are_a_superusers_business(world: World) -> None:
    assert "memberships-TOTAL_FORMS" not in page_of(world, world.manager)
    assert "memberships-TOTAL_FORMS" in page_of(world, world.superuser)


def test_revoked_key_opens_nothing(world: World) -> None:
    key = api_token_create(user=world.superuser, name="import")
    row = ApiToken.objects.get()
    address = reverse("admin:devices_apitoken_changelist")

    page = client_of(world.superuser).get(address).content.decode()
    client_of(world.superuser).post(address, {"action": "revoke", "_selected_action": [row.pk]})

    assert "import" in page
    assert key not in page
    assert row.digest not in page
    assert api_token_user(key) is None


@pytest.mark.parametrize("name", ["manager", "guard"])
def test_keys_are_hidden_from_members(world: World, name: str) -> None:
    answer = client_of(getattr(world, name)).get(reverse("admin:devices_apitoken_changelist"))

    assert answer.status_code == 403


def test_foreign_site_page_tells_no_token(world: World) -> None:
    token = world.theirs.site.tokens.get().token

    assert not re.search(re.escape(token), page_of(world, world.manager, "theirs"))
