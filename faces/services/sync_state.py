"""Does a terminal have everything? One statement, for the poll that thousands send all day.

A poll that finds nothing new is most of what a fleet asks. Whether it does is read here by one
statement written by hand: admission, cursor, clock and the terminal's own news in one look at the
database, so that the answer is as true as that of any other way through the services and nothing
has to be remembered or thrown away when something changes (decision 0017).
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.db import connection
from django.utils import timezone

from devices.choices import TerminalStatus
from devices.models import Site, SiteToken, Terminal
from devices.services import is_address_allowed, token_digests, token_fits
from faces.choices import Operation
from faces.models import Delivery, Person, SyncClock, TerminalCursor

# Tables and conditions are named here; what callers send are parameters.
_TABLES = {
    "terminal": Terminal._meta.db_table,
    "site": Site._meta.db_table,
    "token": SiteToken._meta.db_table,
    "cursor": TerminalCursor._meta.db_table,
    "clock": SyncClock._meta.db_table,
    "person": Person._meta.db_table,
    "delivery": Delivery._meta.db_table,
    "deletes": Operation.DELETE.value,
    "saves": Operation.SAVE.value,
}
_STANDING = """
SELECT {{under}}, t.id, t.site_id, t.status, t.all_libraries, s.allowed_networks,
  c.complete_from, c.issued, o.last_stamp,
  CASE WHEN o.last_stamp > %s THEN
    EXISTS (SELECT 1 FROM {person} p WHERE p.site_id = t.site_id AND p.sync_stamp > %s) END,
  CASE WHEN o.last_stamp > %s THEN
    EXISTS (SELECT 1 FROM {delivery} d WHERE d.terminal_id = t.id
            AND d.operation = '{saves}' AND d.again_stamp > %s) END,
  CASE WHEN o.last_stamp > %s THEN
    EXISTS (SELECT 1 FROM {delivery} d WHERE d.terminal_id = t.id
            AND d.operation = '{deletes}' AND d.sync_stamp > %s) END
FROM {terminal} t
JOIN {site} s ON s.id = t.site_id
LEFT JOIN {cursor} c ON c.terminal_id = t.id
LEFT JOIN {clock} o ON o.site_id = t.site_id
{{of_caller}}
WHERE """.format(**_TABLES)  # noqa: S608
_KNOWN = _STANDING.format(under="0", of_caller="") + "t.id = %s"

_READ = f"SELECT complete_from, issued FROM {_TABLES['cursor']} WHERE terminal_id = %s"  # noqa: S608
_LOCKED = f"{_READ} FOR UPDATE"
_MOVE = f"UPDATE {_TABLES['cursor']} SET issued = %s, polled_at = %s WHERE terminal_id = %s"  # noqa: S608


@dataclass(frozen=True, slots=True)
class CursorRow:
    """What of a ``TerminalCursor`` says how far a terminal was told, its row locked."""

    complete_from: int | None
    issued: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How a terminal stands to its library in one look at the database.

    Attributes:
        complete_from: see ``TerminalCursor``; None without one, like ``issued``.
        newest: what the site's clock says, 0 before its first change.
        has_people: somebody of the site was stamped after what the terminal was told of saves.
        has_again: so was a face that is told again to this terminal alone,
        has_deletes: and a delete, after what it was told of deletes.
        token_id: of the address that was called; 0 when nobody called.
    """

    terminal_id: int
    site_id: int
    status: str
    all_libraries: bool
    networks: list[str]
    complete_from: int | None
    issued: int | None
    newest: int
    has_people: bool
    has_again: bool
    has_deletes: bool
    token_id: int = 0

    @property
    def is_approved(self) -> bool:
        """Whether the terminal may hold people."""
        return self.status == TerminalStatus.APPROVED

    def is_plain(self, asked: int) -> bool:
        """Tell whether this cursor means "I have everything up to here"."""
        if self.complete_from is None or self.issued is None:
            return False
        return self.complete_from <= asked <= self.issued

    def is_told(self, asked: int) -> bool:
        """Tell whether this cursor says "I have everything", and that is so.

        Stamps commit in order, so of all up to the clock's value nothing can be missing from what
        the same statement saw; and the cursor that is answered is the one that was asked with,
        so whatever commits later is found by the next poll.
        """
        has_news = self.has_people or self.has_again or self.has_deletes
        return self.is_plain(asked) and not has_news


def standing_of(*, terminal_id: int, saves: int, deletes: int) -> Standing | None:
    """Read how a terminal stands that was told of saves and deletes up to these stamps."""
    return _standing(_KNOWN, [terminal_id], saves=saves, deletes=deletes)


@lru_cache(maxsize=8)
def _under_token(keys: int) -> str:
    of_caller = f"JOIN {_TABLES['token']} k ON k.site_id = t.site_id"
    asked = _STANDING.format(under="k.id", of_caller=of_caller)
    return f"{asked}t.device_id = %s AND {token_fits(keys)}"


def _standing(asked: str, parameters: list[Any], *, saves: int, deletes: int) -> Standing | None:
    with connection.cursor() as cursor:
        cursor.execute(asked, [*[saves] * 4, deletes, deletes, *parameters])
        row = cursor.fetchone()
    if row is None:
        return None
    token_id, terminal_id, site_id, status, all_libraries, networks, *known = row
    complete_from, issued, newest, people, again, gone = known
    return Standing(
        terminal_id=terminal_id,
        site_id=site_id,
        status=status,
        all_libraries=bool(all_libraries),
        networks=json.loads(networks) if isinstance(networks, str) else networks,
        complete_from=complete_from,
        issued=issued,
        newest=newest or 0,
        has_people=bool(people),
        has_again=bool(again),
        has_deletes=bool(gone),
        token_id=token_id,
    )


def cursor_lock(*, terminal_id: int) -> CursorRow | None:
    """Lock a terminal's cursor until commit; None when it has none.

    Serialises a terminal that asks twice at once. The cursor is locked before the clock.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _LOCKED if connection.features.has_select_for_update else _READ, [terminal_id]
        )
        row = cursor.fetchone()
    return CursorRow(*row) if row else None


def cursor_move(*, terminal_id: int, issued: int) -> None:
    """Note the greatest cursor a terminal was given, and that it polled."""
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(_MOVE, [issued, now, terminal_id])


def poll_look(*, token: str, device_id: str, address: str, asked: int) -> Standing | None:
    """Look who polls and how they stand, admission included, by one statement.

    Args:
        token: secret segment of the address that was called.
        device_id: as the terminal calls itself, clean.
        address: where it calls from.
        asked: the cursor it sent.

    Returns:
        None for everybody unknown or refused, and for a terminal's first call under its own
        address. A terminal that waits for approval has an empty library until then, and
        afterwards starts from the beginning.
    """
    digests = token_digests(token)
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    asked_under = _under_token(len(digests))
    parameters = [device_id, *digests, now]
    standing = _standing(asked_under, parameters, saves=asked, deletes=asked)
    if standing is None or not is_address_allowed(standing.networks, address):
        return None
    known = {TerminalStatus.PENDING, TerminalStatus.APPROVED}
    return standing if standing.status in known else None
