"""Invariant 5 on every socket: who works elsewhere, nowhere, or no more, hears nothing of a site.

Sockets come from the routes, so that a new one joins by itself.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from channels.layers import channel_layers, get_channel_layer
from django.contrib.auth.models import User
from django.db import connections

from console.routing import websocket_urlpatterns
from devices.models import SiteMembership
from menjin.asgi import application
from records.live import alert_message, record_message
from server_common.async_bridge import in_database
from tests.support.sockets import Socket
from tests.support.two_sites import Side, client_of, side

pytestmark = pytest.mark.django_db(transaction=True)

PATHS = sorted("/" + str(route.pattern) for route in websocket_urlpatterns)
REFUSED = ("", "invented", "disabled manager", "disabled administrator", "left")
QUIET_S = 0.3


@pytest_asyncio.fixture
async def sites() -> AsyncIterator[tuple[Side, Side]]:
    """Return our site and the other one."""
    yield await in_database(lambda: (side("alpha", "Alpha"), side("bravo", "Bravo")))
    channel_layers.backends.clear()
    await in_database(connections.close_all)


def session(kind: str, ours: Side, theirs: Side) -> str:
    """Return the key of a session of somebody to whom the other site is not shown."""
    if kind in {"", "invented"}:
        return kind and "a" * 32
    user = User.objects.create_user(
        "somebody", is_staff=True, is_superuser=kind == "disabled administrator"
    )
    site, role = (ours, kind) if kind in {"manager", "guard"} else (theirs, "manager")
    SiteMembership.objects.create(user=user, site=site.site, role=role)
    key = str(client_of(user).cookies["sessionid"].value)
    if kind.startswith("disabled"):
        User.objects.filter(pk=user.pk).update(is_active=False)
    if kind == "left":
        user.site_memberships.all().delete()
    return key


def socket(path: str, key: str) -> Socket:
    headers = [(b"origin", b"http://testserver"), (b"host", b"testserver")]
    if key:
        headers.append((b"cookie", f"sessionid={key}".encode()))
    return Socket(application, path, "", headers)


async def announce(where: Side) -> None:
    """Tell what happened at a site, as the platform does."""
    layer = get_channel_layer()
    record = await in_database(record_message, where.record)
    alert = await in_database(alert_message, where.alert)
    group = f"live.{where.site.pk}"
    await layer.group_send(group, {"type": "live.record", **record})
    await layer.group_send(group, {"type": "live.alert", **alert})


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", ["manager", "guard"])
async def test_members_of_another_site_hear_nothing(
    sites: tuple[Side, Side], path: str, kind: str
) -> None:
    ours, theirs = sites
    heard = socket(path, await in_database(session, kind, ours, theirs))
    assert await heard.connect()
    assert await heard.receive_json() == {"type": "hello"}

    await announce(theirs)
    assert await heard.receive_nothing(QUIET_S)
    await announce(ours)

    # What is our own still arrives, so silence meant something.
    told = [str(await heard.receive_json()) for _ in range(2)]
    assert all("Alpha" in one and "Bravo" not in one for one in told)
    await heard.disconnect()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", REFUSED)
async def test_strangers_and_closed_accounts_are_not_let_in_or_hear_nothing(
    sites: tuple[Side, Side], path: str, kind: str
) -> None:
    ours, theirs = sites
    heard = socket(path, await in_database(session, kind, ours, theirs))

    if await heard.connect():
        assert kind == "left"
        assert await heard.receive_json() == {"type": "hello"}
        await announce(theirs)
        assert await heard.receive_nothing(QUIET_S)
        await heard.disconnect()


def test_every_socket_is_visited() -> None:
    assert "/ws/live/" in PATHS
    assert not any("<" in path or "(" in path for path in PATHS), "fill in what a route names"
