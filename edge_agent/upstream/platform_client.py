"""HTTP client of the platform: chapter 9 of the seed."""

import asyncio
import ssl
from dataclasses import dataclass, field
from typing import Any, Final, Self
from urllib.parse import quote, urlsplit

import httpx

from edge_agent.storage import encode
from terminal_protocol import Heartbeat, SyncAnswer, UnreadableBody, read_answer
from terminal_protocol.values import folded

_ANSWER_MAX_BYTES: Final = 32 * 1024 * 1024  # a full library without paging
# httpx limits each step of a request; all of them together may take this many times as long.
_WHOLE_REQUEST: Final = 4.0
_RETRY_AFTER_MOST_S: Final = 3600.0
_USER_AGENT: Final = "menjin-edge-agent"
# Repairs after which an answer may say something else than it was meant to.
_GUESSED: Final = {"json_syntax", "json_duplicate_keys"}
# How much of a stated problem is kept; what a server writes is not trusted to be short.
_PROBLEM_MAX: Final = 120


@dataclass(frozen=True, slots=True)
class Reply:
    """Reply of the platform, or the reason why there is none.

    Attributes:
        status: HTTP status; 0 when no answer came.
        payload: the JSON, None when there was none.
        retry_after_s: pause the platform asked for, in seconds.
        problem: why there is no payload, in words for a log.
        date: header of that name; empty when there was none.
    """

    status: int
    payload: Any = field(default=None, repr=False)
    retry_after_s: float | None = None
    problem: str = ""
    date: str = ""

    @property
    def is_away(self) -> bool:
        """Whether the platform is away: no connection, a timeout, or it reports an overload."""
        return self.status == 0 or self.status >= 500 or self.status in {408, 425, 429}


@dataclass(frozen=True, slots=True)
class Picture:
    """Result of fetching a picture.

    Attributes:
        content: the file, None when it was not delivered.
        is_away: whether another try may help.
    """

    content: bytes | None = field(repr=False)
    is_away: bool = False


class PlatformClient:
    """One connection pool to one platform. Never puts the address into an error or a log."""

    def __init__(
        self,
        *,
        base_url: str,
        device_id: str,
        timeout_s: float,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Prepare a client; nothing is opened.

        Args:
            base_url: the site's BaseUrl, without a slash at its end.
            device_id: of this terminal.
            timeout_s: for each step of a request.
            tls: which servers to trust for https; None for those that the system trusts.
        """
        self._base_url = base_url
        self._device_id = device_id
        self._timeout_s = timeout_s
        self.tls = tls
        self._http: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        """Open the pool; nothing is connected yet."""
        self._http = httpx.AsyncClient(
            verify=True if self.tls is None else self.tls,
            timeout=httpx.Timeout(self._timeout_s),
            limits=httpx.Limits(max_connections=16, max_keepalive_connections=8),
            headers={"User-Agent": _USER_AGENT},
            trust_env=False,  # a terminal talks to its platform directly, like the hardware ones
            follow_redirects=False,  # an upload must not wander to where a redirect points
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all connections."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    async def post(self, kind: str, body: bytes) -> Reply:
        """Send an upload.

        Args:
            kind: ``syface``, ``syattribute``, ``syresult`` or ``syheartbeat``.
            body: JSON, UTF-8.
        """
        headers = {"Content-Type": "application/json; charset=utf-8"}
        return await self._ask("POST", kind, content=body, headers=headers)

    async def heartbeat(self) -> Reply:
        """Send a heartbeat with the BaseUrl in use (seed 9.5)."""
        message = Heartbeat(device_id=self._device_id, server_url=self._base_url)
        return await self.post("syheartbeat", encode(message.to_wire()))

    async def changes(self, cursor: int) -> tuple[SyncAnswer | None, Reply]:
        """Poll for changes of the library (seed 9.1).

        Returns:
            The page, None when the reply holds none; and the reply.
        """
        reply = await self._ask("GET", "syrecord", params={"lastQueryTime": str(cursor)})
        if reply.status != 200 or not isinstance(reply.payload, dict):
            return None, reply
        return SyncAnswer.from_wire(reply.payload), reply

    async def picture(self, url: str, *, max_bytes: int) -> Picture:
        """Fetch a picture of the library.

        Args:
            url: as the platform gave it.
            max_bytes: a longer one is not fetched to its end.
        """
        http = self._opened()
        try:
            # Raises for a port that no socket takes, which fails much later and less clearly.
            _ = urlsplit(url).port
            async with (
                asyncio.timeout(self._timeout_s * _WHOLE_REQUEST),
                http.stream("GET", url) as response,
            ):
                if response.status_code != 200:
                    return Picture(None, is_away=Reply(response.status_code).is_away)
                content = await _read_limited(response, max_bytes)
                return Picture(content or None)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError):
            return Picture(None)  # a host that cannot be encoded is a ValueError
        except (httpx.HTTPError, TimeoutError):
            return Picture(None, is_away=True)

    async def _ask(self, method: str, kind: str, **rest: Any) -> Reply:
        http = self._opened()
        url = f"{self._base_url}/{kind}/{quote(self._device_id, safe='')}"
        try:
            async with (
                asyncio.timeout(self._timeout_s * _WHOLE_REQUEST),
                http.stream(method, url, **rest) as response,
            ):
                content = await _read_limited(response, _ANSWER_MAX_BYTES)
        except (httpx.HTTPError, TimeoutError) as error:
            # The text of these errors may hold the address; the name of the class does not.
            return Reply(0, problem=type(error).__name__)
        payload, problem = _payload(content)
        return Reply(
            response.status_code,
            payload,
            retry_after_s(response.headers.get("Retry-After", "")),
            problem,
            response.headers.get("Date", ""),
        )

    def _opened(self) -> httpx.AsyncClient:
        if self._http is None:
            raise RuntimeError("the client is not open")
        return self._http


def problem_of(reply: Reply) -> str:
    """Describe in a few words what was wrong with a reply; never what was sent."""
    if reply.status == 0:
        return reply.problem
    if reply.status != 200:
        return f"HTTP {reply.status}"
    if isinstance(reply.payload, dict) and "ret" in reply.payload:
        return f"ret {reply.payload['ret']}"[:_PROBLEM_MAX]
    return reply.problem or "answer has no ret"


def _payload(content: bytes | None) -> tuple[Any, str]:
    """Return the JSON of a content, or why there is none."""
    if content is None:
        return None, "answer too large"
    try:
        payload, repairs = read_answer(content)
    except UnreadableBody as error:
        is_cut = error.code == "broken_off"
        return None, "answer broke off" if is_cut else "answer is not JSON"
    if isinstance(payload, dict) and _GUESSED.intersection(repairs):
        # A door opens on what was said, never on what was made of it.
        payload = {key: value for key, value in payload.items() if folded(key) != "opendoor"}
    return payload, ""


async def _read_limited(response: httpx.Response, max_bytes: int) -> bytes | None:
    """Read a body; None when it exceeds the limit."""
    parts: list[bytes] = []
    length = 0
    async for part in response.aiter_bytes():
        length += len(part)
        if length > max_bytes:
            return None
        parts.append(part)
    return b"".join(parts)


def retry_after_s(header: str) -> float | None:
    """Return the seconds of a Retry-After header; a date counts as absent."""
    text = header.strip()
    return min(float(text), _RETRY_AFTER_MOST_S) if text.isdecimal() and len(text) < 10 else None
