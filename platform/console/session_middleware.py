"""Session middleware: the live page may go on with a session that opens no other page."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib.sessions import middleware
from django.http import HttpRequest

View = TypeVar("View", bound=Callable[..., Any])
_MARK = "of_live_page"


def of_live_page(*, is_use: bool) -> Callable[[View], View]:
    """Mark a view of the live page.

    Args:
        is_use: whether a person asks for it, and not the page by itself every few seconds.
    """

    def mark(view: View) -> View:
        view.__dict__[_MARK] = is_use
        return view

    return mark


class SessionMiddleware(middleware.SessionMiddleware):
    """Django's middleware with a session that knows whether the live page asks for it."""

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], _args: Any, _kwargs: Any
    ) -> None:
        """Nothing has read the session yet: it is read when a view asks who is there."""
        is_use = getattr(view, _MARK, None)
        if is_use is not None:
            session: Any = request.session
            session.is_watching, session.is_use = True, is_use
