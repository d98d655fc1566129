"""Outbox: queue of uploads on disk until the platform has them."""

import sqlite3
from datetime import datetime

from edge_agent.storage.database import Database
from edge_agent.storage.disk_quota import give_back
from edge_agent.storage.events import Counts, Event, count_events, put_event


class Outbox:
    """Queue of uploads; an event leaves it when the platform has acknowledged it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, kind: str, body: bytes, *, at: datetime) -> int:
        """Keep an event; on disk when this returns.

        Args:
            kind: see `Event`.
            body: see `Event`.
            at: now, shown with the queue.

        Returns:
            Its sequence number.
        """
        return await self._database.run(lambda connection: put_event(connection, kind, body, at))

    async def get(self, seq: int) -> Event | None:
        """Read an event; None when it is not in the queue."""
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
        """Set aside an event that the platform will never accept."""

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


def _get(connection: sqlite3.Connection, seq: int) -> Event | None:
    row = connection.execute("SELECT seq, kind, body FROM outbox WHERE seq = ?", (seq,)).fetchone()
    return None if row is None else Event(*row)
