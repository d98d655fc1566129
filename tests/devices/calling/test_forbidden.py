"""Which addresses are no place for a terminal, in all the ways they can be written."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from django.conf import LazySettings
from hypothesis import given
from hypothesis import strategies as st

from devices.calling import CallTarget, NotCallable, TerminalClient, is_callable_address
from devices.calling.addresses import TerminalAddress, look_up
from devices.calling.forbidden import METADATA, held_ipv4
from server_common.own_services import listening_at, own_services
from tests.support.terminal_api import PASSWORD

EMBEDDED = [
    "127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7",
]  # fmt: skip
addresses = st.ip_addresses(v=4)
private = st.one_of(
    *(
        st.ip_addresses(v=4, network=one)
        for one in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
    )
)
harmful = st.one_of(
    st.ip_addresses(v=4, network="127.0.0.0/8"),
    st.ip_addresses(v=4, network="169.254.0.0/16"),
    st.ip_addresses(v=4, network="0.0.0.0/8"),
    st.sampled_from([IPv4Address(one) for one in sorted(METADATA) if "." in one]),
)


def clothed(address: IPv4Address) -> list[IPv6Address]:
    """Return the ways to say an IPv4 address in IPv6, written apart from the product's."""
    number = int(address)
    high, low = number >> 16, number & 0xFFFF
    upside_down = number ^ 0xFFFFFFFF
    return [
        IPv6Address(f"::ffff:0:{high:x}:{low:x}"),
        IPv6Address(f"64:ff9b::{high:x}:{low:x}"),
        IPv6Address(f"64:ff9b:1::{high:x}:{low:x}"),
        IPv6Address(f"64:ff9b:1:{high:x}:{low >> 8:x}:{(low & 0xFF) << 8:x}::"),
        IPv6Address(f"2002:{high:x}:{low:x}::1"),
        IPv6Address(f"2001:0:{high:x}:{low:x}:0:0:1:1"),
        IPv6Address(f"2001:0:101:101:0:0:{upside_down >> 16:x}:{upside_down & 0xFFFF:x}"),
        IPv6Address(f"2001:db8::5efe:{high:x}:{low:x}"),
        IPv6Address(f"2001:db8::200:5efe:{high:x}:{low:x}"),
        IPv6Address(number),
    ]


@given(addresses)
def test_no_address_is_called_in_other_clothes_unless_these_are_listed(
    address: IPv4Address,
) -> None:
    for form in clothed(address):
        assert int(address) < 2 or address in held_ipv4(form), form
        assert not is_callable_address(form, networks=[]), form
        assert not is_callable_address(form, networks=EMBEDDED[2:]), form


@given(harmful)
def test_listing_a_form_does_not_let_through_what_it_holds(address: IPv4Address) -> None:
    for form in clothed(address):
        if int(address) > 1:
            assert not is_callable_address(form, networks=["::/0"]), form
    assert not is_callable_address(IPv6Address(f"::ffff:{address}"), networks=[])
    assert not is_callable_address(address, networks=[])


@given(private)
def test_private_networks_are_called_and_by_nat64_where_that_is_listed(
    address: IPv4Address,
) -> None:
    assert is_callable_address(address, networks=[])
    assert is_callable_address(address, networks=EMBEDDED)
    assert is_callable_address(IPv6Address(f"::ffff:{address}"), networks=[])
    nat64 = IPv6Address("64:ff9b::") + int(address)
    assert is_callable_address(nat64, networks=["64:ff9b::/96"])


@pytest.mark.parametrize("text", sorted(METADATA))
def test_metadata_is_called_where_it_is_listed_by_itself_only(text: str) -> None:
    """fd00:ec2::254 lies in fc00::/7 and 100.100.100.200 in the network of many providers."""
    address = ip_address(text)

    for networks in ([], EMBEDDED, ["0.0.0.0/0", "::/0"], ["100.64.0.0/10", "169.254.0.0/16"]):
        assert not is_callable_address(address, networks=networks)
    assert is_callable_address(address, networks=[text])


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_loopback_is_called_where_it_is_listed(host: str) -> None:
    assert not is_callable_address(ip_address(host), networks=[])
    assert is_callable_address(ip_address(host), networks=EMBEDDED)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("service", ["127.0.0.1", "localhost", "0.0.0.0"])
async def test_what_the_platform_runs_on_is_no_terminal(host: str, service: str) -> None:
    closed = [TerminalAddress(service, 5432)]

    with pytest.raises(NotCallable) as refused:
        await look_up(TerminalAddress(host, 5432), networks=EMBEDDED, closed=closed)

    assert refused.value.word == "forbidden_address"
    assert await look_up(TerminalAddress(host, 5433), networks=EMBEDDED, closed=closed)


async def test_a_call_asks_what_is_closed() -> None:
    place = TerminalAddress("127.0.0.1", 9)
    target = CallTarget(place, PASSWORD, networks=("127.0.0.0/8",), closed=(place,))

    async with TerminalClient(target) as client:
        with pytest.raises(NotCallable) as refused:
            await client.call("open")

    assert refused.value.word == "forbidden_address"


def test_services_are_those_the_settings_name(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REDIS_URL = "redis://cache.example/0"
    settings.CELERY_BROKER_URL = "amqp://guest:secret@queue.example/"
    settings.CACHES = {"default": {"BACKEND": "x", "LOCATION": "redis://[fd00::7]:6390/0"}}
    settings.STORAGES = {"default": {"OPTIONS": {"endpoint_url": "https://files.example"}}}
    settings.PUBLIC_URL, settings.PICTURE_URL = "http://doors.example", ""
    settings.OWN_SERVICES = ["wsgi:8000"]
    listening_at("127.0.0.1", 8123)
    for name, value in (("HOST", "db"), ("PORT", "5433")):
        monkeypatch.setitem(settings.DATABASES["default"], name, value)

    assert own_services() >= {
        ("db", 5433), ("cache.example", 6379), ("queue.example", 5672), ("fd00::7", 6390),
        ("files.example", 443), ("doors.example", 80), ("wsgi", 8000), ("127.0.0.1", 8123),
    }  # fmt: skip
