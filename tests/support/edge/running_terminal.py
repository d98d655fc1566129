"""A terminal that runs in this process: wired as in production, called as from outside."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

import httpx
from websockets.asyncio.client import connect

from edge_agent.config import parse_config
from edge_agent.door.pipeline import Devices
from edge_agent.drivers.base import Frame
from edge_agent.drivers.relay_simulated import SimulatedRelay
from edge_agent.service.assembly import assemble
from edge_agent.service.parts import Parts
from terminal_protocol.device_calls import CALLS, DEFAULT_PASSWORD, signed_query
from tests.support.edge.fakes import (
    FakeEngine,
    JumpingClock,
    ListCamera,
    ListCardReader,
    ListEventLog,
    ListPrompter,
    ScriptedThermometer,
    person_image,
)

PERSON = {
    "userId": "u1",
    "userType": 1,
    "icNumber": "",
    "jobNumber": "J-7",
    "mobile": "13800000000",
    "name": "李二壮",
    "remark": "",
}


@cache
def _tls() -> ssl.SSLContext:
    """Return a context made once; reading the system's certificates takes a tenth of a second."""
    return ssl.create_default_context()


class WaitingEventLog(ListEventLog):
    """Remembers, and can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.received = asyncio.Event()

    def write(self, event: str, line: str, **facts: Any) -> None:
        super().write(event, line, **facts)
        self.received.set()


class RunningTerminal:
    """Context manager: everything but the loops that talk to the platform runs."""

    def __init__(
        self, folder: Path, base_url: str, top: dict[str, Any], api: dict[str, Any]
    ) -> None:
        table = {
            "device_id": "0000001",
            "base_url": base_url,
            "decide": "local",
            "thermometer": {"driver": "none"},
            **top,
            "api": {"port": 0, "push_port": 0, **api},
        }
        self.config = parse_config(table, base=folder)
        self.clock = JumpingClock()
        self.relay = SimulatedRelay()
        self.camera = ListCamera()
        self.thermometer = ScriptedThermometer()
        self.event_log = WaitingEventLog()
        self.prompter = ListPrompter()
        self.card_reader = ListCardReader()
        self.devices = Devices(
            *(self.camera, self.relay, self.thermometer, self.clock),
            *(self.prompter, self.card_reader),
        )
        self.parts: Parts = assemble(
            self.config, self.devices, self.clock, FakeEngine(), self.event_log
        )
        self._api: asyncio.Task[None] | None = None
        self._last_stamp_ms = 0
        self.parts.upstream.client.tls = _tls()
        self.http = httpx.AsyncClient(trust_env=False, timeout=10, verify=_tls())

    async def __aenter__(self) -> Self:
        parts = self.parts
        await parts.database.open()
        await parts.interfaces.terminal.time.load()
        await parts.interfaces.terminal.settings.load()
        await parts.upstream.client.__aenter__()
        await parts.door.recogniser.open()
        await self.relay.open()
        await parts.upstream.sync.load()
        self._api = asyncio.create_task(parts.interfaces.api.run())
        await self.reported("api")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()
        if self._api is not None:
            self._api.cancel()
            await asyncio.wait([self._api])
        await self.relay.close()
        await self.parts.door.recogniser.close()
        await self.parts.upstream.client.__aexit__()
        await self.parts.database.close()

    def named(self, event: str) -> list[dict[str, Any]]:
        return [one for one in self.event_log.events if one["event"] == event]

    async def reported(self, event: str, *, times: int = 1) -> None:
        """Wait until something was told so many times."""
        async with asyncio.timeout(10):
            while len(self.named(event)) < times:
                self.event_log.received.clear()
                await self.event_log.received.wait()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.named('api')[0]['port']}"

    @property
    def push_url(self) -> str:
        return f"ws://127.0.0.1:{self.named('api')[0]['push_port']}/api/record"

    def now_ms(self) -> int:
        return self.parts.interfaces.terminal.time.now_ms()

    def stamp(self) -> int:
        """Return a timestamp for a call, by the terminal's clock; no two are the same."""
        now_ms = self.now_ms()
        is_near = 0 <= self._last_stamp_ms - now_ms < 1000
        self._last_stamp_ms = self._last_stamp_ms + 1 if is_near else now_ms
        return self._last_stamp_ms

    def query(
        self, *, password: str = DEFAULT_PASSWORD, at_ms: int | None = None, **more: Any
    ) -> Any:
        stamp = self.stamp() if at_ms is None else at_ms
        return signed_query(password, timestamp_ms=stamp, parameters=more)

    async def request(self, method: str, path: str, **rest: Any) -> httpx.Response:
        return await self.http.request(method, self.url + path, **rest)

    async def call(
        self,
        name: str,
        body: Any = None,
        /,
        *,
        user_id: str = "",
        form: dict[str, Any] | None = None,
        at_ms: int | None = None,
        **parameters: Any,
    ) -> dict[str, Any]:
        """Make one call of the seed, signed, as `terminal_protocol.device_calls` describes it."""
        call = CALLS[name]
        response = await self.request(
            call.method.value,
            call.address(user_id),
            params=self.query(at_ms=at_ms, **parameters),
            **({} if body is None else {"json": body}),
            **({} if form is None else {"data": form}),
        )
        assert response.status_code == 200
        assert response.headers["Content-Type"].startswith("application/json")
        answer: dict[str, Any] = response.json()
        return answer

    @asynccontextmanager
    async def listening(self, query: dict[str, str]) -> AsyncIterator[dict[str, Any]]:
        """Listen to records; what is said first."""
        address = f"{self.push_url}?{urlencode(query)}"
        async with connect(address, proxy=None) as line:
            yield json.loads(await line.recv())

    async def code(self, name: str, body: Any = None, /, **rest: Any) -> int:
        """Make a call; its code."""
        return int((await self.call(name, body, **rest))["code"])

    async def somebody_comes(self, shade: int, *, label: str = "visitor") -> Any:
        """Let somebody walk by; what was decided."""
        return await self.parts.door.pipeline.process(
            Frame(image=person_image(shade), label=label, is_visit=True)
        )

    async def count(self, table: str) -> int:
        return await self.parts.database.run(
            lambda connection: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        )


Starter = Callable[..., Awaitable[RunningTerminal]]
