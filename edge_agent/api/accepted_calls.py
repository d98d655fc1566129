"""Replay protection: each signature counts once for a call that acts, across restarts.

A signature covers its timestamp and nothing else, and travels in plain text: an eavesdropper
can put one before any call. So a timestamp that was accepted, by whatever call, is good for reading
only from then on; and as a syncTime is good at any time (8.1.8), it must be newer than all of them,
or it would turn the clock back to where old signatures are good once more.
"""

import sqlite3
from enum import Enum, auto
from typing import Final

from edge_agent.api.answers import CallRefused
from edge_agent.config import ApiConfig, Replay
from edge_agent.drivers import Clock
from edge_agent.storage import Database, get_fact, set_fact
from edge_agent.storage.call_marks import (
    CLOCK_SET,
    CallMarks,
    NewestCallFile,
    change_password,
    count_noted,
    forget_oldest,
    is_incomplete,
    is_noted,
    note,
    raise_floor,
    read_marks,
)
from edge_agent.storage.password_mark import PasswordMark
from terminal_protocol.codes import RetCode
from terminal_protocol.device_calls import OLDER_DESC, SIGN_USED_DESC
from terminal_protocol.signature import WINDOW_MS

# Thirty calls a second for the ten minutes within which callers' clocks may differ. When there are
# more, callers whose clocks are behind the others' are refused for a while.
_REMEMBERED: Final = 20_000
_TRIM_AFTER: Final = 1_000
# Callers may be five minutes off the terminal's clock, either way.
_CALLERS_DIFFER_MS: Final = 2 * WINDOW_MS
_PASSWORD: Final = "call_password"  # noqa: S105 - name of a fact


class SignatureUse(Enum):
    """Effect of a call, which decides whether its signature may be used again."""

    READS = auto()
    ACTS = auto()
    SETS_CLOCK = auto()


class AcceptedCalls:
    """Accept signatures once and store them on disk before the call is carried out.

    Attributes:
        remembered_most: calls that are remembered; the oldest give way.
    """

    def __init__(
        self,
        config: ApiConfig,
        database: Database,
        *,
        clock: Clock,
        remembered: int = _REMEMBERED,
    ) -> None:
        self._password = config.password
        self._may_repeat = config.replay is Replay.ALLOW
        self._database = database
        self._clock = clock
        self.remembered_most = remembered
        self._file = NewestCallFile(database.path)
        self._has_begun = False
        self._newest_ms = 0
        self._covered_ms = 0
        self._noted = 0
        # The latest moment that a caller has proved, and when that was by the monotonic clock.
        self._proved_ms = 0
        self._proved_at_s = 0.0

    async def accept(self, timestamp_ms: int, use: SignatureUse) -> None:
        """Accept a checked signature; it is on disk when this returns.

        Raises:
            CallRefused: it was accepted before (10005), or is older than it may be (10003).
            OSError, sqlite3.Error: it could not be kept, so it must not count.
        """
        now_s = self._clock.monotonic()

        def work(connection: sqlite3.Connection) -> CallRefused | None:
            self._begin(connection)
            marks = self._marks(connection)
            refusal = self._refusal(connection, marks, timestamp_ms, use, now_s)
            if refusal is None:
                self._keep(connection, marks, timestamp_ms)
            return refusal

        refusal = await self._database.run(work)
        self._has_begun = True
        if refusal is not None:
            raise refusal
        self._newest_ms = max(self._newest_ms, timestamp_ms)
        if timestamp_ms > self._least_now_ms(now_s):
            self._proved_ms, self._proved_at_s = timestamp_ms, now_s

    def _begin(self, connection: sqlite3.Connection) -> None:
        """Detect a changed password or lost marks at the first call after a start."""
        if self._has_begun:
            return
        held_ms = self._file.read()
        newest_ms = read_marks(connection).newest_ms
        has_lost = NewestCallFile.is_behind(newest_ms, held_ms)
        left = self._left_password(connection)
        if left is not None:
            newest_ms = held_ms if has_lost else newest_ms
            held_ms = change_password(connection, left, self._password, newest_ms=newest_ms)
            self._file.write(held_ms)
        elif has_lost or is_incomplete(connection):
            raise_floor(connection, least_ms=held_ms if has_lost else 0)
        self._covered_ms = held_ms
        self._noted = count_noted(connection)

    def _left_password(self, connection: sqlite3.Connection) -> PasswordMark | None:
        """Return the mark of the previous password, None when the password is unchanged."""
        fact = get_fact(connection, _PASSWORD)
        known = None if fact is None else PasswordMark.read(int(fact))
        if known is not None and known.fits(self._password):
            return None
        set_fact(connection, _PASSWORD, str(PasswordMark.of(self._password).number()))
        return known

    def _marks(self, connection: sqlite3.Connection) -> CallMarks:
        """Read the marks and restore those that only this process still has."""
        marks = read_marks(connection)
        if marks.newest_ms >= self._newest_ms:
            return marks
        raise_floor(connection, least_ms=self._newest_ms)
        return CallMarks(self._newest_ms, self._newest_ms)

    def _refusal(
        self,
        connection: sqlite3.Connection,
        marks: CallMarks,
        timestamp_ms: int,
        use: SignatureUse,
        now_s: float,
    ) -> CallRefused | None:
        if use is SignatureUse.SETS_CLOCK:
            return self._clock_refusal(connection, marks, timestamp_ms, now_s)
        if use is SignatureUse.READS or self._may_repeat:
            return None
        if is_noted(connection, timestamp_ms):
            return CallRefused(RetCode.SIGNATURE_FAILED, SIGN_USED_DESC)
        if timestamp_ms <= marks.floor_ms:
            return _older("calls that are not remembered any more; sign anew")
        return None

    def _clock_refusal(
        self,
        connection: sqlite3.Connection,
        marks: CallMarks,
        timestamp_ms: int,
        now_s: float,
    ) -> CallRefused | None:
        if timestamp_ms <= int(get_fact(connection, CLOCK_SET) or 0):
            return _older("the last syncTime")
        if timestamp_ms <= marks.newest_ms:
            return _older("a call that was accepted before")
        if timestamp_ms < self._least_now_ms(now_s) - _CALLERS_DIFFER_MS:
            return _older("the time that has passed since the last call; was it held back?")
        return None

    def _least_now_ms(self, now_s: float) -> float:
        """Return the least possible time of day, proved by earlier calls; 0 without any."""
        if not self._proved_ms:
            return 0
        return self._proved_ms + (now_s - self._proved_at_s) * 1000

    def _keep(self, connection: sqlite3.Connection, marks: CallMarks, timestamp_ms: int) -> None:
        if is_noted(connection, timestamp_ms):
            return
        note(connection, timestamp_ms, newest_ms=marks.newest_ms)
        self._noted += 1
        if self._noted > self.remembered_most + _TRIM_AFTER:
            forget_oldest(connection, most=self.remembered_most)
            self._noted = count_noted(connection)
        if timestamp_ms > self._covered_ms:
            self._covered_ms = self._file.cover(timestamp_ms)


def _older(text: str) -> CallRefused:
    return CallRefused(RetCode.REQUEST_EXPIRED, f"{OLDER_DESC} {text}")
