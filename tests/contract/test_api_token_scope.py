"""A token limited to sites meets nothing of others, whatever its user may do, by any address."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from devices.models import ApiToken, Site, SiteToken, TerminalCommand
from devices.selectors import is_administrator, sites_managed
from devices.services import (
    api_token_create,
    api_token_revoke,
    api_token_user,
    terminal_address_replace,
)
from devices.tasks import api_token_used
from server_common.process_state import process_state_forget
from tests.support.house import lines_with
from tests.support.rest_addresses import (
    DETAILS,
    FILTERS,
    LISTS,
    METHODS,
    NOWHERE,
    PATHS,
    bodies,
    everything,
    row_of,
)
from tests.support.two_sites import World, client_of

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

WRITES = ("post", "put", "patch", "delete")
WRITING = sorted(
    (path, method) for path, methods in PATHS.items() for method in methods if method in WRITES
)
ADD = reverse("admin:devices_apitoken_add")


def bearer(token: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    return client


def limited(world: World, **more: Any) -> APIClient:
    """Return a program with a superuser's token for our site alone."""
    sites = [world.ours.site]
    return bearer(api_token_create(user=world.superuser, name="limited", sites=sites, **more))


def stable() -> dict[str, list[dict[str, Any]]]:
    """Return all rows but those of tokens, which note their use."""
    return {name: rows for name, rows in everything().items() if name != "ApiToken"}


@pytest.mark.parametrize("path", LISTS)
def test_lists_show_the_chosen_site_only(world: World, path: str) -> None:
    content = limited(world).get(path).content

    assert b"Bravo" not in content


@pytest.mark.parametrize("path", [path for path in LISTS if FILTERS[path]])
def test_filters_tell_nothing_of_other_sites(world: World, path: str) -> None:
    client, theirs = limited(world), world.theirs
    for name in FILTERS[path]:
        for value in (theirs.site.pk, theirs.library.pk, "Bravo", "Bravo-dev", "Bravo-1"):
            answer = client.get(path, {name: value})
            # A refusal quotes what was asked for.
            assert answer.status_code != 200 or b"Bravo" not in answer.content, name


@pytest.mark.parametrize("path", DETAILS)
def test_rows_of_other_sites_are_not_there(world: World, path: str) -> None:
    client, before = limited(world), stable()
    there = path.replace("{id}", str(row_of(world.theirs, path).pk))
    nowhere = path.replace("{id}", str(NOWHERE))

    for method in METHODS:
        sent = {} if method == "get" else {"name": "x", "overlap_hours": 0}
        answer, same = (
            getattr(client, method)(address, sent, format="json") for address in (there, nowhere)
        )
        assert answer.status_code in {403, 404, 405}, method
        assert (answer.status_code, answer.json()) == (same.status_code, same.json()), method

    assert stable() == before


@pytest.mark.parametrize(
    "path", [path for path in PATHS if "{" not in path and "post" in PATHS[path]]
)
def test_nothing_is_made_for_other_sites(world: World, path: str) -> None:
    client = limited(world)
    theirs = world.theirs.site.pk
    before = stable()

    for body in bodies(path, world):
        if body.get("site", theirs) == theirs or "devices" in path:
            answer = client.post(path, body, format="json")
            assert answer.status_code in {202, 400, 403, 415}
            assert b"Bravo" not in answer.content

    after = stable()
    assert {**after, "Gallery": []} == {**before, "Gallery": []}


def test_a_limited_superuser_is_no_administrator(world: World) -> None:
    client = limited(world)
    ours = f"/api/v1/sites/{world.ours.site.pk}/"

    assert client.post("/api/v1/sites/", {"name": "Tower"}, format="json").status_code == 403
    assert client.delete(ours).status_code == 403
    assert client.patch(ours, {"allow_bare_path": True}, format="json").status_code == 403
    assert client.patch(ours, {"name": "Ours"}, format="json").status_code == 200
    command = {"kind": "json", "devices": [world.ours.terminal.pk], "payload": {"cmd": "x"}}
    assert client.post("/api/v1/commands/", command, format="json").status_code == 403
    assert client.get("/metrics").status_code == 401


