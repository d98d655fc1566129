"""What the REST interface offers of sites, commands, jobs, the audit and refused calls."""

from devices.api.views.audit import AuditViewSet
from devices.api.views.commands import CommandActions, CommandViewSet
from devices.api.views.jobs import JobViewSet
from devices.api.views.refused_calls import RefusedCallViewSet
from devices.api.views.sites import SiteViewSet

__all__ = [
    "AuditViewSet",
    "CommandActions",
    "CommandViewSet",
    "JobViewSet",
    "RefusedCallViewSet",
    "SiteViewSet",
]
