"""The agent's own facts: cursor, moments, offset of the clock; all of them numbers."""

import sqlite3
from datetime import UTC, datetime


def get_fact(connection: sqlite3.Connection, name: str) -> str | None:
    """Read one of the agent's facts as part of somebody else's transaction."""
    row = connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def set_fact(connection: sqlite3.Connection, name: str, value: str) -> None:
    """Write one of the agent's facts as part of somebody else's transaction."""
    connection.execute("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", (name, value))


def moment_of(value: str | None) -> datetime | None:
    """Read a fact that is a moment, Unix seconds."""
    return None if value is None else datetime.fromtimestamp(float(value), tz=UTC)
