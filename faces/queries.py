"""Statements written by hand: what a fleet asks for after each change, and all day.

What they read of terminals and sites is built from the fragments of ``devices.queries``.

``tests/faces/test_queries.py`` compares each with its queryset.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, cast

from django.db import connection

from devices.models import Terminal
from devices.queries import (
    IS_APPROVED,
    MAY_USE_BARE_PATH,
    MAY_USE_TOKEN,
    NETWORKS_OF_SITE,
    SITE_OF_TERMINAL,
    TERMINAL,
    More,
    networks_of,
    terminal_row,
)
from faces.choices import Category, DeliveryState, Operation, PersonState, PhotoStatus
from faces.models import (
    Delivery,
    FacePhoto,
    Library,
    LibraryMembership,
    Person,
    SyncClock,
    TerminalCursor,
    TerminalLibrary,
)
from server_common.raw_sql import columns_of, from_row, moment, rows_of, table

_CURSOR, _CLOCK, _DELIVERY = table(TerminalCursor), table(SyncClock), table(Delivery)
_PERSON, _PHOTO, _MEMBER = table(Person), table(FacePhoto), table(LibraryMembership)
_SAVE, _DELETE = Operation.SAVE.value, Operation.DELETE.value

# Of terminal ``t``, sent saves and deletes up to %(saves)s and %(deletes)s: its cursor, its
# site's clock, and whether there are people, faces sent again, and deletes after these stamps.
SYNC_STATE = More(
    columns=f""", c.complete_from, c.issued, o.last_stamp,
  CASE WHEN o.last_stamp > %(saves)s THEN
    EXISTS (SELECT 1 FROM {_PERSON} p WHERE p.site_id = t.site_id AND p.sync_stamp > %(saves)s)
  END,
  CASE WHEN o.last_stamp > %(saves)s THEN
    EXISTS (SELECT 1 FROM {_DELIVERY} d WHERE d.terminal_id = t.id
            AND d.operation = '{_SAVE}' AND d.again_stamp > %(saves)s) END,
  CASE WHEN o.last_stamp > %(deletes)s THEN
    EXISTS (SELECT 1 FROM {_DELIVERY} d WHERE d.terminal_id = t.id
            AND d.operation = '{_DELETE}' AND d.sync_stamp > %(deletes)s) END""",  # noqa: S608
    joins=f"""LEFT JOIN {_CURSOR} c ON c.terminal_id = t.id
LEFT JOIN {_CLOCK} o ON o.site_id = t.site_id""",
)

_CURSOR_OF = f"SELECT complete_from, issued FROM {_CURSOR} WHERE terminal_id = %(terminal_id)s"  # noqa: S608
_CURSOR_MOVED = f"""
UPDATE {_CURSOR} SET issued = %(issued)s, polled_at = %(now)s WHERE terminal_id = %(terminal_id)s
"""  # noqa: S608 - a table's name

# A person who may be on any terminal at all (``faces.selectors.fit_for_terminals``).
_IS_FIT = f"""p.state = '{PersonState.ACTIVE.value}'
  AND p.category <> {Category.BLACKLIST.value}
  AND (p.valid_from IS NULL OR p.valid_from <= %(now)s)
  AND (p.valid_until IS NULL OR p.valid_until > %(now)s)
  AND EXISTS (SELECT 1 FROM {_PHOTO} f
    WHERE f.person_id = p.id AND f.status = '{PhotoStatus.OK.value}')"""  # noqa: S608
_IN_A_LIBRARY = f"EXISTS (SELECT 1 FROM {_MEMBER} m WHERE m.person_id = p.id)"  # noqa: S608
_IN_ITS_LIBRARIES = f"""EXISTS (SELECT 1 FROM {_MEMBER} m
    JOIN {table(Library)} l ON l.id = m.library_id
    JOIN {table(TerminalLibrary)} a ON a.library_id = l.id
    WHERE m.person_id = p.id AND a.terminal_id = %(terminal_id)s)"""  # noqa: S608
# Of a face that is sent again to this terminal alone, the later of both stamps.
_AGAIN = f"""(SELECT d.again_stamp FROM {_DELIVERY} d
    WHERE d.operation = '{_SAVE}' AND d.terminal_id = %(terminal_id)s AND d.person_id = p.id
    ORDER BY d.changed_at DESC, d.id DESC LIMIT 1)"""  # noqa: S608

_PHOTO_TO_BE_SEEN = f"""
SELECT h.sha256, h.image, p.id, {NETWORKS_OF_SITE}
FROM {_PHOTO} h
JOIN {_PERSON} p ON p.id = h.person_id
JOIN {TERMINAL} ON t.site_id = p.site_id AND t.id = %(terminal_id)s
JOIN {SITE_OF_TERMINAL}
WHERE h.id = %(photo_id)s AND h.status = '{PhotoStatus.OK.value}'
  AND {_IS_FIT}
  AND {IS_APPROVED}
  AND ((t.all_libraries AND {_IN_A_LIBRARY}) OR {_IN_ITS_LIBRARIES})
