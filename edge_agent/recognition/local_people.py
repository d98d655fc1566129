"""People enrolled at the device interface (8.2), beside those of the platform's library (9.1).

Who an id belongs to is written on the row: the platform owns every id it ever named, this
interface owns the others. The platform may take an id over, this interface never does
(docs/decisions/0013-people-of-two-origins.md).
"""

import base64
import hashlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from edge_agent.recognition.recogniser import PictureProblem, Recogniser
from edge_agent.storage import (
    AppliedChanges,
    DeletePerson,
    Face,
    SavePerson,
    Store,
    apply_changes,
    set_fact,
    type_sql,
    user_type_number,
)
from terminal_protocol.device_objects import USER_OBJECT
from terminal_protocol.values import read_image

_JPEG_MAGIC: Final = b"\xff\xd8\xff"
# A picture of the library that is longer is not repeated in lists.
_LISTED_PHOTO_MAX: Final = 512 * 1024

_SELECT: Final = (
    "SELECT user_id, name, user_type, details, jpeg FROM people"
    " LEFT JOIN pictures ON person_id = id"
)


class PersonProblem(StrEnum):
    """Why a person was not written, changed or deleted."""

    UNKNOWN = "unknown"
    PLATFORMS = "platforms"  # the id belongs to the platform
    FULL = "full"
    PHOTO_ILLEGAL = "photo_illegal"  # not base64, no JPEG, too long or damaged
    NO_FACE = "no_face"


@dataclass(frozen=True, slots=True)
class UserFilter:
    """Search conditions (8.2.5); all must hold.

    Attributes:
        type_number: type of the person; None for all.
        name: part of the name; empty for all.
        exact: wire name to value of the other fields.
    """

    type_number: int | None = None
    name: str = field(default="", repr=False)
    exact: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class NewPerson:
    """A UserObject ready to be written.

    Attributes:
        user: without photo.
        face: None leaves the old one.
    """

    user: Mapping[str, Any] = field(repr=False)
    face: Face | None = field(default=None, repr=False)


