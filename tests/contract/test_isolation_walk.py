"""Invariant 5, everywhere: a walk over every address as those who must not see another site.

Addresses come from the resolver and the sockets' routes, parameters from the lists and the source,
so that a new page joins by itself; one whose row of another site is not known here fails the walk
until somebody says which it is. Whatever belongs to the other site says "Bravo".
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db.models import ForeignKey, ManyToManyField, Model
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve, reverse
from django.urls.resolvers import RoutePattern
from django.utils import timezone

from console.models import BrowserSession, FailedSignIn, SignInLock, UnnamedFile
from devices.admin.scoped import scope_path
from devices.models import SiteMembership
from devices.services import api_token_create
from faces.models import Holiday, TimePlan
from records.models import PassRules
from tests.support.two_sites import World, client_of

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

ROOT = Path(__file__).parents[2]
PARAMETER = re.compile(r'GET(?:\.get(?:list)?\(|\[)"(\w+)"')
REST = "api/v1/"


@dataclass(frozen=True)
class Route:
    """One address of the platform: its pattern, and the function behind it."""

    pattern: str
    callback: Callable[..., Any]

    @property
    def names(self) -> set[str]:
        """Return what an address of it must name."""
        found = re.findall(r"<(?:\w+:)?(\w+)>", self.pattern)
        return set(found)

    def filled(self, values: dict[str, Any]) -> str:
        """Return an address of it."""

        def value(match: re.Match[str]) -> str:
            return str(values[match[1]])

        text = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", value, self.pattern)
        text = re.sub(r"<(?:\w+:)?(\w+)>", value, text)
        return "/" + text.replace(".*", "nowhere")


def routes(resolver: Any, before: str = "") -> Iterator[Route]:
    """Yield every address below a resolver."""
    for one in resolver.url_patterns:
        text = str(one.pattern)
        if not isinstance(one.pattern, RoutePattern):
            text = re.sub(r"^\^|\$$|\\Z$", "", text)
        if isinstance(one, URLResolver):
            yield from routes(one, before + text)
        else:
            assert isinstance(one, URLPattern)
            yield Route(before + text, one.callback)


ROUTES = list(routes(get_resolver()))


@dataclass
class Foreign:
    """The other site: its rows of every kind, and what leads to them."""

    world: World

    def row(self, model: type[Model]) -> Model:
        """Return the other site's row of a model."""
        path = scope_path(model)
        rows = model._default_manager.all()
        if path is not None:
            rows = rows.filter(**{path: self.world.theirs.site.pk})
        elif model is User:
            rows = rows.filter(username="Bravo-manager")
        found = rows.order_by("-pk").first()
        assert found is not None, f"say in `foreign` which {model.__name__} the other site has"
        return found

    def values(self, route: Route) -> list[dict[str, Any]]:
        """Return what to put into an address, so that it is about the other site."""
        theirs = self.world.theirs
        if not route.names:
            return [{}]
        if route.names == {"app_label"}:
            return [{"app_label": label} for label in ("auth", "devices", "faces", "records")]
        if "content_type_id" in route.names:
            kinds = ((one, ContentType.objects.get_for_model(one)) for one in admin.site._registry)
            return [
                {"content_type_id": kind.pk, "object_id": self.row(one).pk} for one, kind in kinds
            ]
        known = {
            "url": "nowhere",
            "alert_id": theirs.alert.pk,
            "photo_id": theirs.photo.pk,
            "record_id": theirs.record.pk,
        }
        if parts := re.match(r"admin/(\w+)/(\w+)/", route.pattern):
            known["object_id"] = known["id"] = self.row(apps.get_model(*parts.groups())).pk
        if parts := re.match(REST + r"(\w+)/", route.pattern):
            known["pk"] = self.row(vars(route.callback)["cls"].queryset.model).pk
        missing = route.names - set(known)
        assert not missing, f"say in `Foreign.values` what {missing} of {route.pattern} is"
        return [known]


