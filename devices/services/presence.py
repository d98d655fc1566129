"""When was each terminal heard last, without a database write for every heartbeat.

Requests note the moment in a store (Redis, or this process when embedded); a task writes the
notes to the database in batches, and a sweep turns silence into "offline".
"""

import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Protocol

import redis
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from devices.choices import Presence
from devices.models import PresenceChange, Terminal
from devices.services.addresses_seen import AddressesSeen, addresses_remember
from devices.services.homes import flush_note

logger = logging.getLogger(__name__)

# Between two flushes, ten seconds; a fleet of thousands calls from one address each.
ADDRESSES_MAX = 50_000


@dataclass(frozen=True, slots=True)
class Sighting:
    """A terminal was heard: Unix seconds, the address, and whether it used the secret path."""

    at: float
    address: str
    used_token: bool = True


@dataclass(frozen=True, slots=True)
class PresenceTurn:
    """A terminal came online or went offline in this sweep."""

    terminal_id: int
    site_id: int
    presence: Presence
    at: datetime


class PresenceStore(Protocol):
    """Notes of sightings that are not in the database yet."""

    def note(self, terminal_id: int, sighting: Sighting) -> None: ...

    def peek(self, terminal_ids: Iterable[int]) -> dict[int, Sighting]: ...

    def take(self) -> dict[int, Sighting]: ...

    def take_addresses(self) -> AddressesSeen: ...


