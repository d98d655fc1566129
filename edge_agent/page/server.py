"""Server of the terminal's web page: a port of its own, behind the device password."""

import asyncio
import hashlib
import logging
import math
import os
import random
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from edge_agent.api.answers import CallRefused
from edge_agent.api.auth import Authenticator
from edge_agent.api.failed_attempts import FailedAttempts
from edge_agent.api.listener import ConnectionLimits, ErrorAnswer, Listener
from edge_agent.api.terminal import Terminal
from edge_agent.config import ApiConfig, Language, PageConfig
from edge_agent.drivers import Backoff
from edge_agent.page.file_reader import FileReader
from edge_agent.page.guards import HEADERS, Refused, check_host, check_origin
from edge_agent.page.pictures import LivePictures
from edge_agent.page.rendering import Rendering
from edge_agent.page.requests import PageRequest, read_json
from edge_agent.page.sessions import Session, Sessions, same
from edge_agent.page.status import PageStatus, StatusSources
from edge_agent.page.texts import language_chosen, language_first, texts_of
from edge_agent.page.views import ROUTES, PageContext, Route, problem_body, redirect
from terminal_protocol.codes import RetCode

logger = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_ROUTES: Final = {(one.method, one.path.replace("{tail:.*}", "{tail}")): one for one in ROUTES}
# A browser opens six at most; a terminal is no place for hundreds.
_LIMITS: Final = ConnectionLimits(most=64, most_of_one=32)
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


@dataclass(frozen=True, slots=True)
class _Visitor:
    """Facts about the sender of a request before its address is examined.

    Attributes:
        host: what the visitor typed, with the port.
        problem: why signing in is impossible now, empty when it is not.
    """

    host: str
    cookies: Mapping[str, str] = field(repr=False)
    language: Language
    problem: str


_VISITOR: Final = web.RequestKey("visitor", _Visitor)
_ROUTE: Final = web.RequestKey("route", Route)
_ASKED: Final = web.RequestKey("asked", PageRequest)


