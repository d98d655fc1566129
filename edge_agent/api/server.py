"""Servers of the two ports: calls by HTTP, records by websocket; every answer is JSON."""

import asyncio
import json
import logging
import random
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Mapping
from email.utils import format_datetime
from functools import partial
from typing import Any, Final

from aiohttp import web

from edge_agent.api import device_calls, json_commands, people_calls, record_calls
from edge_agent.api.accepted_calls import SignatureUse
from edge_agent.api.answers import Answer, CallRefused, not_supported, refusal
from edge_agent.api.auth import Authenticator
from edge_agent.api.listener import SERVER, ErrorAnswer, Listener
from edge_agent.api.record_push import RecordHub
from edge_agent.api.requests import (
    BODY_MAX,
    UNSIGNED_BODY_MAX,
    CallRequest,
    person_of,
    read_content,
)
from edge_agent.api.terminal import Terminal
from edge_agent.config import ApiConfig
from edge_agent.drivers import Backoff
from terminal_protocol.codes import RetCode
from terminal_protocol.device_calls import CALLS, OK, PUSH_PATH, CallMethod, DeviceCall
from terminal_protocol.values import lookup

logger = logging.getLogger(__name__)

Handler = Callable[[Terminal, CallRequest], Awaitable[Answer]]
Responder = Callable[[web.Request], Awaitable[web.StreamResponse]]

# So many calls are worked on at once.
_AT_ONCE: Final = 8
_PERSON: Final = "person"
_ANY_PATH: Final = "/{rest:(?s:.*)}"
_CALL: Final = web.RequestKey("call", str)
_SHUTDOWN_S: Final = 3.0
_BIND_AGAIN_FIRST_S: Final = 1.0
_BIND_AGAIN_MOST_S: Final = 60.0

