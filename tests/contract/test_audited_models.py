"""Every model that a user can change, on a page or by REST, is audited or has a reason not to be.

Models come from the admin's registry and from the routes, so that a new one is met here by itself.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import RequestFactory
from django.urls import URLResolver, get_resolver, reverse
from rest_framework.test import APIClient

from devices.models import AuditEntry
from faces.models import Library
from records.models import FaceNegative
from server_common.change_tracking import _watches
from tests.support.factories import api_of
from tests.support.two_sites import World, client_of

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
HERE = "10.9.8.7"
# Written down by services, where the row alone does not say enough or says too much.
BY_SERVICES = {
    "Person": "faces.services.people.audit: of people the user ID alone",
    "Record": "records.services.verification.negatives: a record itself is never changed",
    "BrowserSession": "console.sign_outs: ended, never made by hand",
    "SignInLock": "console.sign_outs: unlocked, never made by hand",
}
NOT_AUDITED = {
    "Alert": "the row names who acknowledged and who cleared it, and when",
    "Delivery": "sending again changes no rule; the job of many names who asked",
    "TerminalCommand": "the row is kept as who did what, when and why",
}
# Views without rows that are posted to.
WITHOUT_ROWS = {
    "DecisionPreviewView": "asks what would be decided",
    "IdentifyView": "asks who is on a picture",
    "IndexRebuildView": "derives the index anew from the same photos",
}
_SAFE = {"get", "head", "options", "trace"}


def changed_on_pages(user: User) -> Iterator[type[Model]]:
    """Yield the models that a user may add, change, delete or act on in the admin."""
    request = RequestFactory().get("/")
    request.user = user
    for model, model_admin in admin.site._registry.items():
        may = model_admin.get_model_perms(request)
        writes = may["add"] or may["change"] or may["delete"]
        if writes or model_admin.get_actions(request):
            yield model
        for inline in model_admin.inlines:
            yield inline.model


def views(resolver: Any) -> Iterator[tuple[type, set[str]]]:
    """Yield the classes behind the addresses of REST, and the methods that they answer."""
    for one in resolver.url_patterns:
        if isinstance(one, URLResolver):
            yield from views(one)
            continue
        view = getattr(one.callback, "cls", None)
        if view is not None:
            actions = getattr(one.callback, "actions", None)
            names = view.http_method_names
            yield view, set(actions or {name for name in names if hasattr(view, name)})


def changed_by_rest() -> Iterator[str]:
    """Yield the names of models that REST changes; of views without rows their own."""
    for view, methods in views(get_resolver()):
        if methods - _SAFE:
            rows = getattr(view, "queryset", None)
            yield view.__name__ if rows is None else rows.model.__name__


def test_every_model_that_a_user_changes_is_audited_or_has_a_reason(world: World) -> None:
    on_pages = {model.__name__ for model in changed_on_pages(world.superuser)}
    by_rest = set(changed_by_rest())
    watched = {model.__name__ for model in _watches}

    assert {"Site", "SiteMembership", "TimePlanInterval", "Library"} <= on_pages
    assert {"Site", "Library", "Terminal", "Record", "IdentifyView"} <= by_rest
    told = BY_SERVICES.keys() | NOT_AUDITED.keys() | WITHOUT_ROWS.keys()
    assert (on_pages | by_rest) - watched == told


def noted(kind: str) -> list[tuple[Any, ...]]:
    """Return what the audit says of a kind, oldest first, and forget it."""
    rows = AuditEntry.objects.filter(kind=kind).order_by("id")
    told = list(rows.values_list("action", "actor", "way", "address", "name", "changes"))
    rows.delete()
    return told


def test_libraries_are_noted_when_they_are_made_renamed_and_deleted_by_rest(world: World) -> None:
    noted("library")
    caller, where = api_of(world.manager), "/api/v1/libraries/"
    who = (world.manager.username, "rest", HERE)
    given = {"site": world.ours.site.pk, "name": "Guests"}

    made = caller.post(where, given, format="json", REMOTE_ADDR=HERE)
    row = f"{where}{made.json()['id']}/"
    caller.patch(row, {"name": "Visitors"}, format="json", REMOTE_ADDR=HERE)
    caller.patch(row, {"name": "Visitors"}, format="json", REMOTE_ADDR=HERE)
    assert caller.delete(row, REMOTE_ADDR=HERE).status_code == 204

    assert noted("library") == [
        ("created", *who, "Guests", {"name": [None, "Guests"]}),
        ("changed", *who, "Visitors", {"name": ["Guests", "Visitors"]}),
        ("deleted", *who, "Visitors", {"name": ["Visitors", None]}),
    ]


def test_libraries_are_noted_when_they_are_made_renamed_and_deleted_on_pages(world: World) -> None:
    noted("library")
    client = client_of(world.manager)
    client.defaults["REMOTE_ADDR"] = HERE
    who = (world.manager.username, "page", HERE)
    pages = "admin:faces_library_"

    client.post(reverse(f"{pages}add"), {"site": world.ours.site.pk, "name": "Guests"})
    row = Library.objects.get(name="Guests")
    client.post(reverse(f"{pages}change", args=[row.pk]), {"name": "Visitors"})
    client.post(reverse(f"{pages}delete", args=[row.pk]), {"post": "yes"})
    chosen = {"action": "delete_selected", "_selected_action": [world.ours.library.pk]}
    client.post(reverse(f"{pages}changelist"), {**chosen, "post": "yes"})

    assert noted("library") == [
        ("created", *who, "Guests", {"name": [None, "Guests"]}),
        ("changed", *who, "Visitors", {"name": ["Guests", "Visitors"]}),
        ("deleted", *who, "Visitors", {"name": ["Visitors", None]}),
        ("deleted", *who, "Alpha residents", {"name": ["Alpha residents", None]}),
    ]


def test_managers_read_of_libraries_of_their_own_site_alone(
    manager: APIClient, world: World
) -> None:
    for side in (world.ours, world.theirs):
        Library.objects.filter(pk=side.library.pk).update(name=f"{side.site.name} tenants")

    answer = manager.get("/api/v1/audit/?kind=library&action=changed").json()

    assert [one["name"] for one in answer["results"]] == ["Alpha site tenants"]


def test_taking_back_not_this_person_is_noted(world: World) -> None:
    """It used to vanish without a word, and with it who had said what."""
    record = world.ours.record
    FaceNegative.objects.create(
        person=world.ours.person, record=record, contract_id="x", sealed=b"x"
    )
    noted("person")

    caller = api_of(world.manager)
    where = f"/api/v1/records/{record.pk}/not-this-person/undo/"
    for _ in range(2):
        assert caller.post(where, REMOTE_ADDR=HERE).status_code == 200

    who = (world.manager.username, "rest", HERE)
    assert noted("person") == [("deleted", *who, "Alpha-1", {"record": [record.pk, None]})]
