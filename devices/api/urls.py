"""Addresses of sites, terminals, commands, jobs, the audit and refused calls."""

from devices.api.views import (
    AuditViewSet,
    CommandViewSet,
    JobViewSet,
    RefusedCallViewSet,
    SiteViewSet,
    TerminalViewSet,
)

routes = [
    ("sites", SiteViewSet, "site"),
    ("devices", TerminalViewSet, "device"),
    ("commands", CommandViewSet, "command"),
    ("jobs", JobViewSet, "job"),
    ("audit", AuditViewSet, "audit"),
    ("refused-calls", RefusedCallViewSet, "refused-call"),
]
