"""From the bytes of a request to an object, whatever a terminal made of JSON.

Strict JSON is tried first because nearly all bodies are; only what fails is repaired, and each
repair is named so that it can be counted (field notes; decision 0004).
"""

import base64
import codecs
import json
import re
import secrets
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

# Base64 of a picture, quoted in whatever way or not at all, broken into lines or not.
_LONG_LITERAL = re.compile(r"(?:\\/)?[A-Za-z0-9+/=_\-][A-Za-z0-9+/=_\-\\\s]{255,}")
_ESCAPED = re.compile(r"\\u([0-9A-Fa-f]{4})")
_BRACKET = re.compile(r"[\[\]{}]")
_BOUNDARY = re.compile(rb"--([^\r\n\"]{1,70})\r?\n")
_BASE64_WITH_BLANKS = re.compile(r"[A-Za-z0-9+/=\s]{256,}")
_FORM_FIELDS_MAX = 200


@dataclass(frozen=True, slots=True)
class BodyReading:
    """An object read from a body.

    Attributes:
        data: the object; an empty body is an empty object.
        repairs: what had to be repaired: json_bom, json_encoding, json_control_characters,
            json_syntax, json_in_text, form_encoded. Empty for a correct body.
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
        found, repairs = _read(raw, content_type)
        found, repairs = _out_of_text(found, repairs)
    except RecursionError:
        raise UnreadableBody("too_deep") from None
    return BodyReading(_as_object(found), tuple(repairs))


def _read(raw: bytes, content_type: str) -> tuple[Any, list[str]]:
    try:
        found = json.loads(raw, parse_constant=_no_constant)
    except ValueError:
        return _read_odd(raw, content_type)
    return found, ["json_bom"] if raw.startswith(codecs.BOM_UTF8) else []


def _out_of_text(found: Any, repairs: list[str]) -> tuple[Any, list[str]]:
    """Read an object that was sent as a JSON string, that is encoded twice."""
    if not isinstance(found, str) or not found.lstrip().startswith(("{", "[")):
        return found, repairs
    inner, inner_repairs = _loads(found, [])
    return inner, [*repairs, "json_in_text", *inner_repairs]


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
    fields = _multipart(raw, content_type)
    if fields:
        return _from_fields(fields)
    text, repairs = _decode(raw)
    if not text.lstrip().startswith(("{", "[")) and "=" in text:
        fields = _url_encoded(text)
        if fields:
            return _from_fields(fields)
    return _loads(text, repairs)


def _decode(raw: bytes) -> tuple[str, list[str]]:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", "replace"), ["json_encoding"]
    repairs = ["json_bom"] if raw.startswith(codecs.BOM_UTF8) else []
    try:
        return raw.decode("utf-8-sig"), repairs
    except UnicodeDecodeError:
        return raw.decode("gb18030", "replace"), [*repairs, "json_encoding"]


def _loads(text: str, repairs: list[str]) -> tuple[Any, list[str]]:
    try:
        return json.loads(text, parse_constant=_no_constant), repairs
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
    # A plain word, because the picture's quotes may be what is broken; drawn anew each time, so
    # that no sender can write one.
    mark = f"cut{secrets.token_hex(8)}n"

    def cut(found: re.Match[str]) -> str:
        # What follows the picture (indentation, an escaped quote) belongs to the syntax.
        literal = found[0].rstrip("\\ \t\r\n")
        literals.append(_unescape(literal))
        return f"{mark}{len(literals) - 1}e{found[0][len(literal) :]}"

    short = _LONG_LITERAL.sub(cut, text)
    if len(short) > REPAIR_LIMIT_CHARS:
        raise UnreadableBody("too_large")
    if not short.lstrip().startswith(("{", "[")):
        raise UnreadableBody("not_json")
    if _bracket_depth(short) > 4 * _DEPTH_LIMIT:
        # The repair calls itself for every level; nested garbage is not worth repairing.
        raise UnreadableBody("too_deep")
    try:
        found = repair_json(short, return_objects=True, skip_json_loads=True)
    except ValueError:
        raise UnreadableBody("not_json") from None
    if found in ("", None, [], {}):
        raise UnreadableBody("not_json")
    if not literals:
        return found
    marked = re.compile(rf"{mark}(\d+)e")
    return _put_back(found, lambda word: marked.sub(lambda hit: literals[int(hit[1])], word))


def _bracket_depth(text: str) -> int:
    """Return how deep brackets nest at most, those inside of texts counted too."""
    depth = deepest = 0
    for bracket in _BRACKET.finditer(text):
        depth = depth + 1 if bracket[0] in "{[" else max(depth - 1, 0)
        deepest = max(deepest, depth)
    return deepest


def _put_back(found: Any, restore: Callable[[str], str]) -> Any:
    if isinstance(found, dict):
        return {restore(str(key)): _put_back(value, restore) for key, value in found.items()}
    if isinstance(found, list):
        return [_put_back(value, restore) for value in found]
    return restore(found) if isinstance(found, str) else found


def _unescape(literal: str) -> str:
    if "\\u" in literal:
        literal = _ESCAPED.sub(lambda code: chr(int(code[1], 16)), literal)
    return literal.replace("\\/", "/").replace("\\r", "").replace("\\n", "").replace("\\t", "")


def _multipart(raw: bytes, content_type: str) -> dict[str, str]:
    """Return a form's fields, {} when it is no multipart form; the boundary is in the body too."""
    boundary = _BOUNDARY.match(raw)
    if "boundary" not in content_type.lower() or not content_type.lower().startswith("multipart/"):
        if boundary is None:
            return {}
        content_type = f'multipart/form-data; boundary="{boundary[1].decode("latin-1").rstrip()}"'
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    message = BytesParser(policy=HTTP).parsebytes(head + raw)
    fields: dict[str, str] = {}
    for part in message.iter_parts() if message.is_multipart() else ():
        name = part.get_param("name", header="content-disposition")
        payload = part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(payload, bytes):
            continue
        is_file = part.get_filename() is not None or part.get_content_maintype() == "image"
        if is_file and payload.lstrip()[:1] != b"{":
            fields[name] = base64.b64encode(payload).decode()
        else:
            fields[name] = _decode(payload)[0]
    return fields


def _url_encoded(text: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(text.strip(), keep_blank_values=True, max_num_fields=_FORM_FIELDS_MAX)
    except ValueError:
        return {}  # more fields than any message has: no form
    return {name: _plus_restored(value) for name, value in pairs}


def _plus_restored(value: str) -> str:
    """Undo what decoding did to base64 that was put into a form as it was: "+" became a blank."""
    return value.replace(" ", "+") if _BASE64_WITH_BLANKS.fullmatch(value) else value


def _from_fields(fields: dict[str, str]) -> tuple[Any, list[str]]:
    """Take a form: one field may hold the object as JSON, the others stay beside it."""
    for name, value in fields.items():
        for text in (value, name):
            if not text.lstrip().startswith("{"):
                continue
            found, repairs = _loads(text, [])
            others = {key: other for key, other in fields.items() if key != name}
            if isinstance(found, dict):
                found = {**others, **found}
            return found, ["form_encoded", *repairs]
    return dict(fields), ["form_encoded"]
