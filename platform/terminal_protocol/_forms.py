"""Bodies that came as forms: multipart, or fields joined by ``&``."""

import base64
import json
import quopri
import re
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

from ._text import decode, read_json
from .exceptions import UnreadableBody

# A message of chapter 9 has some thirty fields.
FIELDS_MAX = 200

_FIRST_LINE = re.compile(rb"\s{0,16}--([^\r\n\"]{1,70})\r?\n")
_BOUNDARY = re.compile(r"boundary=(?:\"([^\"]{1,70})\"|([^\s;,\"]{1,70}))", re.IGNORECASE)
_NAME = re.compile(r"content-disposition:[^\r\n]*?[;\s]name=\"?([^\";\r\n]{1,64})", re.IGNORECASE)
_FILE = re.compile(r"[;\s]filename\*?=|content-type:\s*image/", re.IGNORECASE)
_TRANSFER = re.compile(r"content-transfer-encoding:\s*([a-z0-9\-]{1,32})", re.IGNORECASE)
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_HEAD_MAX_BYTES = 4096

_PERCENT_BRACE = re.compile(r"\s*%7b", re.IGNORECASE)
_FIRST_FIELD = re.compile(r"\s*[^\s=&]{1,64}=")
# "json={…" as it is, nothing percent-encoded.
_RAW_OBJECT = re.compile(r"\s*[\w.\-]{1,64}=\s*(?=\{\s*[\"'])")
# Objects of chapter 9 that stand inside a message and are not the message.
_INNER_OBJECTS = {"idcardinfo", "info", "heartinfo", "resultlist"}
_PICTURES = {"img", "image", "idcardimg", "photo"}
_DATA_URL = re.compile(r"\s*(?:data:[^,]{0,100}|[\w/.+;=-]{0,100}base64),", re.IGNORECASE)
_BASE64_WITH_BLANKS = re.compile(r"[A-Za-z0-9/=\s_\-]++")
_PICTURE_MIN_CHARS = 256


def read_form(raw: bytes, content_type: str) -> tuple[Any, list[str]] | None:
    """Return what a form says and its repairs, None when the body is no form."""
    fields = _multipart(raw, content_type)
    if fields:
        return _from_fields(fields)
    text, _repairs = decode(raw)
    if text.lstrip().startswith(("{", "[")):
        return None
    if _PERCENT_BRACE.match(text):
        found, repairs = _percent_encoded(text)
        return found, ["form_encoded", *repairs]
    if named := _RAW_OBJECT.match(text):
        found, repairs = read_json(text[named.end() :])
        return found, ["form_encoded", *repairs]
    fields = _url_encoded(text)
    if not fields:
        return None
    found, repairs = _from_fields(fields)
    return _with_plus(found), repairs


def _percent_encoded(text: str) -> tuple[Any, list[str]]:
    """Read an object that was sent without a field's name."""
    try:
        # Between members a "+" is no JSON, so here it stood for itself.
        return json.loads(_unquote(text), strict=False), []
    except ValueError:
        found, repairs = read_json(_unquote(text.replace("+", " ")))
        return _with_plus(found), repairs


def _unquote(text: str) -> str:
    # Not urllib's unquote: on text beside ASCII it takes seconds for what bytes do at once.
    return decode(unquote_to_bytes(text))[0].rstrip("=\r\n ")


def _multipart(raw: bytes, content_type: str) -> dict[str, str]:
    """Return a form's fields, {} when it is no multipart form; the boundary is in the body too."""
    first_line, header = _FIRST_LINE.match(raw), _BOUNDARY.search(content_type)
    if first_line is not None:
        boundary = first_line[1].rstrip()
    elif header is not None and content_type.lower().startswith("multipart/"):
        boundary = (header[1] or header[2]).encode("utf-8", "replace")
    else:
        return {}
    parts = re.split(rb"(?:\A\s{0,16}|\r?\n)--" + re.escape(boundary), raw, maxsplit=FIELDS_MAX + 1)
    if len(parts) > FIELDS_MAX + 1:
        raise UnreadableBody("too_large")
    fields: dict[str, str] = {}
    for part in parts[1:]:
        if part.startswith(b"--"):
            break
        _add_part(fields, part)
    return fields


def _add_part(fields: dict[str, str], part: bytes) -> None:
    end = _HEAD_END.search(part, 0, _HEAD_MAX_BYTES)
    if end is None:
        return
    head = decode(part[: end.start()])[0]
    name = _NAME.search(head)
    if name is None:
        return
    payload = part[end.end() :]
    transfer = _TRANSFER.search(head)
    coding = transfer[1].lower() if transfer else ""
    if coding == "quoted-printable":
        payload = quopri.decodestring(payload)
    is_picture = _FILE.search(head) is not None and payload.lstrip()[:1] != b"{"
    if is_picture and coding != "base64":
        fields[name[1].strip()] = base64.b64encode(payload).decode()
        return
    text = decode(payload)[0]
    if coding == "base64" and not is_picture:
        text = _from_base64(text)
    fields[name[1].strip()] = text


def _from_base64(text: str) -> str:
    try:
        return decode(base64.b64decode(text))[0]
    except ValueError:
        return text  # the header is wrong: it was plain text after all


def _url_encoded(text: str) -> dict[str, str]:
    if _FIRST_FIELD.match(text) is None:
        return {}
    try:
        return dict(parse_qsl(text.strip(), keep_blank_values=True, max_num_fields=FIELDS_MAX))
    except ValueError:
        return {}  # more fields than any message has: no form


def _from_fields(fields: dict[str, str]) -> tuple[Any, list[str]]:
    """Take a form: a field may hold the object as JSON, the others stay beside it.

    Braces alone make no JSON: what cannot be read stays the text it is.
    """
    found: dict[str, Any] = dict(fields)
    repairs = ["form_encoded"]
    may_repair = True
    for name, value in fields.items():
        if not value.lstrip().startswith("{"):
            continue
        try:
            inner: Any = json.loads(value, strict=False)
        except ValueError:
            if not may_repair:
                continue
            may_repair = False  # one is enough; 200 would be an attack
            try:
                inner, more = read_json(value)
            except UnreadableBody:
                continue
            repairs += more
        if not isinstance(inner, dict):
            continue
        if name.strip().lower() in _INNER_OBJECTS:
            found[name] = inner
        else:
            del found[name]
            found = {**found, **inner}
    return found, repairs


def _with_plus(found: Any) -> Any:
    """Undo what decoding did to base64 put into a form as it was: "+" had become a blank."""
    if not isinstance(found, dict):
        return found
    restored: dict[str, Any] = {}
    for key, value in found.items():
        if isinstance(value, dict):
            value = {name: _plus_again(str(name), inner) for name, inner in value.items()}
        restored[key] = _plus_again(str(key), value)
    return restored


def _plus_again(key: str, value: Any) -> Any:
    if not isinstance(value, str) or " " not in value:
        return value
    if key.strip().lower() not in _PICTURES and len(value) < _PICTURE_MIN_CHARS:
        return value
    data_url = _DATA_URL.match(value)
    start = data_url.end() if data_url else 0
    # A "+" that arrived was encoded with care, so the blanks beside it are blanks.
    if not _BASE64_WITH_BLANKS.fullmatch(value, start):
        return value
    return value[:start] + value[start:].replace(" ", "+")
