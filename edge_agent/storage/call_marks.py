"""High-water marks of accepted signatures, which prevent replay.

A signature covers its timestamp and nothing else (seed 4.1), so the timestamp is what is kept:

- ``accepted_calls``: the timestamps that were accepted, so many of the newest;
- the newest of all, also when its row is gone;
- a floor: at and below it, what was accepted is not known any more, so nothing that acts is.

After damage the floor is the newest one that is known: what was lost lies below it.

A password that goes leaves its newest one behind (``former_passwords``): should it come back, that
one is its floor. What comes back after its row is gone starts from the newest of all such rows.
"""

import os
import sqlite3
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge_agent.storage.password_mark import PasswordMark
from edge_agent.storage.schema import get_fact, set_fact

CLOCK_SET: Final = "clock_set_ms"
"""Fact: timestamp of the last syncTime that was taken."""
NEWEST: Final = "call_newest_ms"
FLOOR: Final = "call_floor_ms"
STRANGER: Final = "call_stranger_ms"
"""Fact: the newest one under any password that is not distinguished from a new one any more."""
_FILE: Final = "newest-call"
# A password that comes is compared with each, at a twentieth of a second on a small computer.
# Passwords that were in use before and are known as such; older ones count as strange.
FORMER_MOST: Final = 16
_MINUTE_MS: Final = 60_000
# A prime: no flipped bit of a number, and of no digit of it, leaves the remainder as it was.
_DIVISOR: Final = 97
_TIMESTAMPS_END: Final = 10**13  # seed 4.1: thirteen digits


@dataclass(frozen=True, slots=True)
class CallMarks:
    """Timestamps in Unix milliseconds; 0 for none.

    Attributes:
        newest_ms: the newest one that was ever accepted.
        floor_ms: nothing that acts is accepted at or below it.
    """

    newest_ms: int
    floor_ms: int


def has_marks(connection: sqlite3.Connection) -> bool:
    """Return whether the database is new enough to have marks."""
    sought = "SELECT 1 FROM sqlite_master WHERE name = 'accepted_calls'"
    return connection.execute(sought).fetchone() is not None


def read_marks(connection: sqlite3.Connection) -> CallMarks:
    """Read the marks inside the caller's transaction."""
    (in_rows,) = connection.execute("SELECT max(timestamp_ms) FROM accepted_calls").fetchone()
    set_ms = int(get_fact(connection, CLOCK_SET) or 0)
    newest_ms, floor_ms = (_moment(get_fact(connection, name)) for name in (NEWEST, FLOOR))
    return CallMarks(max(in_rows or 0, set_ms, newest_ms), floor_ms)


def is_intact(text: str) -> bool:
    """Return whether the stored text of a mark is intact."""
    return text.isdecimal() and text == _checked(_moment(text)) and _moment(text) < _TIMESTAMPS_END


def is_intact_row(timestamp_ms: object, remainder: object) -> bool:
    """Return whether a stored row is intact."""
    if not isinstance(timestamp_ms, int) or not 0 <= timestamp_ms < _TIMESTAMPS_END:
        return False
    return remainder == timestamp_ms % _DIVISOR


def _checked(timestamp_ms: int) -> str:
    """Return a timestamp with its check digits, as facts store it."""
    return str(timestamp_ms * 100 + timestamp_ms % _DIVISOR)


def _moment(text: str | None) -> int:
    return int(text or 0) // 100


def is_incomplete(connection: sqlite3.Connection) -> bool:
    """Return whether one of the marks, which are written together, is missing."""
    present = sum(get_fact(connection, name) is not None for name in (NEWEST, FLOOR))
    return present == 1 or (present == 0 and count_noted(connection) > 0)


def is_noted(connection: sqlite3.Connection, timestamp_ms: int) -> bool:
    """Return whether a timestamp is stored individually."""
    sought = "SELECT 1 FROM accepted_calls WHERE timestamp_ms = ?"
    return connection.execute(sought, (timestamp_ms,)).fetchone() is not None


def note(connection: sqlite3.Connection, timestamp_ms: int, *, newest_ms: int) -> None:
    """Remember a timestamp.

    Args:
        connection: in a transaction.
        timestamp_ms: accepted now.
        newest_ms: the newest one so far.
    """
    connection.execute(
        "INSERT OR IGNORE INTO accepted_calls VALUES (?, ?)",
        (timestamp_ms, timestamp_ms % _DIVISOR),
    )
    if timestamp_ms > newest_ms:
        set_fact(connection, NEWEST, _checked(timestamp_ms))
    if get_fact(connection, FLOOR) is None:
        set_fact(connection, FLOOR, _checked(0))


def count_noted(connection: sqlite3.Connection) -> int:
    """Count the timestamps that are remembered one by one."""
    (number,) = connection.execute("SELECT count(*) FROM accepted_calls").fetchone()
    return int(number)


def forget_oldest(connection: sqlite3.Connection, *, most: int) -> None:
    """Delete all but the newest timestamps; the floor rises to the newest deleted one."""
    row = connection.execute(
        "SELECT timestamp_ms FROM accepted_calls ORDER BY timestamp_ms DESC LIMIT 1 OFFSET ?",
        (most,),
    ).fetchone()
    if row is not None:
        connection.execute("DELETE FROM accepted_calls WHERE timestamp_ms <= ?", row)
        set_fact(connection, FLOOR, _checked(max(row[0], read_marks(connection).floor_ms)))


