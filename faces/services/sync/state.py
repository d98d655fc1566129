"""Sync state of a terminal: one statement, for the poll that thousands send all day.

A poll that finds nothing new is most of what a fleet asks. Whether it does is read here by one
statement written by hand: admission, cursor, clock and the terminal's own news in one look at the
database, so that the answer is as true as that of any other way through the services and nothing
has to be remembered or thrown away when something changes (decision 0017).
"""

from dataclasses import dataclass

from devices.choices import TerminalStatus
from devices.services import admit_known
from faces.queries import SYNC_STATE, sync_state_row


@dataclass(frozen=True, slots=True)
class SyncState:
    """How a terminal stands to its library in one look at the database.

    Attributes:
        complete_from: see ``TerminalCursor``; None without one, like ``issued``.
        newest: what the site's clock says, 0 before its first change.
        has_people: a person of the site was stamped after what the terminal was sent of saves.
        has_again: so was a face that is sent again to this terminal alone,
        has_deletes: and a delete, after what it was sent of deletes.
        token_id: of the address that was called; 0 when none was.
    """

    terminal_id: int
    site_id: int
    status: str
    all_libraries: bool
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

    def is_complete(self, asked: int) -> bool:
        """Tell whether this cursor says "I have everything", and that is so.

        Stamps commit in order, so of all up to the clock's value nothing can be missing from what
        the same statement saw; and the cursor that is answered is the one that was asked with,
        so whatever commits later is found by the next poll.
        """
        has_news = self.has_people or self.has_again or self.has_deletes
        return self.is_plain(asked) and not has_news


def sync_state_of(*, terminal_id: int, saves: int, deletes: int) -> SyncState | None:
    """Read the state of a terminal that was sent saves and deletes up to these stamps."""
    row = sync_state_row(terminal_id=terminal_id, saves=saves, deletes=deletes)
    return _state(*row) if row is not None else None


def sync_state_of_caller(
    *, token: str, device_id: str, address: str, asked: int
) -> SyncState | None:
    """Look who polls and how they stand, admission included, by one statement.

    Args:
        token: secret segment of the address that was called.
        device_id: as the terminal calls itself, clean.
        address: where it calls from.
        asked: the cursor it sent.

    Returns:
        None for all that ``admit_known`` does not know. A terminal that waits for approval has an
        empty library until then, and afterwards starts from the beginning.
    """
    row = admit_known(
        token=token,
        device_id=device_id,
        address=address,
        more=SYNC_STATE,
        parameters={"saves": asked, "deletes": asked},
    )
    if row is None:
        return None
    found = (row.terminal_id, row.site_id, row.status, row.all_libraries, *row.more)
    return _state(*found, token_id=row.token_id)


def _state(
    terminal_id: int,
    site_id: int,
    status: str,
    all_libraries: bool,  # noqa: FBT001 - a column
    *rest: int | None,
    token_id: int = 0,
) -> SyncState:
    """Return a state as its columns say it; SQLite knows no booleans."""
    complete_from, issued, newest, people, again, deletes = rest
    return SyncState(
        terminal_id=terminal_id,
        site_id=site_id,
        status=status,
        all_libraries=bool(all_libraries),
        complete_from=complete_from,
        issued=issued,
        newest=newest or 0,
        has_people=bool(people),
        has_again=bool(again),
        has_deletes=bool(deletes),
        token_id=token_id,
    )
