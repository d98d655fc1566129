"""Addresses of sites, commands, jobs, the audit and refused calls."""

from devices.api.views import (
    AuditViewSet,
    CommandViewSet,
    JobViewSet,
    RefusedCallViewSet,
    SiteViewSet,
)

routes = [
    ("sites", SiteViewSet, "site"),
    ("commands", CommandViewSet, "command"),
    ("jobs", JobViewSet, "job"),
    ("audit", AuditViewSet, "audit"),
    ("refused-calls", RefusedCallViewSet, "refused-call"),
]
