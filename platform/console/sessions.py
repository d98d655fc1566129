"""Permissions of a live socket, checked anew for every message."""

from types import SimpleNamespace
from typing import Any

from django.contrib.auth import get_user
from django.utils import timezone

from console.live_view import Viewer, viewer_of
from console.models import BrowserSession
from console.session_store import SessionStore, session_digest
from devices.selectors import sites_visible


def session_user(session_key: str | None) -> Any:
    """Return the user of a session as it stands in the store now, anonymous when it has ended.

    The session is read and its hash checked again, so logging out, a new password and a disabled
    account end what sockets show.
    """
    store = SessionStore(session_key)
    store.is_watching, store.is_use = True, False
    request: Any = SimpleNamespace(session=store)
    return get_user(request)


def session_opens(session_key: str | None) -> tuple[int, Viewer, list[int]] | None:
    """Return the session's user, the viewer of its cards and the sites shown.

    None when no user is signed in. From now on the session lasts as long as the socket does.
    """
    user = session_user(session_key)
    if not user.is_authenticated or not user.is_active:
        return None
    _watched(session_key)
    return user.pk, viewer_of(user), list(sites_visible(user).values_list("pk", flat=True))


def session_goes_on(session_key: str | None) -> bool:
    """Note that the socket is still open; False when its session has ended."""
    user = session_user(session_key)
    if not user.is_authenticated or not user.is_active:
        return False
    _watched(session_key)
    return True


def session_sees(session_key: str | None, site_id: int) -> bool | None:
    """Tell whether the session's user may see a site; None when the session has ended."""
    user = session_user(session_key)
    if not user.is_authenticated or not user.is_active:
        return None
    return sites_visible(user).filter(pk=site_id).exists()


def _watched(session_key: str | None) -> None:
    rows = BrowserSession.objects.filter(digest=session_digest(session_key or ""))
    rows.update(watched_at=timezone.now())
