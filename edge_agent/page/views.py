"""What each address of the page does."""

import logging
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from edge_agent.api.answers import CallRefused
from edge_agent.api.auth import Gatekeeper
from edge_agent.api.device_calls import open_from_afar
from edge_agent.api.failed_attempts import FailedAttempts
from edge_agent.api.terminal import Terminal
from edge_agent.page.guards import Refused
from edge_agent.page.pictures import LivePictures
from edge_agent.page.reading import FileReader, FileTrouble
from edge_agent.page.rendering import Rendering
from edge_agent.page.requests import Asked
from edge_agent.page.sessions import Session, Sessions
from edge_agent.page.status import PageStatus

logger = logging.getLogger(__name__)

REASON_MAX: Final = 255  # of "remark" (8.1.7)
_WATCH_AGAIN_S: Final = 5.0
PICTURE_HEADER: Final = "Menjin-Picture"


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything the addresses act on.

    Attributes:
        cookie: name of the one that says who is signed in; another one for each terminal, since
            browsers do not tell ports apart.
    """

    terminal: Terminal
    gate: Gatekeeper
    attempts: FailedAttempts
    sessions: Sessions
    pictures: LivePictures
    reader: FileReader
    status: PageStatus
    rendering: Rendering
    cookie: str

    @property
    def name(self) -> str:
        """What the terminal is called."""
        return self.terminal.settings.device_name


Action = Callable[[Desk, Asked], Awaitable[web.Response]]


@dataclass(frozen=True, slots=True)
class Route:
    """One address.

    Attributes:
        action: what it does.
        is_open: whether it is there for those who are not signed in.
        is_page: whether a person reads the answer, not a script.
    """

    action: Action
    is_open: bool = False
    is_page: bool = False


async def home(desk: Desk, asked: Asked) -> web.Response:
    """Show the page, or lead to where one signs in."""
    if asked.session is None:
        return led_to("/sign-in")
    body = desk.rendering.page(asked.language, name=desk.name, token=asked.session.token)
    return web.Response(body=body, content_type="text/html", charset="utf-8")


async def sign_in_page(desk: Desk, asked: Asked) -> web.Response:
    """Show where one signs in."""
    if asked.session is not None:
        return led_to("/")
    body = desk.rendering.sign_in(asked.language, name=desk.name, problem=asked.problem)
    return web.Response(body=body, content_type="text/html", charset="utf-8")


async def asset(desk: Desk, asked: Asked) -> web.Response:
    """Send a file of the page. Only names that were read at the start are known."""
    found = desk.rendering.assets.get(asked.tail)
    if found is None:
        raise Refused(404, "not_found")
    return web.Response(body=found.body, content_type=found.content_type, charset="utf-8")


async def sign_in(desk: Desk, asked: Asked) -> web.Response:
    """Let somebody in who knows the password."""
    if asked.problem:
        raise Refused(403, asked.problem)
    pause_s = desk.attempts.pause_s(asked.remote)
    if pause_s > 0:
        raise Refused(429, "too_often", retry_after_s=pause_s)
    password = asked.text("password")
    if password is None:
        raise Refused(400, "content")
    # Nothing is awaited between looking and counting, so a hundred at once are a hundred attempts.
    if not desk.gate.is_password(password):
        desk.attempts.failed(asked.remote)
        logger.warning("page_password_wrong remote=%s", asked.remote)
        raise Refused(401, "password_wrong")
    desk.attempts.succeeded(asked.remote)
    cookie, _session = desk.sessions.begin()
    desk.terminal.event_log.write(
        "page_sign_in", f"page: {asked.remote} signed in", caller=asked.remote
    )
    response = web.Response(status=204)
    response.set_cookie(desk.cookie, cookie, path="/", httponly=True, samesite="Strict")
    return response


async def sign_out(desk: Desk, asked: Asked) -> web.Response:
    """End a session."""
    desk.sessions.end(_session(asked))
    response = web.Response(status=204)
    response.del_cookie(desk.cookie, path="/", httponly=True, samesite="Strict")
    return response


async def state(desk: Desk, asked: Asked) -> web.Response:
    """Tell everything that moves."""
    return web.json_response(await desk.status.state())


async def live_picture(desk: Desk, asked: Asked) -> web.Response:
    """Wait for another picture than the one that the watcher has."""
    session = _session(asked)
    if not desk.pictures.admit(session):
        raise Refused(503, "watchers", retry_after_s=_WATCH_AGAIN_S)
    picture = await desk.pictures.newer(asked.number("after"))
    if not desk.sessions.holds(session):
        raise Refused(401, "signed_out")
    if picture is None:
        return web.Response(status=204)
    return web.Response(
        body=picture.jpeg,
        content_type="image/jpeg",
        headers={PICTURE_HEADER: str(picture.number)},
    )


async def pass_picture(desk: Desk, asked: Asked) -> web.Response:
    """Send the small picture of a pass."""
    try:
        jpeg = await desk.reader.picture(asked.tail_number("/picture"))
    except FileTrouble:
        raise Refused(503, "file") from None
    if jpeg is None:
        raise Refused(404, "not_found")
    return web.Response(body=jpeg, content_type="image/jpeg")


async def open_door(desk: Desk, asked: Asked) -> web.Response:
    """Open the door, in two steps: a reason first, then what the answer to it holds."""
    session, clock = _session(asked), desk.terminal.clock
    confirm = asked.text("confirm")
    if confirm is None:
        reason = (asked.text("reason") or "").strip()
        if not reason or len(reason) > REASON_MAX or not reason.isprintable():
            raise Refused(400, "reason")
        confirm, for_s = session.ask(reason, clock.monotonic())
        return web.json_response({"confirm": confirm, "seconds": for_s})
    noted = session.take_back(confirm, clock.monotonic())
    if noted is None:
        raise Refused(409, "confirm")
    try:
        await open_from_afar(desk.terminal, caller=asked.remote, remark=noted)
    except CallRefused:
        raise Refused(503, "relay_failed") from None
    except (OSError, sqlite3.Error):
        logger.exception("opening_not_noted")
        raise Refused(503, "not_noted") from None
    return web.json_response({"opened": True})


async def sync_now(desk: Desk, asked: Asked) -> web.Response:
    """Let the platform be asked for people now."""
    desk.terminal.poll_soon()
    return web.json_response({"asked": True})


def led_to(path: str) -> web.Response:
    """Answer with another address of this page."""
    return web.Response(status=303, headers={"Location": path})


def _session(asked: Asked) -> Session:
    if asked.session is None:
        raise Refused(401, "signed_out")
    return asked.session


ROUTES: Final[Mapping[str, Mapping[str, Route]]] = {
    "/": {"GET": Route(home, is_open=True, is_page=True)},
    "/sign-in": {
        "GET": Route(sign_in_page, is_open=True, is_page=True),
        "POST": Route(sign_in, is_open=True),
    },
    "/sign-out": {"POST": Route(sign_out)},
    "/state": {"GET": Route(state)},
    "/picture": {"GET": Route(live_picture)},
    "/open": {"POST": Route(open_door)},
    "/sync": {"POST": Route(sync_now)},
}
# These take what follows.
PREFIXES: Final[Mapping[str, Mapping[str, Route]]] = {
    "/passes/": {"GET": Route(pass_picture)},
    "/static/": {"GET": Route(asset, is_open=True)},
}


def problem_body(problem: str, **more: Any) -> dict[str, Any]:
    """Return what a script is told of something that was not done."""
    return {"problem": problem, **more}
