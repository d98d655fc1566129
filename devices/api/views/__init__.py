"""What the REST interface offers of sites, terminals, commands, jobs and the audit."""

from devices.api.views.audit import AuditViewSet
from devices.api.views.commands import CommandViewSet
from devices.api.views.jobs import JobViewSet
from devices.api.views.refused_calls import RefusedCallViewSet
from devices.api.views.sites import SiteViewSet
from devices.api.views.terminals import TerminalViewSet
from devices.api.views.two_sided import TwoSidedViewSet

__all__ = [
    "AuditViewSet",
    "CommandViewSet",
    "JobViewSet",
    "RefusedCallViewSet",
    "SiteViewSet",
    "TerminalViewSet",
    "TwoSidedViewSet",
]
