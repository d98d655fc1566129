"""Which paths belong to terminals, and how they are read."""

import logging
from urllib.parse import unquote_to_bytes

# Where people sign in; in a flood they are sent away, too (console.sign_in).
SIGN_IN_PATHS = {"/sign-in/", "/admin/login/"}
# What stands behind a name in a terminal's buffer, and behind that.
_PADDING = b"\0 \t\r\n/"


def is_terminal_path(path: str) -> bool:
    """Tell whether a path is one that terminals call; their pictures are not among these."""
    return path.startswith(("/sy", "/t/", "/+sy")) or path == "/t"


def is_picture_path(path: str) -> bool:
    """Tell whether a path is one that terminals fetch pictures from."""
    return path.startswith("/i/")


def is_lane_path(path: str) -> bool:
    """Tell whether a path belongs to terminals, as it is written or as it is meant."""
    return any(is_terminal_path(one) or is_picture_path(one) for one in (path, lane_path(path)))


def lane_path(path: str) -> str:
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


class NotSentAway(logging.Filter):
    """Drop Django's own line about each 503 of a terminal or sign-in: it has been told.

    When a fleet is sent away, such a line for each costs as much as an answer.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """See ``logging.Filter``."""
        path = getattr(getattr(record, "request", None), "path_info", "")
        is_told = is_lane_path(path) or path in SIGN_IN_PATHS
        return not (getattr(record, "status_code", 0) == 503 and is_told)
