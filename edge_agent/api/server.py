"""The two ports: calls by HTTP, records by websocket. Every answer is JSON, whatever was sent."""

import asyncio
import json
import logging
import random
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from email.utils import format_datetime
from typing import Any, Final

from aiohttp import web

from edge_agent.api import device_calls, json_commands, people_calls, record_calls
from edge_agent.api.accepted_calls import Use
from edge_agent.api.answers import Answer, CallRefused, not_supported, refusal
from edge_agent.api.auth import Gatekeeper
from edge_agent.api.protocol import JsonServer
from edge_agent.api.record_push import RecordHub
from edge_agent.api.requests import (
    BODY_MAX,
    UNSIGNED_BODY_MAX,
    CallRequest,
    plain_path,
    read_content,
    route,
)
from edge_agent.api.terminal import Terminal
from edge_agent.config import ApiConfig
from edge_agent.drivers.clock import Backoff
from terminal_protocol.codes import RetCode
from terminal_protocol.device_calls import PUSH_PATH, CallMethod, DeviceCall
from terminal_protocol.values import lookup

logger = logging.getLogger(__name__)

Handler = Callable[[Terminal, CallRequest], Awaitable[Answer]]

# So many calls are worked on at once.
_AT_ONCE: Final = 8
_SHUTDOWN_S: Final = 3.0
_BIND_AGAIN_FIRST_S: Final = 1.0
_BIND_AGAIN_MOST_S: Final = 60.0

_HANDLERS: Final[Mapping[str, Handler]] = {
    "open": device_calls.open_door,
    "syncTime": device_calls.sync_time,
    "reboot": device_calls.reboot,
    "jsonCmd": json_commands.json_command,
    "information": device_calls.information,
    "network": device_calls.report_object,
    "networkcfg": device_calls.set_object,
    "smartface": device_calls.report_object,
    "smartfacecfg": device_calls.set_object,
    "perpara": device_calls.report_object,
    "perparacfg": device_calls.set_object,
    "userAdd": people_calls.add,
    "userUpdate": people_calls.update,
    "userDelete": people_calls.delete,
    "userList": people_calls.search,
    "recordList": record_calls.search,
}


