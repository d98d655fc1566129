"""Wrong passwords are counted, and each further one makes for a longer pause."""

import ipaddress
from dataclasses import dataclass
from typing import Final

from edge_agent.drivers.base import Clock

_ADDRESSES_MAX: Final = 1024
_FREE: Final = 3  # somebody who mistypes is not kept waiting
_PAUSE_MOST_S: Final = 900.0
_FORGET_S: Final = 3600.0
# Of all other computers together: against somebody with many addresses. Short at most, since it
# keeps the owner waiting as well.
_FREE_OVERALL: Final = 20
_PAUSE_MOST_OVERALL_S: Final = 30.0
_IPV6_PREFIX: Final = 64  # what one customer is given; single addresses cost nothing


@dataclass(slots=True)
class _Tally:
    failures: int = 0
    last_s: float = 0.0

    def pause_s(self, now_s: float, *, free: int, most_s: float) -> float:
        """Seconds until the next attempt is looked at."""
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


class Attempts:
    """Counts by address, and over all other computers together; nothing is kept on disk."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_address: dict[str, _Tally] = {}
        self._overall = _Tally()

    def pause_s(self, remote: str) -> float:
        """Seconds that an address has to wait before a password of it is looked at; 0 for none."""
        now_s = self._clock.monotonic()
        address = _counted(remote)
        tally = self._by_address.get(address, _Tally())
        own_s = tally.pause_s(now_s, free=_FREE, most_s=_PAUSE_MOST_S)
        # Whoever can sign in on this computer, as through a tunnel, is not kept out by the others.
        if _is_own_computer(address):
            return own_s
        overall_s = self._overall.pause_s(now_s, free=_FREE_OVERALL, most_s=_PAUSE_MOST_OVERALL_S)
        return max(own_s, overall_s)

    def failed(self, remote: str) -> None:
        """Count a wrong password."""
        now_s = self._clock.monotonic()
        address = _counted(remote)
        if address not in self._by_address and len(self._by_address) >= _ADDRESSES_MAX:
            oldest = min(self._by_address, key=lambda one: self._by_address[one].last_s)
            del self._by_address[oldest]
        self._by_address.setdefault(address, _Tally()).failed(now_s)
        if not _is_own_computer(address):
            self._overall.failed(now_s)

    def succeeded(self, remote: str) -> None:
        """Forget what an address did wrong."""
        self._by_address.pop(_counted(remote), None)


def _counted(remote: str) -> str:
    """Return what an address counts as."""
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
