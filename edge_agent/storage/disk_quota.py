"""Disk quota: deletes pictures before passes, the oldest first, and passes never.

Everything here runs on the thread of the database.
"""

import contextlib
import logging
import os
import sqlite3
from pathlib import Path
from typing import Final

from edge_agent.config import QueueConfig
from edge_agent.storage.events import lightened

logger = logging.getLogger(__name__)

# Given back to a full disk, so that pictures can be given up at all: that needs a log of its own.
# A log grows to 4 MB before it is brought into the file.
RESERVE_BYTES: Final = 6 * 2**20
# A visitor waits at the door meanwhile; what is left over is done with the next visit.
_AT_ONCE: Final = 16
# Enough free pages for a picture in the queue and one in the records.
_RELIEF_BYTES: Final = 512 * 1024
_FULL_BYTES: Final = 256 * 1024
# A few hundred pictures; and twice the pages of one upload, so that a queue that empties shrinks.
_KEPT_FREE_BYTES: Final = 32 * 2**20
_GIVEN_BACK_PAGES: Final = 48
_PAGES_MOST: Final = 2**32 - 2  # as without a limit
_RECORD: Final = "id, user_id, name, type, sign_time, facts"


class DiskQuota:
    """Keep the database within its budget and working on a full disk.

    Attributes:
        is_short: whether the reserve is used up, because something did not fit any more.
    """

    def __init__(self, path: Path, config: QueueConfig) -> None:
        """Prepare for a file; nothing is touched yet.

        Args:
            path: of the database.
            config: how much room there is.
        """
        self._folder = path.parent
        self._reserve = path.with_name("agent.reserve")
        self._config = config
        self._is_limited = False
        self.is_short = False

    @property
    def free_bytes(self) -> int:
        """Return the free space for this program."""
        stat = os.statvfs(self._folder)
        return stat.f_bavail * stat.f_frsize

    @property
    def is_full(self) -> bool:
        """Whether there is less left than SQLite needs to open a file."""
        return self.free_bytes < _FULL_BYTES

    def take_reserve(self) -> None:
        """Allocate the reserve file if there is twice its size; else the disk counts as short."""
        if self._reserve.exists():
            self.is_short = False
            return
        self.is_short = self.free_bytes < 2 * RESERVE_BYTES or not self._write_reserve()

    def limit(self, connection: sqlite3.Connection) -> None:
        """Limit the growth of the file to half the reserve while the disk is short.

        The other half is for the log, without which nothing could be given up.
        """
        if not self.is_short:
            connection.execute(f"PRAGMA max_page_count = {_PAGES_MOST}").fetchone()
            self._is_limited = False
        elif not self._is_limited:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            (size,) = connection.execute("PRAGMA page_size").fetchone()
            most = pages + RESERVE_BYTES // 2 // size
            connection.execute(f"PRAGMA max_page_count = {most}").fetchone()
            self._is_limited = True

    def _write_reserve(self) -> bool:
        try:
            with self._reserve.open("xb") as stream:
                # Written, not only promised: a hole would be no room.
                stream.write(os.urandom(RESERVE_BYTES))
                stream.flush()
                os.fsync(stream.fileno())
        except OSError:
            self._reserve.unlink(missing_ok=True)
            return False
        return True

    def release_reserve(self) -> None:
        """Release the reserve file's space."""
        self.is_short = True
        self._reserve.unlink(missing_ok=True)

    def make(self, connection: sqlite3.Connection, needed_bytes: int) -> None:
        """Free space for new data, as part of the transaction that stores it.

        Args:
            connection: in a transaction.
            needed_bytes: length of what is to be stored.
        """
        for _ in range(_AT_ONCE):
            if self._queue_bytes(connection) + needed_bytes <= self._config.max_bytes:
                break
            if not _lighten(connection):
                break
        if not self.is_short and self.free_bytes >= self._config.free_min_bytes:
            return
        for _ in range(_AT_ONCE):
            if _free_pages_bytes(connection) >= 2 * needed_bytes:
                break
            if not (_forget_picture(connection) or _lighten(connection)):
                break

    def relieve(self, connection: sqlite3.Connection) -> None:
        """Free space after an error of a full disk; outside any transaction."""
        if not self.is_short:
            logger.error("disk_full folder=%s", self._folder.name)
        self.release_reserve()
        self.limit(connection)
        # Whatever of this fails for want of room leaves the file as it was.
        with contextlib.suppress(sqlite3.OperationalError):
            checkpoint(connection)
            for _ in range(_AT_ONCE):
                if _free_pages_bytes(connection) >= _RELIEF_BYTES or not _give_up(connection):
                    break
                checkpoint(connection)

    def _queue_bytes(self, connection: sqlite3.Connection) -> int:
        (held,) = connection.execute("SELECT bytes FROM usage WHERE name = 'queue'").fetchone()
        return int(held)


