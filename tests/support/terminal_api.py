"""A terminal's own interface (seed chapters 4 to 8) on real sockets, for tests of the platform.

Written from the seed and apart from the platform's tables, so that the two check each other.
Signatures, the five-minute window and codes are real; its clock, its temper and its network are
what a test makes of them.
"""

import asyncio
import base64
import hashlib
import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any
from urllib.parse import unquote

from aiohttp import WSMsgType, web

PASSWORD = "door-7788"
NETWORK = {
    "dhcpEnable": 0,
    "ipAddress": "192.168.1.20",
    "subMask": "255.255.255.0",
    "DNS1": "192.168.1.1",
    "DNS2": "",
    "defRout": "192.168.1.1",
}
SMARTFACE = {
    "faceEnable": 1,
    "faceCmpEnable": 1,
    "faceThre": 5,
    "faceMinsize": 80,
    "faceMaxsize": 400,
    "faceInterval": 6,
    "imgType": 0,
    "maskDetecEnable": 1,
    "tempDetecEnable": 1,
    "tempWarnThre": 37.3,
    "ftpPutImgEnable": 0,
    "faceFrame": 1,
}
PERPARA = {
    "detecTemMod": 1,
    "alarmType": 0,
    "voiceProswitch": 1,
    "tempNormal": 1,
    "maskNormal": 0,
    "cmpNormal": 1,
    "RecordOpen": 0,
    "unlockControl": 1,
    "unlockOuttime": 5,
}
# What the software terminal says of a timestamp that was used, and of a syncTime that is older.
_ONCE_WORDS = {
    10003: "older than a call that was accepted before",
    10005: "sign-used: this timestamp was used before; take a new timestamp and sign for each call",
}


@dataclass
class TerminalState:
    """What the terminal is and does; tests change it and look at it."""

    password: str = PASSWORD
    clock_offset_ms: int = 0
    says_date: bool = True
    # Whether syncTime too is refused outside of the window (firmwares differ).
    is_strict_about_sync: bool = False
    # Whether a timestamp is good for one call that acts, and for a syncTime only when it is newer.
    takes_stamps_once: bool = False
    taken: set[int] = field(default_factory=set)
    # Called before a request is looked at; may sleep, raise, or return a response.
    temper: Callable[[web.Request], Awaitable[web.StreamResponse | None]] | None = None
    objects: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {
            "network": dict(NETWORK),
            "smartface": dict(SMARTFACE),
            "perpara": dict(PERPARA),
        }
    )
    # In which forms it finds an object: "field", "json", "fields". It answers 30003 to the others,
    # or 200 all the same.
    reads: tuple[str, ...] = ("field", "json", "fields")
    says_ok_to_nothing: bool = False
    ignores_writes: bool = False
    # Forms in which objects came, and what jsonCmd was told to do.
    written: list[str] = field(default_factory=list)
    commands: list[dict[str, Any]] = field(default_factory=list)
    command_answer: dict[str, Any] = field(default_factory=lambda: {"code": 200, "json": {}})
    # What userAdd answers for some people.
    refusals: dict[str, int] = field(default_factory=dict)
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    records: list[dict[str, Any]] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    reboots: int = 0
    calls: list[str] = field(default_factory=list)
    stamps: list[int] = field(default_factory=list)
    at_once: int = 0
    at_once_most: int = 0
    heartbeats: int = 0
    # Whether pings of the websocket are answered; some small terminals do not.
    answers_pings: bool = True
    subscribers: list[web.WebSocketResponse] = field(default_factory=list)
    # What a page says beside its entries; makes of it what a firmware makes of it.
    say_page: Callable[[dict[str, Any]], Any] = lambda data: data
    page_most: int = 1000

    def now_ms(self) -> int:
        """Return the time by the terminal's clock."""
        return time.time_ns() // 1_000_000 + self.clock_offset_ms


