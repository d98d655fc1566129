"""Answer to /syrecord (seed 9.1), written by the platform and read by the software terminal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ._reader import unwrap
from .values import lookup, read_cursor, read_int, read_text

# Lengths of the table in 9.1, in characters.
USER_TYPE_MAX, USER_ID_MAX, USER_NAME_MAX, REMARK_MAX, URL_MAX = 16, 32, 32, 16, 128


@dataclass(frozen=True, slots=True)
class SyncEntry:
    """One change: store or delete a person.

    Attributes:
        operation: "save" or "delete".
        sex: 1 male, 2 female, 3 other.
        image_url: plain HTTP, ends in .jpg, at most 128 characters; a delete has the one told
            last, or "" for a person about whom nothing may be disclosed now.
        operated_at: Unix seconds.
    """

    operation: str
    user_type: str
    user_id: str
    user_name: str = field(repr=False)
    sex: int
    user_remark: str = field(repr=False)
    image_url: str = field(repr=False)
    operated_at: int

    @property
    def is_address_too_long(self) -> bool:
        """Whether the address exceeds the 128 characters that 9.1 allows."""
        return len(self.image_url) > URL_MAX

    def to_wire(self) -> dict[str, Any]:
        """Return the entry as sent; the picture under both names that are in use.

        An address that is too long is sent as "": cut, it would name another picture or none.
        Ask ``is_address_too_long`` first, because the terminal will report the entry as failed.
        """
        image_url = "" if self.is_address_too_long else self.image_url
        return {
            "operation": self.operation,
            "userType": self.user_type[:USER_TYPE_MAX],
            "userId": self.user_id[:USER_ID_MAX],
            "userName": self.user_name[:USER_NAME_MAX],
            "sex": self.sex,
            "userRemark": self.user_remark[:REMARK_MAX],
            "imageUrl": image_url,
            "userImageUrl": image_url,
            "operateTime": self.operated_at,
        }

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> "SyncEntry | None":
        """Read an entry, with blanks stripped; None when it requests nothing possible."""
        operation = read_text(lookup(data, "operation"), limit=16).lower()
        user_id = read_text(lookup(data, "userId"), limit=64)
        if operation not in {"save", "delete"} or not user_id:
            return None
        return cls(
            operation=operation,
            user_type=read_text(lookup(data, "userType"), limit=64),
            user_id=user_id,
            user_name=read_text(lookup(data, "userName"), limit=120),
            sex=read_int(lookup(data, "sex")) or 3,
            user_remark=read_text(lookup(data, "userRemark")),
            image_url=_first_text(data, "userImageUrl", "imageUrl"),
            operated_at=read_cursor(lookup(data, "operateTime")) or 0,
        )


@dataclass(frozen=True, slots=True)
class SyncAnswer:
    """A page of changes and the cursor to ask with next time (opaque to the terminal)."""

    entries: tuple[SyncEntry, ...]
    last_query_time: int

    def to_wire(self) -> dict[str, Any]:
        """Return the answer as sent."""
        return {
            "serviceResponse": {
                "list": [entry.to_wire() for entry in self.entries],
                "lastQueryTime": self.last_query_time,
            }
        }

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> "SyncAnswer | None":
        """Read an answer; None without a cursor, since nothing of it can be trusted then."""
        inner = unwrap(data, "serviceResponse")
        cursor = read_cursor(lookup(inner, "lastQueryTime"))
        entries = lookup(inner, "list")
        if cursor is None or not isinstance(entries, list | None):
            return None
        read = [SyncEntry.from_wire(one) for one in entries or [] if isinstance(one, Mapping)]
        return cls(
            entries=tuple(entry for entry in read if entry is not None),
            last_query_time=cursor,
        )


def _first_text(data: Mapping[str, Any], *names: str) -> str:
    texts = (read_text(lookup(data, name), limit=2048) for name in names)
    return next(filter(None, texts), "")
