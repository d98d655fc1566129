"""Addresses at which no terminal is: this machine, metadata services, translated forms."""

import errno
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_network

from server_common.addresses import Address, is_in, parse_address

# Where clouds tell a machine its own credentials. Some lie in networks that terminals use, so a
# network that holds them is not enough: they are called when they themselves are listed.
METADATA = frozenset(
    {
        "100.100.100.200",  # Alibaba Cloud
        "168.63.129.16",  # Azure
        "169.254.0.23",  # Tencent Cloud
        "169.254.169.254",
        "169.254.170.2",  # Amazon's containers
        "169.254.170.23",
        "192.0.0.192",  # Oracle Cloud
        "fd00:ec2::23",
        "fd00:ec2::254",  # Amazon
        "fd20:ce::254",  # Google Cloud
    }
)
# Names that mean the same on every machine, and need no look-up.
_LOOPBACK = (IPv4Address("127.0.0.1"), IPv6Address("::1"))
_LOOPBACK_NAMES = frozenset(
    {
        "localhost",
        "localhost4",
        "localhost6",
        "ip6-localhost",
        "ip6-loopback",
        "loopback",
    }
)
# RFC 6761, and what systems put into their files of hosts.
_LOOPBACK_ENDS = (".localhost", ".localdomain", ".localdomain4", ".localdomain6")
_METADATA_NAMES = {
    "metadata": "169.254.169.254",
    "metadata.google.internal": "169.254.169.254",
    "metadata.goog": "169.254.169.254",
    "instance-data": "169.254.169.254",
    "instance-data.ec2.internal": "169.254.169.254",
    "metadata.tencentyun.com": "169.254.0.23",
}
_THIS_NETWORK = ip_network("0.0.0.0/8")
_PROTOCOLS = ip_network("192.0.0.0/24")
# Prefixes behind which the last four bytes are an IPv4 address (RFC 4291, 6052, 7915, 8215).
_LAST_FOUR = tuple(
    IPv6Network(text)
    for text in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")
)
_SIX_TO_FOUR = IPv6Network("2002::/16")
_TEREDO = IPv6Network("2001::/32")
_NAT64_LOCAL = IPv6Network("64:ff9b:1::/48")
# ISATAP: an interface that holds an IPv4 address (RFC 5214), its universal bit set or not.
_ISATAP = {bytes.fromhex("00005efe"), bytes.fromhex("02005efe")}


def is_callable_address(address: Address, *, networks: Sequence[str]) -> bool:
    """Tell whether a terminal may be at this address.

    Args:
        address: what the name stands for.
        networks: the only ones allowed; empty allows everything but the machine itself,
            link-local addresses, what is no host at all, and IPv4 addresses in the clothes of
            IPv6. Those are allowed where their form is listed and what they hold is harmless or
            listed as well; a metadata address only where it is listed by itself.
    """
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if str(address) in METADATA:
        return _is_listed_alone(address, networks)
    held = held_ipv4(address)
    if networks or held:
        is_listed = is_in(address, list(networks))
        return is_listed and all(_may_be_held(one, networks) for one in held)
    return not _is_special(address)


def known_numbers(host: str) -> tuple[Address, ...]:
    """Return what a host stands for on every machine; empty for a name that has to be looked up."""
    number = parse_address(host)
    if number is not None:
        return (number,)
    name = host.lower().rstrip(".")
    if name in _LOOPBACK_NAMES or name.endswith(_LOOPBACK_ENDS):
        return _LOOPBACK
    return (IPv4Address(_METADATA_NAMES[name]),) if name in _METADATA_NAMES else ()


def held_ipv4(address: Address) -> tuple[IPv4Address, ...]:
    """Return the IPv4 addresses that packets to an IPv6 address may end at; none for plain ones."""
    if not isinstance(address, IPv6Address) or address.is_loopback or address.is_unspecified:
        return ()
    packed, held = address.packed, []
    if any(address in network for network in _LAST_FOUR):
        held.append(packed[12:])
    if address in _NAT64_LOCAL:
        held.append(packed[6:8] + packed[9:11])
    if address in _SIX_TO_FOUR:
        held.append(packed[2:6])
    if address in _TEREDO:
        held += [packed[4:8], bytes(one ^ 0xFF for one in packed[12:])]
    if packed[8:12] in _ISATAP:
        held.append(packed[12:])
    return tuple(IPv4Address(one) for one in held)


def is_this_machine(address: Address) -> bool:
    """Tell whether an address is one of this machine's own: only those can be listened on."""
    family = socket.AF_INET6 if isinstance(address, IPv6Address) else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError as error:
            return error.errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EINVAL}
    return True


def _may_be_held(address: IPv4Address, networks: Sequence[str]) -> bool:
    if str(address) in METADATA:
        return _is_listed_alone(address, networks)
    return is_in(address, list(networks)) or not _is_special(address)


def _is_listed_alone(address: Address, networks: Sequence[str]) -> bool:
    return any(
        network.num_addresses == 1 and address in network
        for network in (ip_network(text, strict=False) for text in networks)
    )


def _is_special(address: Address) -> bool:
    return (
        address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or address.is_reserved
        or address in _THIS_NETWORK
        or address in _PROTOCOLS
    )
