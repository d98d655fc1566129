"""Keys of programs to the REST interface."""

import secrets
import time
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from devices.models import ApiToken, Site
from devices.selectors import TokenScope
from server_common.crypto import keyed_digest, keyed_digests
from server_common.on_commit import enqueue_on_commit
from server_common.process_state import forgets

_PURPOSE = "devices.api_token"
# When a key was used last is written this often at most: it is used many times a second.
_USE_NOTED_EVERY = timedelta(minutes=10)
_NOTED_MOST = 10_000
# Token and when this process handed the note of its use on, until the row says so.
_noted: dict[int, float] = {}
forgets(_noted.clear)


def api_token_make(
    *,
    user: User,
    name: str,
    expires_at: datetime | None = None,
    sites: Collection[Site] | None = None,
    read_only: bool = False,
) -> tuple[ApiToken, str]:
    """Make a key that acts as ``user``; return its row and itself, which cannot be read again.

    Args:
        user: whose rights it has, as they are whenever it is used.
        name: what it is for.
        expires_at: when it ends by itself.
        sites: limits it to these; None: all sites of the user.
        read_only: whether it is refused everything that changes or opens something.

    Raises:
        ValidationError: it would have ended already.
    """
    if expires_at is not None and expires_at <= timezone.now():
        raise ValidationError({"expires_at": _("This moment is over.")})
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        row = ApiToken.objects.create(
            user=user,
            name=name,
            digest=keyed_digest(token, purpose=_PURPOSE),
            expires_at=expires_at,
            all_sites=sites is None,
            read_only=read_only,
        )
        row.sites.set(sites or ())
    return row, token


def api_token_create(**given: Any) -> str:
    """Make a key (see ``api_token_make``) and return it."""
    return api_token_make(**given)[1]


def api_token_user(token: str) -> User | None:
    """Return the active user a key acts as, limited to what the key allows; None for no key."""
    now = timezone.now()
    found = (
        ApiToken.objects.select_related("user")
        .filter(digest__in=keyed_digests(token, purpose=_PURPOSE), revoked_at__isnull=True)
        .filter(Q(expires_at__isnull=True) | Q(expires_at__gt=now))
        .first()
    )
    if found is None or not found.user.is_active:
        return None
    if found.last_used_at is None or now - found.last_used_at >= _USE_NOTED_EVERY:
        _use_noted_soon(found.pk)
    site_ids = None if found.all_sites else frozenset(found.sites.values_list("pk", flat=True))
    user: Any = found.user
    user.api_token_scope = TokenScope(site_ids, found.read_only)
    limited: User = user
    return limited


def _use_noted_soon(token_id: int) -> None:
    """Leave the note to the worker: requests that only read then write nothing."""
    now_s = time.monotonic()
    if now_s - _noted.get(token_id, float("-inf")) < _USE_NOTED_EVERY.total_seconds():
        return
    if len(_noted) >= _NOTED_MOST:
        _noted.clear()
    _noted[token_id] = now_s
    enqueue_on_commit(
        "devices.tasks.api_token_used", token_id=token_id, at=timezone.now().isoformat()
    )


def api_token_used(*, token_id: int, at: datetime) -> bool:
    """Note when a key was used last; False when that is known already."""
    older = Q(last_used_at__isnull=True) | Q(last_used_at__lt=at)
    return ApiToken.objects.filter(older, pk=token_id).update(last_used_at=at) == 1


def api_token_revoke(*, token: ApiToken) -> bool:
    """End a key; returns False when it had been ended before."""
    alive = ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True)
    return alive.update(revoked_at=timezone.now()) == 1
