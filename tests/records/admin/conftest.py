"""Two sites to tell apart."""

from tests.support.two_sites import world

__all__ = ["world"]