def test_a_limit_takes_away_and_never_adds(world: World) -> None:
    token = api_token_create(user=world.guard, name="g", sites=[world.ours.site, world.theirs.site])
    client = bearer(token)

    assert [site["id"] for site in client.get("/api/v1/sites/").json()["results"]] == [
        world.ours.site.pk
    ]
    user = api_token_user(token)
    assert user is not None
    assert not sites_managed(user).exists()


def test_a_token_whose_only_site_is_gone_does_not_widen(world: World) -> None:
    token = api_token_create(user=world.superuser, name="x", sites=[world.ours.site])
    row = ApiToken.objects.get(name="x")
    row.sites.clear()

    user = api_token_user(token)

    assert user is not None
    assert not is_administrator(user)
    assert bearer(token).get("/api/v1/people/").status_code == 403


@pytest.mark.parametrize(("path", "method"), WRITING)
def test_a_token_that_only_reads_changes_nothing(world: World, path: str, method: str) -> None:
    client = bearer(api_token_create(user=world.superuser, name="r", read_only=True))
    before = stable()
    id_ = row_of(world.ours, path).pk if "{id}" in path else ""

    answer = getattr(client, method)(path.replace("{id}", str(id_)), {}, format="json")

    assert (answer.status_code, answer.json()["error"]) == (403, "permission_denied")
    assert stable() == before


def test_a_token_that_only_reads_reads(world: World) -> None:
    client = bearer(api_token_create(user=world.superuser, name="r", read_only=True))

    assert client.get("/api/v1/people/").json()["count"] == 2
    assert client.get("/metrics").status_code == 200


@pytest.mark.parametrize("path", [*LISTS, *DETAILS])
def test_a_token_that_only_reads_is_shown_no_secret(world: World, path: str) -> None:
    terminal = world.ours.terminal
    terminal_address_replace(terminal=terminal, overlap=timedelta(hours=1))
    terminal_address_replace(terminal=terminal, overlap=timedelta(hours=1))
    _json_command(world)
    secrets = [token.token.encode() for token in SiteToken.objects.all()]
    there = path.replace("{id}", str(row_of(world.ours, path).pk)) if "{id}" in path else path
    read_only = bearer(api_token_create(user=world.superuser, name="r", read_only=True))

    answer = read_only.get(there)

    assert not [secret for secret in [*secrets, b"s3cret"] if secret in answer.content]


def test_a_token_that_writes_reads_both_addresses_and_what_was_sent(world: World) -> None:
    own = terminal_address_replace(terminal=world.ours.terminal, overlap=timedelta()).token
    site = SiteToken.objects.get(site=world.ours.site, terminal=None).token
    command = _json_command(world)
    client = bearer(api_token_create(user=world.superuser, name="w"))

    site_url = client.get(f"/api/v1/sites/{world.ours.site.pk}/").json()["base_url"]
    own_url = client.get(f"/api/v1/devices/{world.ours.terminal.pk}/").json()["base_url"]
    sent = client.get(f"/api/v1/commands/{command.pk}/").json()["json"]

    assert (site_url[-len(site) :], own_url[-len(own) :]) == (site, own)
    assert sent["sent"] == {"password": "s3cret"}


def _json_command(world: World) -> TerminalCommand:
    """Let a JSON command that holds a password be the one command of our terminal."""
    command = row_of(world.ours, "/api/v1/commands/{id}/")
    command.kind, command.json_sent = "json", json.dumps({"password": "s3cret"})
    command.save()
    return command


