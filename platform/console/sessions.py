"""What a live socket may show, asked anew for every message."""

from importlib import import_module
from types import SimpleNamespace
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user

from console.wall import Viewer, viewer_of
from devices.selectors import sites_visible


def session_user(session_key: str | None) -> Any:
    """Return the user of a session as it stands in the store now, anonymous when it has ended.

    The session is read and its hash checked again, so logging out, a new password and a disabled
    account end what sockets show.
    """
    store = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    request: Any = SimpleNamespace(session=store)
    return get_user(request)


def session_opens(session_key: str | None) -> tuple[Viewer, list[int]] | None:
    """Return for whom cards are made and the sites shown; None when nobody is signed in."""
    user = session_user(session_key)
    if not user.is_authenticated or not user.is_active:
        return None
    return viewer_of(user), list(sites_visible(user).values_list("pk", flat=True))


def session_sees(session_key: str | None, site_id: int) -> bool | None:
    """Tell whether the session's user may see a site; None when nobody is signed in any more."""
    user = session_user(session_key)
    if not user.is_authenticated or not user.is_active:
        return None
    return sites_visible(user).filter(pk=site_id).exists()
