"""Rate limits: token buckets per terminal and per address.

A terminal that went mad is stopped by its own bucket long before it uses up the one of its
address, so a fleet behind one NAT is not starved by it. Callers without a valid token share a
much smaller bucket per address, because guessing is all they can do.
"""

import logging
import time
from typing import NamedTuple

from django.conf import settings

from server_common.addresses import neighbourhood
from server_common.call_store import CallStoreAway, Take, call_store
from server_common.process_state import RareComplaint

logger = logging.getLogger(__name__)


class Limit(NamedTuple):
    """Limit of ``rate`` calls a second in the long run, and ``burst`` at once."""

    rate: float
    burst: float


def bucket(caller: str, limit: Limit) -> Take:
    """Return the step by which a caller uses its share."""
    return Take(f"bucket:{caller}", limit.rate, limit.burst)


_complaint = RareComplaint()


def _take(caller: str, limit: Limit) -> bool:
    """Take a token; while the store is away every caller is let through."""
    try:
        return call_store().run([bucket(caller, limit)], now=time.time())
    except CallStoreAway:
        if _complaint.is_due():
            logger.exception("rate_limits_away everybody is let through")
        return True


def stranger_may_call(*, address: str, peer: str = "") -> bool:
    """Tell whether a caller may go on being refused for wrong tokens.

    Args:
        address: what it is taken for, which a list of hops may have told.
        peer: where its connection really comes from, empty for a proxy of ours.

    Each of both has a budget, so that no caller gets a fresh one by another list of hops. Of IPv6 a
    whole /64 is one caller: each of its hosts can take any address in it (RFC 4941).
    """
    limit = Limit(*settings.STRANGER_RATE)
    callers = {neighbourhood(one) for one in (address, peer)} - {""} or {"unknown"}
    # Every budget is used, also when another one is empty.
    return all([_take(f"stranger:{caller}", limit) for caller in sorted(callers)])
