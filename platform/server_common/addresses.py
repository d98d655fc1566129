"""Address of the caller: the peer's, or what a trusted proxy says of it."""

import re
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.request import validate_host

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_BRACKETS = re.compile(r"\[([^\[\]]+)\](?::[0-9]{1,5})?")
_WITH_PORT = re.compile(r"([0-9.]+):[0-9]{1,5}")
_HOST = re.compile(
    r"(?P<name>[a-z0-9_][a-z0-9_.\-]{0,252}|\[[0-9a-f]*:[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
)
_PORT_MAX = 65_535


@lru_cache(maxsize=4096)
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


def neighbourhood(address: str) -> str:
    """Return what counts as one place: an IPv4 address, or the first of a whole /64 of IPv6.

    Each host of a /64 can take any address in it (RFC 4941).
    """
    parsed = parse_address(address)
    if not isinstance(parsed, IPv6Address):
        return str(parsed or "")
    return str(ip_network((parsed, 64), strict=False).network_address)


def place_words(place: str) -> str:
    """Say which place a ``neighbourhood`` is: an address, or of IPv6 a network."""
    return f"{place}/64" if isinstance(parse_address(place), IPv6Address) else place


def place_named(text: str) -> str:
    """Return the ``neighbourhood`` of an address, or of what ``place_words`` says; or nothing."""
    return neighbourhood(text.strip().removesuffix("/64"))


def client_address(request: HttpRequest) -> str:
    """Return the address of the caller, empty when the server does not know it."""
    return caller_address(request.META)


def is_trusted_peer(peer: str) -> bool:
    """Tell whether a connection from this address comes from a proxy of ``TRUSTED_PROXIES``."""
    trusted: list[str] = settings.TRUSTED_PROXIES
    address = parse_address(peer) if trusted else None
    return address is not None and is_in(address, trusted)


def is_trusted_proxy(environ: Mapping[str, Any]) -> bool:
    """Tell the same of a request by its variables (WSGI, ``META``)."""
    return is_trusted_peer(str(environ.get("REMOTE_ADDR") or ""))


def caller_address(environ: Mapping[str, Any]) -> str:
    """Return the address of the caller by the variables of its request (WSGI, ``META``).

    ``X-Forwarded-For`` is read from the right, and only as far as the hops are proxies of
    ``TRUSTED_PROXIES``: what a caller wrote into it himself is never believed. A hop that names no
    address (``unknown``) ends it. ``Forwarded`` (RFC 7239) is not read: a proxy that writes only
    one of the two hands on what the caller wrote into the other.
    """
    peer = parse_address(str(environ.get("REMOTE_ADDR") or ""))
    trusted: list[str] = settings.TRUSTED_PROXIES
    if peer is None or not trusted or not is_in(peer, trusted):
        return str(peer or "")
    hops = str(environ.get("HTTP_X_FORWARDED_FOR") or "").split(",")
    for hop in reversed(hops):
        if not hop.strip():
            continue  # lists may have empty elements (RFC 9110, 5.6.1)
        address = _hop_address(hop)
        if address is None:
            break
        peer = address
        if not is_in(address, trusted):
            break
    return str(peer)


def peer_address(environ: Mapping[str, Any]) -> str:
    """Return the address a connection really comes from, empty for a proxy of ours."""
    if is_trusted_proxy(environ):
        return ""
    return str(parse_address(str(environ.get("REMOTE_ADDR") or "")) or "")


def called_host(environ: Mapping[str, Any]) -> str:
    """Return the host under which a caller reaches us, with its port; empty when none is known.

    The ``Host`` it names; else, when no proxy is between, the address its connection came to.
    """
    host = str(environ.get("HTTP_HOST") or "").strip().lower()
    if _is_ours(host):
        return host
    own = parse_address(str(environ.get("SERVER_NAME") or ""))
    if own is None or own.is_unspecified or is_trusted_proxy(environ):
        return ""
    name = f"[{own}]" if isinstance(own, IPv6Address) else str(own)
    reached = f"{name}:{environ.get('SERVER_PORT')}"
    return reached if _is_ours(reached) else ""


def _is_ours(host: str) -> bool:
    """Tell whether an address can be made of a host, and it is one of ``ALLOWED_HOSTS``.

    Wider than Django's rule, which knows no underscores: a terminal calls whatever name it was
    given, and it found us by it.
    """
    found = _HOST.fullmatch(host)
    if found is None or int(found["port"] or 0) > _PORT_MAX:
        return False
    return validate_host(found["name"].rstrip("."), settings.ALLOWED_HOSTS)


def _hop_address(text: str) -> Address | None:
    """Return the address of an element of ``X-Forwarded-For``, as proxies write it.

    In quotes or not, in brackets or not, with a port or not.
    """
    text = text.strip().strip('"').strip()
    found = _BRACKETS.fullmatch(text) or _WITH_PORT.fullmatch(text)
    return parse_address(found[1] if found else text)
