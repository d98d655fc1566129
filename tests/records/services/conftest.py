"""Two sites to tell apart; a terminal that can be called, and its row."""

from tests.console.two_sites import world
from tests.devices.services.conftest import door, gate

__all__ = ["door", "gate", "world"]
