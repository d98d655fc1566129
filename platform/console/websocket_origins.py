"""Origin check of live sockets, because a browser sends cookies along with any handshake."""

from typing import Any
from urllib.parse import SplitResult, urlsplit

from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.http.request import validate_host
from django.utils.http import is_same_domain

_PORTS = {"http": 80, "https": 443}


class SameOriginSockets:
    """ASGI application that refuses handshakes asked for by pages of other hosts.

    Allowed are the host that was asked, the names of ``ALLOWED_HOSTS`` and the origins of
    ``CSRF_TRUSTED_ORIGINS``. No browser leaves the Origin out; programs that do are let through
    only where every host name is allowed.
    """

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        headers = dict(scope["headers"])
        origin, host = (headers.get(name, b"").decode("latin-1") for name in (b"origin", b"host"))
        is_ours = is_own_origin(origin, host=host)
        application = self.application if is_ours else WebsocketDenier()
        return await application(scope, receive, send)


def is_own_origin(origin: str, *, host: str) -> bool:
    """Tell whether a page of this origin belongs to the platform that was asked as ``host``."""
    hosts = settings.ALLOWED_HOSTS
    if not origin:
        return "*" in hosts
    page = _split(origin)
    if page is None or page.scheme not in _PORTS:
        return False
    asked = _split(f"{page.scheme}://{host}")
    if asked is not None and _place(asked) == _place(page):
        return validate_host(asked.hostname or "", hosts)
    named = [one for one in hosts if one != "*"]
    return validate_host(page.hostname or "", named) or any(
        _is_trusted(page, pattern) for pattern in settings.CSRF_TRUSTED_ORIGINS
    )


def _split(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text.lower())
        return parts if parts.hostname and parts.port != 0 else None
    except ValueError:
        return None


def _place(parts: SplitResult) -> tuple[str | None, int | None]:
    return parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _is_trusted(page: SplitResult, pattern: str) -> bool:
    scheme, _, place = pattern.lower().partition("://")
    if scheme != page.scheme:
        return False
    if place.startswith("*."):
        return is_same_domain(page.netloc, place.removeprefix("*"))
    return page.netloc == place
