"""Clock of the terminal as a platform may set it (8.1.8); the setting survives a restart."""

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Final

from edge_agent.drivers import SystemClock
from edge_agent.storage import Database, get_fact, set_fact
from edge_agent.storage.call_marks import CLOCK_SET

_OFFSET: Final = "clock_offset_s"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class TerminalTime:
    """Moves the agent's clock against the computer's, which is left alone.

    Which syncTime counts at all, `edge_agent.api.accepted_calls` says. Of two that come at once,
    the newer one holds.
    """

    def __init__(self, clock: SystemClock, database: Database) -> None:
        self._clock = clock
        self._database = database

    async def load(self) -> None:
        """Restore the clock offset of before the restart."""
        offset = await self._database.run(lambda connection: get_fact(connection, _OFFSET))
        self._clock.move(float(offset or 0.0))

    def now_ms(self) -> int:
        """Unix milliseconds by the terminal's clock."""
        return (self._clock.now() - _EPOCH) // timedelta(milliseconds=1)

    async def set_to(self, timestamp_ms: int) -> bool:
        """Set the clock; returns False for a timestamp no newer than the last one set.

        Args:
            timestamp_ms: Unix milliseconds.
        """
        arrived_s = self._clock.monotonic()

        def work(connection: sqlite3.Connection) -> bool:
            if timestamp_ms <= int(get_fact(connection, CLOCK_SET) or 0):
                return False
            waited = timedelta(seconds=self._clock.monotonic() - arrived_s)
            self._clock.set(_EPOCH + timedelta(milliseconds=timestamp_ms) + waited)
            set_fact(connection, CLOCK_SET, str(timestamp_ms))
            set_fact(connection, _OFFSET, repr(self._clock.offset_s))
            return True

        return await self._database.run(work)

    async def reset(self) -> None:
        """Return to the computer's own clock."""
        await self._database.run(lambda connection: set_fact(connection, _OFFSET, "0.0"))
        self._clock.move(0.0)
