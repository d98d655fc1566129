"""All writes to sites and terminals, and the admission of callers."""

from .admission import Admission, Refusal, admit
from .presence import (
    PresenceTurn,
    presence_flush,
    presence_last_seen,
    presence_seen,
    presence_sweep,
)
from .sites import site_create, site_token_rotate
from .terminals import terminal_approve, terminal_describe, terminal_disable
from .tokens import api_token_create, api_token_revoke, api_token_user

__all__ = [
    "Admission",
    "PresenceTurn",
    "Refusal",
    "admit",
    "api_token_create",
    "api_token_revoke",
    "api_token_user",
    "presence_flush",
    "presence_last_seen",
    "presence_seen",
    "presence_sweep",
    "site_create",
    "site_token_rotate",
    "terminal_approve",
    "terminal_describe",
    "terminal_disable",
]
