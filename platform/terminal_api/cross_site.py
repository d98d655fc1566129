"""Detection of requests that pages of other sites make browsers send to the terminal API.

Such a page needs no answer to do harm: an upload in the name of a terminal is enough. Terminals
send neither of the two headers, and a program in a terminal that is itself a page of files names no
host (``null``, ``file://``).
"""

from urllib.parse import urlsplit

from terminal_protocol import TerminalRequest

_WEB = {"http", "https"}


def is_cross_site(request: TerminalRequest) -> bool:
    """Tell whether a browser says that a page of another host sent a request.

    Hosts are compared without their ports: port 80 is for terminals, pages come from 443.
    """
    if request.header("sec-fetch-site").strip().lower() == "cross-site":
        return True
    origin = request.header("origin").strip().lower()
    if origin.partition("://")[0] not in _WEB:
        return False
    page = _host(origin)
    return not page or page != _host(f"//{request.header('host')}".lower())


def is_browser(request: TerminalRequest) -> bool:
    """Tell whether a request names a page that made a browser send it."""
    return "origin" in request.headers or "sec-fetch-site" in request.headers


def _host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").rstrip(".")
    except ValueError:
        return ""