"""  # noqa: S608 - names of tables
_PHOTO_FETCHED = f"""
UPDATE {_DELIVERY} SET downloaded_at = %(now)s
WHERE terminal_id = %(terminal_id)s AND person_id = %(person_id)s
"""  # noqa: S608 - a table's name

_RESULT_ROW = f"""
SELECT {columns_of(Delivery, "d")},
  (SELECT c.reported_at FROM {_CURSOR} c WHERE c.terminal_id = d.terminal_id)
FROM {_DELIVERY} d WHERE d.terminal_id = %(terminal_id)s AND d.user_id = %(user_id)s
"""  # noqa: S608 - names of tables and columns
_RESULT_COLUMNS = (
    "state", "held", "retry_at", "remedy", "code", "message", "answered_at", "changed_at",
    "unanswered", "again_stamp", "doubted",
)  # fmt: skip
_RESULT_SAVED = f"""
UPDATE {_DELIVERY} SET {", ".join(f"{one} = %({one})s" for one in _RESULT_COLUMNS)}
WHERE id = %(id)s
"""  # noqa: S608 - names of a table and its columns

SENT_COLUMNS = (
    "terminal_id", "person_id", "user_id", "operation", "state", "sync_stamp", "held",
    "save_unanswered", "attempts", "sent_at", "changed_at", "code", "message", "remedy",
    "unanswered", "again_stamp", "told",
)  # fmt: skip
# A failure stands, with its next try, until it is tried again: the same question may come twice,
# and the answer to the copy reaches no terminal any more. An answer that got lost and is given
# again is no further try. What was sent again for want of an answer, and confirmed while the page
# was made (``again_stamp`` was set back), stays confirmed. Whatever the row says, the terminal may
# hold the face from now on.
_IS_SENT = f"""d.operation = '{_SAVE}' AND d.sync_stamp <= excluded.sync_stamp
    AND NOT (d.sync_stamp = excluded.sync_stamp AND (d.state = '{DeliveryState.FAILED.value}'
      OR (d.state = '{DeliveryState.STORED.value}'
        AND COALESCE(excluded.again_stamp, 0) > COALESCE(d.again_stamp, 0))))"""
_SENT = """
INSERT INTO {table} AS d ({columns}) VALUES {{rows}}
ON CONFLICT (terminal_id, user_id) DO UPDATE SET
  held = excluded.held,
  told = excluded.told,
  attempts = CASE WHEN {is_sent} AND d.state <> '{sent}' THEN d.attempts + 1 ELSE d.attempts END,
  state = CASE WHEN {is_sent} THEN excluded.state ELSE d.state END,
  unanswered = CASE WHEN d.sync_stamp < excluded.sync_stamp THEN 0 ELSE d.unanswered END,
  sync_stamp = CASE WHEN {is_sent} THEN excluded.sync_stamp ELSE d.sync_stamp END,
  retry_at = CASE WHEN {is_sent} THEN NULL ELSE d.retry_at END,
  remedy = CASE WHEN {is_sent} THEN '' ELSE d.remedy END,
  sent_at = CASE WHEN {is_sent} THEN excluded.sent_at ELSE d.sent_at END,
  changed_at = CASE WHEN {is_sent} THEN excluded.changed_at ELSE d.changed_at END
""".format(
    table=_DELIVERY,
    columns=", ".join(SENT_COLUMNS),
    is_sent=_IS_SENT,
    sent=DeliveryState.SENT.value,
)


@dataclass(frozen=True, slots=True)
class CursorRow:
    """What of a ``TerminalCursor`` says how far a terminal was sent changes, its row locked."""

    complete_from: int | None
    issued: int


def sync_state_row(*, terminal_id: int, saves: int, deletes: int) -> tuple[Any, ...] | None:
    """Return a terminal's id, site, status, ``all_libraries``, and the columns of SYNC_STATE."""
    parameters = {"saves": saves, "deletes": deletes}
    return terminal_row(terminal_id=terminal_id, more=SYNC_STATE, parameters=parameters)


def cursor_lock(*, terminal_id: int) -> CursorRow | None:
    """Lock a terminal's cursor until commit; None when it has none.

    Serialises a terminal that asks twice at once. The cursor is locked before the clock.
    """
    rows = rows_of(_CURSOR_OF + _for_update(), {"terminal_id": terminal_id})
    return CursorRow(*rows[0]) if rows else None


def cursor_move(*, terminal_id: int, issued: int, now: datetime) -> None:
    """Note the greatest cursor a terminal was given, and that it polled."""
    _run(_CURSOR_MOVED, {"terminal_id": terminal_id, "issued": issued, "now": moment(now)})