class LocalPeople:
    """Reads all people, writes those entered here."""

    def __init__(
        self,
        store: Store,
        recogniser: Recogniser,
        *,
        people_max: int,
        photo_max_bytes: int,
    ) -> None:
        self._store = store
        self._recogniser = recogniser
        self._people_max = people_max
        self._photo_max_bytes = photo_max_bytes

    async def prepare(self, user: Mapping[str, Any]) -> NewPerson | PersonProblem:
        """Check the photo of a UserObject, if it has one, and compute its descriptor.

        Args:
            user: as its table read it.
        """
        plain = {key: value for key, value in user.items() if key != "photo"}
        if not user.get("photo"):
            return NewPerson(plain)
        picture, fault = read_image(user["photo"])
        if picture is None or fault is not None or not picture.startswith(_JPEG_MAGIC):
            return PersonProblem.PHOTO_ILLEGAL
        found = await self._recogniser.describe(picture, max_bytes=self._photo_max_bytes)
        if isinstance(found, PictureProblem):
            is_seen = found is PictureProblem.NO_FACE
            return PersonProblem.NO_FACE if is_seen else PersonProblem.PHOTO_ILLEGAL
        digest = hashlib.sha256(picture).hexdigest()
        return NewPerson(plain, Face(picture, digest, found, self._recogniser.contract_id))

    async def add(self, people: Sequence[NewPerson]) -> tuple[int, PersonProblem] | None:
        """Write people, all or none; existing ones are replaced.

        Returns:
            Who could not be written, by position, and why; None when all were.
        """

        def work(connection: sqlite3.Connection) -> tuple[int, PersonProblem] | AppliedChanges:
            (count,) = connection.execute("SELECT count(*) FROM people").fetchone()
            for number, person in enumerate(people):
                origin = _origin(connection, person.user["userId"])
                if origin == "platform":
                    return number, PersonProblem.PLATFORMS
                count += origin is None
                if count > self._people_max:
                    return number, PersonProblem.FULL
            return apply_changes(
                connection, [_as_change(one, one.user, drops_face=True) for one in people]
            )

        return await self._change(work)

    async def update(self, user_id: str, person: NewPerson) -> PersonProblem | None:
        """Change a person entered here; optional fields that are absent stay, the photo too.

        Args:
            user_id: who.
            person: what is new.

        Returns:
            Why not; None when it was done.
        """

        def work(connection: sqlite3.Connection) -> tuple[int, PersonProblem] | AppliedChanges:
            origin = _origin(connection, user_id)
            if origin != "local":
                return 0, PersonProblem.UNKNOWN if origin is None else PersonProblem.PLATFORMS
            (kept,) = connection.execute(
                "SELECT details FROM people WHERE user_id = ?", (user_id,)
            ).fetchone()
            user = {**json.loads(kept), **person.user, "userId": user_id}
            return apply_changes(connection, [_as_change(person, user, drops_face=False)])

        refused = await self._change(work)
        return refused[1] if refused else None

    async def delete(self, user_id: str) -> PersonProblem | None:
        """Delete a person enrolled here; returns as `update` does."""

        def work(connection: sqlite3.Connection) -> tuple[int, PersonProblem] | AppliedChanges:
            origin = _origin(connection, user_id)
            if origin != "local":
                return 0, PersonProblem.UNKNOWN if origin is None else PersonProblem.PLATFORMS
            return apply_changes(connection, [DeletePerson(user_id)])

        refused = await self._change(work)
        return refused[1] if refused else None

    async def delete_all(self) -> None:
        """Delete all people, the platform's too; the next poll asks for those again."""

        def work(connection: sqlite3.Connection) -> AppliedChanges:
            rows = connection.execute("DELETE FROM people RETURNING id").fetchall()
            set_fact(connection, "cursor", "0")
            return AppliedChanges(held=(), gone=tuple(person_id for (person_id,) in rows))

        await self._change(work)

    async def find(self, user_id: str) -> dict[str, Any] | None:
        """Return a person as UserObject, with the photo; None for an unknown id."""
        _total, found = await self._select("user_id = ?", (user_id,), page=1, size=1)
        return found[0] if found else None

    async def search(
        self, wanted: UserFilter, *, page: int, size: int
    ) -> tuple[int, list[dict[str, Any]]]:
        """Find people of both origins, by id.

        Args:
            wanted: which ones.
            page: number of the page, from 1.
            size: entries a page.

        Returns:
            How many there are in all, and those of the page as UserObject.
        """
        parts: dict[str, Any] = {}
        if wanted.type_number is not None:
            parts[f"{type_sql('user_type')} = ?"] = wanted.type_number
        if wanted.name:
            parts["instr(name, ?) > 0"] = wanted.name
        for key, value in wanted.exact.items():
            column = "user_id" if key == "userId" else f"json_extract(details, '$.{key}')"
            parts[f"{column} = ?"] = value
        conditions = " AND ".join(parts) or "1"
        return await self._select(conditions, tuple(parts.values()), page=page, size=size)

    async def _select(
        self, conditions: str, values: tuple[Any, ...], *, page: int, size: int
    ) -> tuple[int, list[dict[str, Any]]]:
        def work(connection: sqlite3.Connection) -> tuple[int, list[dict[str, Any]]]:
            counted = f"SELECT count(*) FROM people WHERE {conditions}"  # noqa: S608 - ours
            (total,) = connection.execute(counted, values).fetchone()
            wanted = f"{_SELECT} WHERE {conditions} ORDER BY id LIMIT ? OFFSET ?"
            rows = connection.execute(wanted, (*values, size, (page - 1) * size))
            return total, [_user_object(row) for row in rows]

        return await self._store.database.run(work)

    async def _change(self, work: Any) -> tuple[int, PersonProblem] | None:
        """Run a transaction and apply its changes to the recogniser."""
        async with self._store.changing:
            outcome = await self._store.database.run(work)
            if not isinstance(outcome, AppliedChanges):
                refused: tuple[int, PersonProblem] = outcome
                return refused
            await self._recogniser.follow(outcome)
            # A face that was deleted or replaced must not live on in the write-ahead log.
            await self._store.database.checkpoint()
        return None


def _origin(connection: sqlite3.Connection, user_id: str) -> str | None:
    row = connection.execute("SELECT origin FROM people WHERE user_id = ?", (user_id,)).fetchone()
    return None if row is None else str(row[0])


def _as_change(person: NewPerson, user: Mapping[str, Any], *, drops_face: bool) -> SavePerson:
    return SavePerson(
        user_id=user["userId"],
        name=user["name"],
        user_type=str(user["userType"]),
        picture_url="",
        face=person.face,
        drops_face=drops_face and person.face is None,
        origin="local",
        details=json.dumps(dict(user), ensure_ascii=False),
    )


def _user_object(row: Sequence[Any]) -> dict[str, Any]:
    """Return a row as UserObject; unknown fields are empty."""
    user_id, name, user_type, details, jpeg = row
    # The library's ids and names are as long as they are; a nameless one is called by the id.
    id_max, name_max = (USER_OBJECT.field(one).length_max for one in ("userId", "name"))
    values: dict[str, Any] = {"icNumber": "", "jobNumber": "", "mobile": "", "remark": ""}
    values |= json.loads(details)
    values |= {
        "userId": user_id[:id_max],
        "name": name[:name_max] or user_id[:id_max],
        "userType": user_type_number(user_type),
    }
    if jpeg is not None and len(jpeg) <= _LISTED_PHOTO_MAX:
        values["photo"] = base64.b64encode(jpeg).decode()
    return USER_OBJECT.write(values)
