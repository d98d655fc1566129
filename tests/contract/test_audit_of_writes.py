"""Whatever a manager or administrator changes by REST or on a page is in the audit.

Columns come from the watched models, fields from the REST shapes and from the forms themselves, so
that one added later is walked as well: it is watched, or named here with the reason why not.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import models
from django.forms import BoundField, MultiWidget
from django.test import Client
from django.urls import reverse
from rest_framework import serializers
from rest_framework.test import APIClient

from devices.api.serializers import SiteIn, TerminalIn
from devices.models import AuditEntry, Site, SiteMembership
from devices.services import api_token_create
from faces.api.serializers import LibraryIn
from faces.models import Holiday, TimePlan
from records.models import PassRules
from server_common.change_tracking import MASK, _watches
from tests.support.factories import api_of
from tests.support.two_sites import World, client_of

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
HERE = "10.9.8.7"
# What a row belongs to is in every entry; the rest is said by terminals, or is nobody's rule.
UNTOLD = {
    "SiteToken": {"site"},
    "SiteMembership": {"site"},
    "Terminal": {
        "site", "device_id", "app_version", "model", "nation_code", "notes", "server_url",
        "uuid_label", "web_version",
    },
    "User": {"date_joined", "email", "first_name", "last_name", "last_login"},
    "Library": {"site"},
    "TimePlan": {"site"},
    "TimePlanInterval": {"plan"},
    "Holiday": {"site"},
    "PassRules": {"site"},
    "TerminalLibrary": {"terminal"},
}  # fmt: skip


def test_every_column_that_is_entered_is_watched() -> None:
    missing = {}
    for model, watch in _watches.items():
        options = model._meta
        entered = {one.name for one in options.concrete_fields if one.editable}
        names = entered - {options.pk.name} - set(watch.fields)
        if left := names - UNTOLD.get(model.__name__, set()):
            missing[model.__name__] = left

    assert missing == {}
    assert len(_watches) >= 12


def test_every_many_to_many_column_is_watched() -> None:
    watched = {
        receiver_id.rpartition(".")[2]
        for (receiver_id, _sender), *_rest in models.signals.m2m_changed.receivers
        if isinstance(receiver_id, str) and receiver_id.startswith("watch.")
    }
    columns = {column.name for model in _watches for column in model._meta.many_to_many}

    assert columns == watched == {"groups", "user_permissions", "permissions", "sites"}


def other(field: Any, value: Any) -> Any:
    """Return another value that a field takes; None where only a case of its own knows one."""
    if isinstance(field, serializers.BooleanField):
        return not value
    if isinstance(field, serializers.ChoiceField):
        return next(one for one in field.choices if one not in {value, ""})
    if isinstance(field, serializers.IntegerField):
        return (value or 500) + 1
    if isinstance(field, serializers.DecimalField | serializers.FloatField):
        return 38.5
    return f"{value or ''}x"


def rest_cases(world: World) -> Iterator[tuple[str, str, Any, dict[str, Any]]]:
    """Yield address, column, old and what is sent, for every field that REST takes."""
    own = {
        "timezone": "Europe/Berlin",
        "allowed_networks": ["10.0.0.0/8"],
        "code": "alpha-2",
        "api_address": "127.0.0.9:8899",
        "libraries": [world.ours.library.pk],
    }
    together = {"api_address": {"api_password": "p"}, "push_port": {"api_password": "p"}}
    for shape, row, path in (
        (SiteIn, world.ours.site, "sites"),
        (TerminalIn, world.ours.terminal, "devices"),
        (LibraryIn, world.ours.library, "libraries"),
    ):
        fields: dict[str, Any] = shape().fields
        for name in fields.keys() - {"site", "device_id"}:
            old = getattr(row, name, None) if name != "libraries" else None
            new = own.get(name, other(fields[name], old))
            sent = {name: new, **together.get(name, {})}
            yield f"/api/v1/{path}/{row.pk}/", name, old, sent


@pytest.mark.slow
def test_every_field_that_rest_takes_is_noted(world: World) -> None:
    user = world.superuser
    root, unnoted = api_of(user), []
    for where, name, _old, sent in rest_cases(world):
        AuditEntry.objects.all().delete()
        answer = root.patch(where, sent, format="json", REMOTE_ADDR=HERE)
        assert answer.status_code == 200, (name, answer.content)
        column = "library" if name == "libraries" else name
        entries = [one for one in AuditEntry.objects.all() if column in one.changes]
        if not any(is_whole(one, user, "rest", column) for one in entries):
            unnoted.append((where, name))

    assert unnoted == []


def is_whole(entry: AuditEntry, user: User, way: str, column: str) -> bool:
    """Return whether an entry says who, from where, by what, and old and new."""
    old, new = entry.changes[column]
    said = (entry.actor, entry.user_id, entry.address, entry.way)
    is_told = old != new or old == new == MASK
    return said == (user.username, user.pk, HERE, way) and is_told and bool(entry.at)


def test_libraries_of_a_terminal_are_noted_once_each(manager: APIClient, world: World) -> None:
    """They used to be set by REST without a word."""
    where = f"/api/v1/devices/{world.ours.terminal.pk}/"
    library = world.ours.library

    def told(libraries: list[int]) -> list[Any]:
        AuditEntry.objects.all().delete()
        assert manager.patch(where, {"libraries": libraries}, format="json").status_code == 200
        rows = AuditEntry.objects.filter(kind="terminal")
        return list(rows.values_list("action", "name", "site_id", "changes"))

    name, site = str(world.ours.terminal), world.ours.site.pk
    assert told([library.pk]) == [("created", name, site, {"library": [None, str(library)]})]
    assert told([library.pk]) == []
    assert told([]) == [("deleted", name, site, {"library": [str(library), None]})]


def test_what_a_key_may_do_is_noted(world: World) -> None:
    api_token_create(user=world.manager, name="door", sites=[world.ours.site], read_only=True)

    made, limited = AuditEntry.objects.filter(kind="api_token", name="door").order_by("id")
    assert made.changes["read_only"] == [None, True]
    assert made.changes["all_sites"] == [None, False]
    assert limited.changes == {"sites": [[], [str(world.ours.site)]]}


# Pages with the rows that they are opened for.
def pages(world: World) -> list[models.Model]:
    """Return a row of every model that is changed on a page of the admin."""
    site = world.ours.site
    plan = TimePlan.objects.create(site=site, name="Office")
    holiday = Holiday.objects.create(site=site, name="Spring", date=date(2030, 2, 3))
    rules = PassRules.objects.create(site=site)
    group = Group.objects.create(name="Openers")
    return [site, world.ours.terminal, world.ours.library, plan, holiday, rules, world.guard, group]


def entered(client: Client, where: str) -> tuple[dict[str, Any], list[BoundField]]:
    """Return what a page's forms say as it is opened, and the fields of the first."""
    context = client.get(where).context
    form = context["adminform"].form
    given: dict[str, Any] = {}
    forms = [form]
    for inline in context["inline_admin_formsets"]:
        forms += [inline.formset.management_form, *inline.formset.initial_forms]
    for one in forms:
        for bound in one:
            value = bound.value()
            if value is None or value is False:
                continue
            widget = bound.field.widget
            if isinstance(widget, MultiWidget):
                parts = enumerate(widget.decompress(value))
                given |= {f"{bound.html_name}_{at}": str(part) for at, part in parts}
            else:
                given[bound.html_name] = "on" if value is True else value
    return given, [form[name] for name in form.fields]


