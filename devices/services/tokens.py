"""Keys of programs to the REST interface."""

import secrets

from django.contrib.auth.models import AbstractBaseUser, User
from django.utils import timezone

from devices.models import ApiToken
from server_common.crypto import keyed_digest, keyed_digests

_PURPOSE = "devices.api_token"


def api_token_create(*, user: User, name: str) -> str:
    """Make a key that acts as ``user`` and return it; it cannot be read again."""
    token = secrets.token_urlsafe(32)
    ApiToken.objects.create(user=user, name=name, digest=keyed_digest(token, purpose=_PURPOSE))
    return token


def api_token_user(token: str) -> AbstractBaseUser | None:
    """Return the active user a key acts as, or None."""
    found = (
        ApiToken.objects.select_related("user")
        .filter(digest__in=keyed_digests(token, purpose=_PURPOSE), revoked_at__isnull=True)
        .first()
    )
    return found.user if found and found.user.is_active else None


def api_token_revoke(*, token: ApiToken) -> bool:
    """End a key; returns False when it had been ended before."""
    alive = ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True)
    return alive.update(revoked_at=timezone.now()) == 1
