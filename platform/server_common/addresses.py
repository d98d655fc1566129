"""Who is really calling: the peer's address, through trusted proxies only."""

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from django.conf import settings
from django.http import HttpRequest

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def parse_address(text: str) -> Address | None:
    """Return the address, IPv4-mapped IPv6 taken as IPv4; None when it is not one."""
    try:
        address = ip_address(text.strip().split("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


def is_in(address: Address, networks: list[str]) -> bool:
    """Tell whether the address lies in one of the CIDR networks (or equals a plain address)."""
    return any(address in _network(network) for network in networks)


@lru_cache(maxsize=1024)
def _network(text: str) -> Network:
    return ip_network(text, strict=False)


def client_address(request: HttpRequest) -> str:
    """Return the address of the caller, empty when the server does not know it."""
    return caller_address(request.META)


def caller_address(environ: Mapping[str, Any]) -> str:
    """Return the address of the caller by the variables of its request (WSGI, ``META``).

    ``X-Forwarded-For`` is read from the right, and only as far as the hops are proxies of
    ``TRUSTED_PROXIES``: what a caller wrote into it himself is never believed.
    """
    peer = parse_address(str(environ.get("REMOTE_ADDR") or ""))
    trusted: list[str] = settings.TRUSTED_PROXIES
    if peer is None or not trusted or not is_in(peer, trusted):
        return str(peer or "")
    hops = str(environ.get("HTTP_X_FORWARDED_FOR") or "").split(",")
    for hop in reversed(hops):
        address = parse_address(hop)
        if address is None:
            break
        peer = address
        if not is_in(address, trusted):
            break
    return str(peer)
