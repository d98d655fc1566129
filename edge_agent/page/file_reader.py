"""Reader of the terminal's database for the page, with a connection and a thread of its own.

The door's transactions wait for nothing here: in WAL a reader delays no writer, and each reading
opens the file anew, so a file that was replaced meanwhile is read as it is now.
"""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from edge_agent.page.pictures import thumbnail
from edge_agent.storage import count_events, outcome_of

Result = TypeVar("Result")

_PASSES: Final = 20
_OPENINGS: Final = 5
_BY_CARD: Final = 3  # 8.3.1, inputType
_LIMIT_S: Final = 3.0
_FRESH_S: Final = 1.0
# A long queue on a slow card takes long to be counted; then it is counted more rarely.
_REST_TIMES: Final = 20.0


class FileUnavailable(Exception):
    """The agent's file cannot be read now."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """Contents of the database as JSON values.

    Attributes:
        people: how many are held.
        pending: uploads that wait; `parked`: that the platform will not take.
        passes: the newest first.
        openings: doors opened from afar, the newest first.
    """

    people: int
    pending: int
    parked: int
    passes: list[dict[str, Any]]
    openings: list[dict[str, Any]]


class FileReader:
    """Reads for all viewers: once a second, and at most a twentieth of the time.

    Attributes:
        read_again_s: when the file is read again, by the clock of the event loop.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread: ThreadPoolExecutor | None = None
        self._running: Future[Any] | None = None
        self._reading = asyncio.Lock()
        self._facts: FileFacts | None = None
        self.read_again_s = 0.0

    def open(self) -> None:
        """Get ready; the thread begins with the first reading."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="page-reads")

    def close(self) -> None:
        """Stop the thread."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.shutdown(wait=False, cancel_futures=True)
        self._facts = self._running = None

    def forget(self) -> None:
        """Have the file read anew the next time, however soon that is."""
        self._facts = None

    async def facts(self) -> FileFacts:
        """Read everything that the page shows.

        Raises:
            FileUnavailable: the file cannot be read.
        """
        async with self._reading:
            clock = asyncio.get_running_loop().time
            if self._facts is None or clock() >= self.read_again_s:
                self._facts = None  # what is old is not shown as new
                begun_s = clock()
                self._facts = await self._read(_facts)
                took_s = clock() - begun_s
                self.read_again_s = clock() + max(_FRESH_S, took_s * _REST_TIMES)
            return self._facts

    async def picture(self, record_id: int) -> bytes | None:
        """Return a thumbnail of a pass; None when it has no picture any more.

        Raises:
            FileUnavailable: the file cannot be read.
        """

        def work(connection: sqlite3.Connection) -> bytes | None:
            row = connection.execute(
                "SELECT avatar FROM passes WHERE id = ?", (record_id,)
            ).fetchone()
            try:
                return None if row is None or row[0] is None else thumbnail(row[0])
            except OSError:
                return None  # what was kept is no picture

        async with self._reading:
            return await self._read(work)

    async def _read(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        if self._thread is None:
            raise FileUnavailable("closed")
        # A thread that hangs on a dying card is waited for, but not given ever more to do.
        if self._running is not None and not self._running.done():
            raise FileUnavailable("still reading")
        self._running = self._thread.submit(_with_connection, self._path, work)
        try:
            async with asyncio.timeout(_LIMIT_S):
                return await asyncio.shield(asyncio.wrap_future(self._running))
        except (TimeoutError, OSError, sqlite3.Error) as error:
            raise FileUnavailable(type(error).__name__) from error


def _with_connection(path: Path, work: Callable[[sqlite3.Connection], Result]) -> Result:
    address = f"{path.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=1.0)) as connection:
        return work(connection)


def _facts(connection: sqlite3.Connection) -> FileFacts:
    (people,) = connection.execute("SELECT count(*) FROM people").fetchone()
    events = count_events(connection)
    passes = connection.execute(
        "SELECT id, user_id, name, type, sign_time, facts, avatar IS NOT NULL FROM passes"
        " ORDER BY id DESC LIMIT ?",
        (_PASSES,),
    )
    openings = connection.execute(
        "SELECT opened_at, caller, remark FROM openings ORDER BY id DESC LIMIT ?", (_OPENINGS,)
    )
    return FileFacts(
        people=people,
        pending=events.pending,
        parked=events.parked,
        passes=[_pass(row) for row in passes],
        openings=[dict(zip(("at", "caller", "reason"), row, strict=True)) for row in openings],
    )


def _pass(row: tuple[Any, ...]) -> dict[str, Any]:
    record_id, user_id, name, type_number, sign_time, text, has_picture = row
    facts = json.loads(text)
    outcome = outcome_of(facts)
    return {
        "id": record_id,
        "name": name or user_id,
        "type": type_number,
        "at": sign_time,
        "isCard": facts.get("inputType") == _BY_CARD,
        "similarity": facts.get("similarity"),
        "temperature": facts.get("temperature"),
        "isHot": facts.get("temperatureState") == 1,
        "mask": facts.get("wearMask"),
        "hasPicture": bool(has_picture),
        "door": None if outcome is None else {"isOpen": outcome.is_open, "reason": outcome.reason},
    }