HANDLERS: Final[Mapping[str, Handler]] = {
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
    """Serve both ports until cancelled.

    Attributes:
        backoff: pauses between two tries to listen where a port is taken.
    """

    def __init__(
        self,
        config: ApiConfig,
        terminal: Terminal,
        *,
        hub: RecordHub,
        rng: random.Random,
    ) -> None:
        self._config = config
        self._terminal = terminal
        self._authenticator = Authenticator(config, clock=terminal.clock, time=terminal.time)
        self._hub = hub
        self.backoff = Backoff(first_s=_BIND_AGAIN_FIRST_S, most_s=_BIND_AGAIN_MOST_S, rng=rng)
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._problem = ""
        self._bound: dict[str, int] = {}

    def listening(self) -> tuple[str, int, int]:
        """Host, port and push port; a port is 0 while it is not open."""
        return self._config.host, self._bound.get("port", 0), self._bound.get("push_port", 0)

    async def run(self) -> None:
        """Serve until cancelled; a port in use is tried again and never stops the door."""
        wanted: dict[str, tuple[int, Listener]] = {}
        if self._config.enabled:
            wanted["port"] = self._config.port, _listener(self._calls_app())
        if self._config.push_enabled:
            wanted["push_port"] = self._config.push_port, _listener(self._push_app())
        bound = self._bound = {}
        self._hub.open()
        try:
            while len(bound) < len(wanted):
                problems = [
                    await self._bind(name, port, listener, bound)
                    for name, (port, listener) in wanted.items()
                    if name not in bound
                ]
                if len(bound) < len(wanted):
                    self._note_problem("; ".join(one for one in problems if one))
                    await asyncio.sleep(self.backoff.failed())
            if wanted:
                self._note_listening(bound)
            await asyncio.Event().wait()
        finally:
            self._bound = {}
            self._hub.close()
            for _, listener in wanted.values():
                await listener.close()

    async def _bind(self, name: str, port: int, listener: Listener, bound: dict[str, int]) -> str:
        """Listen on a port; returns the reason of a failure, empty on success."""
        try:
            bound[name] = await listener.open(self._config.host, port)
        except OSError as error:
            return f"{self._config.host}:{port}: {error.strerror or 'not usable'}"
        return ""

    def _calls_app(self) -> web.Application:
        """Return the application of calls: one route for each call of the seed."""
        app = web.Application(middlewares=[self._refusals])
        for name in HANDLERS:
            call = CALLS[name]
            handler = partial(self._answer_call, call)
            for path in _addresses(call):
                app.router.add_route("*", path, handler, expect_handler=_expect_later)
        app.router.add_route("*", _ANY_PATH, self._answer_unknown, expect_handler=_expect_later)
        return app

    def _push_app(self) -> web.Application:
        """Return the application of pushed records."""
        app = web.Application()
        for path, is_known in ((_pattern(PUSH_PATH), True), (_ANY_PATH, False)):
            handler = partial(self._answer_push, is_known)
            app.router.add_route("*", path, handler, expect_handler=_expect_later)
        return app

    @web.middleware
    async def _refusals(self, request: web.Request, handler: Responder) -> web.StreamResponse:
        """Answer with a code of chapter 7 when a handler refuses a call."""
        try:
            return await handler(request)
        except CallRefused as error:
            logger.info("call_refused name=%s code=%s", request[_CALL], error.code.value)
            refused = error
        except (OSError, sqlite3.Error):
            # Disk full or damaged: a trouble of this terminal that is known by name.
            logger.exception("call_failed name=%s", request[_CALL])
            refused = CallRefused(RetCode.INTERNAL_ERROR, "terminal-trouble")
        except Exception:
            # The border of a request (house style 34).
            logger.exception("call_failed name=%s", request[_CALL])
            refused = CallRefused(RetCode.UNKNOWN_ERROR, "unknown")
        return self._json(refusal(refused))

    async def _answer_unknown(self, request: web.Request) -> web.StreamResponse:
        return self._json(refusal(not_supported()), status=404)

    async def _answer_call(self, call: DeviceCall, request: web.Request) -> web.StreamResponse:
        """Answer a call and restart afterwards if the call asked for it."""
        request[_CALL] = call.name
        read_call = await self._read_call(call, request)
        async with self._at_once:
            answer = await HANDLERS[call.name](self._terminal, read_call)
        response = self._json(answer)
        if call.name == "reboot" and answer["code"] == OK:
            await response.prepare(request)
            await response.write_eof()
            self._terminal.restart()
        return response

    def _json(self, answer: Answer, *, status: int = 200) -> web.Response:
        return web.Response(
            status=status,
            body=json.dumps(answer, ensure_ascii=False).encode(),
            content_type="application/json",
            charset="utf-8",
            headers=self._headers(),
        )

    async def _read_call(self, call: DeviceCall, request: web.Request) -> CallRequest:
        """Authenticate a caller and read the call, the signature before the content.

        Nothing is done before the signature is on disk as accepted.
        """
        if request.method != call.method.value:
            raise CallRefused(RetCode.METHOD_NOT_ALLOWED, f"{call.method.value} only")
        self._authenticator.admit(request.remote)
        if call.name in self._terminal.unsupported:
            raise not_supported()
        query = dict(reversed(list(request.rel_url.query.items())))  # the first of several counts
        has_window = call.name != "syncTime"
        is_in_address = "timestamp" in query and "sign" in query
        if is_in_address:
            self._authenticator.check(query, remote=request.remote, has_window=has_window)
        body: dict[str, Any] = {}
        batch: list[Any] = []
        if call.method is CallMethod.POST:
            await _invite(request)
            most = BODY_MAX if is_in_address else UNSIGNED_BODY_MAX
            body, batch = await read_content(request, most)
        names = ("timestamp", "sign", *(one.name for one in call.parameters))
        in_body = {name: value for name in names if (value := lookup(body, name)) is not None}
        parameters = {**in_body, **query}
        read_call = CallRequest(
            call=call,
            timestamp_ms=self._authenticator.check(
                parameters, remote=request.remote, has_window=has_window
            ),
            user_id=person_of(request) if _PERSON in request.match_info else "",
            parameters=parameters,
            body=body,
            batch=tuple(batch),
            remote=request.remote or "",
            has_caller=lambda: request.transport is not None and not request.transport.is_closing(),
        )
        await self._terminal.calls.accept(read_call.timestamp_ms, _use(read_call))
        return read_call

    async def _answer_push(self, is_known: bool, request: web.Request) -> web.StreamResponse:  # noqa: FBT001 - bound by the router
        """Admit a subscriber (8.3.3)."""
        headers = self._headers()
        refused = None
        try:
            if not is_known:
                raise not_supported()
            self._authenticator.admit(request.remote)
            timestamp_ms = self._authenticator.check(request.rel_url.query, remote=request.remote)
            await self._terminal.calls.accept(timestamp_ms, SignatureUse.READS)
        except CallRefused as error:
            logger.info("push_refused code=%s", error.code.value)
            refused = error
        except (OSError, sqlite3.Error):
            logger.exception("push_failed")
            refused = CallRefused(RetCode.INTERNAL_ERROR, "terminal-trouble")
        if not web.WebSocketResponse().can_prepare(request).ok:
            refused = refused or CallRefused(RetCode.PARAM_INVALID, "websocket expected")
            return web.json_response(refusal(refused), headers=headers)
        return await self._hub.serve(request, is_allowed=refused is None, headers=headers)

    def _headers(self) -> dict[str, str]:
        # A caller that was refused for a wrong clock learns this terminal's time from the answer.
        return {
            "Date": format_datetime(self._terminal.clock.now(), usegmt=True),
            "Server": SERVER,
            "Cache-Control": "no-store",
        }

    def _note_problem(self, problem: str) -> None:
        if problem != self._problem:
            self._terminal.event_log.write(
                "api_problem", f"device interface cannot listen on {problem}", problem=problem
            )
        self._problem = problem

    def _note_listening(self, bound: Mapping[str, int]) -> None:
        text = {"port": "calls", "push_port": "records"}
        listed = ", ".join(f"{text[name]} on port {port}" for name, port in bound.items())
        self._terminal.event_log.write(
            "api",
            f"device interface at {self._config.host}: {listed}",
            host=self._config.host,
            port=bound.get("port"),
            push_port=bound.get("push_port"),
        )


def _use(request: CallRequest) -> SignatureUse:
    name = request.call.name
    if name == "syncTime":
        return SignatureUse.SETS_CLOCK
    acts = json_commands.acts(request) if name == "jsonCmd" else request.call.is_change
    return SignatureUse.ACTS if acts else SignatureUse.READS


def _listener(app: web.Application) -> Listener:
    return Listener(app, ErrorAnswer("application/json", _not_understood), shutdown_s=_SHUTDOWN_S)


def _not_understood(status: int) -> bytes:
    """Return the answer to a request that could not be parsed as a call."""
    is_callers = status < 500
    code = RetCode.PARAM_INVALID if is_callers else RetCode.UNKNOWN_ERROR
    text = "request not understood" if is_callers else "unknown"
    return json.dumps(refusal(CallRefused(code, text))).encode()


def _addresses(call: DeviceCall) -> Iterator[str]:
    """Return the addresses of a call, as patterns for the router."""
    yield _pattern(call.path)
    # 8.2.4 names the person in the path and, in its table, as the parameter ``id``.
    if "{" in call.path and any(one.name == "id" for one in call.parameters):
        yield _pattern(call.path.partition("{")[0])


def _pattern(path: str) -> str:
    """Return a route pattern that tolerates superfluous slashes."""
    text = [
        f"{{{_PERSON}:[^/]+}}" if one.startswith("{") else one for one in path.strip("/").split("/")
    ]
    between = [f"{{s{number}:/+}}" for number in range(1, len(text))]
    joined = "".join(part for pair in zip(text, [*between, ""], strict=True) for part in pair)
    return f"/{{s0:/*}}{joined}{{end:/*}}"


async def _expect_later(request: web.Request) -> None:
    """Leave ``Expect: 100-continue`` to the handler, which checks the caller first."""


async def _invite(request: web.Request) -> None:
    """Send ``100 Continue`` to a caller that waits for it."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
