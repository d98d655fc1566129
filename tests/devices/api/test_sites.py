"""``/api/v1/sites/``: who makes, changes and sees what of a site."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from devices.models import Site, SiteToken
from devices.services import site_create
from tests.support.two_sites import World
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

SITES = "/api/v1/sites/"


def heartbeat(base_url: str) -> str:
    """Return what a terminal is told that was given this BaseUrl."""
    token = base_url.rsplit("/t/", 1)[1]
    return str(WireClient(token=token, device_id="7").post("syheartbeat", "")["ret"])


def test_a_new_site_has_a_base_url_that_terminals_can_use(root: APIClient) -> None:
    response = root.post(SITES, {"code": "tower", "name": "Tower"}, format="json")

    assert response.status_code == 201
    site = response.json()
    assert site["base_url"].startswith("http://testserver/t/")
    assert heartbeat(site["base_url"]) == "0"


def test_a_site_shows_exactly_its_policy(root: APIClient) -> None:
    site = root.post(SITES, {"code": "tower", "name": "Tower"}, format="json").json()

    assert len(site.pop("address_tag")) == 5
    assert {key: site[key] for key in site if key not in {"id", "base_url", "created_at"}} == {
        "code": "tower",
        "name": "Tower",
        "timezone": "Asia/Shanghai",
        "allow_bare_path": False,
        "auto_approve": False,
        "newcomers_per_hour": 30,
        "verification": "observe",
        "when_unverifiable": "deny",
        "temperature_limit_c": 37.3,
        "fever_closes_door": True,
        "mask_required": False,
        "offline_after_s": 120,
        "late_passes": "strict",
        "unconfirmed_after_s": 3600,
        "allowed_networks": [],
    }
    assert site["created_at"].endswith("Z")


@pytest.mark.parametrize(
    ("names", "codes"),
    [
        (
            ["North Gate", "North-Gate", "north gate"],
            ["north-gate", "north-gate-2", "north-gate-3"],
        ),
        (["花园小区", "阳光小区"], ["site", "site-2"]),
        (["x" * 120], ["x" * 32]),
        (["!?", "-_-"], ["site", "site-2"]),
    ],
)
def test_a_site_without_a_code_gets_one(
    root: APIClient, names: list[str], codes: list[str]
) -> None:
    made = [root.post(SITES, {"name": name}, format="json").json() for name in names]

    assert [site["code"] for site in made] == codes


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("code", "with blank"),
        ("code", ""),
        ("code", "x" * 41),
        ("name", ""),
        ("name", "a\x00b"),
        ("timezone", "Moon/Base"),
        ("verification", "maybe"),
        ("when_unverifiable", "ask"),
        ("temperature_limit_c", "34.9"),
        ("temperature_limit_c", 42.1),
        ("temperature_limit_c", "NaN"),
        ("offline_after_s", 9),
        ("offline_after_s", 30 * 24 * 3600 + 1),
        ("offline_after_s", 10**12),
        ("offline_after_s", None),
        ("unconfirmed_after_s", 59),
        ("unconfirmed_after_s", 30 * 24 * 3600 + 1),
        ("unconfirmed_after_s", None),
        ("allowed_networks", "10.0.0.0/8"),
        ("allowed_networks", ["10.0.0.0/33"]),
        ("allowed_networks", [None]),
        ("auto_approve", "perhaps"),
        ("newcomers_per_hour", 0),
    ],
)
def test_what_a_site_cannot_be_is_refused_by_field(
    root: APIClient, world: World, field: str, value: Any
) -> None:
    made = root.post(SITES, {"code": "c", "name": "n", field: value}, format="json")
    changed = root.patch(f"{SITES}{world.ours.site.pk}/", {field: value}, format="json")

    for response in (made, changed):
        assert response.status_code == 400
        assert set(response.json()["fields"]) == {field}
        assert response.json()["detail"]
    assert not Site.objects.filter(code="c").exists()


def test_a_code_belongs_to_one_site(root: APIClient, world: World) -> None:
    taken = world.theirs.site.code

    made = root.post(SITES, {"code": taken, "name": "n"}, format="json")
    renamed = root.patch(f"{SITES}{world.ours.site.pk}/", {"code": taken}, format="json")

    assert [made.status_code, renamed.status_code] == [400, 400]
    assert "code" in made.json()["fields"]


def test_a_manager_sets_the_policy_of_the_own_site(manager: APIClient, world: World) -> None:
    policy = {
        "verification": "enforce",
        "temperature_limit_c": 37.5,
        "auto_approve": True,
        "allowed_networks": ["10.1.0.0/16"],
        "mask_required": True,
    }

    response = manager.patch(f"{SITES}{world.ours.site.pk}/", policy, format="json")

    assert response.status_code == 200
    assert {name: response.json()[name] for name in policy} == policy
    world.ours.site.refresh_from_db()
    assert world.ours.site.allowed_networks == ["10.1.0.0/16"]


@pytest.mark.parametrize(("field", "value"), [("code", "mine"), ("allow_bare_path", True)])
def test_what_other_sites_feel_is_an_administrators(
    manager: APIClient, root: APIClient, world: World, field: str, value: Any
) -> None:
    path = f"{SITES}{world.ours.site.pk}/"

    assert manager.patch(path, {field: value}, format="json").status_code == 403
    assert getattr(Site.objects.get(pk=world.ours.site.pk), field) != value
    assert root.patch(path, {field: value}, format="json").json()[field] == value
    # Naming it as it is, as a program does that puts back what it read, is no change.
    assert manager.patch(path, {field: value, "name": "n"}, format="json").status_code == 200


def test_a_put_needs_the_name_and_keeps_what_is_not_named(root: APIClient, world: World) -> None:
    path = f"{SITES}{world.ours.site.pk}/"
    root.patch(path, {"verification": "enforce"}, format="json")

    assert root.put(path, {}, format="json").status_code == 400
    response = root.put(path, {"name": "Renamed"}, format="json")

    assert (response.json()["name"], response.json()["verification"]) == ("Renamed", "enforce")


def test_only_an_administrator_makes_and_ends_sites(
    manager: APIClient, guard: APIClient, root: APIClient, world: World
) -> None:
    for caller in (manager, guard):
        assert caller.post(SITES, {"name": "x"}, format="json").status_code == 403
        assert caller.delete(f"{SITES}{world.ours.site.pk}/").status_code == 403
    empty = site_create(code="empty", name="Empty")

    assert root.delete(f"{SITES}{empty.pk}/").status_code == 204
    in_use = root.delete(f"{SITES}{world.ours.site.pk}/")

    assert (in_use.status_code, in_use.json()["error"]) == (409, "conflict")
    assert Site.objects.filter(pk=world.ours.site.pk).exists()


def test_the_secret_address_is_shown_to_managers_of_the_site_only(
    manager: APIClient, guard: APIClient, world: World, settings: Any
) -> None:
    settings.PUBLIC_URL = "https://door.example"
    path = f"{SITES}{world.ours.site.pk}/"
    token = world.ours.site.tokens.get().token

    assert manager.get(path).json()["base_url"] == f"https://door.example/t/{token}"
    assert guard.get(path).json()["base_url"] == ""
    assert token.encode() not in guard.get(SITES).content


def test_who_guards_one_site_and_manages_another_sees_one_address(world: World) -> None:
    from devices.models import SiteMembership
    from tests.support.factories import api_of

    SiteMembership.objects.create(user=world.guard, site=world.theirs.site, role="manager")

    shown = api_of(world.guard).get(SITES).json()["results"]

    assert [(site["code"], bool(site["base_url"])) for site in shown] == [
        ("alpha", False),
        ("bravo", True),
    ]


@pytest.mark.parametrize(("overlap_hours", "old_works"), [(24, "0"), (0, "10005")])
def test_a_rotated_address_goes_on_for_its_overlap(
    manager: APIClient, world: World, overlap_hours: int, old_works: str
) -> None:
    path = f"{SITES}{world.ours.site.pk}/"
    old = manager.get(path).json()["base_url"]

    response = manager.post(f"{path}rotate-token/", {"overlap_hours": overlap_hours}, format="json")

    assert response.status_code == 200
    new = response.json()["base_url"]
    assert new != old
    assert heartbeat(new) == "0"
    assert heartbeat(old) == old_works


def test_an_overlap_that_is_not_said_is_a_day(manager: APIClient, world: World) -> None:
    manager.post(f"{SITES}{world.ours.site.pk}/rotate-token/")

    ends_at = SiteToken.objects.get(site=world.ours.site, ends_at__isnull=False).ends_at
    assert ends_at is not None
    assert abs(ends_at - timezone.now() - timedelta(days=1)) < timedelta(minutes=1)


@pytest.mark.parametrize("overlap_hours", [-1, 24 * 90 + 1, "x", 10**30, None])
def test_an_odd_overlap_rotates_nothing(
    manager: APIClient, world: World, overlap_hours: Any
) -> None:
    response = manager.post(
        f"{SITES}{world.ours.site.pk}/rotate-token/",
        {"overlap_hours": overlap_hours},
        format="json",
    )

    assert response.status_code == 400
    assert world.ours.site.tokens.count() == 1


def test_a_guard_cannot_rotate(guard: APIClient, world: World) -> None:
    assert guard.post(f"{SITES}{world.ours.site.pk}/rotate-token/").status_code == 403
    assert world.ours.site.tokens.count() == 1


def test_sites_are_found_by_code(root: APIClient, world: World) -> None:
    found = root.get(SITES, {"code": "bravo"}).json()

    assert [site["id"] for site in found["results"]] == [world.theirs.site.pk]
