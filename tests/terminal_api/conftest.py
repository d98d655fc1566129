"""The terminal API as it is served, and a cursor of it."""

from tests.support.idle_server import cursor, server

__all__ = ["cursor", "server"]
