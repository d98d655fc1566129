"""Filters of the lists; they narrow what the selectors already restricted to the caller's sites."""

import django_filters

from devices.choices import AuditAction, AuditKind, JobState
from devices.models import AuditEntry, Job, Terminal, TerminalCommand
from devices.services import job_kinds_all
from server_common.api import IdFilter, MomentFilter
from server_common.strict_api import YesNoFilter


class CommandFilter(django_filters.FilterSet):
    """Commands by site, terminal, batch, kind and state."""

    site = IdFilter(field_name="terminal__site_id")
    device = IdFilter(field_name="terminal_id")
    device_id = django_filters.CharFilter(field_name="terminal__device_id")
    batch = IdFilter(field_name="batch_id")

    class Meta:
        model = TerminalCommand
        fields = ["kind", "state"]


class AuditFilter(django_filters.FilterSet):
    """Entries by site, who acted, what about, and when."""

    site = IdFilter(field_name="site_id")
    actor = django_filters.CharFilter(field_name="actor")
    kind = django_filters.ChoiceFilter(choices=AuditKind.choices)
    action = django_filters.ChoiceFilter(choices=AuditAction.choices)
    since = MomentFilter(field_name="at", lookup_expr="gte")
    until = MomentFilter(field_name="at", lookup_expr="lt")

    class Meta:
        model = AuditEntry
        fields: list[str] = []


def _kinds() -> list[tuple[str, str]]:
    return [(name, name) for name in job_kinds_all()]


class JobFilter(django_filters.FilterSet):
    """Jobs by site, kind and state."""

    site = IdFilter(field_name="site_id")
    kind = django_filters.ChoiceFilter(choices=_kinds)
    state = django_filters.ChoiceFilter(choices=JobState.choices)

    class Meta:
        model = Job
        fields: list[str] = []


class TerminalFilter(django_filters.FilterSet):
    """Terminals by site, device id, status, direction, connection and clock."""

    site = IdFilter(field_name="site_id")
    clock_is_wrong = YesNoFilter()

    class Meta:
        model = Terminal
        fields = ["device_id", "status", "presence", "direction"]
