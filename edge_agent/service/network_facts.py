"""Network configuration of the computer, read as NetworkObject (8.1.2)."""

import ipaddress
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

_ROUTES: Final = Path("/proc/net/route")
_NAME_SERVERS: Final = Path("/etc/resolv.conf")
_NO_ADDRESS: Final = "0.0.0.0"  # noqa: S104 - compared with, never listened on


def network_facts(
    host: str, *, routes: Path = _ROUTES, name_servers: Path = _NAME_SERVERS
) -> dict[str, Any]:
    """Return NetworkObject; unknown fields are empty.

    Whether addresses come from DHCP is not known to a program; 1 is what is usual.

    Args:
        host: of the platform, which decides which of several addresses is meant.
        routes: the kernel's table.
        name_servers: the resolver's configuration.
    """
    gateway, mask = _gateway_and_mask(_lines(routes))
    servers = [*_servers(_lines(name_servers)), "", ""]
    return {
        **{"dhcpEnable": 1, "ipAddress": _own_address(host), "subMask": mask},
        **{"DNS1": servers[0], "DNS2": servers[1], "defRout": gateway},
    }


def _own_address(host: str) -> str:
    # Connecting a datagram socket sends nothing; it only chooses the address to send from. A name
    # would be looked up, so it counts as "somewhere beyond the gateway".
    try:
        socket.inet_aton(host)
    except OSError:
        host = "192.0.2.1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, 9))
        except OSError:
            return ""
        return str(probe.getsockname()[0])


def _gateway_and_mask(lines: list[str]) -> tuple[str, str]:
    rows = [line.split() for line in lines[1:]]
    rows = [row for row in rows if len(row) >= 8]
    default = next((row for row in rows if _dotted(row[1]) == _NO_ADDRESS), None)
    if default is None:
        return "", ""
    local = (row for row in rows if row[0] == default[0] and _dotted(row[7]) != _NO_ADDRESS)
    mask = next((_dotted(row[7]) for row in local), "")
    return _dotted(default[2]), mask


def _dotted(number: str) -> str:
    try:
        return socket.inet_ntoa(struct.pack("<I", int(number, 16)))
    except (ValueError, struct.error):
        return ""  # another kernel's idea of this table


def _servers(lines: list[str]) -> Iterator[str]:
    for line in lines:
        parts = line.split()
        if len(parts) >= 2 and parts[0] == "nameserver" and _is_ipv4(parts[1]):
            yield parts[1]


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []  # another system than Linux, or a container without it
