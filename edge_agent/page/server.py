"""The terminal's own web page: a port of its own, behind the device password."""

import asyncio
import hashlib
import logging
import math
import os
import random
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from edge_agent.api.answers import CallRefused
from edge_agent.api.auth import Gatekeeper
from edge_agent.api.failed_attempts import FailedAttempts
from edge_agent.api.terminal import Terminal
from edge_agent.config import ApiConfig
from edge_agent.config.sections import Language, PageConfig
from edge_agent.drivers.clock import Backoff
from edge_agent.page.connection import PageConnections
from edge_agent.page.guards import HEADERS, Refused, check_host, check_origin
from edge_agent.page.languages import language_chosen, language_first
from edge_agent.page.pictures import LivePictures
from edge_agent.page.reading import FileReader
from edge_agent.page.rendering import Rendering
from edge_agent.page.requests import Asked, read_json
from edge_agent.page.sessions import Session, Sessions, same
from edge_agent.page.status import PageStatus, StatusSources
from edge_agent.page.views import PREFIXES, ROUTES, Desk, Route, led_to, problem_body
from edge_agent.page.words import words_of
from terminal_protocol.codes import RetCode

logger = logging.getLogger(__name__)

_SHUTDOWN_S: Final = 1.0
_BIND_AGAIN_FIRST_S: Final = 1.0
_BIND_AGAIN_MOST_S: Final = 60.0
_SEND_LIMIT_S: Final = 10.0  # who reads no faster is cut
_LANGUAGE_COOKIE: Final = "menjin_page_language"
_LANGUAGE_KEPT_S: Final = 365 * 86_400
_TOKEN_HEADER: Final = "Menjin-Token"  # noqa: S105 - names a header
_COOKIES_MAX: Final = 4096
_PROBLEMS: Final = {
    RetCode.PASSWORD_NOT_EXIST: "password_not_set",
    RetCode.PASSWORD_EXPIRED: "password_expired",
}


