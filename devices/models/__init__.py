"""Tables of sites and terminals."""

from .access import ApiToken, SiteMembership
from .audit import AuditEntry
from .command import CommandBatch, TerminalCommand, TerminalContact, TerminalSettings
from .job import Job
from .site import Site, SiteToken
from .terminal import PresenceChange, PresenceFlush, RepairCount, Terminal, TerminalAddress

__all__ = [
    "ApiToken",
    "AuditEntry",
    "CommandBatch",
    "Job",
    "PresenceChange",
    "PresenceFlush",
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
