"""The live socket, through the whole ASGI application."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from channels.layers import channel_layers, get_channel_layer
from django.contrib.auth.models import User
from django.db import connections
from django.utils import translation
from django.utils.translation import gettext

from console import consumers
from console.models import BrowserSession
from console.session_store import SessionStore
from console.sign_outs import sign_out_everywhere
from console.websocket_origins import is_own_origin
from devices.models import SiteMembership
from menjin.asgi import application
from records.live import alert_message, record_message
from records.services import alert_acknowledge
from server_common.async_bridge import in_database
from tests.support.sockets import Socket
from tests.support.two_sites import Side, World, client_of, side

pytestmark = pytest.mark.django_db(transaction=True)

QUIET_S = 0.3


@pytest_asyncio.fixture
async def people() -> AsyncIterator[World]:
    """Return both sites, made and forgotten in the thread in which coroutines use the database."""
    yield await in_database(_people)
    channel_layers.backends.clear()
    await in_database(connections.close_all)


def _people() -> World:
    ours, theirs = side("alpha", "Alpha"), side("bravo", "Bravo")
    manager = User.objects.create_user("manager", password="manager-pass")
    guard = User.objects.create_user("guard", password="guard-pass")
    SiteMembership.objects.create(user=manager, site=ours.site, role="manager")
    SiteMembership.objects.create(user=guard, site=ours.site, role="guard")
    superuser = User.objects.create_superuser("root", password="root-pass")
    return World(ours, theirs, manager, guard, superuser)


def socket(cookie: str = "", *, query: str = "", origin: str = "http://testserver") -> Socket:
    headers = [(b"origin", origin.encode()), (b"host", b"testserver")]
    if cookie:
        headers.append((b"cookie", f"sessionid={cookie}".encode()))
    return Socket(application, "/ws/live/", query, headers)


async def session_of(user: User) -> str:
    client = await in_database(client_of, user)
    return str(client.cookies["sessionid"].value)


async def opened(user: User, *, query: str = "") -> Socket:
    communicator = socket(await session_of(user), query=query)
    connected = await communicator.connect()
    assert connected
    assert await communicator.receive_json() == {"type": "hello"}
    return communicator


async def tell(where: Side) -> None:
    layer = get_channel_layer()
    record = {"type": "live.record", **await in_database(record_message, where.record)}
    await layer.group_send(f"live.{where.site.pk}", record)


async def test_anonymous_is_refused(people: World) -> None:
    communicator = socket()

    connected = await communicator.connect()

    assert not connected


async def test_invented_session_is_refused(people: World) -> None:
    communicator = socket("a" * 32)

    connected = await communicator.connect()

    assert not connected


async def test_member_gets_what_their_site_announces_as_a_finished_card(people: World) -> None:
    communicator = await opened(people.manager)

    await tell(people.ours)

    message = await communicator.receive_json()
    card = message["record"]
    assert message["type"] == "record"
    assert (card["name"], card["verdict"], card["tone"]) == ("Alpha person", "Kept closed", "bad")
    assert card["picture"] == f"/console/records/{people.ours.record.pk}/picture.jpg"
    await communicator.disconnect()


async def test_member_never_gets_what_another_site_announces(people: World) -> None:
    communicator = await opened(people.manager)

    await tell(people.theirs)

    assert await communicator.receive_nothing(QUIET_S)
    await communicator.disconnect()


async def test_superuser_gets_both(people: World) -> None:
    communicator = await opened(people.superuser)

    await tell(people.ours)
    await tell(people.theirs)

    names = [(await communicator.receive_json())["record"]["name"] for _ in range(2)]
    assert names == ["Alpha person", "Bravo person"]
    await communicator.disconnect()


async def test_alert_carries_buttons_by_role(people: World) -> None:
    manager, guard = await opened(people.manager), await opened(people.guard)
    facts = await in_database(alert_message, people.ours.alert)
    layer = get_channel_layer()

    await layer.group_send(f"live.{people.ours.site.pk}", {"type": "live.alert", **facts})

    managers, guards = await manager.receive_json(), await guard.receive_json()
    assert managers["alert"]["clear"] != ""
    assert (guards["alert"]["clear"], guards["alert"]["acknowledge"] != "") == ("", True)
    await asyncio.gather(manager.disconnect(), guard.disconnect())


async def test_membership_that_ended_silences_an_open_socket(people: World) -> None:
    communicator = await opened(people.manager)
    await in_database(SiteMembership.objects.filter(user=people.manager).delete)

    await tell(people.ours)

    assert await communicator.receive_nothing(QUIET_S)
    await communicator.disconnect()


@pytest.mark.parametrize("ending", ["logout", "disabled", "password"])
async def test_session_that_ended_closes_the_socket(people: World, ending: str) -> None:
    cookie = await session_of(people.manager)
    communicator = socket(cookie)
    await communicator.connect()
    await communicator.receive_json()
    await in_database(_end, people.manager, cookie, ending)

    await tell(people.ours)

    closed = await communicator.receive_output()
    assert (closed["type"], closed["code"]) == ("websocket.close", 4401)


@pytest.mark.parametrize("way", ["everywhere", "log out"])
async def test_signing_out_closes_the_socket_at_once(people: World, way: str) -> None:
    """Nothing need be announced first: a wall without passes used to stay open."""
    cookie = await session_of(people.manager)
    communicator = socket(cookie)
    await communicator.connect()
    await communicator.receive_json()

    if way == "everywhere":
        await in_database(sign_out_everywhere, people.manager.pk)
    else:
        await in_database(SessionStore(cookie).delete)

    closed = await communicator.receive_output()
    assert (closed["type"], closed["code"]) == ("websocket.close", 4401)


async def test_an_open_socket_keeps_its_session_and_ends_with_it(
    people: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "STILL_OPEN_EVERY_S", 0.01)
    cookie = await session_of(people.manager)
    communicator = socket(cookie)
    await communicator.connect()
    await communicator.receive_json()
    first = await in_database(_watched_at)
    until = asyncio.get_running_loop().time() + 10
    while await in_database(_watched_at) == first:
        assert asyncio.get_running_loop().time() < until

    await in_database(User.objects.filter(pk=people.manager.pk).update, is_active=False)

    closed = await communicator.receive_output()
    assert (closed["type"], closed["code"]) == ("websocket.close", 4401)


def _watched_at() -> Any:
    return BrowserSession.objects.get().watched_at


def _end(user: User, cookie: str, ending: str) -> None:
    if ending == "logout":
        SessionStore(cookie).delete()
    elif ending == "disabled":
        User.objects.filter(pk=user.pk).update(is_active=False)
    else:
        user.set_password("another-pass")
        user.save()


async def test_what_a_browser_sends_is_left_unread(people: World) -> None:
    communicator = await opened(people.manager)

    await communicator.send_text("{not json")
    await communicator.send_text('{"type": "live.record", "record": {}}')
    await tell(people.ours)

    assert (await communicator.receive_json())["type"] == "record"
    await communicator.disconnect()


async def test_page_of_another_host_cannot_open_the_socket(people: World) -> None:
    """Every host name is allowed here, as on a first start: the page's own host still counts."""
    cookie = await session_of(people.manager)

    for origin in ("http://evil.example", "http://testserver.evil", "null", "file://", "http://["):
        assert not await socket(cookie, origin=origin).connect(), origin
    own = socket(cookie)
    assert await own.connect()
    await own.disconnect()


