"""Signing in: for whom, from where, who has to wait, and what is kept of failures."""

import logging
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from axes.models import AccessAttempt, AccessFailureLog
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from devices.models import AuditEntry
from server_common import sign_in_guard
from server_common.sign_in_guard import guard_trim, wait_s
from tests.support.two_sites import World, client_of

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

SIGN_IN = reverse("console:sign-in")
ADMIN = reverse("admin:login")
LOCKS = reverse("admin:console_signinlock_changelist")
FAILURES = reverse("admin:console_failedsignin_changelist")


def attempt(
    name: str, password: str, *, address: str = "10.0.0.1", page: str = SIGN_IN, **more: str
) -> int:
    """Type a name and a password into a fresh browser; returns the status."""
    answer = Client(REMOTE_ADDR=address, **more).post(
        page, {"username": name, "password": password}
    )
    return answer.status_code


@pytest.fixture(params=[SIGN_IN, ADMIN], ids=["live page", "admin"])
def page(request: pytest.FixtureRequest) -> str:
    """Return each page on which people sign in."""
    return str(request.param)


def test_a_member_who_is_no_staff_gets_to_the_live_page(world: World) -> None:
    world.guard.is_staff = False
    world.guard.save()
    client = Client()
    first = client.get(reverse("console:live"))

    answer = client.post(first["Location"], {"username": "guard", "password": "guard-pass"})

    assert answer["Location"] == reverse("console:live")
    wall = client.get(answer["Location"])
    assert wall.status_code == 200
    assert "Alpha" in wall.content.decode()
    assert reverse("admin:index") not in wall.content.decode()


def test_nobody_is_sent_elsewhere_after_signing_in(world: World) -> None:
    client = Client()

    answer = client.post(
        f"{SIGN_IN}?next=https://evil.example/", {"username": "guard", "password": "guard-pass"}
    )

    assert answer["Location"] == reverse("console:live")


def test_too_many_failures_make_the_account_wait_at_that_address_only(
    world: World, page: str
) -> None:
    for _ in range(4):
        assert attempt("manager", "wrong", page=page) == 200
    locked = Client(REMOTE_ADDR="10.0.0.1").post(page, {"username": "manager", "password": "wrong"})

    assert locked.status_code == 429
    assert 0 < int(locked["Retry-After"]) <= 60
    assert "60 s." in locked.content.decode()
    assert attempt("manager", "manager-pass", page=page) == 429
    # Nobody can lock somebody else out, nor the house behind one address.
    assert attempt("manager", "manager-pass", address="10.0.0.2", page=page) == 302
    assert attempt("guard", "guard-pass", page=page) == 302


def test_waits_grow_and_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now)
    for _ in range(5):
        attempt("manager", "wrong")

    now += timedelta(seconds=59)
    assert attempt("manager", "manager-pass") == 429
    now += timedelta(seconds=2)
    assert attempt("manager", "wrong") == 429
    now += timedelta(seconds=61)
    assert attempt("manager", "manager-pass") == 429
    now += timedelta(seconds=60)
    assert attempt("manager", "manager-pass") == 302
    # All is forgotten with the first success.
    assert not AccessAttempt.objects.exists()
    assert attempt("manager", "wrong") == 200
    assert [wait_s(failures) for failures in (4, 5, 6, 10, 11, 10**6)] == [
        0, 60, 120, 1920, 3600, 3600,
    ]  # fmt: skip


def test_names_that_do_not_exist_wait_as_those_that_do(world: World) -> None:
    """Else waiting would tell which accounts there are."""
    known = [attempt("manager", "wrong") for _ in range(6)]
    unknown = [attempt("nobody-here", "wrong") for _ in range(6)]

    assert known == unknown
    assert attempt("somebody-else", "wrong") == 200


@pytest.mark.parametrize("name", ["x" * 151, "a\0b", "🙂", "' OR 1=1", ""])
def test_odd_names_are_refused_without_harm(world: World, name: str, page: str) -> None:
    assert attempt(name, "wrong", page=page) == 200


