"""From bytes to text to an object: the steps that plain bodies and fields of forms share."""

import codecs
import json
from typing import Any

from ._lenient_json import read_lenient

# An object nested deeper than this is no message of a terminal.
DEPTH_LIMIT = 32


def decode(raw: bytes) -> tuple[str, list[str]]:
    """Return the text and the repairs: UTF-16 by its mark, UTF-8, else Chinese by GB18030."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", "replace"), ["json_encoding"]
    repairs = ["json_bom"] if raw.startswith(codecs.BOM_UTF8) else []
    try:
        return raw.decode("utf-8-sig"), repairs
    except UnicodeDecodeError:
        return raw.decode("gb18030", "replace"), [*repairs, "json_encoding"]


def no_constant(_name: str) -> None:
    """NaN and Infinity are no JSON; a field that holds one counts as empty."""
    return


def read_json(text: str) -> tuple[Any, list[str]]:
    """Return what the text holds and its repairs; each reader is more tolerant than the one before.

    Raises:
        UnreadableBody: none of them can make an object of it.
        RecursionError: nested far too deep for the strict reader.
    """
    try:
        return json.loads(text, parse_constant=no_constant), []
    except ValueError:
        pass  # the next, more tolerant reader is asked
    try:
        found = json.loads(text, strict=False, parse_constant=no_constant)
    except ValueError:
        return read_lenient(text, DEPTH_LIMIT), ["json_syntax"]
    return found, ["json_control_characters"]
