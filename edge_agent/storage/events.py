"""Uploads waiting for the platform, as rows of the database."""

import json
import sqlite3
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from terminal_protocol import without_image

# A pass without a picture is shorter; nothing would be gained by looking into it.
_LIGHT_BYTES: Final = 2048


@dataclass(frozen=True, slots=True)
class Event:
    """One upload of chapter 9 as it will be sent.

    Attributes:
        seq: order in which events happened; grows for ever, never used twice.
        kind: last word of the address: ``syface``, ``syattribute`` or ``syresult``.
        body: the JSON, UTF-8. Holds pictures and names, so it is never shown.
    """

    seq: int
    kind: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many events wait.

    Attributes:
        parked: how many more the platform will never take.
        given_up: how many of those that wait gave up their pictures for want of room.
    """

    pending: int
    parked: int
    given_up: int = 0


def put_event(connection: sqlite3.Connection, kind: str, body: bytes, at: datetime) -> int:
    """Keep an event inside the caller's transaction; see `Outbox.put`."""
    cursor = connection.execute(
        "INSERT INTO outbox (kind, body, created_at, is_light) VALUES (?, ?, ?, ?)",
        (kind, body, at.timestamp(), int(len(body) <= _LIGHT_BYTES)),
    )
    return int(cursor.lastrowid or 0)


def count_events(connection: sqlite3.Connection) -> Counts:
    """Count events inside the caller's transaction."""
    (pending,) = connection.execute("SELECT count(*) FROM outbox").fetchone()
    (parked,) = connection.execute("SELECT count(*) FROM dead").fetchone()
    (given_up,) = connection.execute("SELECT count(*) FROM outbox WHERE is_light = 2").fetchone()
    return Counts(pending=pending, parked=parked, given_up=given_up)


def oldest_event(connection: sqlite3.Connection) -> datetime | None:
    """When the event entered that waits longest; None when nothing waits."""
    (created_at,) = connection.execute("SELECT min(created_at) FROM outbox").fetchone()
    return None if created_at is None else datetime.fromtimestamp(created_at, tz=UTC)


def encode(message: dict[str, Any]) -> bytes:
    """Write a message as the JSON that is sent."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def lightened(body: bytes) -> bytes:
    """Return an upload without its picture; an unreadable one unchanged."""
    try:
        upload = json.loads(body)
        return encode(without_image(upload)) if isinstance(upload, dict) else body
    except (ValueError, RecursionError, AttributeError, TypeError):
        return body
