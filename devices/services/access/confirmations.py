"""Confirmation of requests: for exactly what was shown, by the same user, minutes ago."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.core import signing

_SALT = "devices.confirm"
_WITHIN_S = 180


def confirmation_token(
    *, user_id: int, kind: str, terminal_ids: Sequence[int], payload: Mapping[str, Any]
) -> str:
    """Return the token that confirms a request; it fits this user and this request only."""
    return signing.dumps(_digest(user_id, kind, terminal_ids, payload), salt=_SALT)


def is_confirmed(
    token: str,
    *,
    user_id: int,
    kind: str,
    terminal_ids: Sequence[int],
    payload: Mapping[str, Any],
) -> bool:
    """Tell whether a token agrees to this request."""
    try:
        agreed = signing.loads(token, salt=_SALT, max_age=_WITHIN_S)
    except signing.BadSignature:
        return False
    return bool(agreed == _digest(user_id, kind, terminal_ids, payload))


def _digest(
    user_id: int, kind: str, terminal_ids: Sequence[int], payload: Mapping[str, Any]
) -> str:
    text = json.dumps([user_id, kind, sorted(terminal_ids), payload], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
