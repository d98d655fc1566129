"""Entering, changing, approving and deleting terminals, with what other apps add to them."""

from .approval import register_jobs, terminals_approve_start, terminals_disable_start
from .life import newcomers_forget, terminal_change, terminal_create, terminal_erase

__all__ = [
    "newcomers_forget",
    "register_jobs",
    "terminal_change",
    "terminal_create",
    "terminal_erase",
    "terminals_approve_start",
    "terminals_disable_start",
]
