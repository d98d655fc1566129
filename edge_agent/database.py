"""One SQLite file, one thread that touches it, one transaction per piece of work."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

_SCHEMA: Final = """
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
    details TEXT NOT NULL DEFAULT '{}'     -- local people: UserObject without photo, JSON
);
CREATE TABLE IF NOT EXISTS pictures (
    person_id INTEGER PRIMARY KEY REFERENCES people (id) ON DELETE CASCADE,
    jpeg BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    body BLOB NOT NULL,
    created_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS dead (
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body BLOB NOT NULL,
    created_at REAL NOT NULL,
    reason TEXT NOT NULL
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
CREATE INDEX IF NOT EXISTS passes_by_time ON passes (sign_time DESC, id DESC);
CREATE INDEX IF NOT EXISTS passes_with_picture ON passes (id) WHERE avatar IS NOT NULL;
CREATE TABLE IF NOT EXISTS openings (      -- doors opened from afar (8.1.7)
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    opened_at INTEGER NOT NULL,
    caller TEXT NOT NULL,
    remark TEXT NOT NULL
);
"""
# Columns that files of earlier versions do not have.
_ADDED_COLUMNS: Final = {
    "origin": "TEXT NOT NULL DEFAULT 'platform'",
    "details": "TEXT NOT NULL DEFAULT '{}'",
}
# Whose card it is; made after the columns, which the oldest files do not have.
_CARD_INDEX: Final = (
    "CREATE INDEX IF NOT EXISTS people_by_card ON people (json_extract(details, '$.icNumber'))"
    " WHERE origin = 'local'"
)
# What the platform would not send again: table, columns, which rows.
_OWN_ROWS: Final = (
    ("outbox", "seq, kind, body, created_at", "1"),
    ("dead", "seq, kind, body, created_at, reason", "1"),
    ("settings", "object, name, value", "1"),
    ("passes", "id, user_id, name, type, sign_time, facts, avatar", "1"),
    ("openings", "id, opened_at, caller, remark", "1"),
    (
        "people",
        "id, user_id, name, user_type, picture_url, picture_sha256, contract_id, descriptor,"
        " origin, details",
        "origin = 'local'",
    ),
    (
        "pictures",
        "person_id, jpeg",
        "person_id IN (SELECT id FROM people WHERE origin = 'local')",
    ),
)


class Database:
    """The agent's file: people and faces, cursor, queue, records and settings.

    They share one file because a cursor, the faces it stands for and the report about them move
    together or not at all. A damaged file is begun anew: the platform's next answer
    is then a full sync, and what can still be read of the rest is carried over: the queue, records,
    settings, and people entered here.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection | None = None

    @property
    def path(self) -> Path:
        """Where the file is, for those who only read and must keep nobody waiting."""
        return self._path

    async def open(self) -> None:
        """Open or create the file; WAL, and every commit on disk before it returns."""
        if self._thread is not None:
            return
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="database")
        loop = asyncio.get_running_loop()
        self._connection = await loop.run_in_executor(self._thread, open_or_rebuild, self._path)

    async def run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Do something in one transaction, on the file's own thread.

        Work that was begun is finished even when the caller is cancelled meanwhile. It must not
        give a cursor away: whatever is not read to its end on this thread disturbs the next work.

        Raises:
            RuntimeError: the database is not open.
            sqlite3.Error: nothing of the work was kept.
        """
        if self._thread is None or self._connection is None:
            raise RuntimeError("the database is not open")
        connection = self._connection
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, _in_transaction, connection, work)

    async def checkpoint(self) -> None:
        """Bring everything into the file itself and empty the log beside it."""
        if self._thread is None or self._connection is None:
            raise RuntimeError("the database is not open")
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, _checkpoint, self._connection)

    async def close(self) -> None:
        """Close the file after what was already begun."""
        thread, self._thread = self._thread, None
        connection, self._connection = self._connection, None
        if thread is None:
            return
        if connection is not None:
            await asyncio.get_running_loop().run_in_executor(thread, connection.close)
        thread.shutdown(wait=False)


def _in_transaction(
    connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], Result]
) -> Result:
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        # A commit that fails may leave the transaction open, and then none could ever begin.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result


def _checkpoint(connection: sqlite3.Connection) -> None:
    # Fetched to the end: a statement in progress would make the next commit fail.
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def open_or_rebuild(path: Path) -> sqlite3.Connection:
    """Open the file; one that is damaged is replaced by a new one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)  # faces and events are nobody else's business
    try:
        return _opened(path)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise  # locked, disk full, no permission: nothing that a new file would cure
        damaged = _put_aside(path)
        logger.error("database_damaged file=%s", path.name)
    connection = _opened(path)
    _carry_over(damaged, connection)
    # It holds faces that somebody may want erased tomorrow, when nobody remembers this file.
    _parts(damaged, Path.unlink)
    return connection


def _opened(path: Path) -> sqlite3.Connection:
    # Used on one thread only, but closed and opened through an executor that may replace it.
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        # Default in WAL would be NORMAL, which may lose the last commits in a power cut.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        # A deleted face is overwritten, not only unlinked (invariant 6).
        connection.execute("PRAGMA secure_delete = ON")
        # One transaction: each statement by itself would wait for the disk.
        connection.executescript(f"BEGIN;{_SCHEMA}COMMIT;")
        _add_columns(connection)
        connection.execute(_CARD_INDEX)
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError("quick_check found damage")
    except BaseException:
        connection.close()
        raise
    return connection


def _add_columns(connection: sqlite3.Connection) -> None:
    present = {row[1] for row in connection.execute("PRAGMA table_info(people)")}
    for name, words in _ADDED_COLUMNS.items():
        if name not in present:
            connection.execute(f"ALTER TABLE people ADD COLUMN {name} {words}")


def _put_aside(path: Path) -> Path:
    number = 1
    while (target := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    _parts(
        path, lambda part: part.rename(target.with_name(part.name.replace(path.name, target.name)))
    )
    path.touch(mode=0o600)
    return target


def _parts(path: Path, do: Callable[[Path], object]) -> None:
    """Do something to a database file and to the two that SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            do(part)


def _carry_over(damaged: Path, connection: sqlite3.Connection) -> None:
    """Copy what can be read and is only here, row by row, until the damage is reached."""
    source = sqlite3.connect(damaged)
    try:
        for table, columns, which in _OWN_ROWS:
            marks = ", ".join("?" * len(columns.split(",")))
            carried = 0
            try:
                sought = f"SELECT {columns} FROM {table} WHERE {which}"  # noqa: S608 - ours
                into = f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608 - ours
                for row in source.execute(sought):
                    connection.execute(into, row)
                    carried += 1
            except sqlite3.DatabaseError:
                logger.warning("own_rows_lost table=%s", table)
            logger.info("own_rows_carried table=%s count=%s", table, carried)
    finally:
        source.close()
