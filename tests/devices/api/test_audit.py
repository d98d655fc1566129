"""The audit over REST and on its page: managers their own sites, superusers everything."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import translation
from rest_framework.test import APIClient

from devices.models import AuditEntry, Site
from devices.services import site_change
from server_common.actor import Actor, acting_as
from tests.support.two_sites import World, client_of

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
AUDIT = "/api/v1/audit/"
PAGE = "admin:devices_auditentry_changelist"


@pytest.fixture(autouse=True)
def entries(
    world: World, manager: APIClient, guard: APIClient, outsider: APIClient, root: APIClient
) -> None:
    """Change both sites and a user."""
    AuditEntry.objects.all().delete()
    for side in (world.ours, world.theirs):
        with acting_as(Actor("page", f"boss of {side.site.code}", address="10.0.0.1")):
            site = Site.objects.get(pk=side.site.pk)
            site_change(site=site, verification="enforce", mask_required=True)
    User.objects.create(username="newcomer")


def names(client: APIClient, **filters: Any) -> list[str]:
    rows = client.get(AUDIT, filters).json()["results"]
    return [row["name"] for row in rows]


def test_managers_see_their_sites_and_superusers_everything(
    world: World, manager: APIClient, guard: APIClient, outsider: APIClient, root: APIClient
) -> None:
    assert names(manager) == [world.ours.site.name]
    assert names(root) == ["newcomer", world.theirs.site.name, world.ours.site.name]
    assert names(guard) == []
    assert outsider.get(AUDIT).status_code == 403
    theirs = AuditEntry.objects.get(site_id=world.theirs.site.pk)
    assert manager.get(f"{AUDIT}{theirs.pk}/").status_code == 404


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nobody_writes_it(root: APIClient, method: str) -> None:
    entry = AuditEntry.objects.order_by("id")[0]
    for address in (AUDIT, f"{AUDIT}{entry.pk}/"):
        assert getattr(root, method)(address, {}, format="json").status_code == 405


def test_entries_are_found_by_site_actor_and_kind(world: World, root: APIClient) -> None:
    assert names(root, site=world.ours.site.pk) == [world.ours.site.name]
    assert names(root, actor=f"boss of {world.theirs.site.code}") == [world.theirs.site.name]
    assert names(root, kind="user") == ["newcomer"]
    assert names(root, until="2020-01-01T00:00:00Z") == []
    assert root.get(AUDIT, {"kind": "x"}).status_code == 400


def test_the_page_says_it_in_words(world: World) -> None:
    client = client_of(world.manager)
    with translation.override("zh-hans"):
        chinese = client.get(reverse(PAGE), headers={"Accept-Language": "zh-hans"})
    page = client.get(reverse(PAGE)).content.decode()

    assert "mask required: no → yes" in page
    assert "Enforce: open only when the face is confirmed" in page
    assert f"boss of {world.ours.site.code}" in page
    assert world.theirs.site.code not in page
    assert world.theirs.site.name not in page
    assert "newcomer" not in page
    assert "必须戴口罩" in chinese.content.decode() or "口罩" in chinese.content.decode()


def test_the_page_is_for_managers_and_cannot_be_written(world: World) -> None:
    entry = AuditEntry.objects.get(site_id=world.ours.site.pk)
    where = reverse("admin:devices_auditentry_change", args=[entry.pk])

    assert client_of(world.guard).get(reverse(PAGE)).status_code == 403
    assert client_of(world.manager).get(where).status_code == 200
    theirs = AuditEntry.objects.get(site_id=world.theirs.site.pk)
    foreign = reverse("admin:devices_auditentry_change", args=[theirs.pk])
    assert client_of(world.manager).get(foreign).status_code == 302
    for verb in ("delete", "change"):
        address = reverse(f"admin:devices_auditentry_{verb}", args=[entry.pk])
        assert client_of(world.superuser).post(address, {"post": "yes"}).status_code == 403
    assert (
        client_of(world.superuser).get(reverse("admin:devices_auditentry_add")).status_code == 403
    )


def test_the_page_filters_by_site_actor_and_kind(world: World) -> None:
    client = client_of(world.superuser)
    for filters, count in (
        ({"site__id__exact": world.ours.site.pk}, 1),
        ({"actor": f"boss of {world.theirs.site.code}"}, 1),
        ({"kind__exact": "user"}, 1),
        ({}, 3),
    ):
        answer = client.get(reverse(PAGE), filters)
        assert answer.context["cl"].result_count == count
