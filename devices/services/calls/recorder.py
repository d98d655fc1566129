"""The flight recorder: a terminal's last exchanges, readable as a conversation.

"Why does nothing arrive?" is answered here: what the terminal said (pictures, names and ID
numbers masked), what it was answered, and what Menjin made of it. Kept in Redis, or in this
process when embedded; never in the database, and never at the cost of an answer.
"""

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from django.utils.functional import Promise

from server_common.call_store import CallStoreAway, Note, Push, Step, call_store
from server_common.process_state import RareComplaint
from server_common.redaction import redact

logger = logging.getLogger(__name__)

KEPT = 50
KEPT_SECONDS = 14 * 24 * 3600
_VALUE_LIMIT = 64
_MASKED_KEYS = frozenset(
    {
        "username",
        "name",
        "id",
        "idcardinfo",
        "idnumber",
        "national",
        "birthday",
        "address",
        "maker",
        "mobile",
        "password",
        "userremark",
    }
)


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer to a terminal, and what was made of its question.

    Attributes:
        body: what is sent.
        note: plain values for the flight recorder, such as the record's id; no names.
        is_idle: a heartbeat or a poll with nothing new, of which only the latest is kept.
    """

    body: dict[str, Any]
    note: dict[str, Any] = field(default_factory=dict)
    is_idle: bool = False


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question of a terminal and its answer, masked.

    Attributes:
        at: Unix seconds.
        kind: syface, syrecord …
        said: the question's fields, masked; ``(n characters)`` for pictures.
        answered: ``ret``, ``desc``, ``openDoor`` … as sent.
        note: what Menjin made of it.
        took_ms: milliseconds from the first byte read to the answer.
    """

    at: float
    kind: str
    address: str
    status: int
    said: dict[str, Any]
    answered: dict[str, Any]
    note: dict[str, Any]
    took_ms: float


_FIELDS = tuple(one.name for one in fields(Exchange))
_as_text = json.JSONEncoder(ensure_ascii=False, default=str).encode


def masked(data: Mapping[str, Any], *, depth: int = 3) -> dict[str, Any]:
    """Return a message's fields fit to be shown: no picture, no name, no ID number."""
    shown: dict[str, Any] = {}
    for key, value in list(data.items())[:60]:
        name = _encodable(str(key)[:_VALUE_LIMIT])
        if str(key).strip().lower() in _MASKED_KEYS:
            shown[name] = "***" if value not in (None, "", {}) else ""
        elif isinstance(value, Mapping):
            shown[name] = masked(value, depth=depth - 1) if depth else "…"
        elif isinstance(value, list):
            shown[name] = [
                masked(one, depth=depth - 1) if isinstance(one, Mapping) and depth else "…"
                for one in value[:10]
            ]
        elif isinstance(value, str):
            is_long = len(value) > _VALUE_LIMIT
            shown[name] = f"({len(value)} characters)" if is_long else redact(_encodable(value))
        elif value is None or isinstance(value, bool | int | float):
            shown[name] = value if len(str(value)) <= _VALUE_LIMIT else "(a long number)"
        else:
            shown[name] = "…"
    return shown


def _encodable(text: str) -> str:
    """Return text that UTF-8 can hold; JSON may say half of a surrogate pair."""
    return text.encode("utf-8", "replace").decode()


_note_words: dict[str, Mapping[str, str | Promise]] = {}


def note_words_register(name: str, words: Mapping[str, str | Promise]) -> None:
    """Make the words known for the values of a fact in notes; an app does when it is ready."""
    _note_words[name] = words


def note_words(name: str, value: Any) -> str:
    """Say a fact of a note; what no app has words for stands as it is."""
    return str(_note_words.get(name, {}).get(str(value), value))


def exchange_step(terminal_id: int, exchange: Exchange, *, is_idle: bool) -> Step:
    """Return the step by which an exchange is kept: of idle ones the latest of each kind."""
    values = {name: getattr(exchange, name) for name in _FIELDS}
    text = _as_text(values)
    if is_idle:
        return Note(_idle(terminal_id), exchange.kind, text, KEPT_SECONDS)
    return Push(_pushed(terminal_id), text, KEPT, KEPT_SECONDS)


def _pushed(terminal_id: int) -> str:
    return f"exchanges:{terminal_id}"


def _idle(terminal_id: int) -> str:
    return f"exchanges:{terminal_id}:quiet"


_complaint = RareComplaint()


def exchange_keep(*, terminal_id: int, exchange: Exchange, is_idle: bool = False) -> None:
    """Keep an exchange; a store that is away is complained of once a minute and not waited for."""
    try:
        step = exchange_step(terminal_id, exchange, is_idle=is_idle)
        call_store().run([step], now=time.time())
    except CallStoreAway:
        if _complaint.is_due():
            logger.exception("flight_recorder_away")


def exchanges_last(*, terminal_id: int) -> list[Exchange]:
    """Return a terminal's last exchanges, newest first; empty when the store is away."""
    store = call_store()
    try:
        texts = [*store.pushed(_pushed(terminal_id)), *store.notes(_idle(terminal_id)).values()]
    except CallStoreAway:
        logger.exception("flight_recorder_away")
        return []
    return sorted((Exchange(**json.loads(text)) for text in texts), key=lambda one: -one.at)
