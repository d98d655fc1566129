"""Records of passes (SignObject of 8.3.1): stored, listed, published, deleted by age and number."""

import base64
import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from edge_agent.storage.database import Database
from edge_agent.storage.disk_quota import DiskQuota, forget_pictures
from edge_agent.storage.events import put_event
from edge_agent.storage.people_rows import STRANGER, Match, user_type_number
from terminal_protocol.device_objects import SIGN_OBJECT, USER_OBJECT

# 8.3.1, inputType
BY_FACE: Final = 1
BY_CARD: Final = 3
_LOW_C: Final = 35.0  # below it a forehead was missed or is very cold; 8.3.1, temperatureState -1
_OPENINGS_MAX: Final = 1000
# A page of a thousand records with their pictures would be 60 MB; some 250 pictures fit.
_PAGE_PICTURES_MAX: Final = 16 * 1024 * 1024
_UNDECIDED_MAX: Final = 64  # a few visits go on side by side
_USER_FIELDS: Final = frozenset(USER_OBJECT.names) - {"photo"}
_DOOR: Final = "door"  # among the facts of a record; not one of 8.3.1, so never on the wire


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcome of a visit.

    Attributes:
        is_open: whether the door opened.
        reason: a `edge_agent.door.decision.DoorReason`, or ``relay_failed``.
    """

    is_open: bool
    reason: str


RELAY_FAILED: Final = Outcome(is_open=False, reason="relay_failed")


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit at the door, recognised or not.

    Attributes:
        at: by the terminal's clock.
        match: who it is, None for a stranger.
        temperature_c: reading in °C, None without one.
        temperature_limit_c: from here on it counted as too high, in °C.
        has_mask: None when masks are not looked at.
        snapshot: JPEG; empty for none, or when there was no room for it.
        outcome: None while it is not known yet.
        input_type: how the person was recognised, `BY_FACE` or `BY_CARD`.
    """

    at: datetime
    match: Match | None = field(repr=False)
    temperature_c: float | None
    temperature_limit_c: float
    has_mask: bool | None
    snapshot: bytes = field(repr=False)
    outcome: Outcome | None = None
    input_type: int = BY_FACE


@dataclass(frozen=True, slots=True)
class Retention:
    """How much is remembered; see `edge_agent.config.ApiConfig`."""

    days: int
    records_max: int
    pictures_max: int


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """Search conditions (8.3.2).

    Attributes:
        begins: first second that counts, Unix.
        ends: last second that counts, Unix.
        type_number: type of the person; 0 for all.
        user_id: empty for all.
        name: part of the name; empty for all.
    """

    begins: int
    ends: int
    type_number: int = 0
    user_id: str = field(default="", repr=False)
    name: str = field(default="", repr=False)


