"""Who changed what is written down, however it was changed; people and secrets are not."""

from collections.abc import Callable
from datetime import time, timedelta
from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from devices.choices import AuditAction, AuditKind, Role
from devices.models import ApiToken, AuditEntry, Site, SiteMembership, SiteToken, Terminal
from devices.services import (
    api_token_create,
    audit_forget,
    audit_note,
    site_erase,
    site_token_rotate,
    terminal_approve,
)
from faces.models import LibraryPlan, TimePlan, TimePlanInterval
from records.models import PassRules
from server_common.actor import Actor, acting, acting_as
from tests.support.factories import api_of
from tests.support.two_sites import World, client_of, world

__all__ = ["world"]
pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
SITES = "/api/v1/sites/"


@pytest.fixture(autouse=True)
def quiet(world: World) -> None:
    """Forget what making the world has written."""
    AuditEntry.objects.all().delete()


def program(user: User) -> APIClient:
    """Return a program of a user, whose key is no part of the test."""
    client = api_of(user)
    AuditEntry.objects.filter(kind="api_token").delete()
    return client


def told() -> list[tuple[Any, ...]]:
    rows = AuditEntry.objects.order_by("id")
    return list(rows.values_list("kind", "action", "name", "changes"))


def only() -> AuditEntry:
    return AuditEntry.objects.get()


def test_a_change_by_rest_says_who_from_where_old_and_new(world: World) -> None:
    client = program(world.manager)

    client.patch(
        f"{SITES}{world.ours.site.pk}/",
        {"verification": "enforce"},
        format="json",
        REMOTE_ADDR="10.9.8.7",
    )

    entry = only()
    assert (entry.actor, entry.user_id, entry.way) == ("manager", world.manager.pk, "rest")
    assert (entry.address, entry.site_id) == ("10.9.8.7", world.ours.site.pk)
    assert (entry.kind, entry.action) == ("site", "changed")
    assert entry.changes == {"verification": ["observe", "enforce"]}


def test_the_address_is_the_true_one(world: World, settings: LazySettings) -> None:
    """A caller writes into X-Forwarded-For what they like."""
    settings.TRUSTED_PROXIES = ["10.0.0.1"]
    where = f"{SITES}{world.ours.site.pk}/"
    for peer, forwarded in (("10.0.0.2", "1.1.1.1"), ("10.0.0.1", "1.1.1.1, 7.7.7.7")):
        headers = {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded}
        body = {"name": f"Alpha {peer}"}
        program(world.manager).patch(where, body, format="json", **headers)

    addresses = AuditEntry.objects.order_by("id").values_list("address", flat=True)
    assert list(addresses) == ["10.0.0.2", "7.7.7.7"]


def test_a_change_on_a_page_is_told_too(world: World) -> None:
    where = reverse("admin:devices_terminal_changelist")
    Terminal.objects.filter(pk=world.ours.terminal.pk).update(status="pending")
    AuditEntry.objects.all().delete()

    data = {"action": "approve", "_selected_action": [world.ours.terminal.pk]}
    client_of(world.manager).post(where, data)

    entry = only()
    assert (entry.actor, entry.way, entry.kind) == ("manager", "page", "terminal")
    assert entry.changes == {"status": ["pending", "approved"]}


def test_members_entered_below_a_site_are_told(world: World) -> None:
    membership = SiteMembership.objects.get(user=world.guard)
    where = reverse("admin:devices_site_change", args=[world.ours.site.pk])
    form = client_of(world.superuser).get(where).context["adminform"].form
    given = {name: form.initial[name] or "" for name in form.fields if name in form.initial}
    rows = {
        "memberships-TOTAL_FORMS": "1",
        "memberships-INITIAL_FORMS": "1",
        "memberships-0-id": membership.pk,
        "memberships-0-site": world.ours.site.pk,
        "memberships-0-user": world.guard.pk,
        "memberships-0-role": Role.MANAGER,
    }
    answer = client_of(world.superuser).post(where, {**given, "allowed_networks": "[]", **rows})
    assert answer.status_code == 302

    [entry] = AuditEntry.objects.filter(kind="membership")
    assert entry.changes == {"role": ["guard", "manager"]}
    assert (entry.actor, entry.site_id) == (world.superuser.username, world.ours.site.pk)


def test_secrets_are_told_to_have_changed_and_nothing_else(world: World) -> None:
    terminal = world.ours.terminal
    terminal.api_password = "hush-4711"
    terminal.save(update_fields=["api_password"])
    site_token_rotate(site=world.ours.site, overlap=timedelta())
    world.guard.set_password("hush-4712")
    world.guard.save()
    token = SiteToken.objects.get(site=world.ours.site, ends_at=None)

    assert [row[:2] for row in told()] == [
        ("terminal", "changed"),
        ("address_token", "changed"),
        ("address_token", "created"),
        ("user", "changed"),
    ]
    assert told()[0][3] == {"api_password": ["", "***"]}
    text = str(list(AuditEntry.objects.values()))
    assert "hush" not in text
    assert token.token not in text
    assert token.digest not in text


def test_rows_changed_as_a_set_are_told_one_by_one(world: World) -> None:
    Terminal.objects.filter(site=world.ours.site).update(status="disabled", last_seen_at=None)
    SiteMembership.objects.all().update(role=Role.GUARD)
    ApiToken.objects.create(user=world.guard, name="door", digest="x")
    ApiToken.objects.update(revoked_at=timezone.now())
    TimePlan.objects.bulk_create([TimePlan(site=world.ours.site, name=f"P{n}") for n in (1, 2)])

    assert [row[:2] for row in told()] == [
        ("terminal", "changed"),
        ("membership", "changed"),
        ("api_token", "created"),
        ("api_token", "changed"),
        ("time_plan", "created"),
        ("time_plan", "created"),
    ]
    assert told()[0][3] == {"status": ["approved", "disabled"]}


