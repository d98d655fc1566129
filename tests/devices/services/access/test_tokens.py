"""Secrets of sites and programs: shown once, never stored as they are."""

import io
import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from devices.models import ApiToken, Site
from devices.selectors import site_base_url
from devices.services import (
    Admission,
    admit,
    api_token_create,
    api_token_revoke,
    api_token_user,
    site_change,
    site_create,
    site_token_rotate,
)

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def whole_table(name: str) -> str:
    """Return everything a table holds, as text."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {connection.ops.quote_name(name)}")
        return repr(cursor.fetchall())


def test_of_an_api_token_only_the_digest_is_stored(admin_user: User) -> None:
    token = api_token_create(user=admin_user, name="script")

    assert api_token_user(token) == admin_user
    assert token not in whole_table("devices_apitoken")
    assert re.fullmatch(r"[0-9a-f]{64}", ApiToken.objects.get().digest)


@pytest.mark.parametrize("wrong", ["", "x", "é" * 40, "\x00", "A" * 10_000])
def test_any_other_token_is_nobodys(admin_user: User, wrong: str) -> None:
    token = api_token_create(user=admin_user, name="script")

    assert api_token_user(wrong) is None
    assert api_token_user(token + "x") is None
    assert api_token_user(token[:-1]) is None


def test_a_revoked_token_is_nobodys_and_stays_revoked(admin_user: User) -> None:
    token = api_token_create(user=admin_user, name="script")
    other = api_token_create(user=admin_user, name="other")
    row = ApiToken.objects.get(name="script")

    assert api_token_revoke(token=row) is True
    revoked_at = ApiToken.objects.get(name="script").revoked_at
    assert api_token_revoke(token=row) is False

    assert api_token_user(token) is None
    assert api_token_user(other) == admin_user
    assert ApiToken.objects.get(name="script").revoked_at == revoked_at


def test_the_token_of_somebody_who_left_is_nobodys(admin_user: User) -> None:
    token = api_token_create(user=admin_user, name="script")
    User.objects.update(is_active=False)

    assert api_token_user(token) is None


def test_a_token_outlives_the_rotation_of_the_field_key(
    admin_user: User, settings: pytest.FixtureRequest
) -> None:
    settings.FIELD_KEYS = ["old"]  # type: ignore[attr-defined]
    token = api_token_create(user=admin_user, name="script")

    settings.FIELD_KEYS = ["new", "old"]  # type: ignore[attr-defined]
    assert api_token_user(token) == admin_user

    settings.FIELD_KEYS = ["new"]  # type: ignore[attr-defined]
    assert api_token_user(token) is None


def test_a_sites_secret_is_sealed_and_can_be_shown_again(site: Site, token: str) -> None:
    assert token not in whole_table("devices_sitetoken")
    assert len(token) >= 22
    assert site_base_url(site, root="http://door.example/") == f"http://door.example/t/{token}"


@pytest.mark.parametrize(("overlap", "ends_after"), [(0, 0), (1, 1), (48, 24)])
def test_a_shorter_overlap_ends_older_secrets_too(
    site: Site, token: str, overlap: int, ends_after: int
) -> None:
    site_token_rotate(site=site, overlap=timedelta(hours=24))
    before = timezone.now()

    site_token_rotate(site=site, overlap=timedelta(hours=overlap))

    oldest = site.tokens.order_by("pk")[0]
    assert oldest.ends_at is not None
    until = before + timedelta(hours=ends_after)
    assert abs(oldest.ends_at - until) < timedelta(minutes=1)
    is_served = isinstance(admit(token=token, device_id="7", address=""), Admission)
    assert is_served == (overlap > 0)


def test_a_rotated_secret_overlaps_and_ends(site: Site, token: str) -> None:
    before = timezone.now()

    newer = site_token_rotate(site=site, overlap=timedelta(days=7))

    old = site.tokens.get(ends_at__isnull=False)
    assert old.token == token
    assert old.ends_at is not None
    assert timedelta(0) <= old.ends_at - before - timedelta(days=7) < timedelta(minutes=1)
    assert site_base_url(Site.objects.get(), root="x").endswith(newer.token)
    assert newer.token != token


@pytest.mark.parametrize(
    ("names", "codes"),
    [
        (["Gate", "Gate!", "gate"], ["gate", "gate-2", "gate-3"]),
        (["花园", "学校"], ["site", "site-2"]),
        (["--"], ["site"]),
        (["x" * 100], ["x" * 32]),
    ],
)
def test_a_site_without_a_code_gets_a_free_one(names: list[str], codes: list[str]) -> None:
    assert [site_create(name=name).code for name in names] == codes


@pytest.mark.parametrize(
    "wrong",
    [
        {"code": "with blank"},
        {"name": ""},
        {"timezone": "Mars/Olympus"},
        {"allowed_networks": ["10.0.0.0/99"]},
        {"allowed_networks": "10.0.0.0/8"},
        {"verification": "maybe"},
        {"temperature_limit_c": "50"},
        {"offline_after_s": 1},
    ],
)
def test_a_site_with_an_unacceptable_value_is_not_made_or_changed(
    site: Site, wrong: dict[str, object]
) -> None:
    with pytest.raises(ValidationError):
        site_create(**{"code": "new", "name": "New", **wrong})
    with pytest.raises(ValidationError):
        site_change(site=site, **wrong)

    assert list(Site.objects.values_list("code", "name")) == [("garden", "Garden")]


def printed(*arguments: str) -> str:
    """Return what the command wrote on standard output."""
    out = io.StringIO()
    call_command("api_token", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_prints_a_token_and_nothing_else(admin_user: User) -> None:
    told = printed("admin")

    assert re.fullmatch(r"[A-Za-z0-9_\-]{43}\n", told)
    assert api_token_user(told.strip()) == admin_user


def test_the_command_makes_no_user_unless_told() -> None:
    with pytest.raises(CommandError, match="create-superuser"):
        printed("checker")
    assert User.objects.count() == 0

    told = printed("checker", "--create-superuser")

    user = User.objects.get()
    assert api_token_user(told.strip()) == user
    assert user.is_superuser
    assert not user.has_usable_password()
