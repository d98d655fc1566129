"""Store of people with pictures and descriptors, and of the sync cursor."""

import asyncio
import hashlib
import logging
import sqlite3
from collections.abc import Sequence
from datetime import datetime

from edge_agent.storage.database import Database
from edge_agent.storage.events import put_event
from edge_agent.storage.people_rows import (
    DROP_DESCRIPTOR,
    ENROLLED_COLUMNS,
    AppliedChanges,
    Change,
    EnrolledPerson,
    SavePerson,
    apply_changes,
    enrolled_person,
    is_descriptor,
)
from edge_agent.storage.schema import get_fact, moment_of, set_fact
from edge_agent.storage.sync_state import SyncState, read_sync_state

logger = logging.getLogger(__name__)


class Store:
    """Reads and writes people; every change is one transaction.

    Attributes:
        changing: held while people are changed, until the recogniser follows, so that it hears of
            changes in the order in which they were written.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.changing = asyncio.Lock()

    @property
    def database(self) -> Database:
        """The file."""
        return self._database

    async def cursor(self) -> int:
        """``lastQueryTime`` to ask with; 0 asks for everything."""
        return int(await self._fact("cursor") or 0)

    async def synced_at(self) -> datetime | None:
        """When the library was last known to be complete."""
        return moment_of(await self._fact("synced_at"))

    async def note_moment(self, name: str, at: datetime) -> None:
        """Write down when something happened last: ``synced_at`` or ``heartbeat_at``."""
        value = str(at.timestamp())
        await self._database.run(lambda connection: set_fact(connection, name, value))

    async def held(self, dimension: int | None = None) -> list[EnrolledPerson]:
        """Read all people with a descriptor.

        A descriptor that can be none is dropped, to be computed anew from the picture (see
        `outdated`), or from one that is fetched anew (see `missing_pictures`).

        Args:
            dimension: how many numbers a descriptor has; None for any.
        """

        def work(connection: sqlite3.Connection) -> list[EnrolledPerson]:
            rows = connection.execute(
                f"SELECT {ENROLLED_COLUMNS} FROM people WHERE descriptor IS NOT NULL ORDER BY id"  # noqa: S608
            )
            sound, damaged = [], []
            for row in rows:
                if is_descriptor(row[5], dimension):
                    sound.append(enrolled_person(row))
                else:
                    damaged.append((row[0],))
            if damaged:
                logger.error("descriptors_damaged count=%s", len(damaged))
                connection.executemany(DROP_DESCRIPTOR, damaged)
            return sound

        return await self._database.run(work)

    async def outdated(self, contract_id: str, limit: int) -> list[tuple[SavePerson, bytes]]:
        """People with a descriptor of another model, or a damaged one, and their pictures.

        A picture that is not what was fetched comes as an empty one when it can be fetched again.
        """

        def work(connection: sqlite3.Connection) -> list[tuple[SavePerson, bytes]]:
            rows = connection.execute(
                "SELECT user_id, name, user_type, picture_url, origin, details, jpeg,"
                " picture_sha256 FROM people"
                " JOIN pictures ON person_id = id WHERE contract_id <> ? ORDER BY id LIMIT ?",
                (contract_id, limit),
            )
            found = []
            for user_id, name, kind, url, origin, details, jpeg, digest in rows:
                person = SavePerson(user_id, name, kind, url, origin=origin, details=details)
                is_intact = not digest or hashlib.sha256(jpeg).hexdigest() == digest
                found.append((person, jpeg if is_intact or not url else b""))
            return found

        return await self._database.run(work)

    async def digest(self, user_id: str, contract_id: str) -> str:
        """Digest of the picture behind a person's descriptor; empty when either is missing."""

        def work(connection: sqlite3.Connection) -> str:
            row = connection.execute(
                "SELECT picture_sha256 FROM people JOIN pictures ON person_id = id"
                " WHERE user_id = ? AND contract_id = ?",
                (user_id, contract_id),
            ).fetchone()
            return str(row[0]) if row else ""

        return await self._database.run(work)

    async def known(self, user_ids: Sequence[str]) -> tuple[int, frozenset[str]]:
        """Return the number of people and which of these ids are among them."""

        def work(connection: sqlite3.Connection) -> tuple[int, frozenset[str]]:
            (count,) = connection.execute("SELECT count(*) FROM people").fetchone()
            sought = "SELECT 1 FROM people WHERE user_id = ?"
            found = (one for one in user_ids if connection.execute(sought, (one,)).fetchone())
            return count, frozenset(found)

        return await self._database.run(work)

    async def missing_pictures(self, now: datetime, limit: int) -> list[SavePerson]:
        """People whose picture should be tried again now."""

        def work(connection: sqlite3.Connection) -> list[SavePerson]:
            rows = connection.execute(
                "SELECT user_id, name, user_type, picture_url, picture_attempts FROM people"
                " WHERE picture_due_at <= ? ORDER BY picture_due_at LIMIT ?",
                (now.timestamp(), limit),
            )
            return [
                SavePerson(user_id, name, user_type, url, attempts=attempts)
                for user_id, name, user_type, url, attempts in rows
            ]

        return await self._database.run(work)

    async def apply(
        self,
        changes: Sequence[Change],
        *,
        at: datetime,
        cursor: int | None = None,
        asked_with: int | None = None,
        report: bytes | None = None,
    ) -> AppliedChanges:
        """Write changes, their cursor and the report about them in one transaction.

        Args:
            changes: in the order in which they happen.
            at: now.
            cursor: ``lastQueryTime`` to ask with next; None leaves it.
            asked_with: the cursor that was asked with; when the store's is another one by now,
                because all people were deleted meanwhile, it stays. None does not look.
            report: body of a syresult; None for no report.
        """

        def work(connection: sqlite3.Connection) -> AppliedChanges:
            applied = apply_changes(connection, changes)
            held_cursor = int(get_fact(connection, "cursor") or 0)
            if cursor is not None and asked_with in {None, held_cursor}:
                set_fact(connection, "cursor", str(cursor))
            if report is not None:
                put_event(connection, "syresult", report, at)
            return applied

        applied = await self._database.run(work)
        if applied.gone or any(isinstance(one, SavePerson) and one.face for one in changes):
            # A face that was deleted or replaced must not live on in the write-ahead log.
            await self._database.checkpoint()
        return applied

    async def sweep(self, cursor: int) -> AppliedChanges:
        """Delete people of a damaged file that the platform has not named since.

        Args:
            cursor: at which the platform said that there is nothing new; does nothing when the
                store's is another one by now.
        """

        def work(connection: sqlite3.Connection) -> AppliedChanges:
            if int(get_fact(connection, "cursor") or 0) != cursor:
                return AppliedChanges(held=(), gone=())
            rows = connection.execute("DELETE FROM people WHERE is_doubtful RETURNING id")
            return AppliedChanges(
                held=(), gone=tuple(person_id for (person_id,) in rows.fetchall())
            )

        applied = await self._database.run(work)
        if applied.gone:
            await self._database.checkpoint()
        return applied

    async def sync_state(self) -> SyncState:
        """Describe the file."""
        return await self._database.run(read_sync_state)

    async def _fact(self, name: str) -> str | None:
        return await self._database.run(lambda connection: get_fact(connection, name))
