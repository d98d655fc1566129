"""Reading of a request body to an object, whatever the terminal made of JSON.

Strict JSON is tried first because nearly all bodies are; only what fails is read leniently, and
each repair is named so that it can be counted (field notes; decision 0004).
"""

import codecs
import re
from dataclasses import dataclass, field
from typing import Any

from ._forms import read_joined, read_multipart
from ._lenient_json import NESTED
from ._reader import as_object
from ._text import BROKEN_OFF, DEPTH_LIMIT, JsonReader, decode, read_all, read_json
from ._work_budget import WorkBudget
from .exceptions import UnreadableBody
from .values import folded, is_deeper, within_depth


@dataclass(frozen=True, slots=True)
class BodyReading:
    """An object read from a body.

    Attributes:
        data: the object; an empty body is an empty object.
        repairs: what had to be repaired: json_bom, json_encoding, json_control_characters,
            json_syntax, json_in_text, json_cesu8, json_cut_characters, json_not_a_number,
            json_duplicate_keys, form_encoded. Empty for a correct body.
        is_broken_off: whether the body ended before its object did, so that something is missing;
            with further objects, the last one.
        further: objects that stand behind the first one; see `messages_in`.
    """

    data: dict[str, Any]
    repairs: tuple[str, ...] = field(default=())
    is_broken_off: bool = False
    further: tuple[dict[str, Any], ...] = ()


# What holds the message (9.2 to 9.5), or should.
_ENVELOPES = frozenset({"info", "heartinfo", "resultlist"})
# A multipart form without fields is its closing line alone (RFC 2046, 5.1.1: 70 characters).
_EMPTY_FORM = re.compile(rb"\s{0,16}--\S{1,70}--\s{0,16}")


def read_body(raw: bytes, content_type: str = "") -> BodyReading:
    """Read a request's body; the content type is a hint only, many terminals send a wrong one.

    Raises:
        UnreadableBody: no object can be made of it.
    """
    if not raw.strip() or _EMPTY_FORM.fullmatch(raw):
        return BodyReading({})
    budget = WorkBudget()
    try:
        found, repairs = _read(raw, content_type, budget)
        found, repairs = _out_of_text(found, repairs, budget)
        repairs = [*repairs, *(repair for one in found for repair in _open_envelopes(one, budget))]
    except RecursionError:
        raise UnreadableBody("too_deep") from None
    named = tuple(dict.fromkeys(one for one in repairs if one != BROKEN_OFF))
    first, *rest = found
    further = tuple(
        _as_object(one, budget) for one in rest if isinstance(one, dict) or _flat(one, budget)
    )
    return BodyReading(_as_object(first, budget), named, BROKEN_OFF in repairs, further)


def read_answer(raw: bytes) -> tuple[Any, tuple[str, ...]]:
    """Read the answer to a call, an object or not, and the repairs.

    As tolerant as `read_body` apart from forms, which pages of a network in between look like.

    Raises:
        UnreadableBody: it is no JSON, or broke off: half an answer is none.
    """
    try:
        try:
            reader = JsonReader()
            found = within_depth(reader.load(raw), DEPTH_LIMIT)
            return found, tuple(reader.repairs)
        except (ValueError, RecursionError):
            text, repairs = decode(raw)
            found, more = read_json(text, WorkBudget())
    except RecursionError:
        raise UnreadableBody("too_deep") from None
    if BROKEN_OFF in more:
        raise UnreadableBody("broken_off")
    return within_depth(found, DEPTH_LIMIT), (*repairs, *more)


def _read(raw: bytes, content_type: str, budget: WorkBudget) -> tuple[list[Any], list[str]]:
    reader = JsonReader()
    try:
        found = reader.load(raw)
    except (ValueError, RecursionError):
        form = read_multipart(raw, content_type, budget)
        if form is not None:
            return [form[0]], form[1]
        text, repairs = decode(raw)
        form = read_joined(text, budget)
        if form is not None:
            return [form[0]], form[1]
        several, more = read_all(text, budget)
        return several, [*repairs, *more]
    return [found], [*(["json_bom"] if raw.startswith(codecs.BOM_UTF8) else []), *reader.repairs]


def _out_of_text(
    found: list[Any], repairs: list[str], budget: WorkBudget
) -> tuple[list[Any], list[str]]:
    """Read an object that was sent as a JSON string, that is encoded twice."""
    text = found[0]
    if not isinstance(text, str) or not text.lstrip().startswith(("{", "[")):
        return found, repairs
    inner, inner_repairs = read_all(text, budget)
    return inner, [*repairs, "json_in_text", *inner_repairs]


def _open_envelopes(found: Any, budget: WorkBudget) -> list[str]:
    """Read envelopes that are texts; returns the repairs, which are the whole body's."""
    repairs: list[str] = []
    for key, value in list(found.items()) if isinstance(found, dict) else []:
        if folded(key) not in _ENVELOPES or not isinstance(value, str):
            continue
        if not value.lstrip().startswith(("{", "[")):
            continue
        try:
            found[key], more = read_json(value, budget)
        except UnreadableBody:
            continue  # it stays the text it is
        repairs += more
    return repairs


def _as_object(found: Any, budget: WorkBudget) -> dict[str, Any]:
    if isinstance(found, list) and (listed := _flat(found, budget)):
        # Several messages at once without an envelope, such as results (9.4).
        found = {"resultList": listed} if len(listed) > 1 else listed[0]
    if not isinstance(found, dict):
        raise UnreadableBody("not_an_object")
    if is_deeper(found, DEPTH_LIMIT):
        found = within_depth(found, DEPTH_LIMIT)
        if not _says_something(found):
            raise UnreadableBody("too_deep")
    return {str(key): value for key, value in found.items()}


def _says_something(value: Any) -> bool:
    """Return whether an object has a value that was not nested too deeply."""
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return any(_says_something(one) for one in inner)
    return bool(value != NESTED)


def _flat(listed: list[Any], budget: WorkBudget) -> list[Any]:
    """Flatten lists of entries; empty when there is no object among them."""
    listed = within_depth(listed, DEPTH_LIMIT)
    flat: list[Any] = []
    for one in listed:
        entry = as_object(one, budget)
        flat += _flat(entry, budget) if isinstance(entry, list) else [entry]
    return flat if any(isinstance(one, dict) for one in flat) else []