class RecordLog:
    """Passes on disk, bounded in age and number; newest first."""

    def __init__(
        self,
        database: Database,
        *,
        device_mark: str,
        retention: Retention,
        quota: DiskQuota | None = None,
    ) -> None:
        """Make a log on an open database.

        Args:
            database: the file.
            device_mark: what SignObject calls this terminal.
            retention: how much is remembered.
            quota: gives up old pictures for new visits; None for a disk without end.
        """
        self._database = database
        self._quota = quota
        self._device_mark = device_mark
        self._retention = retention
        self._listeners: list[Callable[[dict[str, Any]], None]] = []
        self._undecided: dict[int, int] = {}  # upload to record

    def listen(self, listener: Callable[[dict[str, Any]], None]) -> None:
        """Register a listener for new SignObjects on disk; it must not block or raise."""
        self._listeners.append(listener)

    async def keep(self, visit: Visit, kind: str, body: bytes) -> int:
        """Store a visit and queue its upload, both or neither.

        Args:
            visit: what happened.
            kind, body: the upload, see `edge_agent.storage.events.Event`.

        Returns:
            The upload's sequence number.

        Raises:
            DiskFull: there is no room for it.
        """

        def work(connection: sqlite3.Connection) -> tuple[int, dict[str, Any]]:
            if self._quota is not None:
                self._quota.make(connection, len(body) + len(visit.snapshot))
            return put_event(connection, kind, body, visit.at), self._remember(connection, visit)

        seq, record = await self._database.run(work)
        if visit.outcome is None:
            self._undecided[seq] = record["id"]
            while len(self._undecided) > _UNDECIDED_MAX:
                del self._undecided[min(self._undecided)]
        for listener in self._listeners:
            listener(record)
        return seq

    async def amend(self, seq: int, body: bytes) -> None:
        """Replace the body of an upload that still waits; does nothing for one that has gone."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("UPDATE outbox SET body = ? WHERE seq = ?", (body, seq))

        await self._database.run(work)

    async def note_outcome(self, seq: int, outcome: Outcome) -> None:
        """Store the outcome of a visit that was stored before the decision.

        Does nothing for one of which that is known already.

        Args:
            seq: what `keep` returned.
            outcome: what became of it.
        """
        record_id = self._undecided.pop(seq, None)
        if record_id is not None:
            await self.set_outcome(record_id, outcome)

    async def note(self, visit: Visit) -> int:
        """Store a visit without an upload; returns the record's id."""
        record = await self._database.run(lambda connection: self._remember(connection, visit))
        for listener in self._listeners:
            listener(record)
        return int(record["id"])

    async def set_outcome(self, record_id: int, outcome: Outcome) -> None:
        """Store the outcome of a visit."""
        text = json.dumps(_outcome_facts(outcome))

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE passes SET facts = json_set(facts, ?, json(?)) WHERE id = ?",
                (f"$.{_DOOR}", text, record_id),
            )

        await self._database.run(work)

    def _remember(self, connection: sqlite3.Connection, visit: Visit) -> dict[str, Any]:
        """Write a visit as part of a transaction; the record as SignObject."""
        facts = json.dumps(self._facts(visit), ensure_ascii=False)
        record_id = _insert(connection, visit, facts)
        _forget_old(connection, visit.at, self._retention)
        row = connection.execute(f"{_SELECT} WHERE passes.id = ?", (record_id,)).fetchone()
        return sign_object(row)

    async def search(
        self, wanted: RecordFilter, *, page: int, size: int
    ) -> tuple[int, list[dict[str, Any]]]:
        """Find records.

        Args:
            wanted: which ones.
            page: number of the page, from 1.
            size: entries a page.

        Returns:
            How many there are in all, and those of the page as SignObject; on a long page only the
            newest have their picture, 16 MB of them.
        """
        conditions, values = _conditions(wanted)

        def work(connection: sqlite3.Connection) -> tuple[int, list[dict[str, Any]]]:
            counted = f"SELECT count(*) FROM passes WHERE {conditions}"  # noqa: S608 - ours
            (total,) = connection.execute(counted, values).fetchone()
            rows = connection.execute(
                f"{_SELECT} WHERE {conditions}"
                " ORDER BY sign_time DESC, passes.id DESC LIMIT ? OFFSET ?",
                (*values, size, (page - 1) * size),
            )
            left = _PAGE_PICTURES_MAX
            found = []
            for *plain, avatar, details in rows:
                left -= len(avatar or b"")
                found.append(sign_object((*plain, avatar if left >= 0 else None, details)))
            return total, found

        return await self._database.run(work)

    def _facts(self, visit: Visit) -> dict[str, Any]:
        facts: dict[str, Any] = {"inputType": visit.input_type, "deviceMark": self._device_mark}
        if visit.match is not None and visit.input_type == BY_FACE:
            facts["similarity"] = visit.match.similarity
        # A sensor's nonsense must cost the reading, not the record.
        if visit.temperature_c is not None and 0.0 <= visit.temperature_c <= 100.0:
            is_high = visit.temperature_c >= visit.temperature_limit_c
            low = -1 if visit.temperature_c < _LOW_C else 0
            facts |= {
                "temperature": visit.temperature_c,
                "temperatureState": 1 if is_high else low,
            }
        if visit.has_mask is not None:
            facts |= {"wearMask": visit.has_mask, "wearMaskAlarm": not visit.has_mask}
        if visit.outcome is not None:
            facts[_DOOR] = _outcome_facts(visit.outcome)
        return facts


