"""Tables of sites and terminals."""

from .access import ApiToken, SiteMembership
from .audit import AuditEntry
from .command import CommandBatch, TerminalCommand, TerminalContact, TerminalSettings
from .site import Site, SiteToken
from .terminal import PresenceChange, RepairCount, Terminal, TerminalAddress

__all__ = [
    "ApiToken",
    "AuditEntry",
    "CommandBatch",
    "PresenceChange",
    "RepairCount",
    "Site",
    "SiteMembership",
    "SiteToken",
    "Terminal",
    "TerminalAddress",
    "TerminalCommand",
    "TerminalContact",
    "TerminalSettings",
]
