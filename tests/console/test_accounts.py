"""Users who leave: what ends with them, and the last administrator, who stays."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from console.models import BrowserSession
from devices.models import ApiToken, AuditEntry
from devices.services import api_token_make
from tests.support.two_sites import World, client_of

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

LIST = reverse("admin:auth_user_changelist")
YES = {"post": "yes"}


def page(name: str, user: User) -> str:
    return reverse(f"admin:auth_user_{name}", args=[user.pk])


@pytest.fixture
def leaver(world: World) -> User:
    """Return a user who is signed in, has worked, and has given a program a key."""
    client_of(world.manager).get(reverse("console:live"))
    api_token_make(user=world.manager, name="gate counter")
    return world.manager


def ended(user: User) -> bool:
    rows = (User.objects.filter(pk=user.pk), ApiToken.objects.filter(name="gate counter"))
    sessions = BrowserSession.objects.exclude(user__username="root")
    return not any(one.exists() for one in (*rows, sessions))


@pytest.mark.parametrize("is_many", [False, True])
def test_sessions_and_tokens_end_with_their_user(
    world: World, leaver: User, *, is_many: bool
) -> None:
    """Pages that may only be looked at used to forbid it."""
    root = client_of(world.superuser)
    chosen = {"action": "delete_selected", "_selected_action": [leaver.pk]}

    asked = root.post(LIST, chosen) if is_many else root.get(page("delete", leaver))
    assert "gate counter" in asked.text
    assert not ended(leaver)
    root.post(LIST, {**chosen, **YES}) if is_many else root.post(page("delete", leaver), YES)

    assert ended(leaver)
    deleted = AuditEntry.objects.filter(action="deleted", actor="root")
    assert {"user", "api_token"} <= set(deleted.values_list("kind", flat=True))


def test_who_may_not_delete_selected_still_may_not(world: World, leaver: User) -> None:
    other = User.objects.create_user("other", is_staff=True)

    response = client_of(other).post(page("delete", leaver), YES)

    assert response.status_code == 403
    assert not ended(leaver)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("is_many", [False, True])
def test_the_last_administrator_stays(world: World, language: str, *, is_many: bool) -> None:
    User.objects.create_superuser("gone", is_active=False)
    root = client_of(world.superuser)
    root.cookies["django_language"] = language
    chosen = {"action": "delete_selected", "_selected_action": [world.superuser.pk], **YES}
    address = LIST if is_many else page("delete", world.superuser)

    response = root.post(address, chosen, follow=True)

    words = {"en": "This is the last administrator.", "zh-hans": "这是最后一位管理员"}
    assert words[language] in response.text
    assert User.objects.filter(pk=world.superuser.pk).exists()


def test_of_two_administrators_one_may_go(world: World) -> None:
    second = User.objects.create_superuser("second")

    client_of(second).post(page("delete", world.superuser), YES)

    assert not User.objects.filter(pk=world.superuser.pk).exists()


def changed(client: Client, user: User, **given: str) -> str:
    form = {
        "username": user.username,
        "date_joined_0": "2026-01-01",
        "date_joined_1": "00:00:00",
        **given,
    }
    return client.post(page("change", user), form).text


def test_the_last_administrator_stays_one(world: World) -> None:
    root = client_of(world.superuser)

    assert "This is the last administrator." in changed(root, world.superuser, is_active="on")
    assert "This is the last administrator." in changed(root, world.superuser, is_superuser="on")

    world.superuser.refresh_from_db()
    assert world.superuser.is_superuser
    assert world.superuser.is_active


def test_of_two_administrators_one_may_step_back(world: World) -> None:
    User.objects.create_superuser("second")

    changed(client_of(world.superuser), world.superuser, is_active="on", is_staff="on")

    world.superuser.refresh_from_db()
    assert not world.superuser.is_superuser
