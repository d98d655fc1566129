"""The people this terminal holds, with pictures and descriptors, and how far it is in step."""

import asyncio
import hashlib
import json
import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from edge_agent.storage.database import Database
from edge_agent.storage.descriptors import DROP_DESCRIPTOR, descriptor_of, is_descriptor
from edge_agent.storage.facts import get_fact, moment_of, set_fact
from edge_agent.storage.outbox import put_event
from edge_agent.storage.standing import Standing, read_standing

logger = logging.getLogger(__name__)

Origin = Literal["platform", "local"]


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A person's picture and what was computed from it.

    Attributes:
        picture: the file as fetched.
        sha256: its digest, hexadecimal.
        descriptor: (dimension,) float32, length 1.
        contract_id: what the descriptor means; never compared with another one's.
    """

    picture: bytes = field(repr=False)
    sha256: str
    descriptor: NDArray[np.float32] = field(repr=False)
    contract_id: str


@dataclass(frozen=True, slots=True, eq=False)
class HeldPerson:
    """Somebody who can be recognised.

    Attributes:
        person_id: row, and id in the vector index.
        user_id: name at the platform.
        contract_id: what the descriptor means.
        descriptor: (dimension,) float32, length 1.
        visit: Unix seconds from and to of somebody entered here (8.2.1, startTime and endTime);
            0 for no limit.
        welcome: their own words of welcome (8.2.1, prompt); empty for the usual ones.
    """

    person_id: int
    user_id: str
    name: str = field(repr=False)
    user_type: str
    contract_id: str
    descriptor: NDArray[np.float32] = field(repr=False)
    visit: tuple[int, int] = (0, 0)
    welcome: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class SavePerson:
    """Store somebody or store them anew.

    Attributes:
        face: the new face; None leaves the old one, if there is one.
        drops_face: whether the old face must go, because the new picture showed none.
        attempts: how often the picture could not be fetched so far.
        due_at: when to try again, None for never.
        origin: who entered them; one that the platform names becomes the platform's.
        details: for those entered here, UserObject without photo as JSON.
    """

    user_id: str
    name: str = field(repr=False)
    user_type: str
    picture_url: str = field(repr=False)
    face: Face | None = None
    drops_face: bool = False
    attempts: int = 0
    due_at: datetime | None = None
    origin: Origin = "platform"
    details: str = field(default="{}", repr=False)


@dataclass(frozen=True, slots=True)
class DeletePerson:
    """Forget somebody: person, picture and descriptor."""

    user_id: str


Change = SavePerson | DeletePerson


@dataclass(frozen=True, slots=True)
class Applied:
    """What a transaction did to the faces: who can be recognised now, and which rows no more."""

    held: tuple[HeldPerson, ...]
    gone: tuple[int, ...]


class Store:
    """Reads and writes people; every change is one transaction.

    Attributes:
        changing: held by whoever changes people until the recogniser follows, so that it hears of
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

    async def held(self, dimension: int | None = None) -> list[HeldPerson]:
        """Everybody with a descriptor.

        A descriptor that can be none is dropped, to be computed anew from the picture (see
        `outdated`), or from one that is fetched anew (see `missing_pictures`).

        Args:
            dimension: how many numbers a descriptor has; None for any.
        """

        def work(connection: sqlite3.Connection) -> list[HeldPerson]:
            rows = connection.execute(
                f"SELECT {_HELD} FROM people WHERE descriptor IS NOT NULL ORDER BY id"  # noqa: S608
            )
            sound, damaged = [], []
            for row in rows:
                if is_descriptor(row[5], dimension):
                    sound.append(_held(row))
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
        """Digest of the picture behind somebody's descriptor; empty when either is missing."""

        def work(connection: sqlite3.Connection) -> str:
            row = connection.execute(
                "SELECT picture_sha256 FROM people JOIN pictures ON person_id = id"
                " WHERE user_id = ? AND contract_id = ?",
                (user_id, contract_id),
            ).fetchone()
            return str(row[0]) if row else ""

        return await self._database.run(work)

    async def known(self, user_ids: Sequence[str]) -> tuple[int, frozenset[str]]:
        """How many people there are, and which of these are among them."""

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
    ) -> Applied:
        """Write changes, the cursor they end at, and the report about them, all or nothing.

        Args:
            changes: in the order in which they happen.
            at: now.
            cursor: ``lastQueryTime`` to ask with next; None leaves it.
            asked_with: the cursor that was asked with; when the store's is another one by now,
                because everybody was forgotten meanwhile, it stays. None does not look.
            report: body of a syresult; None for no report.
        """

        def work(connection: sqlite3.Connection) -> Applied:
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

    async def sweep(self, cursor: int) -> Applied:
        """Forget people of a damaged file whom the platform has not named since.

        Args:
            cursor: at which the platform said that there is nothing new; does nothing when the
                store's is another one by now.
        """

        def work(connection: sqlite3.Connection) -> Applied:
            if int(get_fact(connection, "cursor") or 0) != cursor:
                return Applied(held=(), gone=())
            rows = connection.execute("DELETE FROM people WHERE is_doubtful RETURNING id")
            return Applied(held=(), gone=tuple(person_id for (person_id,) in rows.fetchall()))

        applied = await self._database.run(work)
        if applied.gone:
            await self._database.checkpoint()
        return applied

    async def standing(self) -> Standing:
        """Describe the file."""
        return await self._database.run(read_standing)

    async def _fact(self, name: str) -> str | None:
        return await self._database.run(lambda connection: get_fact(connection, name))


