"""Base64 pictures as terminals write them, in every damaged form seen so far."""

import base64
import binascii
import re
import string

# Invisible characters, and what stays of a buffer or a quoted text around it.
_UNSEEN = re.compile("[\x00\ufeff\u200b-\u200d\u2060\u00ad]+")
_BEFORE, _BEHIND = "\"'`\\", "\"'`\\}]),;"
_DATA_URL = re.compile(r"(?:data:[^,]{0,100}|[\w/.+\-;= ]{0,100}base64),\s*", re.IGNORECASE)
# Line breaks and slashes that were escaped once more than they were read.
_ESCAPED_BREAKS = re.compile(r"\\+[nrt]")
_PERCENT = {"%2B": "+", "%2F": "/", "%3D": "=", "%0A": "\n", "%0D": "\r", "%20": " "}
_BREAKS = re.compile(r"[^\S ]")
_URL_SAFE = str.maketrans("-_", "+/")
_PADDING = re.compile("=+")
_ALPHABET = frozenset(string.ascii_letters + string.digits + "+/")
# No picture is shorter; of a few letters it is likelier that they are no base64 at all.
_CUT_FROM = 64
# A megabyte in pieces of 57 bytes, as mail has them, is fewer.
_PIECES_MAX = 20_000


def bytes_of_base64(value: str) -> bytes | None:
    """Decode a text that is not empty; b"" when it holds no picture, None when it is none.

    A character too many at the end was cut with its group; what is there is kept, and whether the
    picture broke off is reported by its decoder.
    """
    text = _UNSEEN.sub("", value).strip().lstrip(_BEFORE)
    begins = _DATA_URL.match(text)
    text = (text[begins.end() :] if begins else text).rstrip(_BEHIND)
    if "\\" in text:
        text = _ESCAPED_BREAKS.sub("", text).replace("\\", "")
    if "%" in text:
        for code, char in _PERCENT.items():
            text = text.replace(code, char).replace(code.lower(), char)
    text = _without_blanks(text.strip()).translate(_URL_SAFE)
    pieces = [piece for piece in _PADDING.split(text, maxsplit=_PIECES_MAX) if piece]
    if not pieces:
        return b""
    if len(pieces[-1]) % 4 == 1 and len(pieces[-1]) > _CUT_FROM and pieces[-1][-1] in _ALPHABET:
        pieces[-1] = pieces[-1][:-1]
    try:
        return b"".join(base64.b64decode(_padded(one), validate=True) for one in pieces)
    except (binascii.Error, ValueError):
        return None


def _padded(piece: str) -> str:
    return piece + "=" * (-len(piece) % 4)


def _without_blanks(text: str) -> str:
    """Leave blanks out; "+" that decoding a form had made blanks of become "+" again."""
    return text.replace(" ", "+") if _were_plus(text) else "".join(text.split())


def _were_plus(text: str) -> bool:
    """Return whether blanks were "+", and not line breaks, which give lines of one length.

    Where a "+" is left, it was encoded with care, and blanks are blanks.
    """
    if " " not in text or len(text) % 4 or "+" in text or _BREAKS.search(text):
        return False
    if text.count(" ") % 4:
        return True  # without them the length would be none of padded base64
    *lines, last = text.split(" ")
    return len(set(map(len, lines))) > 1 or not 0 < len(last) <= len(lines[0])