@cache
def parameters() -> frozenset[str]:
    """Return the names that our own pages read from their addresses; sources are read once."""
    return frozenset(
        name
        for folder in ("devices", "faces", "records", "platform")
        for source in (ROOT / folder).rglob("*.py")
        for name in PARAMETER.findall(source.read_text())
    )


def addresses(foreign: Foreign) -> dict[str, Route]:
    """Return every address of the platform that is about the other site, with its route."""
    found = {}
    for route in ROUTES:
        for values in foreign.values(route):
            found[route.filled(values)] = route
    return found


def questions(foreign: Foreign, where: str, route: Route) -> Iterator[dict[str, Any]]:
    """Yield parameters that ask an address for what is the other site's."""
    theirs = foreign.world.theirs
    yield {}
    page = getattr(route.callback, "model_admin", None)
    if where.startswith("/admin/") and page is not None:
        if where == reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_changelist"):
            yield {"q": "ravo"}
            yield from ({name: theirs.site.pk} for name in page.lookups_offered(None))
        own = {"ids": theirs.terminal.pk, "person": theirs.person.pk, "group": "network"}
        yield {**{name: theirs.record.pk for name in parameters()}, **own}
    if where == reverse("admin:autocomplete"):
        for model in admin.site._registry:
            for field in model._meta.get_fields():
                if isinstance(field, ForeignKey | ManyToManyField):
                    # Not the whole word: a refusal quotes what was asked for.
                    yield {
                        "app_label": model._meta.app_label,
                        "model_name": model._meta.model_name,
                        "field_name": field.name,
                        "term": "ravo",
                    }


@pytest.fixture
def foreign(world: World) -> Foreign:
    """Return the other site, with a row of each kind that a page is about."""
    site = world.theirs.site
    TimePlan.objects.create(site=site, name="Bravo plan")
    Holiday.objects.create(site=site, name="Bravo day", date=timezone.now().date())
    PassRules.objects.get_or_create(site=site)
    boss = User.objects.create_user("Bravo-manager", password="bravo-pass", is_staff=True)
    SiteMembership.objects.create(user=boss, site=site, role="manager")
    api_token_create(user=boss, name="Bravo program")
    client_of(boss)
    Group.objects.create(name="Bravo group")
    at = timezone.now() - timedelta(minutes=1)
    SignInLock.objects.create(
        username="Bravo-manager", ip_address="192.0.2.1", attempt_time=at, failures_since_start=3
    )
    FailedSignIn.objects.create(username="Bravo-manager", ip_address="192.0.2.1")
    UnnamedFile.objects.create(path="faces/00/00.jpg", first_seen_at=at, last_seen_at=at)
    assert BrowserSession.objects.exists()
    return Foreign(world)


def disabled(world: World, **fields: Any) -> User:
    """Return a manager of the other site (or an administrator) whose account has been closed."""
    user = User.objects.create_user("gone", password="gone-pass", is_staff=True, **fields)
    SiteMembership.objects.create(user=user, site=world.theirs.site, role="manager")
    return user


def browser(kind: str, world: World) -> Client:
    """Return the browser of a caller to whom the other site is nobody's business."""
    if kind == "stranger":
        return Client(raise_request_exception=False)
    if kind in {"disabled manager", "disabled administrator"}:
        user = disabled(world, is_superuser=kind.endswith("administrator"))
    elif kind == "staff of no site":
        user = User.objects.create_user("nobody", password="nobody-pass", is_staff=True)
    else:
        user = getattr(world, kind)
    client = Client(raise_request_exception=False)
    client.force_login(user)
    if kind.startswith("disabled"):
        User.objects.filter(pk=user.pk).update(is_active=False)
    return client


KINDS = (
    "manager", "guard", "staff of no site", "stranger", "disabled manager", "disabled administrator"
)  # fmt: skip
callers = pytest.mark.parametrize("kind", KINDS)


def shows(response: Any, world: World) -> bool:
    """Return whether an answer holds anything of the other site, or is broken."""
    content = b"".join(response.streaming_content) if response.streaming else response.content
    told = content + repr(dict(response.headers)).encode()
    secret = world.theirs.site.tokens.get().token.encode()
    return response.status_code >= 500 or b"Bravo" in told or secret in told


