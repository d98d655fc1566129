"""The terminal's own web page: live picture, last passes, two buttons."""

from edge_agent.page.server import PageServer
from edge_agent.page.status import StatusSources

__all__ = ["PageServer", "StatusSources"]