def test_the_address_is_that_of_the_caller(world: World, settings: object) -> None:
    """X-Forwarded-For is anybody's to write: guessing from ever new "addresses" got nowhere."""
    for number in range(5):
        status = attempt("manager", "wrong", HTTP_X_FORWARDED_FOR=f"10.9.9.{number}")
    assert status == 429
    assert {row.ip_address for row in AccessFailureLog.objects.all()} == {"10.0.0.1"}
    settings.TRUSTED_PROXIES = ["10.0.0.1"]  # type: ignore[attr-defined]

    assert attempt("manager", "manager-pass", HTTP_X_FORWARDED_FOR="10.9.9.1") == 302


def test_a_network_of_ipv6_is_one_place(world: World) -> None:
    """Every host of it has 2⁶⁴ addresses to guess from."""
    statuses = [attempt("manager", "wrong", address=f"2001:db8::{number}") for number in range(5)]

    assert statuses == [200] * 4 + [429]
    assert AccessFailureLog.objects.values("ip_address").distinct().count() == 5
    assert attempt("manager", "manager-pass", address="2001:db8:0:1::1") == 302
    assert attempt("manager", "manager-pass", address="::ffff:10.0.0.1") == 302


def test_failures_are_logged_and_kept_without_what_was_typed(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    attempt("manager", "a-secret-word")
    # The password in the field of the name: it happens every day.
    attempt("another-secret-word", "x")

    first, second = AccessFailureLog.objects.order_by("pk")

    assert (first.username, first.ip_address, first.path_info) == ("manager", "10.0.0.1", SIGN_IN)
    assert "sign_in_failed account=manager address=10.0.0.1" in caplog.text
    stored = repr([list(model.objects.values()) for model in (AccessAttempt, AccessFailureLog)])
    assert "secret-word" not in stored + caplog.text
    page = client_of(world.superuser).get(FAILURES).content.decode()
    assert "unknown name" in page
    assert second.username not in page


def test_what_is_kept_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in_guard, "KEPT_MOST", 3)
    for number in range(6):
        attempt(f"name-{number}", "x")

    guard_trim()

    assert AccessAttempt.objects.count() == AccessFailureLog.objects.count() == 3
    old = timezone.now() - timedelta(days=91)
    AccessFailureLog.objects.update(attempt_time=old)
    AccessAttempt.objects.update(attempt_time=old)
    guard_trim()
    assert not AccessAttempt.objects.exists()
    assert not AccessFailureLog.objects.exists()


def test_a_superuser_unlocks_on_a_page(world: World) -> None:
    for _ in range(5):
        attempt("manager", "wrong")
    root = client_of(world.superuser)
    assert "Has to wait" in root.get(LOCKS).content.decode()
    assert client_of(world.manager).get(LOCKS).status_code == 403

    row = AccessAttempt.objects.get()
    root.post(LOCKS, {"action": "unlock", "_selected_action": [row.pk]})

    assert attempt("manager", "manager-pass") == 302
    entry = AuditEntry.objects.get(kind="sign_in")
    assert (entry.actor, entry.way, entry.name) == (world.superuser.username, "page", "manager")


@pytest.mark.parametrize(
    ("address", "shown", "searched"),
    [
        ("127.0.0.1", "127.0.0.1", ["127.0.0.1", "127.0", "manager"]),
        ("::1", "::/64", ["::1", " ::/64 ", "::"]),
        (
            "2001:db8:7::5",
            "2001:db8:7::/64",
            ["2001:db8:7::5", "2001:DB8:7::9", "db8:7"],
        ),
    ],
)
def test_a_lock_is_found_by_the_address_it_came_from(
    world: World, address: str, shown: str, searched: list[str]
) -> None:
    """Of IPv6 the page said "::" of ::1, which the search for ::1 did not find."""
    for place in (address, "10.0.0.9", "2001:db8:8::1"):
        for _ in range(5):
            attempt("manager" if place == address else "guard", "wrong", address=place)
    root = client_of(world.superuser)

    for word in searched:
        page: Any = root.get(LOCKS, {"q": word})
        found = page.context["cl"].result_list
        assert [row.username for row in found] == ["manager"], word
        assert f">{shown}<" in page.content.decode()


