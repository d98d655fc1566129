"""Throttling of wrong passwords and signatures: each failure lengthens the pause."""

import ipaddress
from dataclasses import dataclass
from typing import Final

from edge_agent.drivers import Clock

_ADDRESSES_MAX: Final = 1024
_FREE: Final = 3  # a user who mistypes is not kept waiting
_PAUSE_MOST_S: Final = 900.0
_FORGET_S: Final = 3600.0
# Of all other computers together: against an attacker with many addresses. Short at most, since it
# keeps the owner waiting as well.
_FREE_OVERALL: Final = 20
_PAUSE_MOST_OVERALL_S: Final = 30.0
_IPV6_PREFIX: Final = 64  # what one customer is given; single addresses cost nothing
_KNOWN_MAX: Final = 64  # more callers than a terminal has


@dataclass(slots=True)
class _Tally:
    failures: int = 0
    last_s: float = 0.0

    def pause_s(self, now_s: float, *, free: int, most_s: float) -> float:
        """Return the seconds until the next attempt is examined."""
        excess = self.failures - free
        if excess < 0 or now_s - self.last_s > _FORGET_S:
            return 0.0
        pause_s = min(2.0 ** min(excess, 16), most_s)
        return max(0.0, self.last_s + pause_s - now_s)

    def failed(self, now_s: float) -> None:
        if now_s - self.last_s > _FORGET_S:
            self.failures = 0
        self.failures += 1
        self.last_s = now_s


class FailedAttempts:
    """Counts by address, and over all other computers together; nothing is kept on disk."""

    def __init__(
        self,
        clock: Clock,
        *,
        pause_most_s: float = _PAUSE_MOST_S,
        known_most_s: float = _PAUSE_MOST_S,
    ) -> None:
        """Begin with nothing counted.

        Args:
            clock: measures the pauses.
            pause_most_s: longest pause of one address.
            known_most_s: the same for one that was right before; others behind the same router
                must not keep it out for long.
        """
        self._clock = clock
        self._pause_most_s = pause_most_s
        self._known_most_s = known_most_s
        self._known: dict[str, None] = {}
        self._by_address: dict[str, _Tally] = {}
        self._overall = _Tally()

    def pause_s(self, remote: str) -> float:
        """Return the seconds until an address is examined again; 0 for none."""
        now_s = self._clock.monotonic()
        address = _counted(remote)
        tally = self._by_address.get(address, _Tally())
        is_known = address in self._known
        most_s = self._known_most_s if is_known else self._pause_most_s
        own_s = tally.pause_s(now_s, free=_FREE, most_s=most_s)
        # A caller on this computer, as through a tunnel, is not kept out by the others,
        # nor is an address that was right before.
        if is_known or _is_own_computer(address):
            return own_s
        overall_s = self._overall.pause_s(now_s, free=_FREE_OVERALL, most_s=_PAUSE_MOST_OVERALL_S)
        return max(own_s, overall_s)

    def failed(self, remote: str) -> None:
        """Count a wrong password or signature."""
        now_s = self._clock.monotonic()
        address = _counted(remote)
        if address not in self._by_address and len(self._by_address) >= _ADDRESSES_MAX:
            oldest = min(self._by_address, key=lambda one: self._by_address[one].last_s)
            del self._by_address[oldest]
        self._by_address.setdefault(address, _Tally()).failed(now_s)
        if not _is_own_computer(address):
            self._overall.failed(now_s)

    def succeeded(self, remote: str) -> None:
        """Clear the failures of an address and remember that it signed correctly."""
        address = _counted(remote)
        self._by_address.pop(address, None)
        self._known.pop(address, None)
        self._known[address] = None
        if len(self._known) > _KNOWN_MAX:
            del self._known[next(iter(self._known))]


def _counted(remote: str) -> str:
    """Return the key under which an address is counted."""
    try:
        address = ipaddress.ip_address(remote.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    if address.is_loopback:
        return str(address)
    return str(ipaddress.ip_network((address, _IPV6_PREFIX), strict=False))


def _is_own_computer(address: str) -> bool:
    return address == "::1" or address.startswith("127.")
