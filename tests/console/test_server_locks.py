"""Who serves at which address, and whether the demonstration may be served there."""

import socket
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from console.demo_exposure import demo_exposure_check
from console.server_locks import SERVING_BEYOND, is_loopback, port_require_free, serving, unserved
from devices.models import Site
from devices.services import site_change, site_create
from tests.support.factories import make_site

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.9.10", "::1", "localhost", "::ffff:127.0.0.1", "127.1"]
)
def test_only_this_machine_reaches_these(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "", "0", "192.168.1.5", "10.0.0.1", "fe80::1", "::ffff:10.0.0.1",
     "no such name", "a" * 70 + ".invalid"],
)  # fmt: skip
def test_others_may_reach_these(host: str) -> None:
    assert not is_loopback(host)


def demonstration(**fields: bool) -> Site:
    return site_create(code="demo", name="Demo", is_demonstration=True, **fields)


@pytest.mark.parametrize(
    "fields",
    [{"auto_approve": True}, {"allow_bare_path": True},
     {"auto_approve": True, "allow_bare_path": True}],
)  # fmt: skip
@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", ""])
def test_an_open_demonstration_is_not_served_to_a_network(
    fields: dict[str, bool], host: str
) -> None:
    """Whatever it is called by now."""
    site = demonstration(**fields)
    site_change(site=site, code="community-7", name="Our house")

    with pytest.raises(CommandError) as refused:
        demo_exposure_check(host)

    for way_out in ("Our house", "manage.py demo --close", "manage.py demo --remove"):
        assert way_out in str(refused.value)
    for local in ("127.0.0.1", "::1", "localhost"):
        demo_exposure_check(local)


def test_a_closed_demonstration_and_other_sites_are_served_anywhere() -> None:
    demonstration()
    make_site(auto_approve=True, allow_bare_path=True, code="demo-2", name="Demo community")

    demo_exposure_check("0.0.0.0")


def test_it_is_known_whether_anybody_serves() -> None:
    with unserved() as is_free:
        assert is_free
    with serving("127.0.0.1"), serving("127.0.0.1"):
        with unserved() as is_free:
            assert not is_free
        with unserved(SERVING_BEYOND) as is_free:
            assert is_free
    with serving("0.0.0.0"), unserved(SERVING_BEYOND) as is_free:
        assert not is_free
    with unserved() as is_free:
        assert is_free
    assert (Path(settings.VAR) / SERVING_BEYOND).exists()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_taken_port_is_named_with_a_way_out(host: str) -> None:
    """The server's own words were "[Errno 98]" in the log, and "cannot listen"."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandError) as refused:
            call_command("serve", host=host, port=port)

    words = str(refused.value)
    assert words.startswith(f"port {port} on {host} is taken by another program; ")
    assert "8001" in words
    assert "Errno" not in words


@pytest.mark.parametrize(("host", "port"), [("no such name", 0), ("127.0.0.1", 70_000)])
def test_a_port_that_cannot_be_used_is_named(host: str, port: int) -> None:
    with pytest.raises(CommandError, match=f"^port {port} on {host} cannot be used"):
        port_require_free(host, port, instead="manage.py serve --port 8001")