def test_the_last_administrator_is_unlocked_by_a_command(world: World) -> None:
    for _ in range(5):
        attempt("root", "wrong")
    assert attempt("root", "root-pass") == 429
    out = StringIO()

    call_command("unlock", "root", stdout=out)

    assert out.getvalue() == "unlocked root at 1 address\n"
    entry = AuditEntry.objects.get(kind="sign_in")
    assert (entry.actor, entry.name) == ("manage.py unlock", "root")
    assert attempt("root", "root-pass") == 302
    with pytest.raises(CommandError, match="no user nobody"):
        call_command("unlock", "nobody")


def test_pages_about_waiting_are_in_both_languages(world: World) -> None:
    for _ in range(5):
        attempt("manager", "wrong")
    client = Client(REMOTE_ADDR="10.0.0.1", HTTP_ACCEPT_LANGUAGE="zh-hans")

    form = client.get(SIGN_IN).content.decode()
    locked = client.post(SIGN_IN, {"username": "manager", "password": "x"}).content.decode()

    assert "登录" in form
    assert "60 秒" in locked
    for english in ("Sign in", "Please", "failed", "User name", "Password"):
        assert english not in form + locked


def test_programs_are_told_in_json(world: World) -> None:
    for _ in range(5):
        attempt("manager", "wrong")

    answer = Client(REMOTE_ADDR="10.0.0.1").post(
        SIGN_IN, {"username": "manager", "password": "x"}, HTTP_ACCEPT="application/json"
    )

    assert (answer.status_code, answer.json()["error"]) == (429, "throttled")


def change(client: Client, old: str, new: str = "one-more-Word-7") -> int:
    """Try to change a password with what is thought to be the old one; returns the status."""
    typed = {"old_password": old, "new_password1": new, "new_password2": new}
    return client.post(reverse("admin:password_change"), typed).status_code


class TestOldPassword:
    """Who finds an open browser knows no password; they guess as slowly as at a sign-in."""

    def test_wrong_ones_count_as_failed_sign_ins(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        client = client_of(world.manager)

        statuses = [change(client, f"guess-{number}") for number in range(6)]

        assert statuses == [200] * 4 + [429] * 2
        assert change(client, "manager-pass") == 429
        assert attempt("manager", "manager-pass", address="127.0.0.1") == 429
        assert attempt("manager", "manager-pass") == 302
        failures = AccessFailureLog.objects.filter(path_info=reverse("admin:password_change"))
        assert [row.username for row in failures] == ["manager"] * 5
        assert "sign_in_failed account=manager address=127.0.0.1" in caplog.text
        assert "guess-" not in caplog.text

    def test_failed_sign_ins_count_for_it(self, world: World) -> None:
        client = client_of(world.manager)
        for _ in range(5):
            attempt("manager", "wrong", address="127.0.0.1")

        assert change(client, "manager-pass") == 429
        world.manager.refresh_from_db()
        assert world.manager.check_password("manager-pass")

    def test_the_right_one_is_changed_and_failures_are_forgotten(self, world: World) -> None:
        client = client_of(world.manager)
        assert change(client, "wrong") == 200

        assert change(client, "manager-pass") == 302

        assert not AccessAttempt.objects.exists()
        assert attempt("manager", "one-more-Word-7") == 302

    def test_a_new_one_that_is_too_simple_is_no_failure(self, world: World) -> None:
        client = client_of(world.manager)

        assert [change(client, "manager-pass", "123") for _ in range(6)] == [200] * 6
        assert not AccessFailureLog.objects.exists()
