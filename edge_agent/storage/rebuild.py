"""Rebuild of a damaged database from everything that can still be read.

What the platform can send again is sent again: the cursor starts over, and people that came from
the platform are doubtful until it has named them once more
(`edge_agent.storage.store.Store.sweep`). The new file takes the damaged one's place in one step, so
that a rebuild that is broken off is begun again from the same damaged file.
"""

import logging
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from edge_agent.storage.call_marks import raise_floor
from edge_agent.storage.row_checks import is_sound
from edge_agent.storage.schema import KEPT_ROWS, prepare

logger = logging.getLogger(__name__)

_AT_ONCE: Final = 200
_PAGE_BYTES: Final = 4096
# "The Database Header" of SQLite's file format: magic, page size, WAL twice, no reserved space,
# three fixed fractions; schema format 4; UTF-8.
_HEADER: Final = {
    0: b"SQLite format 3\0" + _PAGE_BYTES.to_bytes(2, "big") + bytes([2, 2, 0, 64, 32, 32]),
    44: (4).to_bytes(4, "big"),
    56: (1).to_bytes(4, "big"),
}
_LONG: Final = frozenset({"body", "avatar", "descriptor", "jpeg"})
# What a new file would not cure. All other errors of opening mean damage: a flipped bit in the
# file's header makes SQLite say anything from "not a database" to "unsupported file format".
_NO_DAMAGE: Final = frozenset(
    {
        *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOMEM),
        *(sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN),
    }
)
_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def primary_code(error: sqlite3.Error) -> int | None:
    """Return SQLite's primary result code; None for errors of Python itself."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def is_damage(error: sqlite3.Error) -> bool:
    """Return whether an error means that the file is damaged."""
    code = primary_code(error)
    if code is None:
        # Python reads no text that is not UTF-8; nothing but UTF-8 is ever written.
        return isinstance(error, sqlite3.OperationalError) and "decode" in str(error)
    return code in _DAMAGE


def open_or_rebuild(path: Path) -> sqlite3.Connection:
    """Open the file; one that is damaged is replaced by a new one.

    Raises:
        sqlite3.OperationalError: locked, disk full, no permission.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _finish_exchange(path)
    path.touch(mode=0o600)  # faces and events are private
    try:
        return _opened(path)
    except sqlite3.DatabaseError as error:
        if primary_code(error) in _NO_DAMAGE:
            raise
        logger.exception("database_damaged file=%s", path.name)
    rebuild(path)
    return _opened(path)


def rebuild(path: Path) -> None:
    """Put a new file with everything that can be read into the place of a damaged one.

    Raises:
        sqlite3.OperationalError: the new file cannot be written; the damaged one is as it was.
    """
    building = path.with_name(f"{path.name}.rebuilding")
    parts(building, Path.unlink)
    building.touch(mode=0o600)
    connection = _opened(building)
    try:
        carry_over(path, connection)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.close()
    building.rename(_rebuilt(path))
    _finish_exchange(path)


