"""Bodies sent as forms: multipart, or fields joined by ``&``."""

import base64
import binascii
import json
import quopri
import re
from typing import Any

from ._text import decode, read_json
from ._work_budget import STRAYS_MAX, WorkBudget
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

# A percent sign that begins no escape.
_STRAY_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
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


def read_multipart(
    raw: bytes, content_type: str, budget: WorkBudget
) -> tuple[Any, list[str]] | None:
    """Read a multipart form and its repairs; None when the body is none."""
    fields = _multipart(raw, content_type)
    return _from_fields(fields, budget) if fields else None


def read_joined(text: str, budget: WorkBudget) -> tuple[Any, list[str]] | None:
    """Read fields joined by ``&`` and their repairs; None when the text is no form."""
    if text.lstrip().startswith(("{", "[")):
        return None
    if _PERCENT_BRACE.match(text):
        found, repairs = _percent_encoded(text, budget)
        return found, ["form_encoded", *repairs]
    if named := _RAW_OBJECT.match(text):
        found, repairs = read_json(text[named.end() :], budget)
        return found, ["form_encoded", *repairs]
    fields = _url_encoded(text)
    if not fields:
        return None
    found, repairs = _from_fields(fields, budget)
    return _with_plus(found), repairs


def _percent_encoded(text: str, budget: WorkBudget) -> tuple[Any, list[str]]:
    """Read an object that was sent without a field's name."""
    plain = _unquote(text)
    WorkBudget().admit(plain)
    try:
        # Between members a "+" is no JSON, so here it stood for itself.
        return json.loads(plain, strict=False), []
    except ValueError:
        found, repairs = read_json(_unquote(text.replace("+", " ")), budget)
        return _with_plus(found), repairs


def _unquote(text: str) -> str:
    return decode(_unquoted(text))[0].rstrip("=\r\n ")


def _unquoted(text: str) -> bytes:
    """Decode percent signs to bytes, for which urllib takes seconds.

    Quoted-printable is the same with another sign, and the standard library reads it in C.

    Raises:
        UnreadableBody: too_large, too many percent signs that begin no escape.
    """
    raw = text.encode("utf-8", "surrogatepass")
    if b"%" not in raw:
        return raw
    raw, strays = _STRAY_PERCENT.subn(b"%25", raw, count=STRAYS_MAX)
    if strays == STRAYS_MAX:
        raise UnreadableBody("too_large")
    return binascii.a2b_qp(raw.replace(b"=", b"%3D").replace(b"%", b"="))


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
    if text.count("&") >= FIELDS_MAX:
        return {}  # more fields than any message has: no form
    pairs = (field.partition("=") for field in text.strip().split("&") if field)
    return {_plain(name): _plain(value) for name, _, value in pairs}


def _plain(text: str) -> str:
    raw = _unquoted(text.replace("+", " "))
    try:
        return raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace")


def _from_fields(fields: dict[str, str], budget: WorkBudget) -> tuple[Any, list[str]]:
    """Read the fields of a form; one may hold the object as JSON, with others beside it.

    Braces alone make no JSON: what cannot be read stays the text it is.
    """
    found: dict[str, Any] = dict(fields)
    repairs = ["form_encoded"]
    may_repair = True
    for name, value in fields.items():
        if not value.lstrip().startswith("{"):
            continue
        budget.admit(value)
        try:
            inner: Any = json.loads(value, strict=False)
        except ValueError:
            if not may_repair:
                continue
            may_repair = False  # one is enough; 200 would be an attack
            try:
                inner, more = read_json(value, budget)
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
    """Restore "+" in base64, which form decoding turned into blanks."""
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
