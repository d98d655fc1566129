"""Who is really calling: nobody can write himself another address."""

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import pytest
from django.test import RequestFactory
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from server_common.addresses import (
    called_host,
    client_address,
    is_in,
    parse_address,
    peer_address,
)

PROXY = "10.0.0.1"


def seen(peer: str, forwarded: str | None = None) -> str:
    """Return the address the platform takes a caller for."""
    more = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    return client_address(RequestFactory().get("/", REMOTE_ADDR=peer, **more))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.1.2.3", "10.1.2.3"),
        (" 10.1.2.3 ", "10.1.2.3"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("2001:db8::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("", None),
        ("10.1.2", None),
        ("10.1.2.3:80", None),
        ("gate", None),
    ],
)
def test_addresses_are_read_in_every_usual_form(text: str, address: str | None) -> None:
    assert parse_address(text) == (ip_address(address) if address else None)


@pytest.mark.parametrize(
    ("networks", "inside"),
    [
        (["10.0.0.0/8"], True),
        (["10.1.2.3"], True),
        (["10.1.2.9/24"], True),
        (["192.168.0.0/16", "10.1.0.0/16"], True),
        (["10.2.0.0/16"], False),
        (["2001:db8::/32"], False),
        ([], False),
    ],
)
def test_a_network_is_a_list_of_networks_and_addresses(networks: list[str], inside: bool) -> None:
    assert is_in(IPv4Address("10.1.2.3"), networks) is inside
    assert is_in(IPv6Address("2001:db8::1"), ["2001:db8::/32"]) is True


def test_without_trusted_proxies_the_header_is_air(settings: Any) -> None:
    settings.TRUSTED_PROXIES = []

    assert seen("203.0.113.9", "10.0.0.5") == "203.0.113.9"


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        (PROXY, "203.0.113.9", "203.0.113.9"),
        (PROXY, "1.2.3.4, 203.0.113.9", "203.0.113.9"),
        (PROXY, "1.2.3.4, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        (PROXY, "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        (PROXY, "203.0.113.9, nonsense", PROXY),
        (PROXY, "", PROXY),
        (PROXY, None, PROXY),
        ("203.0.113.9", "10.0.0.5", "203.0.113.9"),
        ("::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("", "203.0.113.9", ""),
        # As proxies write hops: ports, quotes, brackets, elements without content.
        (PROXY, "203.0.113.9:5678", "203.0.113.9"),
        (PROXY, '"203.0.113.9:5678"', "203.0.113.9"),
        (PROXY, "[2001:db8::9]", "2001:db8::9"),
        (PROXY, '"[2001:db8::9]:4711"', "2001:db8::9"),
        (PROXY, "2001:db8::9", "2001:db8::9"),
        (PROXY, "[::ffff:203.0.113.9]:80", "203.0.113.9"),
        (PROXY, "203.0.113.9, ,\t,", "203.0.113.9"),
        (PROXY, "1.2.3.4, 203.0.113.9:80, 10.0.0.2:81", "203.0.113.9"),
        (PROXY, "203.0.113.9, unknown", PROXY),
        (PROXY, "203.0.113.9, unknown, 10.0.0.2", "10.0.0.2"),
        (PROXY, "203.0.113.9, _gate", PROXY),
        (PROXY, "203.0.113.9:x", PROXY),
        (PROXY, "[203.0.113.9", PROXY),
        (PROXY, "for=203.0.113.9", PROXY),
    ],
)
def test_the_header_is_believed_as_far_as_proxies_of_ours_wrote_it(
    settings: Any, peer: str, forwarded: str | None, address: str
) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/29"]

    assert seen(peer, forwarded) == address


@examples(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(written=st.text(max_size=60), caller=st.ip_addresses(v=4))
def test_what_a_caller_writes_never_changes_who_he_is(
    settings: Any, written: str, caller: IPv4Address
) -> None:
    settings.TRUSTED_PROXIES = [PROXY]
    if str(caller) == PROXY:
        return

    assert seen(PROXY, f"{written}, {caller}") == str(caller)
    assert seen(str(caller), written) == str(caller)


def test_another_header_than_the_usual_one_is_not_read(settings: Any) -> None:
    settings.TRUSTED_PROXIES = [PROXY]
    request = RequestFactory().get(
        "/", REMOTE_ADDR=PROXY, HTTP_FORWARDED="for=203.0.113.9", HTTP_X_REAL_IP="203.0.113.9"
    )

    assert client_address(request) == PROXY


def test_a_proxy_of_ours_is_no_caller_itself(settings: Any) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/29"]

    assert peer_address({"REMOTE_ADDR": PROXY}) == ""
    assert peer_address({"REMOTE_ADDR": "::ffff:10.0.0.1"}) == ""
    assert peer_address({"REMOTE_ADDR": "203.0.113.9"}) == "203.0.113.9"
    assert peer_address({}) == ""


@pytest.mark.parametrize(
    ("host", "called"),
    [
        ("door_server:8220", "door_server:8220"),
        (" Door.Example ", "door.example"),
        ("10.0.0.5", "10.0.0.5"),
        ("[2001:db8::1]:80", "[2001:db8::1]:80"),
        ("door.example.", "door.example."),
        # None that an address can be made of: where the connection came to.
        ("", "10.9.9.9:8000"),
        (None, "10.9.9.9:8000"),
        ("door server", "10.9.9.9:8000"),
        ("door/x", "10.9.9.9:8000"),
        ("user@door", "10.9.9.9:8000"),
        ("door:", "10.9.9.9:8000"),
        ("door:99999", "10.9.9.9:8000"),
        ("door:80:80", "10.9.9.9:8000"),
        ("a" * 300, "10.9.9.9:8000"),
        ("南门", "10.9.9.9:8000"),
    ],
)
def test_a_host_is_one_that_an_address_can_be_made_of(
    settings: Any, host: str | None, called: str
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    own = {"SERVER_NAME": "10.9.9.9", "SERVER_PORT": "8000"}
    named = {} if host is None else {"HTTP_HOST": host}

    assert called_host({**own, **named}) == called


def test_a_foreign_host_is_none(settings: Any) -> None:
    settings.ALLOWED_HOSTS = [".example.com", "door_server"]
    own = {"SERVER_NAME": "10.9.9.9", "SERVER_PORT": "8000"}

    assert called_host({"HTTP_HOST": "elsewhere.example", **own}) == ""
    assert called_host({"HTTP_HOST": "a.example.com:81", **own}) == "a.example.com:81"
    assert called_host({"HTTP_HOST": "door_server", **own}) == "door_server"


@pytest.mark.parametrize("name", ["0.0.0.0", "::", "gate", ""])
def test_an_address_that_says_nothing_is_no_host(settings: Any, name: str) -> None:
    settings.ALLOWED_HOSTS = ["*"]

    assert called_host({"SERVER_NAME": name, "SERVER_PORT": "8000"}) == ""


def test_behind_a_proxy_nobody_came_to_our_own_address(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    settings.TRUSTED_PROXIES = [PROXY]
    own = {"SERVER_NAME": "2001:db8::5", "SERVER_PORT": "8000"}

    assert called_host({"REMOTE_ADDR": PROXY, **own}) == ""
    assert called_host({"REMOTE_ADDR": "10.0.0.9", **own}) == "[2001:db8::5]:8000"
