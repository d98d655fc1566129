"""Sync state of the database: people, cursor, queue."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from edge_agent.storage.events import Counts, count_events
from edge_agent.storage.schema import get_fact, moment_of


@dataclass(frozen=True, slots=True)
class SyncState:
    """State of the file, for ``status``.

    Attributes:
        people: how many are held; `faces` of them can be recognised.
        cursor: ``lastQueryTime`` to ask with next.
        synced_at: last poll after which there was nothing new; None for never.
        heartbeat_at: last heartbeat that was answered; None for never.
    """

    people: int
    faces: int
    cursor: int
    synced_at: datetime | None
    heartbeat_at: datetime | None
    events: Counts


def read_sync_state(connection: sqlite3.Connection) -> SyncState:
    """Describe an open file."""
    (people,) = connection.execute("SELECT count(*) FROM people").fetchone()
    (faces,) = connection.execute("SELECT count(descriptor) FROM people").fetchone()
    return SyncState(
        people=people,
        faces=faces,
        cursor=int(get_fact(connection, "cursor") or 0),
        synced_at=moment_of(get_fact(connection, "synced_at")),
        heartbeat_at=moment_of(get_fact(connection, "heartbeat_at")),
        events=count_events(connection),
    )
