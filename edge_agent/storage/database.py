"""SQLite database with one thread, and one transaction per piece of work."""

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

from edge_agent.storage.disk_quota import DiskQuota, checkpoint
from edge_agent.storage.rebuild import is_damage, open_or_rebuild, primary_code, rebuild, restore

logger = logging.getLogger(__name__)

DATABASE_NAME: Final = "agent.sqlite3"

Result = TypeVar("Result")


class FileEvent(StrEnum):
    """Event of the database file."""

    FULL = "full"  # the disk is full, or has hardly any room
    FREE_AGAIN = "room"  # it has room again
    REBUILT = "rebuilt"  # it was damaged, and holds what could be read of it


class DiskFull(sqlite3.OperationalError):
    """There is no room on the disk, not even after pictures were given up."""


class Database:
    """The agent's file: people and faces, cursor, queue, records and settings.

    They share one file because a cursor, the faces it stands for and the report about them move
    together or not at all. A file that is damaged, also while it is used, is rebuilt from what can
    be read of it (`edge_agent.storage.rebuild`); one that was deleted under a running agent is
    written anew. On a full disk pictures are given up (`edge_agent.storage.disk_quota`).
    """

    def __init__(self, path: Path, *, quota: DiskQuota | None = None) -> None:
        self._path = path
        self._quota = quota
        self._thread: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._news: list[FileEvent] = []
        self._was_short = False
        self._listeners: list[Callable[[FileEvent], None]] = []

    def listen(self, listener: Callable[[FileEvent], None]) -> None:
        """Call a listener on the event loop when something happened; must not block or raise."""
        self._listeners.append(listener)

    @property
    def path(self) -> Path:
        """Where the file is, for readers that must not delay a writer."""
        return self._path

    async def open(self) -> None:
        """Open or create the file in WAL mode; every commit is on disk before it returns.

        Raises:
            DiskFull: there is no room even for that; another try later may succeed.
        """
        if self._thread is not None:
            return
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="database")
        try:
            await self._on_thread(self._open)
        except BaseException:
            await self.close()
            raise

    async def run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Do something in one transaction, on the file's own thread.

        Work that was begun is finished even when the caller is cancelled meanwhile. It must not
        give a cursor away: whatever is not read to its end on this thread disturbs the next work.
        It may be done twice: after it found the file damaged or the disk full, once more.

        Raises:
            RuntimeError: the database is not open.
            DiskFull: there is no room; nothing of the work was kept.
            sqlite3.Error: nothing of the work was kept.
        """
        return await self._on_thread(lambda: self._work(work))

    async def checkpoint(self) -> None:
        """Checkpoint the write-ahead log into the file."""
        await self._on_thread(lambda: checkpoint(self._connected()))

    async def close(self) -> None:
        """Close the file after work that has begun."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        await asyncio.get_running_loop().run_in_executor(thread, self._disconnect)
        thread.shutdown(wait=False)

    async def _on_thread(self, work: Callable[[], Result]) -> Result:
        if self._thread is None:
            raise RuntimeError("the database is not open")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self._tell()

    def _tell(self) -> None:
        """Notify listeners; events appended meanwhile are reported next time."""
        while self._news:
            news = self._news.pop(0)
            for listener in self._listeners:
                listener(news)

    def _open(self) -> None:
        try:
            self._connect()
        except sqlite3.OperationalError as error:
            if not self._is_full(error):
                raise
            if self._quota is not None:
                self._quota.release_reserve()
            try:
                self._connect()
            except sqlite3.OperationalError as second:
                raise DiskFull("no room to open the terminal's file") from second
        if self._quota is not None:
            self._quota.take_reserve()
            self._quota.limit(self._connected())
            self._note_space()

    def _connect(self) -> None:
        self._connection = open_or_rebuild(self._path)
        self._inode = self._path.stat().st_ino

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connected(self) -> sqlite3.Connection:
        """Return the connection; the file is restored when it was deleted or replaced."""
        connection = self._connection
        if connection is not None and not self._is_in_place():
            logger.error("database_vanished file=%s", self._path.name)
            restore(connection, self._path)
            connection = self._connection = None
        if connection is None:
            self._connect()
            connection = self._connection
        if connection is None:
            raise RuntimeError("the database is not open")
        return connection

    def _is_in_place(self) -> bool:
        try:
            return self._path.stat().st_ino == self._inode
        except OSError:
            return False

    def _work(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        if self._quota is not None and self._quota.is_short:
            self._quota.take_reserve()
            self._quota.limit(self._connected())
        try:
            result = _in_transaction(self._connected(), work)
        except sqlite3.Error as error:
            result = self._once_more(error, work)
        if self._quota is not None and self._quota.is_short:
            # What the log does not hold, the next work may use.
            with contextlib.suppress(sqlite3.OperationalError):
                checkpoint(self._connected())
        self._note_space()
        return result

    def _once_more(
        self, error: sqlite3.Error, work: Callable[[sqlite3.Connection], Result]
    ) -> Result:
        """Repair the cause of a failure and repeat the work.

        Raises:
            sqlite3.Error: it cannot be mended.
        """
        if is_damage(error):
            logger.error("database_damaged file=%s", self._path.name)
            self._disconnect()
            rebuild(self._path)
            self._news.append(FileEvent.REBUILT)
        elif self._is_full(error):
            if self._quota is not None and self._connection is not None:
                self._quota.relieve(self._connection)
                self._note_space()
        else:
            raise error
        try:
            return _in_transaction(self._connected(), work)
        except sqlite3.OperationalError as second:
            if self._is_full(second):
                raise DiskFull("no room for it") from second
            raise

    def _is_full(self, error: sqlite3.Error) -> bool:
        """Return whether an error means a full disk; SQLite reports it in several ways."""
        code = primary_code(error)
        if code == sqlite3.SQLITE_FULL:
            return True
        is_vague = code in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
        return is_vague and self._quota is not None and self._quota.is_full

    def _note_space(self) -> None:
        is_short = self._quota is not None and self._quota.is_short
        if is_short != self._was_short:
            self._was_short = is_short
            self._news.append(FileEvent.FULL if is_short else FileEvent.FREE_AGAIN)


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


def open_read_only(path: Path) -> sqlite3.Connection:
    """Open a database read-only, also while an agent writes to it.

    Raises:
        sqlite3.DatabaseError: it is not there, or no database.
    """
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