class ApiServer:
    """Serves both ports until it is cancelled."""

    def __init__(
        self,
        config: ApiConfig,
        terminal: Terminal,
        *,
        hub: RecordHub,
        chance: random.Random,
    ) -> None:
        self._config = config
        self._terminal = terminal
        self._gate = Gatekeeper(config, clock=terminal.clock, time=terminal.time)
        self._hub = hub
        self._backoff = Backoff(
            first_s=_BIND_AGAIN_FIRST_S, most_s=_BIND_AGAIN_MOST_S, chance=chance
        )
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._problem = ""
        self._bound: dict[str, int] = {}

    def listening(self) -> tuple[str, int, int]:
        """Host, port and push port; a port is 0 while nobody listens on it."""
        return self._config.host, self._bound.get("port", 0), self._bound.get("push_port", 0)

    async def run(self) -> None:
        """Listen for ever; a port that is taken is tried again and never stops the door."""
        wanted: dict[str, tuple[int, Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]]]
        wanted = {}
        if self._config.enabled:
            wanted["port"] = (self._config.port, self._answer_call)
        if self._config.push_enabled:
            wanted["push_port"] = (self._config.push_port, self._answer_push)
        bound = self._bound = {}
        runners: list[web.ServerRunner] = []
        self._hub.open()
        try:
            while len(bound) < len(wanted):
                problems = [
                    await self._bind(name, port, handler, bound, runners)
                    for name, (port, handler) in wanted.items()
                    if name not in bound
                ]
                if len(bound) < len(wanted):
                    self._note_problem("; ".join(one for one in problems if one))
                    await asyncio.sleep(self._backoff.failed())
            if wanted:
                self._tell(bound)
            await asyncio.Event().wait()
        finally:
            self._bound = {}
            self._hub.close()
            for runner in runners:
                await runner.cleanup()

    async def _bind(
        self,
        name: str,
        port: int,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        bound: dict[str, int],
        runners: list[web.ServerRunner],
    ) -> str:
        """Listen on a port; returns why not, empty when it does."""
        runner = web.ServerRunner(JsonServer(handler), shutdown_timeout=_SHUTDOWN_S)
        await runner.setup()
        site = web.TCPSite(runner, self._config.host, port)
        try:
            await site.start()
        except OSError as error:
            await runner.cleanup()
            return f"{self._config.host}:{port}: {error.strerror or 'not usable'}"
        runners.append(runner)
        bound[name] = int(runner.addresses[0][1])
        return ""

    async def _answer_call(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a call; the restart that one may ask for comes after its answer."""
        status, call = 200, None
        try:
            call, user_id = route(request.rel_url.raw_path)
        except CallRefused as error:
            status, answer = 404, refusal(error)
        else:
            answer = await self._outcome(call, user_id, request)
        response = web.Response(
            status=status,
            body=json.dumps(answer, ensure_ascii=False).encode(),
            content_type="application/json",
            charset="utf-8",
            headers=self._headers(),
        )
        await response.prepare(request)
        await response.write_eof()
        if call is not None and call.name == "reboot" and answer["code"] == 200:
            self._terminal.restart()
        return response

    async def _outcome(self, call: DeviceCall, user_id: str, request: web.BaseRequest) -> Answer:
        try:
            made = await self._read_call(call, user_id, request)
            async with self._at_once:
                return await _HANDLERS[call.name](self._terminal, made)
        except CallRefused as error:
            logger.info("call_refused name=%s code=%s", call.name, error.code.value)
            return refusal(error)
        except (OSError, sqlite3.Error):
            # Disk full or damaged: a trouble of this terminal that is known by name.
            logger.exception("call_failed name=%s", call.name)
            return refusal(CallRefused(RetCode.INTERNAL_ERROR, "terminal-trouble"))
        except Exception:
            # The border of a request (house style 34).
            logger.exception("call_failed name=%s", call.name)
            return refusal(CallRefused(RetCode.UNKNOWN_ERROR, "unknown"))

    async def _read_call(
        self, call: DeviceCall, user_id: str, request: web.BaseRequest
    ) -> CallRequest:
        """Admit a caller and read what they sent, the signature before the content.

        Nothing is done before the signature is on disk as accepted.
        """
        if request.method != call.method.value:
            raise CallRefused(RetCode.METHOD_NOT_ALLOWED, f"{call.method.value} only")
        self._gate.admit(request.remote)
        if call.name in self._terminal.unsupported:
            raise not_supported()
        query = dict(reversed(list(request.rel_url.query.items())))  # the first of several counts
        has_window = call.name != "syncTime"
        is_in_address = "timestamp" in query and "sign" in query
        if is_in_address:
            self._gate.check(query, remote=request.remote, has_window=has_window)
        body: dict[str, Any] = {}
        batch: list[Any] = []
        if call.method is CallMethod.POST:
            await _invite(request)
            most = BODY_MAX if is_in_address else UNSIGNED_BODY_MAX
            body, batch = await read_content(request, most)
        names = ("timestamp", "sign", *(one.name for one in call.parameters))
        in_body = {name: value for name in names if (value := lookup(body, name)) is not None}
        parameters = {**in_body, **query}
        made = CallRequest(
            call=call,
            timestamp_ms=self._gate.check(parameters, remote=request.remote, has_window=has_window),
            user_id=user_id,
            parameters=parameters,
            body=body,
            batch=tuple(batch),
            remote=request.remote or "",
            has_caller=lambda: request.transport is not None and not request.transport.is_closing(),
        )
        await self._terminal.calls.accept(made.timestamp_ms, _use(made))
        return made

    async def _answer_push(self, request: web.BaseRequest) -> web.StreamResponse:
        """Take in a subscriber (8.3.3)."""
        headers = self._headers()
        refused = None
        try:
            if plain_path(request.rel_url.raw_path) != PUSH_PATH:
                raise not_supported()
            self._gate.admit(request.remote)
            timestamp_ms = self._gate.check(request.rel_url.query, remote=request.remote)
            await self._terminal.calls.accept(timestamp_ms, Use.READS)
        except CallRefused as error:
            logger.info("push_refused code=%s", error.code.value)
            refused = error
        except (OSError, sqlite3.Error):
            logger.exception("push_failed")
            refused = CallRefused(RetCode.INTERNAL_ERROR, "terminal-trouble")
        if not web.WebSocketResponse().can_prepare(request).ok:
            refusal_sent = refused or CallRefused(RetCode.PARAM_INVALID, "websocket expected")
            return web.json_response(refusal(refusal_sent), headers=headers)
        return await self._hub.serve(request, is_allowed=refused is None, headers=headers)

    def _headers(self) -> dict[str, str]:
        # Whoever was refused for a wrong clock learns this terminal's time from the answer.
        return {
            "Date": format_datetime(self._terminal.clock.now(), usegmt=True),
            "Server": "menjin-edge-agent",
            "Cache-Control": "no-store",
        }

    def _note_problem(self, problem: str) -> None:
        if problem != self._problem:
            self._terminal.event_log.write(
                "api_problem", f"device interface cannot listen on {problem}", problem=problem
            )
        self._problem = problem

    def _tell(self, bound: Mapping[str, int]) -> None:
        words = {"port": "calls", "push_port": "records"}
        listed = ", ".join(f"{words[name]} on port {port}" for name, port in bound.items())
        self._terminal.event_log.write(
            "api",
            f"device interface at {self._config.host}: {listed}",
            host=self._config.host,
            port=bound.get("port"),
            push_port=bound.get("push_port"),
        )


def _use(request: CallRequest) -> Use:
    name = request.call.name
    if name == "syncTime":
        return Use.SETS_CLOCK
    acts = json_commands.acts(request) if name == "jsonCmd" else request.call.is_change
    return Use.ACTS if acts else Use.READS


async def _invite(request: web.BaseRequest) -> None:
    """Tell a caller that waits for it to send the content (HTTP's 100-continue)."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