class MemoryPresence:
    """The store of a platform that is one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._notes: dict[int, Sighting] = {}
        self._addresses: AddressesSeen = {}

    def note(self, terminal_id: int, sighting: Sighting) -> None:
        with self._lock:
            self._notes[terminal_id] = sighting
            if sighting.address and len(self._addresses) < ADDRESSES_MAX:
                self._addresses.setdefault((terminal_id, sighting.address), sighting.at)

    def peek(self, terminal_ids: Iterable[int]) -> dict[int, Sighting]:
        with self._lock:
            return {key: self._notes[key] for key in terminal_ids if key in self._notes}

    def take(self) -> dict[int, Sighting]:
        with self._lock:
            notes, self._notes = self._notes, {}
            return notes

    def take_addresses(self) -> AddressesSeen:
        with self._lock:
            seen, self._addresses = self._addresses, {}
            return seen


class RedisPresence:
    """The store shared by all processes; two hashes, emptied by renaming them away."""

    KEY = "menjin:presence"
    ADDRESSES_KEY = "menjin:presence:addresses"

    def __init__(self, url: str) -> None:
        # A heartbeat must not hang on a Redis that is away.
        self._redis = redis.Redis.from_url(
            url, socket_timeout=2, socket_connect_timeout=2, decode_responses=True
        )

    def note(self, terminal_id: int, sighting: Sighting) -> None:
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.hset(self.KEY, str(terminal_id), sighting_text(sighting))
            if sighting.address:
                field = address_field(terminal_id, sighting.address)
                pipe.hsetnx(self.ADDRESSES_KEY, field, f"{sighting.at:.3f}")
            pipe.execute()

    def peek(self, terminal_ids: Iterable[int]) -> dict[int, Sighting]:
        keys = [str(key) for key in terminal_ids]
        if not keys:
            return {}
        values = self._redis.hmget(self.KEY, keys)
        return {
            int(key): self._read(value) for key, value in zip(keys, values, strict=True) if value
        }

    def take(self) -> dict[int, Sighting]:
        return {int(key): self._read(value) for key, value in self._taken(self.KEY).items()}

    def take_addresses(self) -> AddressesSeen:
        seen: AddressesSeen = {}
        for field, at in self._taken(self.ADDRESSES_KEY).items():
            terminal_id, _, address = field.partition(" ")
            seen[int(terminal_id), address] = float(at)
        return seen

    def _taken(self, key: str) -> dict[str, str]:
        taken = f"{key}:taken"
        try:
            self._redis.rename(key, taken)
        except redis.ResponseError:  # nothing was noted since the last time
            return {}
        notes = {str(field): str(value) for field, value in self._redis.hgetall(taken).items()}
        self._redis.delete(taken)
        return notes

    @staticmethod
    def _read(value: bytes | str) -> Sighting:
        at, address, with_token = str(value).split(" ")
        return Sighting(at=float(at), address=address, used_token=bool(int(with_token)))


def sighting_text(sighting: Sighting) -> str:
    """Return a sighting as Redis keeps it."""
    return f"{sighting.at:.3f} {sighting.address} {int(sighting.used_token)}"


def address_field(terminal_id: int, address: str) -> str:
    """Return under which field Redis keeps that a terminal called from an address."""
    return f"{terminal_id} {address}"


@lru_cache(maxsize=1)
def _store() -> PresenceStore:
    return RedisPresence(settings.REDIS_URL) if settings.REDIS_URL else MemoryPresence()


def presence_seen(*, terminal_id: int, address: str, used_token: bool = True) -> None:
    """Note that a terminal was heard now; a store that is away costs the note, not the answer."""
    sighting = Sighting(timezone.now().timestamp(), address, used_token)
    try:
        _store().note(terminal_id, sighting)
    except redis.RedisError:
        logger.exception("presence_store_away terminal=%s", terminal_id)


def presence_last_seen(terminals: Iterable[Terminal]) -> dict[int, datetime | None]:
    """Return when each terminal was heard last, notes not yet in the database included."""
    known = {terminal.pk: terminal.last_seen_at for terminal in terminals}
    for terminal_id, sighting in _store().peek(known).items():
        noted = datetime.fromtimestamp(sighting.at, UTC)
        before = known[terminal_id]
        known[terminal_id] = max(noted, before) if before else noted
    return known


def presence_flush() -> int:
    """Write the notes to the database and return how many terminals were heard.

    A crash between taking and writing loses only moments that the next heartbeat brings again.
    """
    notes = _store().take()
    ids = sorted(notes)
    for start in range(0, len(ids), 500):
        rows = list(Terminal.objects.filter(pk__in=ids[start : start + 500]))
        for row in rows:
            note = notes[row.pk]
            row.last_seen_at = max(
                datetime.fromtimestamp(note.at, UTC),
                row.last_seen_at or datetime.min.replace(tzinfo=UTC),
            )
            row.last_address = note.address or row.last_address
            row.used_token = note.used_token
        Terminal.objects.bulk_update(rows, ["last_seen_at", "last_address", "used_token"])
    addresses_remember(_store().take_addresses())
    flush_note()
    return len(ids)


@transaction.atomic
def presence_sweep(*, now: datetime | None = None) -> list[PresenceTurn]:
    """Bring each terminal's state up to date and return those that turned.

    Online means heard within the site's ``offline_after_s``, the limit itself included.
    """
    now = now or timezone.now()
    turns: list[PresenceTurn] = []
    # Two sweeps at once would tell the same turn twice; the second one waits and finds it done.
    rows = list(
        Terminal.objects.select_for_update(of=("self",))
        .select_related("site")
        .filter(last_seen_at__isnull=False)
    )
    for row in rows:
        if row.last_seen_at is None:
            continue
        limit = row.last_seen_at + timedelta(seconds=row.site.offline_after_s)
        presence = Presence.ONLINE if now <= limit else Presence.OFFLINE
        if presence != row.presence:
            at = row.last_seen_at if presence is Presence.ONLINE else limit
            row.presence, row.presence_since = presence, at
            turns.append(PresenceTurn(row.pk, row.site_id, presence, at))
    changed = {turn.terminal_id for turn in turns}
    Terminal.objects.bulk_update(
        [row for row in rows if row.pk in changed], ["presence", "presence_since"]
    )
    PresenceChange.objects.bulk_create(
        PresenceChange(terminal_id=turn.terminal_id, presence=turn.presence, at=turn.at)
        for turn in turns
    )
    return turns
