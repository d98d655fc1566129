"""From the bytes of a request to an object, whatever a terminal made of JSON.

Strict JSON is tried first because nearly all bodies are; only what fails is repaired, and each
repair is named so that it can be counted (field notes; decision 0004).
"""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl

from json_repair import repair_json

from .exceptions import UnreadableBody

# What is left after pictures were cut out; a message of chapter 9 has about 1 KB.
REPAIR_LIMIT_CHARS = 64 * 1024
# An object nested deeper than this is no message of a terminal.
_DEPTH_LIMIT = 32

# A base64 literal, escapes and line breaks inside included.
_LONG_LITERAL = re.compile(r'"([A-Za-z0-9+/=_\-\\\s]{256,})"')
_MARK = "\ue000{}\ue001"
_MARKED = re.compile("\ue000(\\d+)\ue001")


@dataclass(frozen=True, slots=True)
class BodyReading:
    """An object read from a body.

    Attributes:
        data: the object; an empty body is an empty object.
        repairs: what had to be repaired: json_bom, json_encoding, json_control_characters,
            json_syntax, form_encoded. Empty for a correct body.
    """

    data: dict[str, Any]
    repairs: tuple[str, ...] = field(default=())


def read_body(raw: bytes, content_type: str = "") -> BodyReading:
    """Read a request's body; the content type is a hint only, many terminals send a wrong one.

    Raises:
        UnreadableBody: no object can be made of it.
    """
    if not raw.strip():
        return BodyReading({})
    try:
        found = json.loads(raw, parse_constant=_no_constant)
        repairs: list[str] = []
    except RecursionError:
        raise UnreadableBody("too_deep") from None
    except ValueError:
        found, repairs = _read_odd(raw, content_type)
    return BodyReading(_as_object(found), tuple(repairs))


def _no_constant(_name: str) -> None:
    """NaN and Infinity are no JSON; a field that holds one counts as empty."""
    return


def _as_object(found: Any) -> dict[str, Any]:
    if isinstance(found, list) and found and all(isinstance(one, dict) for one in found):
        # Several results at once without their envelope (9.4).
        found = {"resultList": found} if len(found) > 1 else found[0]
    if not isinstance(found, dict):
        raise UnreadableBody("not_an_object")
    if _is_deeper(found, _DEPTH_LIMIT):
        raise UnreadableBody("too_deep")
    return {str(key): value for key, value in found.items()}


def _is_deeper(found: Any, limit: int) -> bool:
    layer = [found]
    for _ in range(limit):
        layer = [
            inner
            for outer in layer
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not layer:
            return False
    return True


def _read_odd(raw: bytes, content_type: str) -> tuple[Any, list[str]]:
    if content_type.lower().startswith("multipart/"):
        fields = _multipart(raw, content_type)
        if fields:
            return _from_fields(fields)
    text, repairs = _decode(raw)
    if not text.lstrip().startswith(("{", "[")) and "=" in text:
        fields = dict(parse_qsl(text.strip(), keep_blank_values=True, max_num_fields=200))
        if fields:
            return _from_fields(fields)
    return _loads(text, repairs)


def _decode(raw: bytes) -> tuple[str, list[str]]:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", "replace"), ["json_encoding"]
    repairs = ["json_bom"] if raw.startswith(b"\xef\xbb\xbf") else []
    try:
        return raw.decode("utf-8-sig"), repairs
    except UnicodeDecodeError:
        return raw.decode("gb18030", "replace"), [*repairs, "json_encoding"]


def _loads(text: str, repairs: list[str]) -> tuple[Any, list[str]]:
    try:
        return json.loads(text, parse_constant=_no_constant), repairs
    except RecursionError:
        raise UnreadableBody("too_deep") from None
    except ValueError:
        pass  # the next, more tolerant reader is asked
    try:
        found = json.loads(text, strict=False, parse_constant=_no_constant)
    except ValueError:
        return _repair(text), [*repairs, "json_syntax"]
    return found, [*repairs, "json_control_characters"]


def _repair(text: str) -> Any:
    """Repair syntax with pictures cut out, so that the repair's time does not grow with them."""
    literals: list[str] = []

    def cut(found: re.Match[str]) -> str:
        literals.append(found[1])
        return f'"{_MARK.format(len(literals) - 1)}"'

    short = _LONG_LITERAL.sub(cut, text.replace("\ue000", "").replace("\ue001", ""))
    if len(short) > REPAIR_LIMIT_CHARS:
        raise UnreadableBody("too_large")
    if not short.lstrip().startswith(("{", "[")):
        raise UnreadableBody("not_json")
    if short.count("{") + short.count("[") > 4 * _DEPTH_LIMIT:
        # A message has a handful of objects; nested garbage is not worth repairing.
        raise UnreadableBody("too_deep")
    try:
        found = repair_json(short, return_objects=True, skip_json_loads=True)
    except (RecursionError, ValueError):
        raise UnreadableBody("not_json") from None
    if found in ("", None, [], {}):
        raise UnreadableBody("not_json")
    return _put_back(found, lambda index: literals[index]) if literals else found


def _put_back(found: Any, literal: Callable[[int], str]) -> Any:
    if isinstance(found, dict):
        return {_put_back(key, literal): _put_back(value, literal) for key, value in found.items()}
    if isinstance(found, list):
        return [_put_back(value, literal) for value in found]
    if isinstance(found, str):
        return _MARKED.sub(lambda mark: _unescape(literal(int(mark[1]))), found)
    return found


def _unescape(literal: str) -> str:
    return literal.replace("\\/", "/").replace("\\r", "").replace("\\n", "").replace("\\t", "")


def _multipart(raw: bytes, content_type: str) -> dict[str, str]:
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    message = BytesParser(policy=HTTP).parsebytes(head + raw)
    fields: dict[str, str] = {}
    for part in message.iter_parts() if message.is_multipart() else ():
        name = part.get_param("name", header="content-disposition")
        payload = part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(payload, bytes):
            continue
        is_file = part.get_filename() is not None or part.get_content_maintype() == "image"
        fields[name] = base64.b64encode(payload).decode() if is_file else _decode(payload)[0]
    return fields


def _from_fields(fields: dict[str, str]) -> tuple[Any, list[str]]:
    """Take a form: one field may hold the whole object as JSON, or every field is a value."""
    for name, value in fields.items():
        for text in (value, name):
            if text.lstrip().startswith("{"):
                found, repairs = _loads(text, [])
                return found, ["form_encoded", *repairs]
    return dict(fields), ["form_encoded"]