def test_what_changes_all_day_is_not_looked_at(
    world: World, django_assert_num_queries: Callable[[int], Any]
) -> None:
    terminal = world.ours.terminal
    with django_assert_num_queries(2):
        Terminal.objects.filter(pk=terminal.pk).update(last_seen_at=timezone.now())
        terminal.save(update_fields=["clock_is_wrong"])
    world.guard.last_login = timezone.now()
    world.guard.save(update_fields=["last_login"])
    terminal_approve(terminal=terminal)
    terminal.save()

    assert told() == []


def test_terminals_that_announce_themselves_are_not_told_but_entered_ones_are(
    world: World,
) -> None:
    Terminal.objects.create(site=world.ours.site, device_id="by-itself")
    Terminal.objects.get(device_id="by-itself").delete()
    assert told() == []

    body = {"site": world.ours.site.pk, "device_id": "entered"}
    program(world.manager).post("/api/v1/devices/", body, format="json")

    assert [row[:2] for row in told()] == [("terminal", "created")]


def test_rules_and_plans_are_told_with_what_they_belong_to(world: World) -> None:
    rules = PassRules.objects.create(site=world.ours.site)
    rules.passback_minutes = 30
    rules.save()
    plan = TimePlan.objects.create(site=world.ours.site, name="Office")
    hours = TimePlanInterval.objects.create(
        plan=plan, weekday=0, starts_at=time(8), ends_at=time(18)
    )
    LibraryPlan.objects.create(plan=plan, library=world.ours.library)
    hours.delete()

    assert told()[1] == ("rules", "changed", str(world.ours.site), {"passback_minutes": [60, 30]})
    assert told()[3][2:] == (
        "Office",
        {"weekday": [None, 0], "starts_at": [None, "08:00:00"], "ends_at": [None, "18:00:00"]},
    )
    assert told()[4][3]["library"] == [None, world.ours.library.name]
    assert told()[5][1] == "deleted"
    assert set(AuditEntry.objects.values_list("site_id", flat=True)) == {world.ours.site.pk}


def test_rights_of_users_and_groups_are_told_from_either_side(world: World) -> None:
    permission = Permission.objects.get(codename="open_door")
    group = Group.objects.create(name="Openers")
    world.guard.user_permissions.add(permission)
    world.guard.groups.set([group])
    group.permissions.add(permission)
    group.user_set.remove(world.guard)
    world.guard.user_permissions.clear()

    assert told()[1:] == [
        ("user", "changed", "guard", {"user_permissions": [[], ["open_door"]]}),
        ("user", "changed", "guard", {"groups": [[], ["Openers"]]}),
        ("group", "changed", "Openers", {"permissions": [[], ["open_door"]]}),
        ("user", "changed", "guard", {"groups": [["Openers"], []]}),
        ("user", "changed", "guard", {"user_permissions": [["open_door"], []]}),
    ]


def test_commands_are_named(world: World) -> None:
    call_command("api_token", "superuser-x", "--create-superuser", stdout=StringIO())

    assert [row[:2] for row in told()] == [
        ("user", "created"),
        ("user", "changed"),
        ("api_token", "created"),
    ]
    assert set(AuditEntry.objects.values_list("way", "actor")) == {
        ("command", "manage.py api_token")
    }


def test_who_acts_is_forgotten_afterwards(world: World) -> None:
    with acting_as(Actor("page", "somebody", address="10.0.0.1")):
        assert acting().name == "somebody"

    assert acting() == Actor()


def test_what_is_rolled_back_was_never_told(world: World) -> None:
    class Stop(Exception):
        pass

    with pytest.raises(Stop), transaction.atomic():
        PassRules.objects.create(site=world.ours.site)
        raise Stop

    assert told() == []


def test_an_entry_outlives_its_site_and_user(world: World) -> None:
    site = Site.objects.create(code="gone", name="Gone")
    number = site.pk
    user = User.objects.create(username="leaver")
    with acting_as(Actor("page", "leaver", user.pk, "10.0.0.1")):
        api_token_create(user=user, name="door")
        SiteMembership.objects.create(site=site, user=user)
        site_erase(site=site)
    user.delete()

    rows = AuditEntry.objects.filter(kind__in=["site", "membership"])
    assert set(rows.values_list("site_name", "site_id")) == {("Gone", number)}
    assert rows.filter(action="deleted").count() == 2
    page = client_of(world.superuser).get(reverse("admin:devices_auditentry_changelist"))
    assert page.status_code == 200
    assert "leaver" in page.content.decode()


def test_of_people_nothing_but_the_user_id_is_in_it(world: World) -> None:
    person = world.ours.person
    user_id = person.user_id
    client = program(world.manager)
    body = {"name": "陆小曼", "id_number": "11010519491231002X"}
    client.patch(f"/api/v1/people/{person.pk}/", body, format="json")
    client.delete(f"/api/v1/people/{person.pk}/")

    assert told() == [("person", "deleted", user_id, {})]
    written = str(list(AuditEntry.objects.values()))
    assert "陆小曼" not in written
    assert "11010519491231002X" not in written


def test_entries_are_forgotten_after_the_days_that_are_set(
    world: World, settings: LazySettings
) -> None:
    settings.AUDIT_DAYS = 30
    for days in (29, 31):
        entry = audit_note(kind=AuditKind.SIGN_IN, action=AuditAction.FAILED, name=str(days))
        at = timezone.now() - timedelta(days=days)
        AuditEntry.objects.filter(pk=entry.pk).update(at=at)

    assert audit_forget() == 1
    assert only().name == "29"
