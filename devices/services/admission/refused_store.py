"""Calls on terminals' paths that were refused, kept so that an installer can find the mistake.

A wrong address, a foreign network, a disabled terminal: nothing of these calls reaches a terminal's
own page. Kept in Redis, or in this process when embedded; few for each site and few for each
caller, so that none fills the memory or pushes out what others did. Written while a terminal is
answered and therefore only noted: whose address was meant is found out when a user looks
(``refused_reading``).
"""

import base64
import json
import logging
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from typing import Any, Protocol

import redis
from django.conf import settings

from devices.choices import RefusedReason
from server_common.addresses import neighbourhood
from server_common.crypto import keyed_digest, seal
from server_common.process_state import RareComplaint, forgets
from server_common.redaction import redact

logger = logging.getLogger(__name__)

TOKEN_PURPOSE = "devices.refused_token"  # noqa: S105 - names a purpose
KEPT_SECONDS = 14 * 24 * 3600
# Rows of the calls that would have been one site's, and of those that name no site.
KEPT_PER_SITE = 100
KEPT_WITHOUT_SITE = 300
KEPT_PER_CALLER = 16
_PATH_MAX = 160
_TOKEN_MAX = 128
_SEGMENT = re.compile(r"(/t/)([^/]{0,4})([^/]*)")
# A secret where none belongs: without /t/, twice, behind another. Device IDs are shorter.
_ASTRAY = re.compile(r"(?<=/)([A-Za-z0-9_\-%]{4})[A-Za-z0-9_\-%]{18,}")
# Note a call. Rows go by their last call; a caller with many gives up one of its own first.
_SCRIPT = """
local texts, counts, order, callers = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local id, caller, text, at = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local function drop(one)
  if not one then return end
  redis.call('HDEL', texts, one)
  redis.call('HDEL', counts, one)
  redis.call('ZREM', order, one)
  redis.call('ZREM', callers, one)
end
if redis.call('HEXISTS', texts, id) == 0 then
  local own = redis.call('ZRANGEBYLEX', callers, '[' .. caller .. '|', '(' .. caller .. '}')
  if #own >= tonumber(ARGV[6]) then drop(own[1]) end
  if redis.call('ZCARD', order) >= tonumber(ARGV[5]) then
    drop(redis.call('ZRANGE', order, 0, 0)[1])
  end
end
redis.call('HSET', texts, id, text)
redis.call('HINCRBY', counts, id, 1)
redis.call('ZADD', order, at, id)
redis.call('ZADD', callers, 0, id)
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, ARGV[7]) end
"""


@dataclass(frozen=True, slots=True)
class RefusedCall:
    """Calls of one kind from one address.

    Attributes:
        at: the latest, Unix seconds.
        path: the secret segment cut to four characters.
        site_id: whose call it would have been, None where that was not known.
        sealed_token: the whole segment as it was sent, to find out what was meant.
        count: how many times.
    """

    at: float
    address: str
    path: str
    reason: str
    site_id: int | None = None
    sealed_token: str = field(default="", repr=False)
    count: int = 1


class RefusedStore(Protocol):
    """Where refused calls are kept, by site."""

    def note(self, row: str, caller: str, call: RefusedCall) -> None: ...

    def last(self, site_ids: Collection[int | None]) -> list[RefusedCall]: ...