def test_every_address_is_visited(foreign: Foreign) -> None:
    """Each pattern leads to an address that leads back to it."""
    found = addresses(foreign)
    shadowed = {"/" + REST + "nowhere/", "/admin/nowhere"}

    assert {route.pattern for route in found.values()} == {route.pattern for route in ROUTES}
    assert [
        where
        for where, route in found.items()
        if resolve(where).func is not route.callback and where not in shadowed
    ] == []
    assert len(found) > 150


@pytest.mark.slow
@callers
def test_nobody_reads_another_site(foreign: Foreign, world: World, kind: str) -> None:
    client = browser(kind, world)

    shown = []
    for where, route in addresses(foreign).items():
        for asked in questions(foreign, where, route):
            answer = client.get(where, asked)
            if shows(answer, world):
                shown.append((where, asked, answer.status_code))

    assert shown[:3] == []


def way_to_site(model: type[Model]) -> str | None:
    """Return the way from a row to its site's id, through a row that it belongs to if need be."""
    path = scope_path(model)
    for field in model._meta.get_fields() if path is None else ():
        if isinstance(field, ForeignKey):
            above = scope_path(field.related_model)
            path = path or (above and f"{field.name}__{above}")
    return path


def theirs_only(world: World) -> dict[str, list[dict[str, Any]]]:
    """Return all rows of the other site, to see whether anything changed."""
    return {
        model.__name__: list(
            model._default_manager.filter(**{path: world.theirs.site.pk}).order_by("pk").values()
        )
        for app in ("devices", "faces", "records")
        for model in apps.get_app_config(app).get_models()
        if (path := way_to_site(model))
    }


@pytest.mark.slow
@callers
def test_nobody_changes_another_site(foreign: Foreign, world: World, kind: str) -> None:
    client = browser(kind, world)
    before, told = theirs_only(world), []
    form = {"name": "x", "post": "yes", "_save": "1", "reason": "x", "overlap_hours": "0"}

    for where in addresses(foreign):
        if re.search(r"logout|sign-out|sessions/end|setlang", where):
            continue  # about the caller's own session
        methods = ("post", "put", "patch", "delete") if REST in where else ("post",)
        told += [
            (method, where)
            for method in methods
            if shows(getattr(client, method)(where, form if method == "post" else b""), world)
        ]

    assert told == []
    assert theirs_only(world) == before


@pytest.mark.slow
@callers
def test_no_action_reaches_another_site(foreign: Foreign, world: World, kind: str) -> None:
    client = browser(kind, world)
    before = theirs_only(world)

    for model, page in admin.site._registry.items():
        where = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        names = {getattr(one, "__name__", one) for one in (page.actions or ())}
        for name in {*names, "delete_selected"}:
            form = {"action": name, "_selected_action": foreign.row(model).pk, "post": "yes"}
            assert not shows(client.post(where, form), world), (where, name)
            assert not shows(client.post(where, {**form, "select_across": "1"}), world)

    assert theirs_only(world) == before
    assert {"FacePhoto", "Record", "Person", "Delivery", "AuditEntry"} <= {*before}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["manager", "guard", "disabled manager", "disabled administrator"])
def test_no_program_reads_another_site(foreign: Foreign, world: World, kind: str) -> None:
    if kind.startswith("disabled"):
        user = disabled(world, is_superuser=kind.endswith("administrator"))
    else:
        user = getattr(world, kind)
    key = api_token_create(user=user, name="program")
    client = Client(raise_request_exception=False, headers={"Authorization": f"Token {key}"})
    if kind.startswith("disabled"):
        User.objects.filter(pk=user.pk).update(is_active=False)
    own = {"/" + REST, "/" + REST + "schema/", "/" + REST + "docs/"}

    for where in addresses(foreign):
        if not where.startswith("/" + REST):
            continue
        response = client.get(where)
        assert not shows(response, world), where
        if kind.startswith("disabled") and not where.endswith("nowhere/"):
            # Wrong keys of an address have to wait after some tries.
            assert response.status_code in {401, 429}, where
    assert own <= set(addresses(foreign))
