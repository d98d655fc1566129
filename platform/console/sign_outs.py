"""Ending sessions: a user's everywhere, some, and those that are over."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from console.models import BrowserSession, sessions_over
from console.session_store import sockets_recheck


def sign_out_everywhere(user_id: int) -> int:
    """End all sessions of a user and close their live pages; return how many there were."""
    return sessions_end(BrowserSession.objects.filter(user_id=user_id))


def sessions_end(rows: QuerySet[BrowserSession]) -> int:
    """End sessions and close their live pages; return how many there were."""
    with transaction.atomic():
        users = set(rows.exclude(user=None).values_list("user_id", flat=True))
        ended, _ = rows.delete()
        for user_id in users:
            if user_id is not None:
                sockets_recheck(user_id)
    return ended


def sessions_sweep() -> int:
    """Forget sessions that open nothing any more."""
    return BrowserSession.objects.filter(sessions_over()).delete()[0]


def sessions_of(user: Any) -> QuerySet[BrowserSession]:
    """Return a user's sessions that still open something."""
    return BrowserSession.objects.filter(user=user).exclude(sessions_over())
