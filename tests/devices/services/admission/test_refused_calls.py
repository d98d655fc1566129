"""A refused call can be seen by those who can put it right, and by nobody else."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from devices.address_guesses import AddressGuesses, SiteAddress, likeness
from devices.choices import RefusedReason
from devices.models import Site, Terminal
from devices.services import RefusedShown, refused_calls, refused_note, site_token_rotate
from devices.services.admission.refused_store import (
    KEPT_PER_CALLER,
    KEPT_WITHOUT_SITE,
    path_shown,
    refused_last,
)
from server_common.process_state import process_state_forget
from tests.support.factories import make_site, make_user
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

TOKEN = "abcdEFGH1234ijklMNOP56"


@pytest.fixture(
    autouse=True,
    params=[False, pytest.param(True, marks=pytest.mark.redis)],
    ids=["memory", "redis"],
)
def _store(request: pytest.FixtureRequest, settings: Any) -> None:
    """Keep what was refused in this process, or in Redis."""
    if not request.param:
        settings.REDIS_URL = ""
    process_state_forget()


def administrator() -> User:
    return make_user(is_superuser=True, is_staff=True)


def seen(user: User) -> list[tuple[str, int | None, str | None]]:
    """Return (reason, site, likeness) of what a user is shown."""
    return [(one.call.reason, one.site_id, one.guess) for one in refused_calls(user)]


def only(user: User) -> RefusedShown:
    (shown,) = refused_calls(user)
    return shown


@pytest.mark.parametrize(
    ("given", "word"),
    [
        (TOKEN, "same"),
        (TOKEN.replace("1", "l"), "one_off"),
        ("x" + TOKEN[1:], "one_off"),
        (TOKEN[:-1] + "7", "one_off"),
        (TOKEN[:9] + TOKEN[10:], "one_off"),
        (TOKEN[:9] + "z" + TOKEN[9:], "one_off"),
        (TOKEN[:9] + TOKEN[10] + TOKEN[9] + TOKEN[11:], "one_off"),
        (TOKEN.lower(), "capitals"),
        (TOKEN[:12], "cut"),
        (TOKEN + "index", "longer"),
        (f" {TOKEN} ", "longer"),
        (TOKEN[:3], None),
        (TOKEN[::-1], None),
        ("xy" + TOKEN[2:], None),
        ("", None),
    ],
)
def test_what_was_meant_is_guessed(given: str, word: str | None) -> None:
    guesses = AddressGuesses([SiteAddress(7, "North", TOKEN), SiteAddress(8, "South", TOKEN[::-1])])
    mine = guesses.guess(given) if given != TOKEN[::-1] else None

    assert likeness(given, TOKEN) == word
    assert (mine and (mine.site_id, mine.word)) == (word and (7, word))


def test_call_with_one_letter_wrong_tells_the_manager_what_was_meant(
    site: Site, token: str
) -> None:
    manager = make_user(site)
    wrong = ("x" if token[9] not in "xX" else "y").join([token[:9], token[10:]])

    assert WireClient(token=wrong, device_id="door-1").poll_refused() == "10005"

    shown = only(manager)
    assert (shown.call.reason, shown.guess, shown.site_id) == ("wrong_token", "one_off", site.pk)
    assert shown.call.path == f"/t/{token[:4]}***/syrecord/door-1"
    assert "looks like the address of site Garden with one letter wrong" in shown.advice


def test_managers_see_their_own_sites_calls_and_superusers_all(site: Site, token: str) -> None:
    other = make_site()
    theirs = other.tokens.get().token
    users = [make_user(site), make_user(other), make_user(site, role="guard"), administrator()]
    for path, reason, at in (
        (f"/t/{token[:-1]}/syface/1", RefusedReason.WRONG_TOKEN, None),
        (f"/t/{theirs}/syface/1", RefusedReason.FOREIGN_ADDRESS, other.pk),
        ("/t/guessing-in-the-dark/syface/1", RefusedReason.WRONG_TOKEN, None),
    ):
        refused_note(path=path, address="10.0.0.1", reason=reason, site_id=at)

    assert [len(refused_calls(user)) for user in users] == [1, 1, 0, 3]
    assert [one[1] for one in (*seen(users[0]), *seen(users[1]))] == [site.pk, other.pk]
    assert {one[1] for one in seen(users[3])} == {site.pk, other.pk, None}


def test_address_that_has_ended_is_said_to_have_ended(site: Site, token: str) -> None:
    site_token_rotate(site=site, overlap=timedelta())

    WireClient(token=token, device_id="1").poll_refused()

    assert only(make_user(site)).guess == "ended"


def test_each_refusal_has_its_reason_and_its_site(site: Site, terminal: Terminal) -> None:
    manager, token = make_user(site), site.tokens.get().token
    wire = WireClient(token=token, device_id=terminal.device_id)
    Terminal.objects.filter(pk=terminal.pk).update(status="disabled")
    wire.post("syheartbeat", {})
    Terminal.objects.filter(pk=terminal.pk).update(status="approved")
    Site.objects.update(allowed_networks=["10.99.0.0/16"])
    wire.poll_refused()
    Site.objects.update(allowed_networks=[])
    WireClient(token=token, device_id="x" * 33).poll_refused()
    wire.client.get(f"/t/{token}/syface/1")
    wire.client.get(f"/t/{token}/")

    assert {(one.call.reason, one.site_id) for one in refused_calls(manager)} == {
        (reason, site.pk)
        for reason in (
            "disabled",
            "foreign_address",
            "bad_device_id",
            "wrong_method",
            "no_such_path",
        )
    }
    assert all(token not in one.call.path for one in refused_calls(manager))
    assert all(one.advice and one.reason for one in refused_calls(manager))


def test_bare_call_on_a_platform_without_bare_sites_is_the_superusers(site: Site) -> None:
    Site.objects.update(allow_bare_path=False)

    WireClient(token=None, device_id="1").poll_refused()

    assert seen(make_user(site)) == []
    assert seen(administrator()) == [("no_token", None, None)]


def test_the_same_call_again_is_counted_on_its_row(site: Site) -> None:
    for _ in range(5):
        refused_note(
            path="/t/none-has-this/syface/1", address="10.0.0.1", reason=RefusedReason.WRONG_TOKEN
        )

    assert [call.count for call in refused_last([None])] == [5]


def test_one_caller_does_not_push_out_what_others_did(site: Site) -> None:
    refused_note(
        path="/t/installer-typed-this/syface/1",
        address="10.0.0.1",
        reason=RefusedReason.WRONG_TOKEN,
    )
    for number in range(KEPT_WITHOUT_SITE + 50):
        # Of IPv6 each host can take any address of its /64.
        refused_note(
            path=f"/t/guess-{number}/syface/1",
            address=f"2001:db8::{number:x}",
            reason=RefusedReason.WRONG_TOKEN,
        )

    found = refused_last([None])
    assert len(found) == 1 + KEPT_PER_CALLER
    assert "10.0.0.1" in {call.address for call in found}


def test_what_is_kept_has_an_end(site: Site) -> None:
    for number in range(KEPT_WITHOUT_SITE + 50):
        refused_note(
            path="/t/guessing/syface/1",
            address=f"10.1.{number // 250}.{number % 250}",
            reason=RefusedReason.WRONG_TOKEN,
        )

    found = refused_last([None])
    assert len(found) == KEPT_WITHOUT_SITE
    assert found[0].address == "10.1.1.99"


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (f"/t/{TOKEN}/syface/1", "/t/abcd***/syface/1"),
        (f"/t/{TOKEN}/t/{TOKEN}/syface/1", "/t/abcd***/t/abcd***/syface/1"),
        (f"/t/abcd/{TOKEN}/syface/1", "/t/abcd/abcd***/syface/1"),
        (f"/{TOKEN}/syface/1", "/abcd***/syface/1"),
        (f"/sy/{TOKEN}", "/sy/abcd***"),
        (f"/syrecord/{TOKEN}{TOKEN}", "/syrecord/abcd***"),
        ("/syface/84E0F421BF5A03FA", "/syface/84E0F421BF5A03FA"),
        ("/t/abc/syface/1", "/t/abc/syface/1"),
        ("/syface/11010519491231002X", "/syface/***"),
        ("/t/\x00\ud800/syface/\u202e", "/t/\ufffd\ufffd/syface/\ufffd"),
    ],
)
def test_paths_are_shown_without_secrets(path: str, shown: str) -> None:
    assert path_shown(path) == shown


def test_only_the_last_day_is_hinted_at(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    manager, long_ago = make_user(site), timezone.now() - timedelta(days=2)
    for moment in (long_ago, timezone.now()):
        with monkeypatch.context() as then:
            then.setattr("time.time", moment.timestamp)
            refused_note(
                path="/t/x/syface/1",
                address=f"10.0.0.{moment.day}",
                reason=RefusedReason.DISABLED,
                site_id=site.pk,
            )

    assert (len(refused_calls(manager)), len(refused_calls(manager, lately=True))) == (2, 1)
