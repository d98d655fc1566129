"""Request of a terminal and its reply, independent of the server."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import parse_qsl


class BodyIncomplete(Exception):
    """The body of a request did not come whole."""


class BodyTooLarge(Exception):
    """The body of a request is larger than its server reads."""


@dataclass(frozen=True, slots=True)
class TerminalRequest:
    """A request as its server passes it on.

    Attributes:
        path: as it is meant: no empty segments, no padding, in characters.
        query: what stands behind the question mark, without it.
        headers: those that concern terminals, by name in small letters.
        address: of the caller, through trusted proxies only; empty when unknown.
        began: when the request began to arrive.
        look_up_peer: see ``peer``; few requests need it.
        look_up_host: see ``called_host``; few requests need it.
        read_body: returns the body; raises ``BodyIncomplete`` or ``BodyTooLarge``.
        may_be_cut: the server cannot tell whether the body is all there.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    address: str
    began: datetime
    look_up_peer: Callable[[], str] = field(repr=False)
    look_up_host: Callable[[], str] = field(repr=False)
    read_body: Callable[[], bytes] = field(repr=False)
    may_be_cut: bool = False

    @property
    def peer(self) -> str:
        """Return where the connection really comes from, empty for a proxy of ours."""
        return self.look_up_peer()

    @property
    def called_host(self) -> str:
        """Return under which host the platform was reached, empty when unknown."""
        return self.look_up_host()

    def header(self, name: str) -> str:
        """Return a header by its lower-case name, empty when it is absent."""
        return self.headers.get(name, "")

    def query_fields(self) -> dict[str, str]:
        """Return the fields of the query; of one that is said twice the last."""
        return dict(parse_qsl(self.query, keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class TerminalReply:
    """Reply to a terminal: status, headers without the length, and body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
