"""Users and programs: API tokens, confirmations, and the audit of what they changed."""

from .audit import audit_changes, audit_forget, audit_note, audit_notes
from .confirmations import confirmation_token, is_confirmed
from .tokens import (
    api_token_create,
    api_token_make,
    api_token_revoke,
    api_token_used,
    api_token_user,
)

__all__ = [
    "api_token_create",
    "api_token_make",
    "api_token_revoke",
    "api_token_used",
    "api_token_user",
    "audit_changes",
    "audit_forget",
    "audit_note",
    "audit_notes",
    "confirmation_token",
    "is_confirmed",
]
