"""Presence: when each terminal was heard last, without a database write for every heartbeat.

Requests note the moment in a store (Redis, or this process when embedded); a task writes the
notes to the database in batches, and a sweep turns silence into "offline".
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.utils import timezone

from devices.choices import Presence
from devices.models import PresenceChange, Terminal
from devices.services.presence.addresses_seen import AddressesSeen, addresses_remember
from devices.services.presence.homes import flush_note
from server_common.call_store import CallStoreAway, Note, NoteFirst, Step, call_store

logger = logging.getLogger(__name__)

# Between two flushes, ten seconds; a fleet of thousands calls from one address each.
ADDRESSES_MAX = 50_000


class Sighting(NamedTuple):
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


_SEEN = "presence"
_ADDRESSES = "presence:addresses"


def sighting_steps(terminal_id: int, sighting: Sighting) -> list[Step]:
    """Return the steps by which it is noted that a terminal was heard."""
    steps: list[Step] = [Note(_SEEN, str(terminal_id), _text(sighting))]
    if sighting.address:
        field, at = f"{terminal_id} {sighting.address}", f"{sighting.at:.3f}"
        steps.append(NoteFirst(_ADDRESSES, field, at, ADDRESSES_MAX))
    return steps


def sightings(terminal_ids: Iterable[int]) -> dict[int, Sighting]:
    """Return the notes of these terminals that are not in the database yet."""
    found = call_store().fields(_SEEN, map(str, terminal_ids))
    return {int(terminal_id): _sighting(text) for terminal_id, text in found.items()}


def sightings_take() -> dict[int, Sighting]:
    """Return all notes and forget them."""
    found = call_store().take_notes(_SEEN)
    return {int(terminal_id): _sighting(text) for terminal_id, text in found.items()}


def addresses_take() -> AddressesSeen:
    """Return where terminals called from first, and forget it."""
    seen: AddressesSeen = {}
    for field, at in call_store().take_notes(_ADDRESSES).items():
        terminal_id, _, address = field.partition(" ")
        seen[int(terminal_id), address] = float(at)
    return seen


def _text(sighting: Sighting) -> str:
    return f"{sighting.at:.3f} {sighting.address} {int(sighting.used_token)}"


def _sighting(text: str) -> Sighting:
    at, address, with_token = text.split(" ")
    return Sighting(at=float(at), address=address, used_token=bool(int(with_token)))


def presence_seen(*, terminal_id: int, address: str, used_token: bool = True) -> None:
    """Note that a terminal was heard now; a store that is away costs the note, not the answer."""
    now = timezone.now().timestamp()
    try:
        steps = sighting_steps(terminal_id, Sighting(now, address, used_token))
        call_store().run(steps, now=now)
    except CallStoreAway:
        logger.exception("presence_store_away terminal=%s", terminal_id)


def presence_last_seen(terminals: Iterable[Terminal]) -> dict[int, datetime | None]:
    """Return when each terminal was heard last, notes not yet in the database included."""
    known = {terminal.pk: terminal.last_seen_at for terminal in terminals}
    for terminal_id, sighting in sightings(known).items():
        noted = datetime.fromtimestamp(sighting.at, UTC)
        before = known[terminal_id]
        known[terminal_id] = max(noted, before) if before else noted
    return known


def presence_flush() -> int:
    """Write the notes to the database and return how many terminals were heard.

    A crash between taking and writing loses only moments that the next heartbeat brings again.
    """
    notes = sightings_take()
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
    addresses_remember(addresses_take())
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
