"""What is to be told to the platform, on disk until the platform has it."""

import sqlite3
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from edge_agent.storage.database import Database
from edge_agent.storage.room import give_back

# A pass without a picture is shorter; nothing would be gained by looking into it.
_LIGHT_BYTES: Final = 2048


@dataclass(frozen=True, slots=True)
class Event:
    """One upload of chapter 9, as it will be sent.

    Attributes:
        seq: order in which events happened; grows for ever, never used twice.
        kind: last word of the address: ``syface``, ``syattribute`` or ``syresult``.
        body: the JSON, UTF-8. Holds pictures and names, so it is never shown.
    """

    seq: int
    kind: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many events wait.

    Attributes:
        parked: how many more the platform will never take.
        given_up: how many of those that wait gave up their pictures for want of room.
    """

    pending: int
    parked: int
    given_up: int = 0


class Outbox:
    """The queue. An event enters before it is sent and leaves when the platform answered for it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, kind: str, body: bytes, *, at: datetime) -> int:
        """Keep an event; on disk when this returns.

        Args:
            kind: see `Event`.
            body: see `Event`.
            at: now, for whoever looks at the queue.

        Returns:
            Its sequence number.
        """
        return await self._database.run(lambda connection: put_event(connection, kind, body, at))

    async def get(self, seq: int) -> Event | None:
        """Read an event; None when it has left."""
        return await self._database.run(lambda connection: _get(connection, seq))

    async def first(self, *, skip: frozenset[int] = frozenset()) -> Event | None:
        """Read the oldest event, leaving some aside."""

        def work(connection: sqlite3.Connection) -> Event | None:
            rows = connection.execute("SELECT seq FROM outbox ORDER BY seq")
            found = next((seq for (seq,) in rows if seq not in skip), None)
            rows.close()
            return None if found is None else _get(connection, found)

        return await self._database.run(work)

    async def done(self, seq: int) -> None:
        """Forget an event that the platform has."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM outbox WHERE seq = ?", (seq,))
            give_back(connection)

        await self._database.run(work)

    async def park(self, seq: int, reason: str) -> None:
        """Put an event aside that the platform will never take."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO dead (seq, kind, body, created_at, reason, is_light)"
                " SELECT seq, kind, body, created_at, ?, is_light FROM outbox WHERE seq = ?",
                (reason, seq),
            )
            connection.execute("DELETE FROM outbox WHERE seq = ?", (seq,))

        await self._database.run(work)

    async def counts(self) -> Counts:
        """Count events."""
        return await self._database.run(count_events)


def put_event(connection: sqlite3.Connection, kind: str, body: bytes, at: datetime) -> int:
    """Keep an event as part of somebody else's transaction; see `Outbox.put`."""
    cursor = connection.execute(
        "INSERT INTO outbox (kind, body, created_at, is_light) VALUES (?, ?, ?, ?)",
        (kind, body, at.timestamp(), int(len(body) <= _LIGHT_BYTES)),
    )
    return int(cursor.lastrowid or 0)


def count_events(connection: sqlite3.Connection) -> Counts:
    """Count events as part of somebody else's transaction."""
    (pending,) = connection.execute("SELECT count(*) FROM outbox").fetchone()
    (parked,) = connection.execute("SELECT count(*) FROM dead").fetchone()
    (given_up,) = connection.execute("SELECT count(*) FROM outbox WHERE is_light = 2").fetchone()
    return Counts(pending=pending, parked=parked, given_up=given_up)


def _get(connection: sqlite3.Connection, seq: int) -> Event | None:
    row = connection.execute("SELECT seq, kind, body FROM outbox WHERE seq = ?", (seq,)).fetchone()
    return None if row is None else Event(*row)


def oldest_event(connection: sqlite3.Connection) -> datetime | None:
    """When the event entered that waits longest; None when nothing waits."""
    (created_at,) = connection.execute("SELECT min(created_at) FROM outbox").fetchone()
    return None if created_at is None else datetime.fromtimestamp(created_at, tz=UTC)
