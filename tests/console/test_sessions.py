"""Sessions: what the database holds of them, and how long they open what."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from console.models import BrowserSession
from console.session_store import SessionStore, session_digest
from console.sessions import session_goes_on, session_opens, session_user
from console.sign_outs import sessions_sweep, sign_out_everywhere
from devices.models import AuditEntry
from tests.support.two_sites import World, client_of

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

LIVE = reverse("console:live")
STATE = reverse("console:live-state")
ADMIN = reverse("admin:index")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Calendar:
    """The clock by which sessions end."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = timezone.now()
        monkeypatch.setattr(timezone, "now", lambda: self.now)

    def forward(self, span: timedelta) -> None:
        """Let time pass."""
        self.now += span


@pytest.fixture
def calendar(monkeypatch: pytest.MonkeyPatch) -> Iterator[Calendar]:
    """Return a clock that is moved by hand."""
    return Calendar(monkeypatch)  # type: ignore[return-value]


def key_of(client: Client) -> str:
    return str(client.cookies[settings.SESSION_COOKIE_NAME].value)


def opens(client: Client, address: str) -> bool:
    return client.get(address).status_code == 200


def test_what_is_stored_signs_nobody_in(world: World) -> None:
    """Whoever copied the database used to copy cookies."""
    client = client_of(world.superuser)
    key = key_of(client)
    row = BrowserSession.objects.get()

    assert row.user == world.superuser
    for stored in (row.digest, row.digest[:32], row.data):
        assert key not in stored
        thief = Client()
        thief.cookies[settings.SESSION_COOKIE_NAME] = stored
        assert not opens(thief, LIVE)
        assert not opens(thief, ADMIN)
    assert opens(client, ADMIN)


def test_another_secret_key_ends_every_session(world: World, settings: object) -> None:
    client = client_of(world.superuser)
    settings.SECRET_KEY = "another"  # type: ignore[attr-defined]

    assert not opens(client, ADMIN)


def test_a_session_without_use_ends(world: World, calendar: Calendar) -> None:
    client = client_of(world.manager)

    calendar.forward(11 * HOUR)
    assert opens(client, ADMIN)
    calendar.forward(11 * HOUR)
    assert opens(client, ADMIN)
    calendar.forward(12 * HOUR)

    assert not opens(client, ADMIN)
    assert not opens(client, LIVE)


@pytest.mark.slow
def test_a_session_ends_however_much_it_is_used(world: World, calendar: Calendar) -> None:
    client = client_of(world.manager)

    for _ in range(14 * 3 - 1):
        calendar.forward(8 * HOUR)
        assert opens(client, ADMIN)
    calendar.forward(8 * HOUR)

    assert not opens(client, ADMIN)


def test_what_the_live_page_asks_by_itself_is_no_use(world: World, calendar: Calendar) -> None:
    client = client_of(world.manager)

    for _ in range(11):
        calendar.forward(HOUR)
        assert opens(client, STATE)
    calendar.forward(HOUR)

    assert not opens(client, STATE)


def test_an_open_live_page_stays_and_opens_nothing_else(world: World, calendar: Calendar) -> None:
    """A wall ended on day 14; a session that lasts for ever must not open the admin either."""
    client = client_of(world.manager)
    key = key_of(client)
    assert session_opens(key) is not None

    for _ in range(60):
        calendar.forward(6 * HOUR)
        assert session_goes_on(key)
    acknowledge = reverse("console:alert-acknowledge", args=[world.ours.alert.pk])
    picture = reverse("console:photo", args=[world.ours.photo.pk])

    assert calendar.now - BrowserSession.objects.get().started_at == 15 * DAY
    assert opens(client, STATE)
    assert opens(client, LIVE)
    assert opens(client, picture)
    assert client.post(acknowledge, HTTP_ACCEPT="application/json").status_code == 200
    assert session_user(key) == world.manager
    for address in (ADMIN, "/api/v1/people/", reverse("console:sessions")):
        elsewhere = Client()
        elsewhere.cookies[settings.SESSION_COOKIE_NAME] = key
        assert not opens(elsewhere, address), address
    calendar.forward(12 * HOUR)
    assert not session_goes_on(key)
    assert not opens(client, LIVE)