_UPSERT: Final = """
INSERT INTO people
    (user_id, name, user_type, picture_url, picture_attempts, picture_due_at, origin, details)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (user_id) DO UPDATE SET
    name = excluded.name, user_type = excluded.user_type, picture_url = excluded.picture_url,
    picture_attempts = excluded.picture_attempts, picture_due_at = excluded.picture_due_at,
    origin = excluded.origin, details = excluded.details, is_doubtful = 0
RETURNING id
"""
_HELD: Final = "id, user_id, name, user_type, contract_id, descriptor, details"
_SET_FACE: Final = (
    "UPDATE people SET picture_sha256 = ?, contract_id = ?, descriptor = ? WHERE id = ?"
)


def apply_changes(connection: sqlite3.Connection, changes: Sequence[Change]) -> Applied:
    """Write changes as part of somebody else's transaction; see `Store.apply`."""
    held: dict[int, HeldPerson] = {}
    gone: set[int] = set()
    for change in changes:
        if isinstance(change, DeletePerson):
            gone |= _delete(connection, change.user_id)
        else:
            person_id, person = _save(connection, change)
            held.pop(person_id, None)
            if person is None:
                gone.add(person_id)
            else:
                held[person_id] = person
                gone.discard(person_id)
    kept = tuple(person for one, person in held.items() if one not in gone)
    return Applied(held=kept, gone=tuple(gone))


def _save(connection: sqlite3.Connection, change: SavePerson) -> tuple[int, HeldPerson | None]:
    """Write a person; the row, and the person when they can be recognised."""
    due = None if change.due_at is None else change.due_at.timestamp()
    (person_id,) = connection.execute(
        _UPSERT,
        (
            *(change.user_id, change.name, change.user_type, change.picture_url, change.attempts),
            *(due, change.origin, change.details),
        ),
    ).fetchone()
    face = change.face
    if face is not None:
        raw = face.descriptor.astype("<f4").tobytes()
        connection.execute(_SET_FACE, (face.sha256, face.contract_id, raw, person_id))
        connection.execute(
            "INSERT OR REPLACE INTO pictures (person_id, jpeg) VALUES (?, ?)",
            (person_id, face.picture),
        )
    elif change.drops_face:
        connection.execute(_SET_FACE, ("", "", None, person_id))
        connection.execute("DELETE FROM pictures WHERE person_id = ?", (person_id,))
    row = connection.execute(
        f"SELECT {_HELD} FROM people WHERE id = ? AND descriptor IS NOT NULL",  # noqa: S608 - ours
        (person_id,),
    ).fetchone()
    return person_id, None if row is None else _held(row)


def _held(row: Sequence[Any]) -> HeldPerson:
    person_id, user_id, name, user_type, contract_id, raw, details = row
    return HeldPerson(
        *(person_id, user_id, name, user_type, contract_id, descriptor_of(raw)),
        *held_details(details),
    )


def held_details(details: str) -> tuple[tuple[int, int], str]:
    """Return `HeldPerson.visit` and `welcome` of a person's details, a UserObject as JSON."""
    told = json.loads(details)
    visit = int(told.get("startTime", 0)), int(told.get("endTime", 0))
    return visit, str(told.get("prompt", ""))


def _delete(connection: sqlite3.Connection, user_id: str) -> set[int]:
    rows = connection.execute("DELETE FROM people WHERE user_id = ? RETURNING id", (user_id,))
    return {person_id for (person_id,) in rows.fetchall()}


def read_held(connection: sqlite3.Connection, dimension: int) -> list[HeldPerson]:
    """Everybody with a descriptor of so many numbers, from a file that is only read."""
    rows = connection.execute(
        f"SELECT {_HELD} FROM people WHERE length(descriptor) = ? ORDER BY id",  # noqa: S608 - ours
        (4 * dimension,),
    )
    return [_held(row) for row in rows]