def checkpoint(connection: sqlite3.Connection) -> None:
    """Checkpoint the write-ahead log and truncate it.

    Raises:
        sqlite3.OperationalError: there is no room in the file's disk.
    """
    # Fetched to the end: a statement in progress would make the next commit fail.
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def give_back(connection: sqlite3.Connection) -> None:
    """Return free pages of the file to the disk, as part of a transaction.

    Some are kept for what comes next. Files of earlier versions keep all of theirs and use them.
    """
    if _free_pages_bytes(connection) <= _KEPT_FREE_BYTES:
        return
    for _ in range(_GIVEN_BACK_PAGES):
        # One at a time: the module sqlite3 takes one step of this statement, which is one page.
        connection.execute("PRAGMA incremental_vacuum(1)")


def _give_up(connection: sqlite3.Connection) -> bool:
    """Delete the oldest picture in a transaction of its own; returns whether there was one."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = _forget_picture(connection) or _lighten(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return found


def _lighten(connection: sqlite3.Connection) -> bool:
    """Remove the picture of the oldest upload that has one; returns whether there was one.

    Uploads that the platform will never take come first.
    """
    for table, key in (("dead", "rowid"), ("outbox", "seq")):
        row = connection.execute(
            f"SELECT {key}, body FROM {table} WHERE NOT is_light ORDER BY seq LIMIT 1"  # noqa: S608
        ).fetchone()
        if row is not None:
            number, body = row
            connection.execute(
                f"UPDATE {table} SET body = ?, is_light = 2 WHERE {key} = ?",  # noqa: S608 - ours
                (lightened(body), number),
            )
            return True
    return False


def _forget_picture(connection: sqlite3.Connection) -> bool:
    """Forget the picture of the oldest record that has one; whether there was one."""
    oldest = connection.execute(
        "SELECT id FROM passes WHERE avatar IS NOT NULL ORDER BY id LIMIT 1"
    ).fetchone()
    if oldest is None:
        return False
    forget_pictures(connection, up_to=oldest[0])
    return True


def forget_pictures(connection: sqlite3.Connection, *, up_to: int) -> None:
    """Forget the pictures of old records, as part of a transaction.

    Args:
        connection: in a transaction.
        up_to: id of the last record that loses its picture.
    """
    rows = connection.execute(
        f"SELECT {_RECORD} FROM passes WHERE id <= ? AND avatar IS NOT NULL",  # noqa: S608 - ours
        (up_to,),
    ).fetchall()
    # An update would leave each of them a page of its own for ever; deleting lets pages merge.
    connection.executemany("DELETE FROM passes WHERE id = ?", [row[:1] for row in rows])
    connection.executemany(
        f"INSERT INTO passes ({_RECORD}) VALUES (?, ?, ?, ?, ?, ?)",  # noqa: S608 - ours
        rows,
    )


def _free_pages_bytes(connection: sqlite3.Connection) -> int:
    (pages,) = connection.execute("PRAGMA freelist_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    return int(pages) * int(size)
