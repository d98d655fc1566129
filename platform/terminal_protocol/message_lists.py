"""Several messages in one body: consecutive, in a list, or in an envelope with a list."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ._reader import as_object
from ._work_budget import WorkBudget
from .body import BodyReading
from .exceptions import UnreadableBody
from .values import folded

# More than any terminal sends at once, and no longer work than a caller waits for.
MESSAGES_MAX: Final = 500
# Of what stands beside a list no more is copied to each of its entries.
_BESIDE_MAX: Final = 200
_LIST: Final = "resultlist"


def messages_in(body: BodyReading, envelope: str = "Info") -> list[BodyReading]:
    """Return each message of a body by itself; only the last one can have broken off.

    Raises:
        UnreadableBody: too_many.
    """
    found: list[Mapping[str, Any]] = []
    budget = WorkBudget()
    for outer in (body.data, *body.further):
        for one in _opened(outer, {envelope.lower(), _LIST}, budget):
            found.append(one)
            if len(found) > MESSAGES_MAX:
                raise UnreadableBody("too_many")
    if len(found) == 1:
        return [BodyReading(dict(found[0]), body.repairs, body.is_broken_off)]
    return [
        BodyReading(dict(one), body.repairs, body.is_broken_off and one is found[-1])
        for one in found
    ]


def length_of(message: BodyReading) -> int:
    """Return the approximate number of bytes of a message."""
    return len(json.dumps(message.data, ensure_ascii=False, default=str).encode("utf-8", "replace"))


def _opened(
    data: Mapping[str, Any], envelopes: set[str], budget: WorkBudget
) -> Iterator[Mapping[str, Any]]:
    """Yield the entries of an envelope's list, or the object itself when it has none."""
    for key, value in data.items():
        listed = as_object(value, budget) if folded(key) in envelopes else None
        entries = list(objects_in(listed, budget)) if isinstance(listed, list) else []
        if not entries:
            continue
        beside = {name: other for name, other in data.items() if name != key}
        if len(beside) > _BESIDE_MAX:
            beside = {}
        for entry in entries:
            yield from _opened({**beside, **entry}, envelopes, budget)
        return
    yield data


def objects_in(listed: list[Any], budget: WorkBudget | None = None) -> Iterator[dict[str, Any]]:
    """Yield the objects of nested lists; other values are skipped."""
    budget = budget or WorkBudget()
    for one in listed:
        entry = as_object(one, budget)
        if isinstance(entry, dict):
            yield entry
        elif isinstance(entry, list):
            yield from objects_in(entry, budget)
