"""Web page of the terminal: live picture, last passes, two buttons."""

from edge_agent.page.server import PageServer
from edge_agent.page.status import StatusSources

__all__ = ["PageServer", "StatusSources"]