class TerminalServer:
    """The terminal, running in a thread with a loop of its own."""

    def __init__(self) -> None:
        self.state = TerminalState()
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._started = threading.Event()
        self._runner: web.AppRunner | None = None

    @property
    def address(self) -> str:
        """Return what a manager types in."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen on a free port."""
        self._thread.start()
        assert self._started.wait(10)

    def stop(self) -> None:
        """Cut every connection and end."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def push(self, record: dict[str, Any]) -> None:
        """Tell every subscriber of a record."""
        message = {"code": 30000, "message": "push record", "desc": "", "data": record}
        self.push_bytes(json.dumps(message).encode())

    def push_bytes(self, message: bytes) -> None:
        """Send every subscriber a text message of any bytes, as small firmwares do."""

        async def tell() -> None:
            for subscriber in self.state.subscribers:
                await subscriber.send_frame(message, WSMsgType.TEXT)

        asyncio.run_coroutine_threadsafe(tell(), self._loop).result(10)

    def cut_subscribers(self) -> None:
        """Break every websocket without a word, as a network does."""

        async def cut() -> None:
            for subscriber in self.state.subscribers:
                transport = subscriber._req.transport if subscriber._req else None
                if transport is not None:
                    transport.abort()

        asyncio.run_coroutine_threadsafe(cut(), self._loop).result(10)

    @contextmanager
    def hung(self) -> Iterator[None]:
        """Do nothing for the length of a block, as a program that hangs: the system still takes in
        what is sent to it.
        """
        has_begun, is_over = threading.Event(), threading.Event()

        def hang() -> None:
            has_begun.set()
            is_over.wait(60)

        self._loop.call_soon_threadsafe(hang)
        assert has_begun.wait(10)
        try:
            yield
        finally:
            is_over.set()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._open())
        self._started.set()
        self._loop.run_forever()

    async def _open(self) -> None:
        app = web.Application(client_max_size=32 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _close(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        state = self.state
        state.calls.append(f"{request.method} {request.path}")
        state.at_once += 1
        state.at_once_most = max(state.at_once_most, state.at_once)
        try:
            if state.temper is not None:
                answer = await state.temper(request)
                if answer is not None:
                    return answer
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await self._push(request)
            return await self._answer(request)
        finally:
            state.at_once -= 1

    def _reply(self, code: int, message: str = "OK", **more: Any) -> web.Response:
        headers = {}
        if self.state.says_date:
            headers["Date"] = formatdate(self.state.now_ms() / 1000, usegmt=True)
        body = {"code": code, "message": message, "desc": "", **more}
        return web.json_response(body, headers=headers)

    def _refusal(self, request: web.Request) -> int:
        state, query = self.state, request.query
        state.stamps.append(int(query.get("timestamp", 0)))
        if "timestamp" not in query or "sign" not in query:
            return 30003
        expected = hashlib.md5(f"{query['timestamp']}#{state.password}".encode()).hexdigest()
        if query["sign"] != expected:
            return 10005
        is_free = request.path == "/api/device/syncTime" and not state.is_strict_about_sync
        if not is_free and abs(int(query["timestamp"]) - state.now_ms()) > 300_000:
            return 10003
        return self._take_stamp(int(query["timestamp"]), request.path)

    def _take_stamp(self, stamp: int, path: str) -> int:
        state = self.state
        if not state.takes_stamps_once:
            return 0
        if path == "/api/device/syncTime" and stamp <= max(state.taken, default=0):
            return 10003
        is_change = path.endswith(("cfg", "/open", "/reboot", "/user")) or "/user/" in path
        if is_change and not path.endswith("/list") and stamp in state.taken:
            return 10005
        state.taken.add(stamp)
        return 0

    async def _answer(self, request: web.Request) -> web.Response:
        if refusal := self._refusal(request):
            desc = _ONCE_WORDS.get(refusal, "") if self.state.takes_stamps_once else ""
            return self._reply(refusal, "refused", desc=desc)
        path, method = request.path, request.method
        if path.startswith("/api/device/"):
            return await self._device(request) if method == "POST" else self._reply(50004, "no")
        if path == "/api/user/list" and method == "GET":
            return self._people(request)
        if path == "/api/user" and method == "POST":
            return self._save(await request.json())
        if path.startswith("/api/user/update/") and method == "POST":
            user_id = unquote(request.raw_path.split("?")[0].rsplit("/", 1)[1])
            if user_id not in self.state.people:
                return self._reply(20001, "User Not Exists")
            return self._save(await request.json())
        if path.startswith("/api/user/delete/") and method == "GET":
            return self._delete(unquote(request.raw_path.split("?")[0].rsplit("/", 1)[1]))
        if path == "/api/record" and method == "GET":
            return self._records(request)
        return self._reply(50004, "no")

    async def _device(self, request: web.Request) -> web.Response:
        state, name = self.state, request.path.rsplit("/", 1)[1]
        if name == "open":
            state.opened.append(request.query.get("remark", ""))
        elif name == "syncTime":
            state.clock_offset_ms = int(request.query["timestamp"]) - time.time_ns() // 1_000_000
        elif name == "reboot":
            state.reboots += 1
        elif name == "information":
            device = {"deviceID": "1", "deviceName": "Gate", "appVer": "4.2", "webVer": "1.9"}
            return self._reply(200, data={**device, "deviceMoel": "HSF-7"})
        elif name == "jsonCmd":
            return await self._command(request)
        elif name in state.objects:
            return self._reply(200, data=state.objects[name])
        elif name.removesuffix("cfg") in state.objects:
            return await self._configure(request, name.removesuffix("cfg"))
        else:
            return self._reply(40001, "Not Support")
        return self._reply(200)

    async def _object(self, request: web.Request) -> dict[str, Any]:
        """Return the object in the content, {} when it stands there in a form it cannot read."""
        if request.content_type == "application/json":
            form, given = "json", await request.json()
        else:
            assert request.content_type == "multipart/form-data"
            fields: Any = dict(await request.post())
            form = "field" if set(fields) == {"json"} else "fields"
            given = json.loads(fields["json"]) if form == "field" else fields
        self.state.written.append(form)
        return given if form in self.state.reads else {}

    async def _configure(self, request: web.Request, name: str) -> web.Response:
        held = self.state.objects[name]
        sent = await self._object(request)
        given = {key: type(held.get(key, ""))(value) for key, value in sent.items()}
        if not given and self.state.says_ok_to_nothing:
            return self._reply(200)
        if set(given) < set(held) - {"alarmType"}:
            return self._reply(30003, "Missing Param")
        if not self.state.ignores_writes:
            held.update(given)
        return self._reply(200)

    async def _command(self, request: web.Request) -> web.Response:
        command = await self._object(request)
        if not command:
            return self._reply(30003, "Missing Param")
        self.state.commands.append(command)
        return self._reply(**self.state.command_answer)

    def _save(self, person: dict[str, Any]) -> web.Response:
        if code := self.state.refusals.get(person["userId"]):
            return self._reply(code, "refused")
        if person.get("photo"):
            base64.b64decode(person["photo"], validate=True)
        self.state.people[person["userId"]] = person
        return self._reply(200, data=person)

    def _delete(self, user_id: str) -> web.Response:
        if user_id == "all":
            self.state.people.clear()
            return self._reply(200)
        if self.state.people.pop(user_id, None) is None:
            return self._reply(20001, "User Not Exists")
        return self._reply(200)

    def _people(self, request: web.Request) -> web.Response:
        return self._page(request, list(self.state.people.values()), default=10, most=10)

    def _records(self, request: web.Request) -> web.Response:
        start, end = int(request.query["startTime"]), int(request.query["endTime"])
        found = [one for one in self.state.records if start <= one["signTime"] <= end]
        found.sort(key=lambda one: -one["signTime"])
        return self._page(request, found, default=20, most=1000)

    def _page(
        self, request: web.Request, rows: list[dict[str, Any]], *, default: int, most: int
    ) -> web.Response:
        page = int(request.query.get("page", 1))
        size = min(int(request.query.get("size", default)), most, self.state.page_most)
        shown = rows[(page - 1) * size : page * size]
        if not shown:
            return self._reply(50008, "Search List Null")
        data = {
            "total": len(rows),
            "pageNum": page,
            "size": len(shown),
            "pageSize": size,
            "totalPage": -(-len(rows) // size),
            "data": shown,
        }
        return self._reply(200, data=self.state.say_page(data))

    async def _push(self, request: web.Request) -> web.WebSocketResponse:
        line = web.WebSocketResponse(autoping=False)
        await line.prepare(request)
        if self._refusal(request):
            await line.send_str(
                json.dumps({"code": 20002, "message": "Permission Denied!", "desc": ""})
            )
            await line.close()
            return line
        await line.send_str(json.dumps({"code": 20000, "message": " Connected!", "desc": ""}))
        self.state.subscribers.append(line)
        try:
            async for message in line:
                if message.type is WSMsgType.TEXT:
                    self.state.heartbeats += 1
                if message.type is WSMsgType.PING and self.state.answers_pings:
                    await line.pong(message.data)
        finally:
            self.state.subscribers.remove(line)
        return line


@contextmanager
def terminal_server() -> Iterator[TerminalServer]:
    """Run a terminal for the length of a block."""
    server = TerminalServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()
