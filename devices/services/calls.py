"""May a terminal call now, and that it called: counted and noted in one step.

What every request of a terminal needs of the shared store (its rate and its address's, that it was
heard, of a quiet exchange the latest, whether address or cursor turned) is one script in Redis: one
way there and back instead of five, and the client's part of each is what a heartbeat costs most.
"""

import json
import logging
import time
from dataclasses import asdict
from functools import lru_cache
from typing import Any

import redis
from django.conf import settings

from devices.services.callers import TURN, TURNED_KEY, caller_note, turn_text, turns_key
from devices.services.limits import TAKE, bucket_key, terminal_may_call
from devices.services.presence import (
    ADDRESSES_MAX,
    RedisPresence,
    Sighting,
    address_field,
    presence_seen,
    sighting_text,
)
from devices.services.recorder import KEPT_SECONDS, Exchange, exchange_keep, exchanges_key
from devices.services.remembered import MARK_KEY, AdmissionOutdated, mark_known, mark_learn
from server_common.addresses import neighbourhood

logger = logging.getLogger(__name__)

_COMPLAIN_EVERY_S = 60
_CURSOR_DIGITS = 19
# Stands in the script for the mark of a caller that was looked up.
_NOT_REMEMBERED = "-"
_SCRIPT = (
    TAKE
    + TURN
    + """
local mark = redis.call('GET', KEYS[9]) or ''
if ARGV[15] ~= '-' and ARGV[15] ~= mark then return mark end
local now = ARGV[1]
if take(KEYS[1], ARGV[2], ARGV[3], now) == 0 then return 0 end
if KEYS[2] ~= '' and take(KEYS[2], ARGV[4], ARGV[5], now) == 0 then return 0 end
redis.call('HSET', KEYS[3], ARGV[6], ARGV[7])
if ARGV[8] ~= '' then
  redis.call('HSET', KEYS[4], ARGV[8], ARGV[9])
  redis.call('EXPIRE', KEYS[4], ARGV[10])
end
if ARGV[11] ~= '' then turn(KEYS[5], KEYS[7], ARGV[6], ARGV[11], now) end
if ARGV[12] ~= '' then turn(KEYS[6], KEYS[7], ARGV[6], ARGV[12], now) end
if ARGV[13] ~= '' and redis.call('HLEN', KEYS[8]) < tonumber(ARGV[14]) then
  redis.call('HSETNX', KEYS[8], ARGV[13], now)
end
return 1
"""
)
_complained_at = 0.0


def call_taken(
    *,
    terminal_id: int,
    address: str,
    used_token: bool,
    quiet: Exchange | None = None,
    asked: str = "",
    mark: str | None = None,
) -> bool:
    """Tell whether an admitted terminal may call now; if so, note that it was heard.

    Args:
        terminal_id: who calls.
        address: where from, may be empty.
        used_token: whether it came under the site's secret address.
        quiet: the exchange itself when it is a quiet one and its answer is known already; kept as
            ``exchange_keep`` would.
        asked: the cursor of a poll as it was sent, whatever that is.
        mark: of what the caller was admitted by from memory.

    Raises:
        AdmissionOutdated: something has changed since; nothing is counted or noted.

    While the store is away everybody is let through and nothing is noted.
    """
    script = _script()
    if script is None:
        if mark not in {None, mark_known()}:
            raise AdmissionOutdated
        return _taken_here(terminal_id, address, used_token=used_token, quiet=quiet, asked=asked)
    now = time.time()
    sighting = sighting_text(Sighting(now, address, used_token))
    keys = _keys(terminal_id, address)
    limits = [*settings.TERMINAL_RATE, *settings.ADDRESS_RATE]
    kept = (quiet.kind, _text(quiet)) if quiet is not None else ("", "")
    turned = (turn_text(address), _cursor_of(asked))
    seen = (address_field(terminal_id, address) if address else "", ADDRESSES_MAX)
    args = [f"{now:.3f}", *limits, terminal_id, sighting, *kept, KEPT_SECONDS, *turned, *seen]
    try:
        answer = script(keys=keys, args=[*args, _NOT_REMEMBERED if mark is None else mark])
    except redis.RedisError:
        _complain()
        return True
    if isinstance(answer, bytes):
        mark_learn(answer.decode())
        raise AdmissionOutdated
    return bool(answer)


def _taken_here(
    terminal_id: int, address: str, *, used_token: bool, quiet: Exchange | None, asked: str
) -> bool:
    """Do the same where the platform is one process without Redis."""
    if not terminal_may_call(terminal_id=terminal_id, address=address):
        return False
    presence_seen(terminal_id=terminal_id, address=address, used_token=used_token)
    caller_note(terminal_id=terminal_id, feature="address", value=address)
    caller_note(terminal_id=terminal_id, feature="cursor", value=_cursor_of(asked))
    if quiet is not None:
        exchange_keep(terminal_id=terminal_id, exchange=quiet, is_quiet=True)
    return True


def _keys(terminal_id: int, address: str) -> list[str]:
    return [
        bucket_key(f"terminal:{terminal_id}"),
        bucket_key(f"address:{place}") if (place := neighbourhood(address)) else "",
        RedisPresence.KEY,
        exchanges_key(terminal_id, is_quiet=True),
        turns_key("address"),
        turns_key("cursor"),
        TURNED_KEY,
        RedisPresence.ADDRESSES_KEY,
        MARK_KEY,
    ]


def _cursor_of(asked: str) -> str:
    """Return a cursor by which callers can be told apart; a factory reset sends 0."""
    digits = asked.strip()
    is_cursor = digits.isdecimal() and len(digits) <= _CURSOR_DIGITS
    return str(int(digits) or "") if is_cursor else ""


def _text(exchange: Exchange) -> str:
    return json.dumps(asdict(exchange), ensure_ascii=False, default=str)


@lru_cache(maxsize=1)
def _script() -> Any:
    """Return the script at this platform's Redis; None when it is one process without any."""
    if not settings.REDIS_URL:
        return None
    # No terminal waits for a Redis that is away.
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
    return client.register_script(_SCRIPT)


def _complain() -> None:
    global _complained_at
    if time.monotonic() - _complained_at > _COMPLAIN_EVERY_S:
        _complained_at = time.monotonic()
        logger.exception("rate_limits_away everybody is let through, presence is not noted")
