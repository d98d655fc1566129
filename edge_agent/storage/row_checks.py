"""Plausibility checks of database rows, so that a flipped bit costs a row and not the file.

Descriptors are judged by `edge_agent.storage.store`, which knows how to get new ones; pictures by
their digest when they are used; bodies of uploads by the platform, which bears any fault.
"""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from edge_agent.storage.call_marks import FLOOR, NEWEST, STRANGER, is_intact, is_intact_row
from edge_agent.storage.password_mark import PasswordMark
from edge_agent.storage.schema import KINDS

Row = Mapping[str, Any]
# Of people, as far as a file has them: files of earlier versions have fewer.
_TEXTS: Final = ("name", "user_type", "picture_url", "picture_sha256", "contract_id")
# Long before and after any moment that counts; a flipped bit of a number goes far beyond.
_LATEST: Final = 2**40
# Of the mark of a password: twenty bytes.
_MARK_DIGITS: Final = 49


def is_sound(table: str, row: Row) -> bool:
    """Return whether a row is plausible."""
    check = _CHECKS.get(table)
    return check is None or check(row)


def _person(row: Row) -> bool:
    texts = all(isinstance(row.get(name, ""), str) for name in _TEXTS)
    is_somebody = isinstance(row["user_id"], str) and bool(row["user_id"])
    attempts = row.get("picture_attempts", 0)
    is_counted = isinstance(attempts, int) and 0 <= attempts < 2**31
    due_at = row.get("picture_due_at")
    is_due = due_at is None or _is_moment(due_at)
    origin = row.get("origin", "platform") in {"platform", "local"}
    return texts and is_somebody and is_counted and is_due and origin and _has_details(row)


def _has_details(row: Row) -> bool:
    details = _json(row.get("details", "{}"))
    if not isinstance(details, dict):
        return False
    return all(str(details.get(key, 0)).lstrip("-").isdecimal() for key in ("startTime", "endTime"))


def _fact(row: Row) -> bool:
    try:
        if row["name"] in {FLOOR, NEWEST, STRANGER}:
            return is_intact(row["value"])
        return math.isfinite(float(row["value"])) and isinstance(row["name"], str)
    except (AttributeError, TypeError, ValueError):
        return False


def _accepted(row: Row) -> bool:
    return is_intact_row(row["timestamp_ms"], row.get("remainder"))


def _former_password(row: Row) -> bool:
    text = row["mark"]
    is_number = isinstance(text, str) and text.isdecimal() and len(text) <= _MARK_DIGITS
    is_whole_mark = is_number and PasswordMark.read(int(text)) is not None
    return is_whole_mark and is_intact_row(row["newest_ms"], row["remainder"])


def _setting(row: Row) -> bool:
    names = isinstance(row["object"], str) and isinstance(row["name"], str)
    return names and _json(row["value"]) is not None


def _upload(row: Row) -> bool:
    # One that goes to an address that no platform has would hold up the queue for ever.
    return row["kind"] in KINDS and _is_moment(row["created_at"])


def _parked(row: Row) -> bool:
    return isinstance(row["kind"], str) and isinstance(row["reason"], str)


def _pass(row: Row) -> bool:
    texts = isinstance(row["user_id"], str) and isinstance(row["name"], str)
    numbers = isinstance(row["type"], int) and isinstance(row["sign_time"], int)
    return texts and numbers and isinstance(_json(row["facts"]), dict)


def _opening(row: Row) -> bool:
    texts = isinstance(row["caller"], str) and isinstance(row["remark"], str)
    return texts and isinstance(row["opened_at"], int)


def _is_moment(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) < _LATEST


def _json(text: Any) -> Any:
    """Parse JSON text; None when it is invalid."""
    try:
        return json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None


_CHECKS: Final[Mapping[str, Callable[[Row], bool]]] = {
    "people": _person,
    "facts": _fact,
    "accepted_calls": _accepted,
    "former_passwords": _former_password,
    "settings": _setting,
    "outbox": _upload,
    "dead": _parked,
    "passes": _pass,
    "openings": _opening,
}
