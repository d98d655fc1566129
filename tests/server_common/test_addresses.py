"""Who is really calling: nobody can write himself another address."""

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import pytest
from django.test import RequestFactory
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from server_common.addresses import client_address, is_in, parse_address

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
