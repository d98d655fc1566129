"""Limits of the embedded server's connections: in all, from one address, and of open files.

Doors must be answered whatever else is connected. So where there is no room for a caller, a
connection makes room on which no request came whole yet: the oldest of the address that has most of
them. Only where there is none, one that rests between two requests does, as terminals keep it;
requests that are being answered are never broken off.
"""

import asyncio
import logging
import resource
import time
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field

logger = logging.getLogger(__name__)

# 500 terminals behind one NAT, each with a connection for a picture beside the one it keeps.
MOST_PER_ADDRESS = 1000
MOST = 2000
# Files of the platform itself: databases, sockets, pictures.
_OTHER_FILES = 512
_FEWEST = 64
_LOG_EVERY_S = 10.0

_Waiting = OrderedDict[asyncio.Transport, None]


@dataclass(slots=True)
class _Address:
    """Connections of one address, in the order in which they began to wait.

    Attributes:
        open: all of them.
        unfinished: those that have not said the whole of a request.
        resting: those that have been answered and have said nothing since.
    """

    open: int = 0
    unfinished: _Waiting = field(default_factory=OrderedDict)
    resting: _Waiting = field(default_factory=OrderedDict)


class Connections:
    """All connections of a server; used by its event loop only.

    Args:
        most: connections in all.
        most_per_address: connections of one address.
    """

    def __init__(self, *, most: int = MOST, most_per_address: int = MOST_PER_ADDRESS) -> None:
        self._most = most
        self._most_per_address = most_per_address
        self._address_of: dict[asyncio.Transport, str] = {}
        self._addresses: dict[str, _Address] = {}
        self._logged_s = -_LOG_EVERY_S

    def __len__(self) -> int:
        return len(self._address_of)

    def enter(self, transport: asyncio.Transport, address: str) -> bool:
        """Admit a connection that waits for its first request; False at the limit.

        Args:
            transport: the connection.
            address: of the caller; empty for one that speaks for many, such as a trusted proxy.
        """
        known = self._addresses.get(address)
        is_full_here = bool(address) and known is not None and known.open >= self._most_per_address
        if is_full_here and known is not None and not self._make_room([known]):
            return False
        if len(self) >= self._most and not self._make_room(self._addresses.values()):
            return False
        self._address_of[transport] = address
        self._addresses.setdefault(address, _Address()).open += 1
        self.begin(transport)
        return True

    def begin(self, transport: asyncio.Transport) -> None:
        """Note that of a request on a connection only a part is there."""
        known = self._known(transport)
        if known is not None and transport not in known.unfinished:
            known.resting.pop(transport, None)
            known.unfinished[transport] = None

    def rest(self, transport: asyncio.Transport) -> None:
        """Note that a request was answered; the connection waits for the next."""
        known = self._known(transport)
        if known is not None and transport not in known.resting:
            known.unfinished.pop(transport, None)
            known.resting[transport] = None

    def work(self, transport: asyncio.Transport) -> None:
        """Note that a request is whole and is being answered."""
        known = self._known(transport)
        if known is not None:
            known.unfinished.pop(transport, None)
            known.resting.pop(transport, None)

    def leave(self, transport: asyncio.Transport) -> None:
        """Forget a connection that has ended."""
        self.work(transport)
        address = self._address_of.pop(transport, None)
        if address is None:
            return
        known = self._addresses[address]
        known.open -= 1
        if not known.open:
            del self._addresses[address]

    def _known(self, transport: asyncio.Transport) -> _Address | None:
        address = self._address_of.get(transport)
        return None if address is None else self._addresses[address]

    def _make_room(self, addresses: Collection[_Address]) -> bool:
        """End a connection of one of these; False where all are being answered."""
        unfinished = max((one.unfinished for one in addresses), key=len, default=None)
        waiting = unfinished or max((one.resting for one in addresses), key=len, default=None)
        self._log_full(can_make_room=bool(waiting))
        if not waiting:
            return False
        longest = next(iter(waiting))
        self.leave(longest)
        longest.abort()
        return True

    def _log_full(self, *, can_make_room: bool) -> None:
        now_s = time.monotonic()
        if now_s - self._logged_s >= _LOG_EVERY_S:
            self._logged_s = now_s
            logger.warning("connections_full open=%d made_room=%s", len(self), can_make_room)


def connections_allowed(most: int) -> int:
    """Raise this process' limit of open files as far as needed; return how many connections fit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return most
    allowed = max(_FEWEST, soft - _OTHER_FILES)
    logger.warning("connections_few allowed=%d wanted=%d open_files=%d", allowed, most, soft)
    return allowed
