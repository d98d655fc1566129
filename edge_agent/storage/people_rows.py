"""Rows of people: who is enrolled with which face, and changes of that."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

# Of a descriptor's length from 1: rounding to float32 makes a millionth.
_LENGTH_OFF: Final = 1e-4
# The picture is used to compute a new one; where it is gone too, it is fetched again.
DROP_DESCRIPTOR: Final = """
UPDATE people SET descriptor = NULL, contract_id = '', picture_attempts = 0, picture_due_at =
    iif(picture_url <> '' AND NOT EXISTS (SELECT 1 FROM pictures WHERE person_id = id), 0, NULL)
WHERE id = ?
"""
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
ENROLLED_COLUMNS: Final = "id, user_id, name, user_type, contract_id, descriptor, details"
_SET_FACE: Final = (
    "UPDATE people SET picture_sha256 = ?, contract_id = ?, descriptor = ? WHERE id = ?"
)
# ``userType`` (8.2.1); the words are those of chapter 9.
EMPLOYEE: Final = 1
STRANGER: Final = -1

# The library may call people anything ("student", "user"); who is none of these is an employee.
_NUMBERS: Final = {
    "2": 2,
    "visitor": 2,
    "访客": 2,
    "3": 3,
    "blacklist": 3,
    "黑名单": 3,
    "-1": STRANGER,
    "stranger": STRANGER,
    "陌生人": STRANGER,
}

Origin = Literal["platform", "local"]


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A person's picture and the descriptor computed from it.

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
class EnrolledPerson:
    """A person with a descriptor, who can be recognised.

    Attributes:
        person_id: row, and id in the vector index.
        user_id: name at the platform.
        contract_id: what the descriptor means.
        descriptor: (dimension,) float32, length 1.
        visit: Unix seconds from and to of a person entered here (8.2.1, startTime and endTime);
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


@dataclass(frozen=True, slots=True)
class Match:
    """A person recognised.

    Attributes:
        similarity: 0 to 100, the scale of the wire.
        visit, welcome: see `EnrolledPerson`.
    """

    user_id: str
    name: str = field(repr=False)
    user_type: str
    similarity: int
    visit: tuple[int, int] = (0, 0)
    welcome: str = field(default="", repr=False)

    def is_expected(self, at: datetime) -> bool:
        """Return whether a visit limited in time (8.2.1) includes this moment."""
        begins, ends = self.visit
        now = at.timestamp()
        return begins <= now and (not ends or now <= ends)


@dataclass(frozen=True, slots=True, eq=False)
class SavePerson:
    """Save a person, new or changed.

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
    """Delete a person with picture and descriptor."""

    user_id: str


Change = SavePerson | DeletePerson


@dataclass(frozen=True, slots=True)
class AppliedChanges:
    """Result of applied changes: people who can be recognised now, and removed row ids."""

    held: tuple[EnrolledPerson, ...]
    gone: tuple[int, ...]


def apply_changes(connection: sqlite3.Connection, changes: Sequence[Change]) -> AppliedChanges:
    """Write changes inside a transaction; see `edge_agent.storage.store.Store.apply`."""
    held: dict[int, EnrolledPerson] = {}
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
    return AppliedChanges(held=kept, gone=tuple(gone))


def _save(connection: sqlite3.Connection, change: SavePerson) -> tuple[int, EnrolledPerson | None]:
    """Write a person; returns the row id, and the person when they can be recognised."""
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
        f"SELECT {ENROLLED_COLUMNS} FROM people WHERE id = ? AND descriptor IS NOT NULL",  # noqa: S608 - ours
        (person_id,),
    ).fetchone()
    return person_id, None if row is None else enrolled_person(row)


def enrolled_person(row: Sequence[Any]) -> EnrolledPerson:
    """Make a person of a row of `ENROLLED_COLUMNS`."""
    person_id, user_id, name, user_type, contract_id, raw, details = row
    return EnrolledPerson(
        *(person_id, user_id, name, user_type, contract_id, descriptor_of(raw)),
        *enrolled_details(details),
    )


def enrolled_details(details: str) -> tuple[tuple[int, int], str]:
    """Return `EnrolledPerson.visit` and `welcome` of a person's details, a UserObject as JSON."""
    values = json.loads(details)
    visit = int(values.get("startTime", 0)), int(values.get("endTime", 0))
    return visit, str(values.get("prompt", ""))


def _delete(connection: sqlite3.Connection, user_id: str) -> set[int]:
    rows = connection.execute("DELETE FROM people WHERE user_id = ? RETURNING id", (user_id,))
    return {person_id for (person_id,) in rows.fetchall()}


def read_enrolled(connection: sqlite3.Connection, dimension: int) -> list[EnrolledPerson]:
    """Read all people with a descriptor of this dimension, over a read-only connection."""
    rows = connection.execute(
        f"SELECT {ENROLLED_COLUMNS} FROM people WHERE length(descriptor) = ? ORDER BY id",  # noqa: S608 - ours
        (4 * dimension,),
    )
    return [enrolled_person(row) for row in rows]


def descriptor_of(raw: bytes) -> NDArray[np.float32]:
    """Read a descriptor, (dimension,) float32."""
    return np.frombuffer(raw, dtype="<f4").astype(np.float32)


def is_descriptor(raw: Any, dimension: int | None) -> bool:
    """Return whether bytes can be a descriptor: float32 values, finite, of length 1.

    Args:
        raw: as it was read.
        dimension: how many numbers there are; None for any.
    """
    if not isinstance(raw, bytes) or not raw or len(raw) % 4:
        return False
    vector = descriptor_of(raw).astype(np.float64)
    if dimension is not None and len(vector) != dimension:
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(abs(np.linalg.norm(vector) - 1.0) < _LENGTH_OFF)


def user_type_number(user_type: str) -> int:
    """Return the number of 8.2.1 for a user type of chapter 9."""
    return _NUMBERS.get(user_type.strip().lower(), EMPLOYEE)


def type_sql(column: str) -> str:
    """Return `user_type_number` of a column as an SQL expression."""
    cases = " ".join(f"WHEN '{word}' THEN {number}" for word, number in _NUMBERS.items())
    return f"CASE lower(trim({column})) {cases} ELSE {EMPLOYEE} END"
