"""How often may somebody call? Token buckets per terminal and per address.

A terminal that went mad is stopped by its own bucket long before it uses up the one of its
address, so a fleet behind one NAT is not starved by it. Callers without a valid token share a
much smaller bucket per address, because guessing is all they can do.
"""

import logging
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import redis
from django.conf import settings

from server_common.addresses import neighbourhood

logger = logging.getLogger(__name__)

_BUCKETS_IN_MEMORY = 50_000
# Refill and take in one step, so that two processes never take the same token. A part of scripts.
TAKE = """
local function take(key, rate, burst, now)
  rate, burst, now = tonumber(rate), tonumber(burst), tonumber(now)
  local kept = redis.call('HMGET', key, 'n', 't')
  local n, t = tonumber(kept[1]) or burst, tonumber(kept[2]) or now
  n = math.min(burst, n + math.max(0, now - t) * rate)
  local allowed = 0
  if n >= 1 then n = n - 1 allowed = 1 end
  redis.call('HSET', key, 'n', tostring(n), 't', tostring(now))
  redis.call('EXPIRE', key, math.ceil(burst / rate) + 1)
  return allowed
end
"""
_SCRIPT = f"{TAKE}return take(KEYS[1], ARGV[1], ARGV[2], ARGV[3])"


@dataclass(frozen=True, slots=True)
class Limit:
    """``rate`` calls a second in the long run, ``burst`` at once."""

    rate: float
    burst: float


class Buckets(Protocol):
    """Where tokens are counted."""

    def take(self, key: str, limit: Limit, *, now: float) -> bool: ...


class MemoryBuckets:
    """The buckets of a platform that is one process; the least used are forgotten (full)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, limit: Limit, *, now: float) -> bool:
        with self._lock:
            left, at = self._kept.pop(key, (limit.burst, now))
            left = min(limit.burst, left + max(0.0, now - at) * limit.rate)
            is_allowed = left >= 1
            self._kept[key] = (left - 1 if is_allowed else left, now)
            if len(self._kept) > _BUCKETS_IN_MEMORY:
                self._kept.popitem(last=False)
        return is_allowed


class RedisBuckets:
    """The buckets shared by all processes."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
        self._script: Any = self._redis.register_script(_SCRIPT)

    def take(self, key: str, limit: Limit, *, now: float) -> bool:
        arguments = [limit.rate, limit.burst, f"{now:.3f}"]
        return bool(self._script(keys=[bucket_key(key)], args=arguments))


def bucket_key(key: str) -> str:
    """Return under which key of Redis a bucket is kept."""
    return f"menjin:bucket:{key}"


@lru_cache(maxsize=1)
def _buckets() -> Buckets:
    return RedisBuckets(settings.REDIS_URL) if settings.REDIS_URL else MemoryBuckets()


_complained_at = 0.0


def _take(key: str, limit: Limit) -> bool:
    """Take a token; while the store is away everybody is let through."""
    global _complained_at
    try:
        return _buckets().take(key, limit, now=time.time())
    except redis.RedisError:
        if time.monotonic() - _complained_at > 60:
            _complained_at = time.monotonic()
            logger.exception("rate_limits_away everybody is let through")
        return True


def terminal_may_call(*, terminal_id: int, address: str) -> bool:
    """Tell whether an admitted terminal may call now; its own bucket is asked first."""
    if not _take(f"terminal:{terminal_id}", Limit(*settings.TERMINAL_RATE)):
        return False
    place = neighbourhood(address)
    return not place or _take(f"address:{place}", Limit(*settings.ADDRESS_RATE))


def stranger_may_call(*, address: str, peer: str = "") -> bool:
    """Tell whether a caller may go on being refused for wrong tokens.

    Args:
        address: what it is taken for, which a list of hops may have told.
        peer: where its connection really comes from, empty for a proxy of ours.

    Each of both has a budget, so that nobody gets a fresh one by another list of hops. Of IPv6 a
    whole /64 is one caller: each of its hosts can take any address in it (RFC 4941).
    """
    limit = Limit(*settings.STRANGER_RATE)
    callers = {neighbourhood(one) for one in (address, peer)} - {""} or {"unknown"}
    # Every budget is used, also when another one is empty.
    return all([_take(f"stranger:{caller}", limit) for caller in sorted(callers)])