class MemoryRefused:
    """The store of a platform that is one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[int | None, OrderedDict[str, RefusedCall]] = {}

    def note(self, row: str, caller: str, call: RefusedCall) -> None:
        with self._lock:
            rows = self._kept.setdefault(call.site_id, OrderedDict())
            known = rows.pop(row, None)
            if known is None:
                own = [one for one in rows if one.startswith(f"{caller}|")]
                if len(own) >= KEPT_PER_CALLER:
                    del rows[own[0]]
                if len(rows) >= _kept_most(call.site_id):
                    rows.popitem(last=False)
            rows[row] = replace(call, count=known.count + 1 if known else 1)

    def last(self, site_ids: Collection[int | None]) -> list[RefusedCall]:
        since = time.time() - KEPT_SECONDS
        with self._lock:
            found = [call for one in site_ids for call in self._kept.get(one, {}).values()]
        return [call for call in found if call.at >= since]


class RedisRefused:
    """The store shared by all processes: texts, counts, their order, and whose they are."""

    def __init__(self, url: str) -> None:
        self._redis: Any = redis.Redis.from_url(
            url, socket_timeout=2, socket_connect_timeout=2, decode_responses=True
        )
        self._script: Any = self._redis.register_script(_SCRIPT)

    def note(self, row: str, caller: str, call: RefusedCall) -> None:
        text = json.dumps(asdict(call), ensure_ascii=False)
        limits = [_kept_most(call.site_id), KEPT_PER_CALLER, KEPT_SECONDS]
        self._script(keys=_keys(call.site_id), args=[row, caller, text, f"{call.at:.3f}", *limits])

    def last(self, site_ids: Collection[int | None]) -> list[RefusedCall]:
        with self._redis.pipeline(transaction=False) as pipe:
            for site_id in site_ids:
                texts, counts, *_ = _keys(site_id)
                pipe.hgetall(texts)
                pipe.hgetall(counts)
            answers = pipe.execute()
        return [
            replace(RefusedCall(**json.loads(text)), count=int(counts.get(row, 1)))
            for texts, counts in zip(answers[::2], answers[1::2], strict=True)
            for row, text in texts.items()
        ]


def _kept_most(site_id: int | None) -> int:
    return KEPT_WITHOUT_SITE if site_id is None else KEPT_PER_SITE


def _keys(site_id: int | None) -> list[str]:
    own = f"menjin:refused:{0 if site_id is None else site_id}"
    return [f"{own}:texts", f"{own}:counts", f"{own}:order", f"{own}:callers"]


@lru_cache(maxsize=1)
def _store() -> RefusedStore:
    return RedisRefused(settings.REDIS_URL) if settings.REDIS_URL else MemoryRefused()


forgets(_store.cache_clear)


_complaint = RareComplaint()


def refused_note(
    *, path: str, address: str, reason: RefusedReason, site_id: int | None = None
) -> None:
    """Keep a refused call; a store that is away costs the note, not the answer.

    Args:
        path: as it is meant (``lane_path``), with the secret segment whole.
        address: where it came from.
        reason: why it was refused.
        site_id: whose call it would have been, None where that is not known.
    """
    shown = path_shown(path)
    segment = _SEGMENT.match(path)
    token = path.split("/", 3)[2][:_TOKEN_MAX] if segment else ""
    sealed = seal(token.encode("utf-8", "replace"), purpose=TOKEN_PURPOSE) if token else b""
    call = RefusedCall(
        at=time.time(),
        address=address,
        path=shown,
        reason=str(reason),
        site_id=site_id,
        sealed_token=base64.b64encode(sealed).decode(),
    )
    caller = neighbourhood(address) or "unknown"
    same = keyed_digest(f"{address} {reason} {token} {shown}", purpose="devices.refused_row")[:16]
    try:
        _store().note(f"{caller}|{same}", caller, call)
    except redis.RedisError:
        if _complaint.is_due():
            logger.exception("refused_calls_away")


def path_shown(path: str) -> str:
    """Return a path fit to be shown: four characters of secrets, nothing unprintable."""
    masked = _SEGMENT.sub(lambda found: f"{found[1]}{found[2]}{'***' if found[3] else ''}", path)
    masked = _ASTRAY.sub(r"\1***", masked)
    plain = "".join(one if one.isprintable() else "\ufffd" for one in masked)
    return redact(plain[:_PATH_MAX].encode("utf-8", "replace").decode())


def refused_last(site_ids: Collection[int | None]) -> list[RefusedCall]:
    """Return what was refused, of these sites and (None) of no site, the latest first.

    Empty when the store is away.
    """
    try:
        found = _store().last(site_ids)
    except redis.RedisError:
        logger.exception("refused_calls_away")
        return []
    return sorted(found, key=lambda call: -call.at)
