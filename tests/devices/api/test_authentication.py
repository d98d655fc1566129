"""``Authorization: Token …``: whose key opens the REST interface, and which keys do not."""

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from devices.models import ApiToken
from devices.services import api_token_create, api_token_revoke
from tests.support.two_sites import World

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def answer_to(authorization: str | bytes) -> tuple[int, str]:
    """Return status and error of a request with this header."""
    response = APIClient().get("/api/v1/sites/", HTTP_AUTHORIZATION=authorization)
    return response.status_code, response.json().get("error", "")


@pytest.mark.parametrize("scheme", ["Token", "token", "TOKEN"])
def test_a_key_opens_however_the_scheme_is_written(world: World, scheme: str) -> None:
    key = api_token_create(user=world.manager, name="gate")

    assert answer_to(f"{scheme} {key}") == (200, "")


@pytest.mark.parametrize(
    ("authorization", "error"),
    [
        ("", "not_authenticated"),
        ("Bearer abc", "not_authenticated"),
        ("Token", "authentication_failed"),
        ("Token a b", "authentication_failed"),
        ("Token wrong", "authentication_failed"),
        ("Token " + "x" * 5000, "authentication_failed"),
        ("Token \x00", "authentication_failed"),
        ("Token \xff\xfe", "authentication_failed"),
    ],
)
def test_anything_else_is_told_to_authenticate(db: None, authorization: str, error: str) -> None:
    assert answer_to(authorization) == (401, error)


def test_a_refusal_names_the_scheme(db: None) -> None:
    assert APIClient().get("/api/v1/sites/")["WWW-Authenticate"] == "Token"


def test_an_ended_key_and_a_key_of_somebody_who_left_open_nothing(world: World) -> None:
    ended = api_token_create(user=world.manager, name="ended")
    api_token_revoke(token=ApiToken.objects.get(name="ended"))
    left = api_token_create(user=world.guard, name="left")
    User.objects.filter(pk=world.guard.pk).update(is_active=False)

    assert answer_to(f"Token {ended}")[0] == 401
    assert answer_to(f"Token {left}")[0] == 401


def test_a_key_is_kept_as_a_digest_only(world: World) -> None:
    key = api_token_create(user=world.manager, name="gate")

    stored = ApiToken.objects.filter(name="gate").values().get()

    assert key not in str(stored)


def test_somebody_without_a_site_reaches_nothing(outsider: APIClient) -> None:
    for path in ("sites", "libraries", "devices", "people", "deliveries", "records", "alerts"):
        response = outsider.get(f"/api/v1/{path}/")
        assert (response.status_code, response.json()["error"]) == (403, "permission_denied")
    assert outsider.get("/api/v1/index/").status_code == 403
    assert outsider.post("/api/v1/index/rebuild/").status_code == 403
    assert outsider.post("/api/v1/identify/").status_code == 403


def test_a_signed_in_browser_must_send_its_csrf_token(world: World) -> None:
    browser = APIClient(enforce_csrf_checks=True)
    browser.force_login(world.manager)

    assert browser.get("/api/v1/sites/").status_code == 200
    refused = browser.patch(f"/api/v1/sites/{world.ours.site.pk}/", {"name": "x"}, format="json")
    assert refused.status_code == 403


def test_the_command_wants_an_existing_user_or_the_word_to_make_one(db: None) -> None:
    with pytest.raises(CommandError):
        call_command("api_token", "nobody")
