"""Routes of the page and their actions."""

import logging
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from edge_agent.api.answers import CallRefused
from edge_agent.api.auth import Authenticator
from edge_agent.api.device_calls import open_from_afar
from edge_agent.api.failed_attempts import FailedAttempts
from edge_agent.api.terminal import Terminal
from edge_agent.page.file_reader import FileReader, FileUnavailable
from edge_agent.page.guards import Refused
from edge_agent.page.pictures import LivePictures
from edge_agent.page.rendering import Rendering
from edge_agent.page.requests import PageRequest
from edge_agent.page.sessions import Session, Sessions
from edge_agent.page.status import PageStatus

logger = logging.getLogger(__name__)

REASON_MAX: Final = 255  # of "remark" (8.1.7)
_WATCH_AGAIN_S: Final = 5.0
PICTURE_HEADER: Final = "Menjin-Picture"


@dataclass(frozen=True, slots=True)
class PageContext:
    """Everything the addresses act on.

    Attributes:
        cookie: name of the one that says who is signed in; another one for each terminal, since
            browsers do not tell ports apart.
    """

    terminal: Terminal
    authenticator: Authenticator
    attempts: FailedAttempts
    sessions: Sessions
    pictures: LivePictures
    reader: FileReader
    status: PageStatus
    rendering: Rendering
    cookie: str

    @property
    def name(self) -> str:
        """Name of the terminal."""
        return self.terminal.settings.device_name


Action = Callable[[PageContext, PageRequest], Awaitable[web.Response]]


@dataclass(frozen=True, slots=True)
class Route:
    """One address and method.

    Attributes:
        path: as aiohttp's router writes it.
        action: what is done.
        is_open: whether it is there for those who are not signed in.
        is_page: whether a person reads the answer, not a script.
    """

    method: str
    path: str
    action: Action
    is_open: bool = False
    is_page: bool = False


async def home(context: PageContext, request: PageRequest) -> web.Response:
    """Show the page, or lead to where one signs in."""
    if request.session is None:
        return redirect("/sign-in")
    body = context.rendering.page(request.language, name=context.name, token=request.session.token)
    return web.Response(body=body, content_type="text/html", charset="utf-8")


async def sign_in_page(context: PageContext, request: PageRequest) -> web.Response:
    """Show where one signs in."""
    if request.session is not None:
        return redirect("/")
    body = context.rendering.sign_in(request.language, name=context.name, problem=request.problem)
    return web.Response(body=body, content_type="text/html", charset="utf-8")


async def asset(context: PageContext, request: PageRequest) -> web.Response:
    """Send a file of the page. Only names that were read at the start are known."""
    found = context.rendering.assets.get(request.tail)
    if found is None:
        raise Refused(404, "not_found")
    return web.Response(body=found.body, content_type=found.content_type, charset="utf-8")


async def sign_in(context: PageContext, request: PageRequest) -> web.Response:
    """Sign in a visitor with the device password."""
    if request.problem:
        raise Refused(403, request.problem)
    pause_s = context.attempts.pause_s(request.remote)
    if pause_s > 0:
        raise Refused(429, "too_often", retry_after_s=pause_s)
    password = request.text("password")
    if password is None:
        raise Refused(400, "content")
    # Nothing is awaited between looking and counting, so a hundred at once are a hundred attempts.
    if not context.authenticator.is_password(password):
        context.attempts.failed(request.remote)
        logger.warning("page_password_wrong remote=%s", request.remote)
        raise Refused(401, "password_wrong")
    context.attempts.succeeded(request.remote)
    cookie, _session = context.sessions.begin()
    context.terminal.event_log.write(
        "page_sign_in", f"page: {request.remote} signed in", caller=request.remote
    )
    response = web.Response(status=204)
    response.set_cookie(context.cookie, cookie, path="/", httponly=True, samesite="Strict")
    return response


async def sign_out(context: PageContext, request: PageRequest) -> web.Response:
    """End a session."""
    context.sessions.end(_session(request))
    response = web.Response(status=204)
    response.del_cookie(context.cookie, path="/", httponly=True, samesite="Strict")
    return response


async def state(context: PageContext, request: PageRequest) -> web.Response:
    """Return everything on the page that changes."""
    return web.json_response(await context.status.state())


async def live_picture(context: PageContext, request: PageRequest) -> web.Response:
    """Wait for another picture than the one that the watcher has."""
    session = _session(request)
    if not context.pictures.admit(session):
        raise Refused(503, "watchers", retry_after_s=_WATCH_AGAIN_S)
    picture = await context.pictures.newer(request.number("after"))
    if not context.sessions.holds(session):
        raise Refused(401, "signed_out")
    if picture is None:
        return web.Response(status=204)
    return web.Response(
        body=picture.jpeg,
        content_type="image/jpeg",
        headers={PICTURE_HEADER: str(picture.number)},
    )


async def pass_picture(context: PageContext, request: PageRequest) -> web.Response:
    """Send the small picture of a pass."""
    try:
        jpeg = await context.reader.picture(request.tail_number("/picture"))
    except FileUnavailable:
        raise Refused(503, "file") from None
    if jpeg is None:
        raise Refused(404, "not_found")
    return web.Response(body=jpeg, content_type="image/jpeg")


async def open_door(context: PageContext, request: PageRequest) -> web.Response:
    """Open the door in two steps: a reason first, then the confirmation code of the answer."""
    session, clock = _session(request), context.terminal.clock
    confirm = request.text("confirm")
    if confirm is None:
        reason = (request.text("reason") or "").strip()
        if not reason or len(reason) > REASON_MAX or not reason.isprintable():
            raise Refused(400, "reason")
        confirm, for_s = session.ask(reason, clock.monotonic())
        return web.json_response({"confirm": confirm, "seconds": for_s})
    noted = session.take_back(confirm, clock.monotonic())
    if noted is None:
        raise Refused(409, "confirm")
    try:
        await open_from_afar(context.terminal, caller=request.remote, remark=noted)
    except CallRefused:
        raise Refused(503, "relay_failed") from None
    except (OSError, sqlite3.Error):
        logger.exception("opening_not_noted")
        raise Refused(503, "not_noted") from None
    return web.json_response({"opened": True})


async def sync_now(context: PageContext, request: PageRequest) -> web.Response:
    """Ask the platform for changes of people now."""
    context.terminal.poll_soon()
    return web.json_response({"asked": True})


def redirect(path: str) -> web.Response:
    """Lead to another address of this page."""
    return web.Response(status=303, headers={"Location": path})


def _session(request: PageRequest) -> Session:
    if request.session is None:
        raise Refused(401, "signed_out")
    return request.session


ROUTES: Final = (
    Route("GET", "/", home, is_open=True, is_page=True),
    Route("GET", "/sign-in", sign_in_page, is_open=True, is_page=True),
    Route("POST", "/sign-in", sign_in, is_open=True),
    Route("POST", "/sign-out", sign_out),
    Route("GET", "/state", state),
    Route("GET", "/picture", live_picture),
    Route("POST", "/open", open_door),
    Route("POST", "/sync", sync_now),
    Route("GET", "/passes/{tail:.*}", pass_picture),
    Route("GET", "/static/{tail:.*}", asset, is_open=True),
)


def problem_body(problem: str, **more: Any) -> dict[str, Any]:
    """Return the JSON body that tells a script why a request was refused."""
    return {"problem": problem, **more}
