"""Where a terminal's own interface is, and whether the platform may call there.

A manager types the address, so it could name anything the platform's machine can reach. Only a
host and a port are taken, only the addresses of chapter 8 are asked for there, no redirect is
followed, and what the name stands for is looked up once, checked, and called by number, so that
the name cannot mean something else a moment later.
"""

import asyncio
import contextlib
import re
import socket
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from devices.calling.errors import NotCallable, NotDelivered
from devices.calling.forbidden import is_callable_address, is_this_machine, known_numbers
from server_common.addresses import Address, parse_address
from terminal_protocol.device_calls import DEFAULT_HTTP_PORT

_HOST = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_\-]*[A-Za-z0-9_])?"
    r"(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_\-]*[A-Za-z0-9_])?)*"
)
_PORT_MAX = 65535
_LOOKUP_S = 3.0
# Own threads: a loop waits at its end for those of its default pool, however slow the resolver.
_RESOLVERS = ThreadPoolExecutor(max_workers=4, thread_name_prefix="terminal-names")


@dataclass(frozen=True, slots=True)
class TerminalAddress:
    """Host (name or number, IPv6 without brackets) and port of a terminal's interface."""

    host: str
    port: int = DEFAULT_HTTP_PORT

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def plain(self) -> "TerminalAddress":
        """Return it in the one way of writing that all ways of writing it have in common."""
        numbers = self.numbers
        return TerminalAddress(str(numbers[0]) if numbers else self.host.lower(), self.port)

    @property
    def numbers(self) -> tuple[Address, ...]:
        """What the host stands for on every machine; empty for a name that has to be looked up."""
        return known_numbers(self.host)


def read_terminal_address(text: str) -> TerminalAddress:
    """Read ``host``, ``host:port`` or ``[IPv6]:port``; nothing else is an address of a terminal.

    Raises:
        NotCallable: no_address when empty, bad_address for anything else, such as a URL.
    """
    text = text.strip()
    if not text:
        raise NotCallable("no_address")
    host, port = _split(text)
    if not port.isascii() or not port.isdecimal() or len(port) > 5:
        raise NotCallable("bad_address")
    number = int(port)
    is_host = parse_address(host) is not None and "%" not in host
    if not 1 <= number <= _PORT_MAX or not (is_host or _is_name(host)):
        raise NotCallable("bad_address")
    return TerminalAddress(host, number)


def _split(text: str) -> tuple[str, str]:
    if text.startswith("["):
        host, closing, rest = text[1:].partition("]")
        if not closing or ":" not in host or (rest and not rest.startswith(":")):
            raise NotCallable("bad_address")
        return host, rest[1:] if rest else str(DEFAULT_HTTP_PORT)
    if text.count(":") > 1:
        return text, str(DEFAULT_HTTP_PORT)
    host, colon, port = text.partition(":")
    return host, port if colon else str(DEFAULT_HTTP_PORT)


def _is_name(host: str) -> bool:
    # "1.2.3" and "0x7f.1" are numbers to some resolvers: a name's last part begins with a letter.
    last = host.rsplit(".", 1)[-1]
    return bool(_HOST.fullmatch(host)) and last[:1].isalpha()


async def look_up(
    address: TerminalAddress,
    *,
    networks: Sequence[str],
    closed: Collection[TerminalAddress] = (),
) -> str:
    """Return the number to connect to.

    Args:
        address: where a terminal is said to be.
        networks: see ``is_callable_address``.
        closed: what is no terminal of ours to call, such as the platform's own database; by name
            or number, whichever way the address leads there.

    Raises:
        NotDelivered: name_unknown.
        NotCallable: forbidden_address when the name stands for nothing that may be called.
    """
    taken = await _numbers([one.host for one in closed if one.port == address.port])
    is_here = any(is_this_machine(one) for one in taken)
    for candidate in await _resolve(address.host):
        if candidate in taken or (is_here and is_this_machine(candidate)):
            continue
        if is_callable_address(candidate, networks=networks):
            return str(candidate)
    raise NotCallable("forbidden_address")


async def _numbers(hosts: Collection[str]) -> set[Address]:
    """Return what names stand for; one that is not known to anybody stands for nothing."""
    found: set[Address] = set()
    for host in set(hosts):
        with contextlib.suppress(NotDelivered):
            found.update(await _resolve(host))
    return found


async def _resolve(host: str) -> list[Address]:
    if known := known_numbers(host):
        return list(known)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_LOOKUP_S):
            rows = await loop.run_in_executor(
                _RESOLVERS, partial(socket.getaddrinfo, host, None, type=socket.SOCK_STREAM)
            )
    except (OSError, TimeoutError, UnicodeError) as error:
        raise NotDelivered("name_unknown") from error
    parsed = (parse_address(str(row[4][0])) for row in rows)
    return [one for one in parsed if one is not None]