def people_since(
    *,
    terminal: Terminal,
    since: int,
    newest: int,
    now: datetime,
    has_again: bool,
    limit: int | None,
) -> list[Person]:
    """Return the people an approved terminal is to be sent, in order of their stamp.

    The stamp (``listed_stamp``) is their own, or that by which they are sent again to this terminal
    alone; ``photo_id`` is their newest accepted photo.

    Args:
        terminal: its id, site and ``all_libraries`` count.
        since: stamps after this one,
        newest: up to this one.
        now: at which they must be valid.
        has_again: whether any may be sent again.
        limit: so many at most, None for all.
    """
    statement = _people(
        vendor=connection.vendor, all_libraries=terminal.all_libraries, has_again=has_again
    )
    parameters = {
        "terminal_id": terminal.pk,
        "site_id": terminal.site_id,
        "since": since,
        "newest": newest,
        "now": moment(now),
    }
    if limit is not None:
        statement = f"{statement}LIMIT {limit:d}"
    return [_listed_person(row) for row in rows_of(statement, parameters)]


@cache
def _people(*, vendor: str, all_libraries: bool, has_again: bool) -> str:
    greatest = "GREATEST" if vendor == "postgresql" else "MAX"
    stamp = f"{greatest}(p.sync_stamp, COALESCE({_AGAIN}, 0))" if has_again else "p.sync_stamp"
    # In the same statement: what a page needs of photos is one number for each person.
    return f"""
SELECT {columns_of(Person, "p")}, {stamp} AS listed_stamp,
  (SELECT f.id FROM {_PHOTO} f WHERE f.person_id = p.id AND f.status = '{PhotoStatus.OK.value}'
    ORDER BY f.id DESC LIMIT 1)
FROM {_PERSON} p
WHERE {_IS_FIT}
  AND {_IN_A_LIBRARY if all_libraries else _IN_ITS_LIBRARIES}
  AND p.site_id = %(site_id)s AND {stamp} > %(since)s AND {stamp} <= %(newest)s
ORDER BY listed_stamp, p.id
"""  # noqa: S608 - names of tables and columns


def _listed_person(row: tuple[Any, ...]) -> Person:
    *columns, listed_stamp, photo_id = row
    person: Any = from_row(Person, tuple(columns))
    person.listed_stamp, person.photo_id = listed_stamp, photo_id
    return cast("Person", person)


def photo_to_be_seen(
    *, photo_id: int, terminal_id: int, token_id: int, now: datetime
) -> tuple[Any, ...] | None:
    """Return a photo's digest, name and person, and its site's networks.

    None when the terminal may not hold the person now, or may not use the address under which it
    was sent: a token, or the bare path (0).
    """
    may_use = MAY_USE_TOKEN if token_id else MAY_USE_BARE_PATH
    parameters = {
        "photo_id": photo_id,
        "terminal_id": terminal_id,
        "token_id": token_id,
        "now": moment(now),
    }
    for *photo, networks in rows_of(f"{_PHOTO_TO_BE_SEEN}  AND {may_use}", parameters):
        return (*photo, networks_of(networks))
    return None


def photo_fetched_note(*, terminal_id: int, person_id: int, now: datetime) -> None:
    """Note that a terminal fetched a person's photo."""
    parameters = {"terminal_id": terminal_id, "person_id": person_id, "now": moment(now)}
    _run(_PHOTO_FETCHED, parameters)


def result_row_lock(*, terminal_id: int, user_id: str) -> tuple[Delivery, bool] | None:
    """Return the delivery that a result is about, locked, and whether its terminal sent any."""
    # In the same statement: a fleet sends a result for each face after each change.
    parameters = {"terminal_id": terminal_id, "user_id": user_id}
    for *columns, reported_at in rows_of(_RESULT_ROW + _for_update(of="d"), parameters):
        return from_row(Delivery, tuple(columns)), reported_at is not None
    return None


def result_row_save(row: Delivery) -> None:
    """Save what a result changes of a delivery."""
    values = {name: getattr(row, name) for name in _RESULT_COLUMNS}
    for name in ("retry_at", "answered_at", "changed_at"):
        values[name] = values[name] and moment(values[name])
    _run(_RESULT_SAVED, {**values, "id": row.pk})


def saves_sent(rows: Sequence[Sequence[Any]]) -> None:
    """Enter these saves as sent, or turn the rows that are there.

    Args:
        rows: values of ``SENT_COLUMNS``.
    """
    places = ", ".join([f"({', '.join(['%s'] * len(SENT_COLUMNS))})"] * len(rows))
    with connection.cursor() as cursor:
        cursor.execute(_SENT.format(rows=places), [value for row in rows for value in row])


def _for_update(of: str = "") -> str:
    if not connection.features.has_select_for_update:
        return ""
    return f" FOR UPDATE OF {of}" if of else " FOR UPDATE"


def _run(statement: str, parameters: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
