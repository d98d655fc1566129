"""Checks of every request to the page, and headers of every answer."""

import ipaddress
import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web
from multidict import CIMultiDictProxy

_HOST: Final = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]{1,253})(:\d{1,5})?")

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:;"
        " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
    "Server": "menjin-edge-agent",
}


class Refused(Exception):
    """A request that is not done.

    Attributes:
        status: of HTTP.
        problem: name of it in `edge_agent.page.texts`, without ``problem_``; stable.
        retry_after_s: when to come again, None for never.
        allow: methods that the address has, where another one was tried.
    """

    def __init__(
        self, status: int, problem: str, *, retry_after_s: float | None = None, allow: str = ""
    ) -> None:
        super().__init__(problem)
        self.allow = allow
        self.status = status
        self.problem = problem
        self.retry_after_s = retry_after_s


def check_host(request: web.Request, names: Sequence[str]) -> str:
    """Refuse a page that another site's name leads to (DNS rebinding).

    Such a site reaches this page from its visitors' browsers, under its own name. Numbers cannot
    be made to lead elsewhere, so they are always good.

    Args:
        request: anything.
        names: what else the page may be called, in small letters.

    Returns:
        What the visitor typed, with the port.

    Raises:
        Refused: it is called something else.
    """
    sent = _only(request.headers, "Host")
    found = _HOST.fullmatch(sent)
    if found is None:
        raise Refused(400, "host")
    name = found["name"].lower().removesuffix(".")
    if name not in {"localhost", *names} and not _is_address(name):
        raise Refused(421, "host")
    return sent.lower()


def check_origin(request: web.Request, host: str) -> None:
    """Refuse a change that another site's page asks for.

    A browser says by ``Origin`` which page a change comes from, and our own pages ask by script
    only, so it is always there.

    Args:
        request: one that changes something.
        host: what `check_host` returned.

    Raises:
        Refused: it comes from elsewhere, or does not say from where.
    """
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise Refused(403, "origin")
    try:
        origin = urlsplit(_only(request.headers, "Origin"))
    except ValueError:
        raise Refused(403, "origin") from None
    # Before a proxy that adds TLS the scheme is another one than here; the name is what counts.
    is_ours = origin.scheme in {"http", "https"} and origin.netloc.lower() == host
    if not is_ours or origin.path or origin.query or origin.fragment:
        raise Refused(403, "origin")


def _only(headers: CIMultiDictProxy[str], name: str) -> str:
    """Return a header that must be there once; empty otherwise."""
    found = headers.getall(name, [])
    return found[0] if len(found) == 1 else ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True