def restore(connection: sqlite3.Connection, path: Path) -> None:
    """Restore a file that was deleted under an open connection, and close the connection.

    Raises:
        sqlite3.Error: it cannot be written or read.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    building = path.with_name(f"{path.name}.rebuilding")
    parts(building, Path.unlink)
    building.touch(mode=0o600)
    connection.execute("VACUUM INTO ?", (str(building),))
    # Closing deletes the log by its name, which must not be the new file's.
    connection.close()
    building.rename(_rebuilt(path))
    _finish_exchange(path)


def _rebuilt(path: Path) -> Path:
    return path.with_name(f"{path.name}.rebuilt")


def _finish_exchange(path: Path) -> None:
    """Move a finished new file into place, also after a crash in the middle of it."""
    rebuilt = _rebuilt(path)
    if rebuilt.exists():
        # The damaged file's log must go before: SQLite would apply it to the new file.
        parts(path, Path.unlink)
        rebuilt.rename(path)


def parts(path: Path, do: Callable[[Path], object]) -> None:
    """Apply a function to a database file and its two companions (WAL and shared memory)."""
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            do(part)


def _opened(path: Path) -> sqlite3.Connection:
    # Used on one thread only, but closed and opened through an executor that may replace it.
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
    try:
        # These two count for new files only. Pages that became free can be given back to the disk.
        connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        # Default in WAL would be NORMAL, which may lose the last commits in a power cut.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        # A deleted face is overwritten, not only unlinked (invariant 6).
        connection.execute("PRAGMA secure_delete = ON")
        # No second file that could find the disk full.
        connection.execute("PRAGMA temp_store = MEMORY")
        prepare(connection)
        _check(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection) -> None:
    """Detect damage before it is met in use.

    Raises:
        sqlite3.DatabaseError: there is some.
    """
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError("quick_check found damage")
    for table, _wanted in KEPT_ROWS:
        columns = [one for one in _columns(connection, table) if one not in _LONG]
        for row in connection.execute(f"SELECT {', '.join(columns)} FROM {table}"):  # noqa: S608
            if not is_sound(table, dict(zip(columns, row, strict=True))):
                raise sqlite3.DatabaseError(f"a row of {table} is damaged")


def carry_over(damaged: Path, connection: sqlite3.Connection) -> None:
    """Copy all rows that can be read and are plausible.

    Args:
        damaged: the file; the parts of its header that are always the same are set right.
        connection: to an empty file.
    """
    _mend_header(damaged)
    source = sqlite3.connect(damaged)
    # A text that cannot be decoded must cost its row, not the rows after it.
    source.text_factory = _text
    # A definition that cannot be read must cost its table, not all the others.
    source.execute("PRAGMA writable_schema = ON")
    try:
        for table, wanted in KEPT_ROWS:
            try:
                present = _columns(source, table)
            except sqlite3.DatabaseError:
                present = []
            columns = [one for one in wanted.split(", ") if one in present]
            carried = _carry_table(source, connection, table, columns) if columns else 0
            logger.info("rows_carried table=%s count=%s", table, carried)
    finally:
        source.close()
    connection.execute("UPDATE people SET is_doubtful = 1 WHERE origin = 'platform'")
    # A signature whose row is lost must not count again.
    raise_floor(connection)


def _mend_header(path: Path) -> None:
    """Repair the fixed header of an SQLite file; one wrong bit of it would cost all the rest."""
    with path.open("r+b") as stream:
        pages = stream.seek(0, os.SEEK_END) // _PAGE_BYTES
        if not pages:
            return
        for place, sound in (*_HEADER.items(), (28, pages.to_bytes(4, "big"))):
            stream.seek(place)
            stream.write(sound)


def _carry_table(
    source: sqlite3.Connection, connection: sqlite3.Connection, table: str, columns: Sequence[str]
) -> int:
    into = (
        f"INSERT OR IGNORE INTO {table} ({', '.join(columns)})"  # noqa: S608 - ours
        f" VALUES ({', '.join('?' * len(columns))})"
    )
    carried = 0
    connection.execute("BEGIN")
    for number, row in enumerate(_readable(source, table, columns)):
        named = dict(zip(columns, row, strict=True))
        if is_sound(table, named) and (table != "facts" or named["name"] != "cursor"):
            carried += _inserted(connection, into, row)
        if number % _AT_ONCE == 0:
            connection.execute("COMMIT")
            connection.execute("BEGIN")
    connection.execute("COMMIT")
    return carried


def _inserted(connection: sqlite3.Connection, into: str, row: Sequence[Any]) -> int:
    try:
        return connection.execute(into, row).rowcount
    except (sqlite3.IntegrityError, sqlite3.DataError):
        return 0  # a row that no table would take: that is damage, too


def _readable(
    source: sqlite3.Connection, table: str, columns: Sequence[str]
) -> Iterator[tuple[Any, ...]]:
    """Read a table from both ends up to the damage."""
    last = -(2**63)
    for order in ("ASC", "DESC"):
        sought = (
            f"SELECT rowid, {', '.join(columns)} FROM {table}"  # noqa: S608 - ours
            f" WHERE rowid > ? ORDER BY rowid {order}"
        )
        try:
            for rowid, *row in source.execute(sought, (last,)):
                last = rowid if order == "ASC" else last
                yield tuple(row)
        except sqlite3.DatabaseError:
            logger.warning("rows_lost table=%s order=%s", table, order)
        else:
            return


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [str(row[1]) for row in connection.execute(f"PRAGMA table_info({table})")]


def _text(raw: bytes) -> str | None:
    """Return bytes as text, None when they are none."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None
