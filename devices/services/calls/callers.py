"""What differs between callers of one device ID, which two terminals may share.

A device ID is typed in by hand or comes from the factory, so two terminals can have the same one:
each then gets half of what is meant for the other. Noted here is only what *turns*: the address,
the cursor asked with, labels and firmware, when it is another one than the time before. One
terminal that moved turns once; two that call in turns go back and forth.

The notes are a few short lists for each terminal, in Redis or in this process, and are not worth a
write to the database.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal as Choice
from typing import get_args
from urllib.parse import quote, unquote

from django.utils import timezone

from server_common import call_store

logger = logging.getLogger(__name__)

Feature = Choice["address", "cursor", "label", "server", "firmware"]
FEATURES: tuple[Feature, ...] = get_args(Feature)
# Turns that are kept of each: enough for what ``caller_signs`` asks for.
KEPT = 12
_KEPT_SECONDS = 24 * 3600
_TURNED = "callers:turned"


@dataclass(frozen=True, slots=True)
class Turn:
    """From this moment on (Unix seconds) callers had this value."""

    at: float
    value: str


Turns = dict[Feature, tuple[Turn, ...]]


def turn_step(terminal_id: int, feature: Feature, value: str) -> call_store.Turn:
    """Return the step by which it is noted what a caller of this device ID has."""
    return call_store.Turn(
        _name(feature), str(terminal_id), quote(value, safe=":."), KEPT, _KEPT_SECONDS, _TURNED
    )


def _name(feature: Feature) -> str:
    return f"callers:{feature}"


def _turn_of(text: str) -> Turn:
    at, _, value = text.partition("=")
    return Turn(float(at), unquote(value))


def caller_note(*, terminal_id: int, feature: Feature, value: str) -> None:
    """Note what a caller of this device ID has; a store that is away costs the note only."""
    if not value:
        return
    try:
        step = turn_step(terminal_id, feature, value)
        call_store.call_store().run([step], now=timezone.now().timestamp())
    except call_store.CallStoreAway:
        logger.exception("caller_store_away terminal=%s", terminal_id)


def callers_turned() -> set[int]:
    """Return terminals that something turned at since this was asked last."""
    return {int(one) for one in call_store.call_store().take_turned(_TURNED)}


def callers_turns(terminal_ids: Iterable[int]) -> dict[int, Turns]:
    """Return what turned at these terminals lately, oldest first."""
    ids = list(terminal_ids)
    found: dict[int, Turns] = {one: {} for one in ids}
    for feature in FEATURES:
        texts = call_store.call_store().fields(_name(feature), map(str, ids))
        for terminal_id, text in texts.items():
            found[int(terminal_id)][feature] = tuple(map(_turn_of, text.split()))
    return found
