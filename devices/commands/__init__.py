"""Kinds of commands to terminals."""

from .base import KINDS, OPEN_WITHIN, URGENT, KindSpec, asks_twice

__all__ = ["KINDS", "OPEN_WITHIN", "URGENT", "KindSpec", "asks_twice"]