def changed(bound: BoundField, value: Any) -> Any:
    """Return something else that a form's field takes."""
    own = {
        "timezone": "Europe/Berlin",
        "allowed_networks": '["10.0.0.0/8"]',
        "api_address": "127.0.0.9:8899",
        "date": "2031-02-03",
        "code": "alpha-3",
    }
    if bound.name in own:
        return own[bound.name]
    kind = type(bound.field).__name__
    if kind == "BooleanField":
        return "" if value else "on"
    if kind.endswith("MultipleChoiceField"):
        row = bound.field.queryset.first()  # type: ignore[attr-defined]
        return [row.pk]
    if "Choice" in kind:
        choices = [str(key) for key, _word in bound.field.choices]  # type: ignore[attr-defined]
        return next(one for one in choices if one not in {str(value), ""})
    if kind in {"IntegerField", "DecimalField", "FloatField"}:
        return int(float(value or 37)) + 1
    return f"{value or ''}x"


@pytest.mark.slow
def test_every_field_of_a_form_is_noted(world: World) -> None:
    client = client_of(world.superuser)
    Group.objects.create(name="Others")
    left: list[tuple[str, str]] = []
    for row in pages(world):
        watch = _watches[type(row)]
        options = type(row)._meta
        where = reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[row.pk])
        watched = {*watch.fields, *(one.name for one in options.many_to_many)}
        _given, fields = entered(client, where)
        extra = {"new_password": "api_password", "held_libraries": "library"}
        for name in [one.name for one in fields]:
            column = extra.get(name, name)
            if column not in watched | {"library"}:
                continue
            given, now = entered(client, where)
            bound = next(one for one in now if one.name == name)
            given[name] = changed(bound, given.get(name))
            if name in {"api_address", "push_port"}:
                given["new_password"] = "p"
            if name == "password":
                continue  # it has a page of its own
            AuditEntry.objects.all().delete()
            answer = client.post(where, given, REMOTE_ADDR=HERE)
            assert answer.status_code == 302, (where, name, answer.context["adminform"].errors)
            entries = [one for one in AuditEntry.objects.all() if column in one.changes]
            if not any(is_whole(one, world.superuser, "page", column) for one in entries):
                left.append((where, name))

    assert left == []


def test_members_and_permissions_of_pages_are_noted(world: World) -> None:
    permission = Permission.objects.get(codename="open_door")
    where = reverse("admin:auth_user_change", args=[world.guard.pk])
    client = client_of(world.superuser)
    given, _fields = entered(client, where)
    AuditEntry.objects.all().delete()

    answer = client.post(where, {**given, "user_permissions": [permission.pk]}, REMOTE_ADDR=HERE)

    assert answer.status_code == 302
    [entry] = AuditEntry.objects.filter(kind="user")
    assert entry.changes == {"user_permissions": [[], ["open_door"]]}
    assert is_whole(entry, world.superuser, "page", "user_permissions")
    SiteMembership.objects.filter(user=world.guard).delete()
    assert AuditEntry.objects.filter(kind="membership", action="deleted").count() == 1
    assert Site.objects.filter(pk=world.ours.site.pk).exists()
