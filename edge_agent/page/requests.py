"""Requests to the page: address, session, content."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from edge_agent.config import Language
from edge_agent.page.guards import Refused
from edge_agent.page.sessions import Session

_BODY_MAX: Final = 4096
_BODY_LIMIT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A request that passed every guard.

    Attributes:
        tail: what the address holds behind a route that ends in a slash.
        query: parameters of the address, the first of several.
        body: object that was sent; {} when there was none.
        session: of the user who is signed in, None where signing in is not needed.
        problem: why signing in is impossible now, empty when it is not.
        remote: address of the visitor.
    """

    tail: str
    query: Mapping[str, str]
    body: Mapping[str, Any] = field(repr=False)
    session: Session | None
    language: Language
    problem: str
    remote: str

    def text(self, name: str) -> str | None:
        """Return a text that was sent; None when there is none, or something else."""
        found = self.body.get(name)
        return found if isinstance(found, str) else None

    def number(self, name: str) -> int:
        """Return a number of the address; 0 for none, or for something else."""
        text = self.query.get(name, "")
        return int(text) if _is_number(text) else 0

    def tail_number(self, suffix: str) -> int:
        """Return the number in front of the end of the address.

        Raises:
            Refused: there is none.
        """
        text = self.tail.removesuffix(suffix)
        if text == self.tail or not _is_number(text):
            raise Refused(404, "not_found")
        return int(text)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 15


async def read_json(request: web.Request) -> dict[str, Any]:
    """Read the content of a request that changes something.

    Only JSON is taken: a form of another site cannot send it.

    Raises:
        Refused: it is something else, too long or too slow.
    """
    if request.content_type != "application/json":
        raise Refused(415, "content")
    raw = bytearray()
    try:
        async with asyncio.timeout(_BODY_LIMIT_S):
            async for part in request.content.iter_any():
                raw += part
                if len(raw) > _BODY_MAX:
                    raise Refused(413, "too_long")
    except TimeoutError:
        raise Refused(408, "too_slow") from None
    except web.RequestPayloadError:
        raise Refused(400, "content") from None
    try:
        found = json.loads(raw or b"{}")
    except (ValueError, RecursionError):
        raise Refused(400, "content") from None
    if not isinstance(found, dict):
        raise Refused(400, "content")
    return found
