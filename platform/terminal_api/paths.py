"""Parse the paths of the terminal API, lenient as terminals need it.

Knows neither views nor Django, because the log asks it before any of those are loaded.
"""

import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

# What stands behind a name in a terminal's buffer, and behind that.
_PADDING = b"\0 \t\r\n/"
_MESSAGE = re.compile(
    r"^(?P<secret>/t(?:/(?P<token>[^/]*))?)?/\+?(?P<kind>sy[a-z]*)(?:/(?P<name>.*))?$"
)
_PICTURE = re.compile(r"^/i/(?P<name>[A-Za-z0-9_\-]{1,80})\.jpg$")
_PREFIXES = ("/sy", "/t/", "/+sy")
_PICTURES = "/i/"


class PathParts(NamedTuple):
    """Parts of a terminal's path.

    Attributes:
        kind: first segment of the address: ``syface`` … or ``i`` of a picture.
        name: what stands behind it: device ID, or name of the picture.
        token: secret segment, None for an address without one. Under ``/t/`` without a segment it
            is the empty one, which no terminal has.
    """

    kind: str
    name: str
    token: str | None


def is_terminal_path(path: str) -> bool:
    """Tell whether a path is one that terminals call; their pictures are not among these."""
    return path.startswith(_PREFIXES) or path == "/t"


def is_picture_path(path: str) -> bool:
    """Tell whether a path is one that terminals fetch pictures from."""
    return path.startswith(_PICTURES)


def api_path(path: str) -> str | None:
    """Return a terminal's path as it is meant; None for a path of others.

    It is a terminal's when it looks like one as it is written or as it is meant.
    """
    meant = path_meant(path)
    is_ours = _is_ours(meant) or _is_ours(path)
    return meant if is_ours else None


def _is_ours(path: str) -> bool:
    return is_terminal_path(path) or is_picture_path(path)


def path_parts(path: str) -> PathParts | None:
    """Return the parts of a path as it is meant; None when it is no address of terminals."""
    if is_picture_path(path):
        found = _PICTURE.match(path)
        return PathParts("i", found["name"], None) if found else None
    found = _MESSAGE.match(path)
    if found is None:
        return None
    secret, token, kind, name = found.groups()
    return PathParts(kind, name or "", (token or "") if secret else None)


def path_meant(path: str) -> str:
    """Return a path as it is meant: without empty segments and padding, in characters.

    A BaseUrl typed with a slash at its end makes double slashes in every address below it, and
    what is percent-encoded may be in the terminal's own character set. A terminal that sends the
    whole buffer of its name sends NULs behind it.

    Args:
        path: decoded by the server; bytes that are no UTF-8 are percent-encoded in it, as Django
            leaves them.
    """
    if "%" in path:
        path = _text(unquote_to_bytes(path).rstrip(_PADDING))
    path = path.rstrip(_PADDING.decode())
    if path and "//" not in path and "/." not in path:
        return path
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in {"", "."}:
            kept.append(segment)
    return "/" + "/".join(kept)


def _text(raw: bytes) -> str:
    """Return bytes of a path as text: UTF-8, else Chinese, else percent-encoded as they came.

    Two names that differ in bytes never become one name.
    """
    try:
        return raw.decode()
    except UnicodeDecodeError:
        chinese = raw.decode("gb18030", "surrogateescape")
    if chinese.isprintable():
        return chinese
    return "".join(chr(one) if one < 0x80 else f"%{one:02X}" for one in raw)
