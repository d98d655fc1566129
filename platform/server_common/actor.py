"""Current actor: a user through a page or program, a command, or the platform by itself."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from django.http import HttpRequest, HttpResponse

from server_common.addresses import client_address

Way = Literal["page", "rest", "command", "platform"]
# Commands that serve others, who are not the one that started them.
_SERVERS = {"serve", "demo", "runserver", "terminal_push"}


@dataclass(frozen=True, slots=True)
class Actor:
    """Actor of what is done at the moment.

    Attributes:
        way: by what.
        name: of the user or command; empty for the platform by itself.
        user_id: None without a user.
        address: the true address of the caller, empty where there is none.
    """

    way: Way = "platform"
    name: str = ""
    user_id: int | None = None
    address: str = ""


_current: ContextVar[Callable[[], Actor] | None] = ContextVar("menjin_acting", default=None)


def acting() -> Actor:
    """Return the current actor."""
    find = _current.get()
    return find() if find is not None else _by_command_line()


@contextmanager
def acting_as(actor: Actor) -> Iterator[None]:
    """Set the current actor, such as the user on whose behalf a worker goes on."""
    token = _current.set(lambda: actor)
    try:
        yield
    finally:
        _current.reset(token)


def command_actor(name: str) -> Actor:
    """Return the actor of a management command."""
    return Actor("command", f"manage.py {name}")


class ActingMiddleware:
    """Middleware that makes the user of each request the current actor."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = _current.set(lambda: _of_request(request))
        try:
            return self.get_response(request)
        finally:
            _current.reset(token)


def _of_request(request: HttpRequest) -> Actor:
    way: Way = "rest" if request.path.startswith("/api/") else "page"
    user: Any = getattr(request, "user", None)
    address = client_address(request)
    if user is None or not user.is_authenticated:
        return Actor(way, address=address)
    return Actor(way, user.get_username(), user.pk, address)


def _by_command_line() -> Actor:
    words = sys.argv
    if len(words) < 2 or Path(words[0]).name != "manage.py" or words[1] in _SERVERS:
        return Actor()
    return command_actor(words[1])