class Openings:
    """Log of remote openings with their reasons, limited to the newest thousand."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, *, at: datetime, caller: str, remark: str) -> None:
        """Write an opening down before the door moves."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO openings (opened_at, caller, remark) VALUES (?, ?, ?)",
                (int(at.timestamp()), caller, remark),
            )
            connection.execute(
                "DELETE FROM openings WHERE id <= (SELECT max(id) FROM openings) - ?",
                (_OPENINGS_MAX,),
            )

        await self._database.run(work)

    async def newest(self, limit: int) -> list[dict[str, Any]]:
        """List the last openings, newest first."""

        def work(connection: sqlite3.Connection) -> list[dict[str, Any]]:
            rows = connection.execute(
                "SELECT opened_at, caller, remark FROM openings ORDER BY id DESC LIMIT ?", (limit,)
            )
            return [dict(zip(("openTime", "caller", "remark"), row, strict=True)) for row in rows]

        return await self._database.run(work)


# What is known of the person comes from the person, as long as they are held: who is erased leaves
# an id, a name and a type in the records, and those only as long as records are kept.
_SELECT: Final = (
    "SELECT passes.id, passes.user_id, passes.name, type, sign_time, facts, avatar, details"
    " FROM passes LEFT JOIN people ON people.user_id = passes.user_id"
)


def _outcome_facts(outcome: Outcome) -> dict[str, Any]:
    return {"isOpen": outcome.is_open, "reason": outcome.reason}


def outcome_of(facts: Mapping[str, Any]) -> Outcome | None:
    """Return the outcome in the facts of a record; None without one."""
    door = facts.get(_DOOR)
    return Outcome(door["isOpen"], door["reason"]) if door else None


def sign_object(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return a row of `_SELECT` as SignObject (8.3.1)."""
    record_id, user_id, name, type_number, sign_time, facts, avatar, details = row
    person = json.loads(details or "{}")
    known = json.loads(facts)
    known.pop(_DOOR, None)
    values: dict[str, Any] = {"icNumber": "", "jobNumber": "", "mobile": "", "remark": ""}
    values |= {key: value for key, value in person.items() if key in _USER_FIELDS}
    # The library's ids may be longer than 8.2.1 allows; a record is never lost for that.
    user_id = user_id[: SIGN_OBJECT.field("userId").length_max]
    values |= {"userId": user_id, "name": name, "userType": type_number, "type": type_number}
    values |= {"id": record_id, "signTime": sign_time, **known}
    if avatar is not None:
        values["signAvatar"] = base64.b64encode(avatar).decode()
    return SIGN_OBJECT.write(values)


def newest_pass(connection: sqlite3.Connection) -> datetime | None:
    """When a person was last recognised, by the terminal's clock; None for never."""
    (at_s,) = connection.execute(
        "SELECT max(sign_time) FROM passes WHERE type <> ?", (STRANGER,)
    ).fetchone()
    return None if at_s is None else datetime.fromtimestamp(at_s, tz=UTC)


def _insert(connection: sqlite3.Connection, visit: Visit, facts: str) -> int:
    match = visit.match
    type_number = STRANGER if match is None else user_type_number(match.user_type)
    cursor = connection.execute(
        "INSERT INTO passes (user_id, name, type, sign_time, facts, avatar)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            "" if match is None else match.user_id,
            "" if match is None else match.name[: USER_OBJECT.field("name").length_max],
            *(type_number, max(0, int(visit.at.timestamp())), facts, visit.snapshot or None),
        ),
    )
    return int(cursor.lastrowid or 0)


def _forget_old(connection: sqlite3.Connection, now: datetime, retention: Retention) -> None:
    oldest = int((now - timedelta(days=retention.days)).timestamp())
    connection.execute("DELETE FROM passes WHERE sign_time < ?", (oldest,))
    (newest,) = connection.execute("SELECT max(id) FROM passes").fetchone()
    connection.execute("DELETE FROM passes WHERE id <= ?", ((newest or 0) - retention.records_max,))
    # Only the ones that passed out of the window since the last visit still have a picture.
    forget_pictures(connection, up_to=(newest or 0) - retention.pictures_max)


def _conditions(wanted: RecordFilter) -> tuple[str, tuple[Any, ...]]:
    parts: Mapping[str, Any] = {
        "sign_time >= ?": wanted.begins,
        "sign_time <= ?": wanted.ends,
        **({"type = ?": wanted.type_number} if wanted.type_number else {}),
        **({"passes.user_id = ?": wanted.user_id} if wanted.user_id else {}),
        **({"instr(passes.name, ?) > 0": wanted.name} if wanted.name else {}),
    }
    return " AND ".join(parts), tuple(parts.values())
