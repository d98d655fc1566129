"""Two sites, and who calls."""

from tests.support.callers import guard, manager, outsider, root, world

__all__ = ["guard", "manager", "outsider", "root", "world"]
