"""Tables of sites and terminals."""

from .access import ApiToken, SiteMembership
from .site import Site, SiteToken
from .terminal import PresenceChange, RepairCount, Terminal, TerminalAddress

__all__ = [
    "ApiToken",
    "PresenceChange",
    "RepairCount",
    "Site",
    "SiteMembership",
    "SiteToken",
    "Terminal",
    "TerminalAddress",
]
