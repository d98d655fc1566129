"""Two sites, with little and with a row of each kind, and who calls."""

from tests.support.admin_pages import full
from tests.support.callers import guard, manager, outsider, root, world

__all__ = ["full", "guard", "manager", "outsider", "root", "world"]
