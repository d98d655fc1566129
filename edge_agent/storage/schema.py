"""Schema of the database, its named facts, and what a rebuild carries over."""

import sqlite3
from datetime import UTC, datetime
from typing import Final

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS people (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- also the id in the vector index; never used again
    user_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    user_type TEXT NOT NULL,
    picture_url TEXT NOT NULL,
    picture_sha256 TEXT NOT NULL DEFAULT '',
    contract_id TEXT NOT NULL DEFAULT '',  -- what the descriptor means; '' when there is none
    descriptor BLOB,                       -- little-endian float32
    picture_attempts INTEGER NOT NULL DEFAULT 0,
    picture_due_at REAL,                   -- Unix seconds; NULL when nothing is to be fetched
    origin TEXT NOT NULL DEFAULT 'platform',  -- or 'local': entered at the device interface
    details TEXT NOT NULL DEFAULT '{}',    -- local people: UserObject without photo, JSON
    is_doubtful INTEGER NOT NULL DEFAULT 0 -- from a damaged file, until the platform names them
);
CREATE TABLE IF NOT EXISTS pictures (
    person_id INTEGER PRIMARY KEY REFERENCES people (id) ON DELETE CASCADE,
    jpeg BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS accepted_calls ( -- signatures that count no more, see call_marks.py
    timestamp_ms INTEGER PRIMARY KEY,
    remainder INTEGER NOT NULL             -- of a division, so that a flipped bit is noticed
);
CREATE TABLE IF NOT EXISTS former_passwords ( -- of [api], the newest call of each; call_marks.py
    mark TEXT PRIMARY KEY,                 -- see password_mark.py
    newest_ms INTEGER NOT NULL,
    remainder INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    body BLOB NOT NULL,
    created_at REAL NOT NULL,
    is_light INTEGER NOT NULL DEFAULT 0    -- 1: without a picture, 2: its picture was given up
);
CREATE TABLE IF NOT EXISTS dead (
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body BLOB NOT NULL,
    created_at REAL NOT NULL,
    reason TEXT NOT NULL,
    is_light INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS usage (         -- kept by triggers, counted anew when the file is opened
    name TEXT PRIMARY KEY,
    bytes INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS settings (
    object TEXT NOT NULL,                  -- name in chapter 8.1, as SmartFaceObject
    name TEXT NOT NULL,
    value TEXT NOT NULL,                   -- JSON
    PRIMARY KEY (object, name)
);
CREATE TABLE IF NOT EXISTS passes (        -- what 8.3 lists; retention in records.py
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    type INTEGER NOT NULL,
    sign_time INTEGER NOT NULL,            -- Unix seconds by the terminal's clock
    facts TEXT NOT NULL,                   -- the rest of a SignObject, JSON
    avatar BLOB
);
CREATE TABLE IF NOT EXISTS openings (      -- doors opened from afar (8.1.7)
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    opened_at INTEGER NOT NULL,
    caller TEXT NOT NULL,
    remark TEXT NOT NULL
);
"""
# Columns that files of earlier versions do not have.
_ADDED_COLUMNS: Final = (
    ("people", "origin", "TEXT NOT NULL DEFAULT 'platform'"),
    ("people", "details", "TEXT NOT NULL DEFAULT '{}'"),
    ("people", "is_doubtful", "INTEGER NOT NULL DEFAULT 0"),
    ("outbox", "is_light", "INTEGER NOT NULL DEFAULT 0"),
    ("dead", "is_light", "INTEGER NOT NULL DEFAULT 0"),
)
_INDEXES: Final = """
CREATE INDEX IF NOT EXISTS passes_by_time ON passes (sign_time DESC, id DESC);
CREATE INDEX IF NOT EXISTS passes_with_picture ON passes (id) WHERE avatar IS NOT NULL;
CREATE INDEX IF NOT EXISTS outbox_with_picture ON outbox (seq) WHERE NOT is_light;
CREATE INDEX IF NOT EXISTS dead_with_picture ON dead (seq) WHERE NOT is_light;
-- Whose card it is.
CREATE INDEX IF NOT EXISTS people_by_card ON people (json_extract(details, '$.icNumber'))
    WHERE origin = 'local';
CREATE INDEX IF NOT EXISTS people_doubtful ON people (id) WHERE is_doubtful;
"""
_COUNTING: Final = """
CREATE TRIGGER IF NOT EXISTS {table}_enters AFTER INSERT ON {table} BEGIN
    UPDATE usage SET bytes = bytes + length(new.body) WHERE name = 'queue';
END;
CREATE TRIGGER IF NOT EXISTS {table}_leaves AFTER DELETE ON {table} BEGIN
    UPDATE usage SET bytes = bytes - length(old.body) WHERE name = 'queue';
END;
CREATE TRIGGER IF NOT EXISTS {table}_changes AFTER UPDATE OF body ON {table} BEGIN
    UPDATE usage SET bytes = bytes + length(new.body) - length(old.body) WHERE name = 'queue';
END;
"""
_COUNT: Final = """
INSERT OR REPLACE INTO usage (name, bytes) VALUES ('queue',
    (SELECT coalesce(sum(length(body)), 0) FROM outbox)
    + (SELECT coalesce(sum(length(body)), 0) FROM dead));
"""
# What is carried over from a damaged file: table and columns, in an order that references allow.
# The cursor is left behind: the platform then names all people anew.
KEPT_ROWS: Final = (
    ("facts", "name, value"),
    ("accepted_calls", "timestamp_ms, remainder"),
    ("former_passwords", "mark, newest_ms, remainder"),
    ("settings", "object, name, value"),
    ("outbox", "seq, kind, body, created_at, is_light"),
    ("dead", "seq, kind, body, created_at, reason, is_light"),
    ("openings", "id, opened_at, caller, remark"),
    ("passes", "id, user_id, name, type, sign_time, facts, avatar"),
    (
        "people",
        "id, user_id, name, user_type, picture_url, picture_sha256, contract_id, descriptor,"
        " picture_attempts, picture_due_at, origin, details",
    ),
    ("pictures", "person_id, jpeg"),
)
# An upload to an address that no platform has would hold up the queue for ever.
KINDS: Final = ("syface", "syattribute", "syresult")


def prepare(connection: sqlite3.Connection) -> None:
    """Create missing tables and columns; files of earlier versions are migrated.

    Raises:
        sqlite3.Error: nothing was made.
    """
    # One transaction: each statement by itself would wait for the disk.
    connection.execute("BEGIN IMMEDIATE")
    try:
        _execute_all(connection, _TABLES)
        for table, name, words in _ADDED_COLUMNS:
            present = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
            if name not in present:
                connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} {words}")
        _execute_all(connection, _INDEXES)
        for table in ("outbox", "dead"):
            _execute_all(connection, _COUNTING.format(table=table))
        _execute_all(connection, _COUNT)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _execute_all(connection: sqlite3.Connection, statements: str) -> None:
    """Execute statements without ending the transaction, as `executescript` would."""
    begun = ""
    for line in statements.splitlines():
        begun += f"{line}\n"
        if sqlite3.complete_statement(begun):
            connection.execute(begun)
            begun = ""


def get_fact(connection: sqlite3.Connection, name: str) -> str | None:
    """Read one of the agent's facts inside the caller's transaction."""
    row = connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def set_fact(connection: sqlite3.Connection, name: str, value: str) -> None:
    """Write one of the agent's facts inside the caller's transaction."""
    connection.execute("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", (name, value))


def moment_of(value: str | None) -> datetime | None:
    """Parse a fact that is a timestamp, Unix seconds."""
    return None if value is None else datetime.fromtimestamp(float(value), tz=UTC)
