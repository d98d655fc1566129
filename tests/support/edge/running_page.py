"""A terminal with its page, in this process: wired as in production, visited as from outside."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from html import unescape
from pathlib import Path
from typing import Any, Self

import httpx

from tests.support.edge.running_terminal import RunningTerminal

PASSWORD = "123456"
WATCHED_SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Frame-Options": "DENY",
}


class RunningPage(RunningTerminal):
    """Context manager: as `RunningTerminal`, and the page runs."""

    def __init__(
        self, folder: Path, base_url: str, top: dict[str, Any], page: dict[str, Any]
    ) -> None:
        own = {"pictures_per_s": 15.0, "port": 0, **page}
        super().__init__(folder, base_url, {"page": own, **top}, top.pop("api", {}))
        self._page: asyncio.Task[None] | None = None
        self.token = ""

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._page = asyncio.create_task(self.parts.interfaces.page.run())
        await self.reported("page")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._page is not None:
            self._page.cancel()
            await asyncio.wait([self._page])
        await super().__aexit__()

    @property
    def port(self) -> int:
        return int(self.named("page")[0]["port"])

    @property
    def page_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def get(self, path: str, **rest: Any) -> httpx.Response:
        return await self.http.get(self.page_url + path, **rest)

    async def post(
        self, path: str, body: Any = None, *, headers: dict[str, str | None] | None = None
    ) -> httpx.Response:
        """Send a change as the page's own script does; None takes a header out."""
        usual: dict[str, str | None] = {
            "Origin": self.page_url,
            "Sec-Fetch-Site": "same-origin",
            "Content-Type": "application/json",
            "Menjin-Token": self.token,
        }
        sent = {
            name: text for name, text in {**usual, **(headers or {})}.items() if text is not None
        }
        raw = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
        return await self.http.post(self.page_url + path, content=raw, headers=sent)

    async def try_password(self, password: str, **headers: str | None) -> httpx.Response:
        return await self.post("/sign-in", {"password": password}, headers=headers)

    async def sign_in(self) -> Self:
        """Sign in as somebody who knows the password."""
        assert (await self.try_password(self.config.api.password)).status_code == 204
        self.token = await self.token_shown()
        return self

    async def token_shown(self) -> str:
        found = re.search(r'data-token="([^"]+)"', (await self.get("/")).text)
        assert found
        return unescape(found[1])

    async def state(self) -> dict[str, Any]:
        answer = await self.get("/state")
        assert answer.status_code == 200
        reported: dict[str, Any] = answer.json()
        return reported

    async def raw(self, sent: bytes) -> bytes:
        """Send bytes and read until the page ends the connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(sent)
            await writer.drain()
            async with asyncio.timeout(10):
                return await reader.read()
        finally:
            writer.close()


Starter = Callable[..., Awaitable[RunningPage]]
