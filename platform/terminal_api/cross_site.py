"""Requests that pages of other sites make browsers send to the paths of terminals.

Such a page needs no answer to do harm: an upload in the name of a terminal is enough. Terminals
send neither of the two headers, and a program in a terminal that is itself a page of files names no
host (``null``, ``file://``).
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

_WEB = {"http", "https"}


def is_cross_site(environ: Mapping[str, Any]) -> bool:
    """Tell whether a browser says that a page of another host sent a request (WSGI, ``META``).

    Hosts are compared without their ports: port 80 is for terminals, pages come from 443.
    """
    if str(environ.get("HTTP_SEC_FETCH_SITE") or "").strip().lower() == "cross-site":
        return True
    origin = str(environ.get("HTTP_ORIGIN") or "").strip().lower()
    if origin.partition("://")[0] not in _WEB:
        return False
    asked = environ.get("HTTP_HOST") or environ.get("SERVER_NAME") or ""
    page = _host(origin)
    return not page or page != _host(f"//{asked}".lower())


def _host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").rstrip(".")
    except ValueError:
        return ""