def test_pressing_a_button_on_a_wall_does_not_bring_back_the_admin(
    world: World, calendar: Calendar
) -> None:
    client = client_of(world.manager)
    key = key_of(client)
    session_opens(key)
    calendar.forward(11 * HOUR)
    session_goes_on(key)
    calendar.forward(2 * HOUR)

    assert opens(client, LIVE)

    assert not opens(client, ADMIN)


def test_logging_out_of_a_wall_ends_it(world: World, calendar: Calendar) -> None:
    client = client_of(world.manager)
    key = key_of(client)
    session_opens(key)
    calendar.forward(11 * HOUR)
    session_goes_on(key)
    calendar.forward(2 * HOUR)

    client.post(reverse("console:sign-out"))

    assert session_opens(key) is None
    assert not BrowserSession.objects.exists()


def test_signing_out_everywhere(world: World) -> None:
    here, there, other = map(client_of, (world.manager, world.manager, world.guard))
    page = here.get(reverse("console:sessions")).content.decode()
    assert page.count("<li>") == 2
    assert page.count("this browser") == 1

    told = here.post(reverse("console:sessions-end"), follow=True).content.decode()

    assert "You were signed out in 2 browsers." in told
    assert [opens(one, LIVE) for one in (here, there, other)] == [False, False, True]


def test_a_superuser_signs_a_user_out_everywhere(world: World) -> None:
    clients = [client_of(world.manager), client_of(world.manager)]
    root = client_of(world.superuser)
    listing = reverse("admin:console_browsersession_changelist")
    digest = session_digest(key_of(clients[0]))

    for member in (client_of(world.guard), client_of(world.manager)):
        assert member.get(listing).status_code == 403
    root.post(listing, {"action": "sign_out_users", "_selected_action": [digest]})

    assert [opens(one, LIVE) for one in clients] == [False, False]
    assert opens(root, listing)


def test_sessions_that_are_over_are_forgotten(world: World, calendar: Calendar) -> None:
    watched, idle = client_of(world.manager), client_of(world.guard)
    session_opens(key_of(watched))
    calendar.forward(11 * HOUR)
    session_goes_on(key_of(watched))
    calendar.forward(HOUR)

    assert sessions_sweep() == 1

    assert BrowserSession.objects.get().user == world.manager
    assert not opens(idle, LIVE)
    SessionStore.clear_expired()
    assert BrowserSession.objects.count() == 1


def test_a_session_takes_one_statement_to_read(
    world: World, django_assert_num_queries: object
) -> None:
    key = key_of(client_of(world.manager))
    store = SessionStore(key)

    with django_assert_num_queries(1):  # type: ignore[operator]
        store.load()


def test_ending_sessions_is_written_down_with_whose_they_were(world: World) -> None:
    for _ in range(2):
        client_of(world.guard)
    AuditEntry.objects.all().delete()
    rows = BrowserSession.objects.filter(user=world.guard).values_list("pk", flat=True)

    client_of(world.superuser).post(
        reverse("admin:console_browsersession_changelist"),
        {"action": "sign_out_users", "_selected_action": list(rows)},
    )

    assert not BrowserSession.objects.filter(user=world.guard).exists()
    entry = AuditEntry.objects.get(kind="sign_in")
    assert (entry.action, entry.name, entry.actor) == (
        "deleted", "guard", world.superuser.username,
    )  # fmt: skip
    assert sign_out_everywhere(world.guard.pk) == 0
    assert AuditEntry.objects.filter(kind="sign_in").count() == 1


def test_a_user_who_is_gone_has_no_sessions(world: World) -> None:
    client_of(world.guard)

    User.objects.filter(pk=world.guard.pk).delete()

    assert sign_out_everywhere(world.guard.pk) == 0
    assert not BrowserSession.objects.exists()


def test_moments_are_those_of_the_row(world: World) -> None:
    """The rule itself, at its edges."""
    start = datetime(2026, 1, 1, tzinfo=timezone.get_default_timezone())
    row = BrowserSession(started_at=start, used_at=start)

    assert row.is_full(start + 12 * HOUR - timedelta(seconds=1))
    assert not row.is_full(start + 12 * HOUR)
    assert not row.is_watched(start)
