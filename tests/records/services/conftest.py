"""Two sites to tell apart."""

from tests.console.two_sites import world

__all__ = ["world"]
