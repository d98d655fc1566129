"""The flight recorder: a terminal's last exchanges, readable as a conversation.

"Why does nothing arrive?" is answered here: what the terminal said (pictures, names and ID
numbers masked), what it was answered, and what Menjin made of it. Kept in Redis, or in this
process when embedded; never in the database, and never at the cost of an answer.
"""

import json
import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any, Protocol

import redis
from django.conf import settings
from django.utils.functional import Promise

from server_common.redaction import redact

logger = logging.getLogger(__name__)

KEPT = 50
KEPT_SECONDS = 14 * 24 * 3600
_TERMINALS_IN_MEMORY = 2000
_VALUE_LIMIT = 64
_MASKED_KEYS = frozenset(
    {
        "username",
        "name",
        "id",
        "idcardinfo",
        "idnumber",
        "national",
        "birthday",
        "address",
        "maker",
        "mobile",
        "password",
        "userremark",
    }
)


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer to a terminal, and what was made of its question.

    Attributes:
        body: what is sent.
        note: plain values for the flight recorder, such as the record's id; no names.
        is_quiet: a heartbeat or a poll with nothing new, of which only the latest is kept.
    """

    body: dict[str, Any]
    note: dict[str, Any] = field(default_factory=dict)
    is_quiet: bool = False


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question of a terminal and its answer, masked.

    Attributes:
        at: Unix seconds.
        kind: syface, syrecord …
        said: the question's fields, masked; ``(n characters)`` for pictures.
        answered: ``ret``, ``desc``, ``openDoor`` … as sent.
        note: what Menjin made of it.
        took_ms: milliseconds from the first byte read to the answer.
    """

    at: float
    kind: str
    address: str
    status: int
    said: dict[str, Any]
    answered: dict[str, Any]
    note: dict[str, Any]
    took_ms: float


def masked(data: Mapping[str, Any], *, depth: int = 3) -> dict[str, Any]:
    """Return a message's fields fit to be shown: no picture, no name, no ID number."""
    shown: dict[str, Any] = {}
    for key, value in list(data.items())[:60]:
        name = _encodable(str(key)[:_VALUE_LIMIT])
        if str(key).strip().lower() in _MASKED_KEYS:
            shown[name] = "***" if value not in (None, "", {}) else ""
        elif isinstance(value, Mapping):
            shown[name] = masked(value, depth=depth - 1) if depth else "…"
        elif isinstance(value, list):
            shown[name] = [
                masked(one, depth=depth - 1) if isinstance(one, Mapping) and depth else "…"
                for one in value[:10]
            ]
        elif isinstance(value, str):
            is_long = len(value) > _VALUE_LIMIT
            shown[name] = f"({len(value)} characters)" if is_long else redact(_encodable(value))
        elif value is None or isinstance(value, bool | int | float):
            shown[name] = value if len(str(value)) <= _VALUE_LIMIT else "(a long number)"
        else:
            shown[name] = "…"
    return shown


def _encodable(text: str) -> str:
    """Return text that UTF-8 can hold; JSON may say half of a surrogate pair."""
    return text.encode("utf-8", "replace").decode()


_note_words: dict[str, Mapping[str, str | Promise]] = {}


def note_words_register(name: str, words: Mapping[str, str | Promise]) -> None:
    """Make the words known for the values of a fact in notes; an app does when it is ready."""
    _note_words[name] = words


def note_words(name: str, value: Any) -> str:
    """Say a fact of a note; what no app has words for stands as it is."""
    return str(_note_words.get(name, {}).get(str(value), value))


class Recorder(Protocol):
    """Where exchanges are kept."""

    def keep(self, terminal_id: int, exchange: Exchange, *, is_quiet: bool) -> None: ...

    def last(self, terminal_id: int) -> list[Exchange]: ...


class MemoryRecorder:
    """The recorder of a platform that is one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: OrderedDict[int, deque[Exchange]] = OrderedDict()
        self._quiet: dict[int, dict[str, Exchange]] = {}

    def keep(self, terminal_id: int, exchange: Exchange, *, is_quiet: bool) -> None:
        with self._lock:
            told = self._told.setdefault(terminal_id, deque(maxlen=KEPT))
            self._told.move_to_end(terminal_id)
            if is_quiet:
                self._quiet.setdefault(terminal_id, {})[exchange.kind] = exchange
            else:
                told.appendleft(exchange)
            if len(self._told) > _TERMINALS_IN_MEMORY:
                forgotten, _ = self._told.popitem(last=False)
                self._quiet.pop(forgotten, None)

    def last(self, terminal_id: int) -> list[Exchange]:
        with self._lock:
            told = [*self._told.get(terminal_id, ()), *self._quiet.get(terminal_id, {}).values()]
        return sorted(told, key=lambda one: -one.at)


class RedisRecorder:
    """The recorder shared by all processes: a capped list and a hash of quiet ones."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(
            url, socket_timeout=2, socket_connect_timeout=2, decode_responses=True
        )

    def keep(self, terminal_id: int, exchange: Exchange, *, is_quiet: bool) -> None:
        text = json.dumps(asdict(exchange), ensure_ascii=False, default=str)
        key = exchanges_key(terminal_id, is_quiet=is_quiet)
        with self._redis.pipeline(transaction=False) as pipe:
            if is_quiet:
                pipe.hset(key, exchange.kind, text)
            else:
                pipe.lpush(key, text)
                pipe.ltrim(key, 0, KEPT - 1)
            pipe.expire(key, KEPT_SECONDS)
            pipe.execute()

    def last(self, terminal_id: int) -> list[Exchange]:
        told: Any = self._redis.lrange(exchanges_key(terminal_id, is_quiet=False), 0, KEPT - 1)
        quiet: Any = self._redis.hvals(exchanges_key(terminal_id, is_quiet=True))
        return sorted(
            (Exchange(**json.loads(text)) for text in [*told, *quiet]), key=lambda one: -one.at
        )


def exchanges_key(terminal_id: int, *, is_quiet: bool) -> str:
    """Return under which key of Redis exchanges of a terminal are kept."""
    key = f"menjin:exchanges:{terminal_id}"
    return f"{key}:quiet" if is_quiet else key


@lru_cache(maxsize=1)
def _recorder() -> Recorder:
    return RedisRecorder(settings.REDIS_URL) if settings.REDIS_URL else MemoryRecorder()


_complained_at = 0.0


def exchange_keep(*, terminal_id: int, exchange: Exchange, is_quiet: bool = False) -> None:
    """Keep an exchange; a store that is away is complained of once a minute and not waited for."""
    global _complained_at
    try:
        _recorder().keep(terminal_id, exchange, is_quiet=is_quiet)
    except redis.RedisError:
        if time.monotonic() - _complained_at > 60:
            _complained_at = time.monotonic()
            logger.exception("flight_recorder_away")


def exchanges_last(*, terminal_id: int) -> list[Exchange]:
    """Return a terminal's last exchanges, newest first; empty when the store is away."""
    try:
        return _recorder().last(terminal_id)
    except redis.RedisError:
        logger.exception("flight_recorder_away")
        return []