class PageServer:
    """Serve the page until cancelled."""

    def __init__(
        self,
        page: PageConfig,
        api: ApiConfig,
        terminal: Terminal,
        sources: StatusSources,
        *,
        file: Path,
        rng: random.Random,
    ) -> None:
        """Build everything; nothing is read or opened.

        Args:
            page: where to listen and what to show.
            api: holds the password and who may call.
            terminal: what the buttons act on.
            sources: what is shown.
            file: the agent's database, only read.
            rng: spreads repeated tries to listen.
        """
        self._page = page
        self._terminal = terminal
        clock = terminal.clock
        self._authenticator = Authenticator(api, clock=clock, time=terminal.time)
        self._attempts = FailedAttempts(clock)
        self.sessions = Sessions(clock)
        self.reader = FileReader(file)
        self._status = PageStatus(sources, terminal, self.reader)
        self.pictures = LivePictures(
            lambda: sources.live_view.view,
            clock,
            per_s=page.pictures_per_s,
            most_px=page.picture_px,
            watchers_most=page.watchers_most,
        )
        mark = hashlib.sha256(str(terminal.device["deviceID"]).encode()).hexdigest()[:8]
        self._cookie = f"menjin_page_{mark}"
        self._backoff = Backoff(first_s=_BIND_AGAIN_FIRST_S, most_s=_BIND_AGAIN_MOST_S, rng=rng)
        self._problem = ""

    async def run(self) -> None:
        """Serve until cancelled; a port in use is tried again and never stops the door."""
        if not self._page.enabled:
            await asyncio.Event().wait()
        context = self._context(await _read_rendering(self._terminal.device))
        self.pictures.open()
        self.reader.open()
        listener = Listener(
            self._app(context),
            ErrorAnswer("text/plain; charset=utf-8", _not_understood, HEADERS),
            shutdown_s=_SHUTDOWN_S,
            limits=_LIMITS,
        )
        try:
            self._note_listening(await self._bind(listener))
            await asyncio.Event().wait()
        finally:
            await listener.close()
            self.pictures.close()
            self.reader.close()

    def _app(self, context: PageContext) -> web.Application:
        """Return the application: guards as middlewares, and one route for each address."""
        app = web.Application(
            middlewares=[_send_in_time, self._refusals, self._admission, self._authorisation]
        )
        for route in ROUTES:
            handler = partial(_act, context, route)
            for method in ("GET", "HEAD") if route.method == "GET" else (route.method,):
                app.router.add_route(method, route.path, handler, expect_handler=_expect_nothing)
        return app

    def _context(self, rendering: Rendering) -> PageContext:
        return PageContext(
            terminal=self._terminal,
            authenticator=self._authenticator,
            attempts=self._attempts,
            sessions=self.sessions,
            pictures=self.pictures,
            reader=self.reader,
            status=self._status,
            rendering=rendering,
            cookie=self._cookie,
        )

    async def _bind(self, listener: Listener) -> int:
        """Listen as soon as that is possible; returns the port."""
        while True:
            try:
                return await listener.open(self._page.host, self._page.port)
            except OSError as error:
                where = f"{self._page.host}:{self._page.port}"
                self._note_problem(f"{where}: {_words_of(error)}")
                await asyncio.sleep(self._backoff.failed())

    @web.middleware
    async def _refusals(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer refusals in the visitor's language, as a page or as JSON for a script."""
        try:
            return await handler(request)
        except Refused as error:
            refused = error
        except web.HTTPNotFound:
            refused = Refused(404, "not_found")
        except web.HTTPMethodNotAllowed as error:
            allow = ", ".join(sorted(error.allowed_methods - {"HEAD"}))
            refused = Refused(405, "method", allow=allow)
        except ConnectionError:
            raise
        except Exception:
            # The border of a request (house style 34).
            logger.exception("page_request_failed")
            return _refusal(Refused(503, "trouble"), self._language_of(request), is_page=True)
        route = request.get(_ROUTE)
        is_page = route is None or route.is_page
        return _refusal(refused, self._language_of(request), is_page=is_page)

    @web.middleware
    async def _admission(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Check everything independent of the address: host name, language, allowed addresses."""
        host = check_host(request, self._page.names)
        cookies = _cookies(request)
        chosen = language_chosen(cookies.get(_LANGUAGE_COOKIE, ""))
        language = chosen or self._first_language(request)
        request[_VISITOR] = _Visitor(host, cookies, language, "")
        problem = self._problem_of(request.remote)
        request[_VISITOR] = _Visitor(host, cookies, language, problem)
        return await handler(request)

    @web.middleware
    async def _authorisation(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Check the session; a change must come from this page, with its token."""
        route = _ROUTES.get((_method(request), _path(request)))
        if route is None:
            return await handler(request)  # which says that there is none
        request[_ROUTE] = route
        visitor = request[_VISITOR]
        wanted = language_chosen(request.rel_url.query.get("language", ""))
        if route.is_page and wanted is not None:
            return _remembering(wanted, request)
        session = None if visitor.problem else self._session(visitor)
        if not route.is_open and session is None:
            raise Refused(401, visitor.problem or "signed_out")
        body: Mapping[str, Any] = {}
        if request.method == "POST":
            check_origin(request, visitor.host)
            _check_token(request, session, route)
            body = await read_json(request)
            # A visitor who sent it slowly may have been signed out meanwhile.
            if session is not None and not self.sessions.holds(session):
                raise Refused(401, "signed_out")
        request[_ASKED] = PageRequest(
            tail=request.rel_url.raw_path.split("/", 2)[-1],
            query=dict(reversed(list(request.rel_url.query.items()))),
            body=body,
            session=session,
            language=visitor.language,
            problem=visitor.problem,
            remote=request.remote or "",
        )
        return await handler(request)

    def _session(self, visitor: _Visitor) -> Session | None:
        return self.sessions.find(visitor.cookies.get(self._cookie, ""))

    def _language_of(self, request: web.Request) -> Language:
        visitor = request.get(_VISITOR)
        return self._first_language(request) if visitor is None else visitor.language

    def _first_language(self, request: web.Request) -> Language:
        accepted = request.headers.get("Accept-Language", "")
        return language_first(self._page.language, accepted)

    def _problem_of(self, remote: str | None) -> str:
        """Return why signing in is impossible now; empty when it is possible."""
        try:
            self._authenticator.admit(remote)
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

    def _note_listening(self, port: int) -> None:
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


@web.middleware
async def _send_in_time(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Send an answer with the page's headers; disconnect a visitor who does not read it."""
    response = await handler(request)
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


async def _act(context: PageContext, route: Route, request: web.Request) -> web.StreamResponse:
    """Call the action of a route."""
    return await route.action(context, request[_ASKED])


async def _expect_nothing(request: web.Request) -> None:
    """Send no ``100 Continue``: no content of this page is long enough to ask first."""


def _method(request: web.Request) -> str:
    return "GET" if request.method == "HEAD" else request.method


def _path(request: web.Request) -> str:
    """Return the pattern of the route that was found; empty for none."""
    resource = request.match_info.route.resource
    return "" if resource is None else resource.canonical


def _not_understood(status: int) -> bytes:
    """Return the answer to a request that is not HTTP, without repeating any of it."""
    return b"The request could not be understood.\n" if status < 500 else b"Trouble.\n"


def _check_token(request: web.Request, session: Session | None, route: Route) -> None:
    if route.is_open:
        return
    sent = request.headers.get(_TOKEN_HEADER, "")
    if session is None or not same(sent, session.token):
        raise Refused(403, "token")


def _cookies(request: web.Request) -> dict[str, str]:
    """Return the cookies of a request, without malformed ones."""
    found: dict[str, str] = {}
    for text in request.headers.getall("Cookie", []):
        try:
            found |= {key: one.value for key, one in SimpleCookie(text[:_COOKIES_MAX]).items()}
        except CookieError:
            continue
    return found


def _remembering(language: Language, request: web.Request) -> web.Response:
    response = redirect(request.rel_url.raw_path)
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
        words = texts_of(language)[f"problem_{error.problem}"]
        return web.Response(status=error.status, text=f"{words}\n", headers=headers)
    body = problem_body(error.problem, seconds=seconds)
    return web.json_response(body, status=error.status, headers=headers)