def raise_floor(connection: sqlite3.Connection, *, least_ms: int = 0) -> None:
    """Accept nothing any more that is no newer than everything accepted so far.

    Rows of former passwords may be lost as well, so it counts for those that are not known, too.

    Args:
        connection: in a transaction, or to a file that is not in use.
        least_ms: the newest one as known from elsewhere.
    """
    newest_ms = max(read_marks(connection).newest_ms, least_ms)
    if newest_ms:
        for name in (NEWEST, FLOOR):
            set_fact(connection, name, _checked(newest_ms))
    (former_ms,) = connection.execute("SELECT max(newest_ms) FROM former_passwords").fetchone()
    _raise_strangers(connection, max(newest_ms, former_ms or 0))


def forget_all(connection: sqlite3.Connection, *, from_ms: int) -> None:
    """Delete all marks, also of former passwords; earlier timestamps are refused from now on.

    Args:
        connection: in a transaction.
        from_ms: Unix milliseconds.
    """
    start_anew(connection, from_ms=from_ms)
    connection.execute("DELETE FROM former_passwords")
    set_fact(connection, STRANGER, _checked(from_ms))


def change_password(
    connection: sqlite3.Connection, left: PasswordMark, password: str, *, newest_ms: int
) -> int:
    """Put the marks of the password that is left aside, and begin those of the present one.

    Args:
        connection: in a transaction.
        left: mark of the password that is left.
        password: the present one.
        newest_ms: the newest one under the password that is left.

    Returns:
        What nothing may be older than: the newest one from when the present password was last in
        use; 0 for a password that never was.
    """
    from_ms = _newest_under(connection, password)
    connection.execute(
        "INSERT OR REPLACE INTO former_passwords VALUES (?, ?, ?)",
        (str(left.number()), newest_ms, newest_ms % _DIVISOR),
    )
    _forget_former(connection)
    start_anew(connection, from_ms=from_ms)
    return from_ms


def _newest_under(connection: sqlite3.Connection, password: str) -> int:
    """Return and delete the stored mark of a password that is in use again."""
    rows = connection.execute("SELECT mark, newest_ms FROM former_passwords").fetchall()
    for text, newest_ms in rows:
        mark = PasswordMark.read(int(text))
        if mark is not None and mark.fits(password):
            connection.execute("DELETE FROM former_passwords WHERE mark = ?", (text,))
            return int(newest_ms)
    return _moment(get_fact(connection, STRANGER))


def _forget_former(connection: sqlite3.Connection) -> None:
    """Limit the former passwords; deleted ones raise the mark for all unknown passwords."""
    sought = "SELECT rowid, newest_ms FROM former_passwords ORDER BY rowid DESC LIMIT -1 OFFSET ?"
    for number, newest_ms in connection.execute(sought, (FORMER_MOST,)).fetchall():
        connection.execute("DELETE FROM former_passwords WHERE rowid = ?", (number,))
        _raise_strangers(connection, newest_ms)


def _raise_strangers(connection: sqlite3.Connection, least_ms: int) -> None:
    if least_ms > _moment(get_fact(connection, STRANGER)):
        set_fact(connection, STRANGER, _checked(least_ms))


def start_anew(connection: sqlite3.Connection, *, from_ms: int) -> None:
    """Reset the marks of the current password; earlier timestamps are refused.

    Args:
        connection: in a transaction.
        from_ms: Unix milliseconds; 0 when nothing signed before can be good any more.
    """
    connection.execute("DELETE FROM accepted_calls")
    for name in (NEWEST, FLOOR):
        set_fact(connection, name, _checked(from_ms))
    set_fact(connection, CLOCK_SET, str(from_ms))


class NewestCallFile:
    """The newest mark once more, beside the database, for when that is lost as a whole.

    It holds the end of the newest timestamp's minute, so that it is written once a minute at most;
    and in place, so that a full disk has room for it.
    """

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(_FILE)

    def read(self) -> int:
        """Read the mark, Unix milliseconds; 0 when the file is missing or damaged."""
        try:
            text, _, check = self._path.read_text(encoding="ascii").partition(" ")
        except (FileNotFoundError, UnicodeDecodeError):
            return 0
        is_intact = text.isdecimal() and check.strip() == _checksum(text)
        return int(text) if is_intact else 0

    def cover(self, timestamp_ms: int) -> int:
        """Write the end of a timestamp's minute, on disk when it returns, and return it.

        Raises:
            OSError: it could not be written.
        """
        end_ms = (timestamp_ms // _MINUTE_MS + 1) * _MINUTE_MS
        self.write(end_ms)
        return end_ms

    def write(self, timestamp_ms: int) -> None:
        """Write a timestamp, on disk when it returns.

        Raises:
            OSError: it could not be written.
        """
        text = f"{timestamp_ms:013d}"
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.pwrite(handle, f"{text} {_checksum(text)}\n".encode(), 0)
            os.fsync(handle)
        finally:
            os.close(handle)

    @staticmethod
    def is_behind(newest_ms: int, held_ms: int) -> bool:
        """Return whether the database has lost the mark that this file repeats."""
        return newest_ms < held_ms - _MINUTE_MS


def _checksum(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"
