"""A relay with a network address, as a real server on loopback."""

import asyncio
import base64
import hashlib
import re
from typing import Any

from aiohttp import web

from edge_agent.drivers.relay_http import HttpRelayOptions

PASSWORD = "s3cr3t-of-the-relay"


class Box:
    """A relay with a web server, as they are sold: two addresses, perhaps a password."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.callers: set[Any] = set()
        self.is_energised = False
        self.auth = ""
        self.status = 200
        self.answers = asyncio.Event()
        self.answers.set()
        self.changed = asyncio.Event()
        self.port = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.method} {request.path_qs}")
        self.callers.add(request.get_extra_info("peername"))
        self.changed.set()
        await self.answers.wait()
        if self.auth == "basic":
            wanted = "Basic " + base64.b64encode(f"door:{PASSWORD}".encode()).decode()
            if request.headers.get("Authorization") != wanted:
                return web.Response(status=401, headers={"WWW-Authenticate": "Basic"})
        if self.auth == "digest" and not self._digest_fits(request):
            wanted = 'Digest realm="relay", nonce="abc", algorithm=MD5, qop="auth"'
            return web.Response(status=401, headers={"WWW-Authenticate": wanted})
        if self.status != 200:
            return web.Response(status=self.status, headers={"Location": "/elsewhere"})
        self.is_energised = request.path == "/on"
        self.changed.set()
        return web.Response(text="ok")

    def _digest_fits(self, request: web.Request) -> bool:
        """RFC 7616 with MD5."""
        reported = dict(re.findall(r'(\w+)="?([^",]+)"?', request.headers.get("Authorization", "")))
        if "response" not in reported:
            return False

        def md5(text: str) -> str:
            return hashlib.md5(text.encode()).hexdigest()

        secret = md5(f"door:relay:{PASSWORD}")
        what = md5(f"{request.method}:{reported['uri']}")
        middle = f"{reported['nonce']}:{reported['nc']}:{reported['cnonce']}:{reported['qop']}"
        return bool(reported["response"] == md5(f"{secret}:{middle}:{what}"))

    async def start(self) -> None:
        application = web.Application()
        application.router.add_route("*", "/{rest:.*}", self.answer)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        self.answers.set()
        await self._runner.cleanup()

    def options(self, **more: Any) -> HttpRelayOptions:
        base = f"http://127.0.0.1:{self.port}"
        return HttpRelayOptions(on_url=f"{base}/on", off_url=f"{base}/off", **more)