@pytest.mark.parametrize(
    ("origin", "host", "is_own"),
    [
        ("https://door.example", "door.example", True),
        ("https://door.example:443", "door.example", True),
        ("http://door.example", "door.example:8000", True),
        ("http://door.example:8000", "door.example:8000", True),
        # A proxy that asks by another name: the origin is one of ours all the same.
        ("https://door.example", "wsgi:8000", True),
        ("https://panel.example", "door.example", True),
        ("https://a.panel.example", "door.example", True),
        ("http://panel.example", "door.example", False),
        ("https://panel.example.evil", "door.example", False),
        ("https://evil.example", "evil.example", False),
        ("", "door.example", False),
    ],
)
def test_origins_are_those_of_the_settings(
    settings: Any, origin: str, host: str, is_own: bool
) -> None:
    settings.ALLOWED_HOSTS = ["door.example"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://panel.example", "https://*.panel.example"]

    assert is_own_origin(origin, host=host) is is_own


async def test_words_are_in_the_language_the_page_asked_for(people: World) -> None:
    """Django's own catalogue has "Unknown" in Chinese, so this needs none of ours."""
    await in_database(_make_stranger, people.ours)
    communicator = await opened(people.manager, query="lang=zh-hans")
    odd = await opened(people.manager, query="lang=../../etc")

    await tell(people.ours)

    with translation.override("zh-hans"):
        expected = gettext("Unknown")
    assert expected != "Unknown"
    assert (await communicator.receive_json())["record"]["name"] == expected
    assert (await odd.receive_json())["record"]["name"] == "Unknown"
    await asyncio.gather(communicator.disconnect(), odd.disconnect())


def _make_stranger(where: Side) -> None:
    where.record.user_name = where.record.user_id = ""
    where.record.save()


async def test_announcement_of_a_service_arrives_after_commit(people: World) -> None:
    """The whole way: a service writes, the commit announces, the socket shows."""
    communicator = await opened(people.manager)

    await in_database(alert_acknowledge, alert=people.ours.alert, user=people.manager)

    message = await communicator.receive_json()
    assert message["alert"]["state"] == "acknowledged"
    await communicator.disconnect()