def test_a_token_ends_by_itself(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    now = timezone.now()
    token = api_token_create(user=world.manager, name="t", expires_at=now + timedelta(days=1))
    assert api_token_user(token) == world.manager
    later = now + timedelta(days=1)
    monkeypatch.setattr(timezone, "now", lambda: later)

    assert api_token_user(token) is None
    assert bearer(token).get("/api/v1/people/").status_code == 401


def test_its_last_use_is_noted_by_the_worker_now_and_then(
    world: World, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    """A request that reads writes nothing, however often it comes."""
    token = api_token_create(user=world.manager, name="t")
    with django_capture_on_commit_callbacks() as first:
        api_token_user(token)
    with django_capture_on_commit_callbacks() as again:
        api_token_user(token)
    assert (len(first), len(again)) == (1, 0)
    row = ApiToken.objects.get()
    assert row.last_used_at is None

    now = timezone.now()
    api_token_used(token_id=row.pk, at=now.isoformat())
    api_token_used(token_id=row.pk, at=(now - timedelta(hours=1)).isoformat())

    assert ApiToken.objects.get().last_used_at == now
    process_state_forget()
    with django_capture_on_commit_callbacks() as known:
        api_token_user(token)
    later = now + timedelta(minutes=11)
    monkeypatch.setattr(timezone, "now", lambda: later)
    with django_capture_on_commit_callbacks() as due:
        api_token_user(token)
    assert (len(known), len(due)) == (0, 1)


def test_wrong_tokens_wait_and_right_ones_never_do(world: World) -> None:
    """Others are behind the same address, and nobody guesses 256 bits."""
    ended = api_token_create(user=world.manager, name="ended")
    api_token_revoke(token=ApiToken.objects.get(name="ended"))
    right = api_token_create(user=world.manager, name="right")

    statuses = [bearer(ended).get("/api/v1/people/").status_code for _ in range(7)]
    told = bearer("wrong").get("/api/v1/people/")

    assert statuses == [401] * 5 + [429] * 2
    assert (told.status_code, told.json()["error"]) == (429, "throttled")
    assert 0 < int(told["Retry-After"]) <= 61
    assert bearer(right).get("/api/v1/people/").status_code == 200
    assert client_of(world.manager).get("/api/v1/people/").status_code == 200
    signed_in = Client().post(
        reverse("console:sign-in"), {"username": "manager", "password": "manager-pass"}
    )
    assert signed_in.status_code == 302


def test_a_token_is_made_on_a_page_and_shown_once(world: World) -> None:
    root = client_of(world.superuser)
    given = {"name": "gate", "user": world.manager.pk, "sites": [world.ours.site.pk]}

    answer = root.post(ADD, {**given, "read_only": "on", "expires_at_0": "", "expires_at_1": ""})

    row = ApiToken.objects.get()
    key = answer.context["key"]
    assert key in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert (row.user, row.read_only, row.all_sites) == (world.manager, True, False)
    assert list(row.sites.all()) == [world.ours.site]
    assert api_token_user(key) == world.manager
    for address in (
        reverse("admin:devices_apitoken_changelist"),
        reverse("admin:devices_apitoken_change", args=[row.pk]),
        reverse("admin:devices_apitoken_history", args=[row.pk]),
    ):
        page = root.get(address)
        assert page.status_code == 200
        assert key not in page.content.decode()
    assert key not in str(root.session.items())


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"all_sites": "on", "sites": "1"},
        {"all_sites": "on", "expires_at_0": "2001-01-01", "expires_at_1": "00:00"},
    ],
)
def test_a_token_of_nothing_or_of_the_past_is_not_made(world: World, wrong: dict[str, str]) -> None:
    given = {"name": "gate", "user": world.manager.pk, **wrong}
    if "sites" in wrong:
        given["sites"] = world.ours.site.pk

    answer = client_of(world.superuser).post(ADD, given)

    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode()
    assert not ApiToken.objects.exists()


def test_members_make_no_tokens(world: World) -> None:
    for user in (world.manager, world.guard):
        assert client_of(user).get(ADD).status_code == 403


def test_the_command_limits_as_the_page_does(world: World) -> None:
    out = StringIO()
    arguments = ["--site", "alpha", "--days", "7", "--read-only", "--label", "backup"]

    call_command("api_token", "root", *arguments, stdout=out)

    row = ApiToken.objects.get()
    assert len(out.getvalue().split()) == 1
    assert api_token_user(out.getvalue().strip()) == world.superuser
    assert (row.name, row.read_only, list(row.sites.all())) == ("backup", True, [world.ours.site])
    assert row.expires_at is not None
    assert row.expires_at - timezone.now() > timedelta(days=6)
    for wrong in (["--site", "nowhere"], ["--days", "0"]):
        with pytest.raises(CommandError):
            call_command("api_token", "root", *wrong, stdout=out)


def test_rest_never_asks_for_superusers_themselves() -> None:
    """``is_administrator`` knows what a token is limited to; ``is_superuser`` does not."""
    assert lines_with(r"\.is_superuser\b", where="/api/") == {}
    assert Site.objects.count() == 0