class PageServer:
    """Serves the page until it is cancelled."""

    def __init__(
        self,
        page: PageConfig,
        api: ApiConfig,
        terminal: Terminal,
        sources: StatusSources,
        *,
        file: Path,
        chance: random.Random,
    ) -> None:
        """Build everything; nothing is read or opened.

        Args:
            page: where to listen and what to show.
            api: holds the password and who may call.
            terminal: what the buttons act on.
            sources: what is shown.
            file: the agent's database, only read.
            chance: spreads repeated tries to listen.
        """
        self._page = page
        self._terminal = terminal
        clock = terminal.clock
        self._gate = Gatekeeper(api, clock=clock, time=terminal.time)
        self._attempts = FailedAttempts(clock)
        self._sessions = Sessions(clock)
        self._reader = FileReader(file)
        self._status = PageStatus(sources, terminal, self._reader)
        self.pictures = LivePictures(
            lambda: sources.live_view.view,
            clock,
            per_s=page.pictures_per_s,
            most_px=page.picture_px,
            watchers_most=page.watchers_most,
        )
        mark = hashlib.sha256(str(terminal.device["deviceID"]).encode()).hexdigest()[:8]
        self._cookie = f"menjin_page_{mark}"
        self._backoff = Backoff(
            first_s=_BIND_AGAIN_FIRST_S, most_s=_BIND_AGAIN_MOST_S, chance=chance
        )
        self._problem = ""

    async def run(self) -> None:
        """Listen for ever; a port that is taken is tried again and never stops the door."""
        if not self._page.enabled:
            await asyncio.Event().wait()
        desk = self._desk(await _read_rendering(self._terminal.device))
        self.pictures.open()
        self._reader.open()

        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            return await self._answer(desk, request)

        runner = web.ServerRunner(PageConnections(answer), shutdown_timeout=_SHUTDOWN_S)
        try:
            await runner.setup()
            await self._bind(runner)
            self._tell(int(runner.addresses[0][1]))
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()
            self.pictures.close()
            self._reader.close()

    def _desk(self, rendering: Rendering) -> Desk:
        return Desk(
            terminal=self._terminal,
            gate=self._gate,
            attempts=self._attempts,
            sessions=self._sessions,
            pictures=self.pictures,
            reader=self._reader,
            status=self._status,
            rendering=rendering,
            cookie=self._cookie,
        )

    async def _bind(self, runner: web.ServerRunner) -> None:
        while True:
            site = web.TCPSite(runner, self._page.host, self._page.port)
            try:
                await site.start()
            except OSError as error:
                where = f"{self._page.host}:{self._page.port}"
                self._note_problem(f"{where}: {_words_of(error)}")
                await site.stop()
                await asyncio.sleep(self._backoff.failed())
            else:
                return

    async def _answer(self, desk: Desk, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request, and cut whoever does not read the answer."""
        response = await self._outcome(desk, request)
        response.headers.update(HEADERS)
        try:
            async with asyncio.timeout(_SEND_LIMIT_S):
                await response.prepare(request)
                await response.write_eof()
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionResetError("the answer was not read") from None
        return response

    async def _outcome(self, desk: Desk, request: web.BaseRequest) -> web.Response:
        accepted = request.headers.get("Accept-Language", "")
        language, route = language_first(self._page.language, accepted), None
        try:
            host = check_host(request, self._page.names)
            cookies = _cookies(request)
            language = language_chosen(cookies.get(_LANGUAGE_COOKIE, "")) or language
            problem = self._admit(request.remote)
            route, tail = _route(request)
            wanted = language_chosen(request.rel_url.query.get("language", ""))
            if route.is_page and wanted is not None:
                return _remembering(wanted, request)
            session = None if problem else self._sessions.find(cookies.get(self._cookie, ""))
            body: Mapping[str, Any] = {}
            if not route.is_open and session is None:
                raise Refused(401, problem or "signed_out")
            if request.method == "POST":
                check_origin(request, host)
                _check_token(request, session, route)
                body = await read_json(request)
                # Whoever sent it slowly may have been signed out meanwhile.
                if session is not None and not self._sessions.holds(session):
                    raise Refused(401, "signed_out")
            query = dict(reversed(list(request.rel_url.query.items())))
            remote = request.remote or ""
            asked = Asked(tail, query, body, session, language, problem, remote)
            return await route.action(desk, asked)
        except Refused as error:
            is_page = route is None or route.is_page
            return _refusal(error, language, is_page=is_page)
        except ConnectionError:
            raise
        except Exception:
            # The border of a request (house style 34).
            logger.exception("page_request_failed")
            return _refusal(Refused(503, "trouble"), language, is_page=True)

    def _admit(self, remote: str | None) -> str:
        """Check the address; returns why nobody can sign in now, empty when they can."""
        try:
            self._gate.admit(remote)
        except CallRefused as error:
            if error.code not in _PROBLEMS:
                raise Refused(403, "not_allowed") from None
            return _PROBLEMS[error.code]
        return ""

    def _note_problem(self, problem: str) -> None:
        if problem != self._problem:
            self._terminal.event_log.write(
                "page_problem", f"page cannot listen on {problem}", problem=problem
            )
        self._problem = problem

    def _tell(self, port: int) -> None:
        host = self._page.host
        shown = f"[{host}]" if ":" in host else host
        self._terminal.event_log.write(
            "page", f"page at http://{shown}:{port}/", host=self._page.host, port=port
        )


def _words_of(error: OSError) -> str:
    # asyncio puts the address into the system's words a second time.
    number = error.errno or 0
    return os.strerror(number).lower() if number > 0 else "not usable"


async def _read_rendering(device: Mapping[str, str]) -> Rendering:
    with ThreadPoolExecutor(1, thread_name_prefix="page-files") as thread:
        return await asyncio.get_running_loop().run_in_executor(thread, Rendering, device)


def _route(request: web.BaseRequest) -> tuple[Route, str]:
    """Find what an address does, and what follows in it."""
    path, tail = request.rel_url.raw_path, ""
    methods = ROUTES.get(path)
    for prefix, known in PREFIXES.items():
        if path.startswith(prefix):
            methods, tail = known, path.removeprefix(prefix)
    if methods is None:
        raise Refused(404, "not_found")
    method = "GET" if request.method == "HEAD" else request.method
    if method not in methods:
        raise Refused(405, "method", allow=", ".join(methods))
    return methods[method], tail


def _check_token(request: web.BaseRequest, session: Session | None, route: Route) -> None:
    if route.is_open:
        return
    sent = request.headers.get(_TOKEN_HEADER, "")
    if session is None or not same(sent, session.token):
        raise Refused(403, "token")


def _cookies(request: web.BaseRequest) -> dict[str, str]:
    """Return the cookies; what is none is left out."""
    found: dict[str, str] = {}
    for text in request.headers.getall("Cookie", []):
        try:
            found |= {key: one.value for key, one in SimpleCookie(text[:_COOKIES_MAX]).items()}
        except CookieError:
            continue
    return found


def _remembering(language: Language, request: web.BaseRequest) -> web.Response:
    response = led_to(request.rel_url.raw_path)
    response.set_cookie(
        _LANGUAGE_COOKIE,
        language.value,
        path="/",
        max_age=_LANGUAGE_KEPT_S,
        httponly=True,
        samesite="Strict",
    )
    return response


def _refusal(error: Refused, language: Language, *, is_page: bool) -> web.Response:
    headers = {}
    seconds = 0
    if error.retry_after_s is not None:
        seconds = math.ceil(error.retry_after_s)
        headers["Retry-After"] = str(seconds)
    if error.allow:
        headers["Allow"] = error.allow
    if is_page:
        words = words_of(language)[f"problem_{error.problem}"]
        return web.Response(status=error.status, text=f"{words}\n", headers=headers)
    body = problem_body(error.problem, seconds=seconds)
    return web.json_response(body, status=error.status, headers=headers)
