"""Addresses of the terminal API: start here to find what answers a terminal.

Each is called under a site's or terminal's secret segment, ``/t/<token>/syface/<device_id>``, and
where a site allows it without one, ``/syface/<device_id>`` (seed, chapter 9). Pictures are
fetched from signed addresses at the root.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from devices import terminal_views as devices_views
from faces import terminal_views as faces_views
from records import terminal_views as records_views
from terminal_api.load import Priority
from terminal_api.paths import is_picture_path, path_parts


@dataclass(frozen=True, slots=True)
class TerminalUrl:
    """One address.

    Attributes:
        pattern: below the secret segment, if there is one.
        view: of an upload called with ``Admission`` and ``BodyReading``, of a poll with
            ``Admission`` and ``TerminalRequest``, of a picture with ``TerminalRequest`` and name.
        priority: who goes first when there is more to do than can be done.
        body_limit: setting that says how many bytes a body may have.
    """

    pattern: str
    method: str
    view: Callable[..., Any]
    priority: Priority
    body_limit: str


BODY = "TERMINAL_BODY_LIMIT_BYTES"
# Pattern below /t/<token> or bare, method, view, priority, body limit.
POLL, FACE, ATTRIBUTE, RESULT, HEARTBEAT, PICTURE = TERMINAL_URLS = (
    TerminalUrl("/syrecord/<device_id>", "GET", faces_views.sync, Priority.POLL, BODY),
    TerminalUrl("/syface/<device_id>", "POST", records_views.face, Priority.DOOR, BODY),
    TerminalUrl("/syattribute/<device_id>", "POST", records_views.attribute, Priority.NORMAL, BODY),
    TerminalUrl("/syresult/<device_id>", "POST", faces_views.result, Priority.NORMAL, BODY),
    TerminalUrl("/syheartbeat/<device_id>", "POST", devices_views.heartbeat, Priority.NORMAL, BODY),
    # At the root only; their names are signed.
    TerminalUrl("/i/<name>.jpg", "GET", faces_views.picture, Priority.NORMAL, BODY),
)
_BY_KIND = {url.pattern.split("/")[1]: url for url in TERMINAL_URLS}


@dataclass(frozen=True, slots=True)
class Match:
    """Address, secret segment and device ID that a path means.

    Attributes:
        url: None when no address of terminals is like this.
        token: secret segment, None without one.
        name: device ID, or name of a picture; empty when it can be none.
        kind: name of the address: ``syface`` …; empty for none.
    """

    url: TerminalUrl | None
    token: str | None = None
    name: str = ""
    kind: str = ""

    @property
    def priority(self) -> Priority:
        """Return the priority of the address."""
        return self.url.priority if self.url else Priority.NORMAL

    @property
    def body_limit(self) -> int:
        """Return how many bytes a body may have."""
        return int(getattr(settings, (self.url or PICTURE).body_limit))


def resolve(path: str) -> Match:
    """Resolve a path.

    Args:
        path: as it is meant (``path_meant``).
    """
    parts = path_parts(path)
    if parts is None:
        return Match(PICTURE if is_picture_path(path) else None)
    url = _BY_KIND.get(parts.kind)
    return Match(url, parts.token, parts.name, parts.kind) if url else Match(None)
