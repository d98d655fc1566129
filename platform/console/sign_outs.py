"""End sessions and waits after failed sign-ins: of a user, some, or those that are over."""

from typing import Any

from django.db import transaction
from django.db.models import Model, QuerySet

from console.models import BrowserSession, SignInLock, sessions_over
from console.session_store import sockets_recheck
from devices.choices import AuditAction, AuditKind
from devices.services import audit_note
from server_common.sign_in_guard import is_account


def sign_out_everywhere(user_id: int) -> int:
    """End all sessions of a user and close their live pages; return how many there were."""
    return sessions_end(BrowserSession.objects.filter(user_id=user_id))


def sessions_end(rows: QuerySet[BrowserSession]) -> int:
    """End sessions, close their live pages and log whose; return how many there were."""
    with transaction.atomic():
        users = dict(rows.exclude(user=None).values_list("user_id", "user__username"))
        ended, _ = rows.delete()
        for user_id, name in users.items():
            if user_id is not None:
                sockets_recheck(user_id)
                _note(AuditAction.DELETED, name, BrowserSession)
    return ended


def waits_end(rows: QuerySet[Any]) -> int:
    """Let accounts that have to wait sign in again, and log which; return how many waits."""
    with transaction.atomic():
        found = rows.values_list("username", flat=True)
        names = {name for name in found if name and is_account(name)}
        ended, _ = rows.delete()
        for name in sorted(names):
            _note(AuditAction.DONE, name, SignInLock)
    return ended


def _note(action: AuditAction, name: str, model: type[Model]) -> None:
    label = model._meta.label_lower
    audit_note(kind=AuditKind.SIGN_IN, action=action, name=name, model=label)


def sessions_sweep() -> int:
    """Delete sessions that are over."""
    return BrowserSession.objects.filter(sessions_over()).delete()[0]


def sessions_of(user: Any) -> QuerySet[BrowserSession]:
    """Return a user's sessions that still open something."""
    return BrowserSession.objects.filter(user=user).exclude(sessions_over())
