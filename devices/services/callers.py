"""Do two terminals call themselves the same? What differs between callers of one device ID.

A device ID is typed in by hand or comes from the factory, so two terminals can have the same one:
each then gets half of what is meant for the other. Noted here is only what *turns*: the address,
the cursor asked with, labels and firmware, when it is another one than the time before. One
terminal that moved turns once; two that call in turns go back and forth.

The notes are a few short lists for each terminal, in Redis or in this process, and are not worth a
write to the database.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol, get_args
from typing import Literal as Choice
from urllib.parse import quote, unquote

import redis
from django.conf import settings
from django.utils import timezone

logger = logging.getLogger(__name__)

Feature = Choice["address", "cursor", "label", "server", "firmware"]
FEATURES: tuple[Feature, ...] = get_args(Feature)
# Turns that are kept of each: enough for what ``caller_signs`` asks for.
KEPT = 12
_TERMINALS_IN_MEMORY = 20_000
_KEPT_SECONDS = 24 * 3600
# Note a value when it is not the latest one. A part of scripts (``calls``).
TURN = f"""
local function turn(key, turned, id, value, now)
  local kept = redis.call('HGET', key, id) or ''
  if string.match(kept, '=([^ ]*)$') == value then return end
  local turns = {{}}
  for one in string.gmatch(kept, '[^ ]+') do table.insert(turns, one) end
  table.insert(turns, now .. '=' .. value)
  while #turns > {KEPT} do table.remove(turns, 1) end
  redis.call('HSET', key, id, table.concat(turns, ' '))
  redis.call('EXPIRE', key, {_KEPT_SECONDS})
  if #turns > 1 then redis.call('SADD', turned, id) end
end
"""
_SCRIPT = f"{TURN}turn(KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3])"


@dataclass(frozen=True, slots=True)
class Turn:
    """From this moment on (Unix seconds) callers had this value."""

    at: float
    value: str


Turns = dict[Feature, tuple[Turn, ...]]


class CallerStore(Protocol):
    """Where turns are kept."""

    def note(self, terminal_id: int, feature: Feature, value: str, *, at: float) -> None: ...

    def take_turned(self) -> set[int]: ...

    def turns(self, terminal_ids: Collection[int]) -> dict[int, Turns]: ...


class MemoryCallers:
    """The store of a platform that is one process; the least noted are forgotten."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, Turns] = OrderedDict()
        self._turned: set[int] = set()

    def note(self, terminal_id: int, feature: Feature, value: str, *, at: float) -> None:
        with self._lock:
            kept = self._kept.setdefault(terminal_id, {})
            turns = kept.get(feature, ())
            if turns and turns[-1].value == value:
                return
            self._kept.move_to_end(terminal_id)
            kept[feature] = (*turns, Turn(at, value))[-KEPT:]
            if turns:
                self._turned.add(terminal_id)
            if len(self._kept) > _TERMINALS_IN_MEMORY:
                forgotten, _ = self._kept.popitem(last=False)
                self._turned.discard(forgotten)

    def take_turned(self) -> set[int]:
        with self._lock:
            turned, self._turned = self._turned, set()
            return turned

    def turns(self, terminal_ids: Collection[int]) -> dict[int, Turns]:
        with self._lock:
            return {one: dict(self._kept.get(one, {})) for one in terminal_ids}


class RedisCallers:
    """The store shared by all processes: a hash for each feature, and who turned lately."""

    def __init__(self, url: str) -> None:
        self._redis: Any = redis.Redis.from_url(
            url, socket_timeout=2, socket_connect_timeout=2, decode_responses=True
        )
        self._script: Any = self._redis.register_script(_SCRIPT)

    def note(self, terminal_id: int, feature: Feature, value: str, *, at: float) -> None:
        keys = [turns_key(feature), TURNED_KEY]
        self._script(keys=keys, args=[terminal_id, turn_text(value), f"{at:.3f}"])

    def take_turned(self) -> set[int]:
        with self._redis.pipeline() as pipe:
            pipe.smembers(TURNED_KEY)
            pipe.delete(TURNED_KEY)
            members, _ = pipe.execute()
        return {int(one) for one in members}

    def turns(self, terminal_ids: Collection[int]) -> dict[int, Turns]:
        ids = list(terminal_ids)
        found: dict[int, Turns] = {one: {} for one in ids}
        for feature in FEATURES if ids else ():
            texts = self._redis.hmget(turns_key(feature), [str(one) for one in ids])
            for terminal_id, text in zip(ids, texts, strict=True):
                found[terminal_id][feature] = tuple(map(_turn_of, (text or "").split()))
        return found


TURNED_KEY = "menjin:callers:turned"


def turns_key(feature: Feature) -> str:
    """Return under which key of Redis turns are kept."""
    return f"menjin:callers:{feature}"


def turn_text(value: str) -> str:
    """Return a value as Redis keeps it: without blanks and equals signs."""
    return quote(value, safe=":.")


def _turn_of(text: str) -> Turn:
    at, _, value = text.partition("=")
    return Turn(float(at), unquote(value))


@lru_cache(maxsize=1)
def _store() -> CallerStore:
    return RedisCallers(settings.REDIS_URL) if settings.REDIS_URL else MemoryCallers()


def caller_note(*, terminal_id: int, feature: Feature, value: str) -> None:
    """Note what a caller of this device ID has; a store that is away costs the note only."""
    if not value:
        return
    try:
        _store().note(terminal_id, feature, value, at=timezone.now().timestamp())
    except redis.RedisError:
        logger.exception("caller_store_away terminal=%s", terminal_id)


def callers_turned() -> set[int]:
    """Return terminals that something turned at since this was asked last."""
    return _store().take_turned()


def callers_turns(terminal_ids: Iterable[int]) -> dict[int, Turns]:
    """Return what turned at these terminals lately, oldest first."""
    return _store().turns(list(terminal_ids))
