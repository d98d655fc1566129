"""Filters of the lists; they narrow what the selectors already restricted to the caller's sites."""

import django_filters
from django.db.models import QuerySet

from devices.selectors import terminal_ids
from records.choices import AlertKind, RecordKind, VerificationResult
from records.models import Alert, Record
from records.selectors import alerts_named
from server_common.api import IdFilter, MomentFilter
from server_common.strict_api import YesNoFilter


class RecordFilter(django_filters.FilterSet):
    """Records by terminal, person, kind, arrival and what the platform saw."""

    site = IdFilter(field_name="site_id")
    device_id = django_filters.CharFilter(method="of_device")
    user_id = django_filters.CharFilter(field_name="user_id")
    kind = django_filters.ChoiceFilter(choices=RecordKind.choices)
    since = MomentFilter(field_name="received_at", lookup_expr="gte")
    until = MomentFilter(field_name="received_at", lookup_expr="lt")
    verification = django_filters.ChoiceFilter(choices=VerificationResult.choices)
    id_after = IdFilter(field_name="id", lookup_expr="gt")
    door_opened = YesNoFilter()
    is_late = YesNoFilter()

    class Meta:
        model = Record
        fields: list[str] = []

    def of_device(self, queryset: QuerySet[Record], _name: str, value: str) -> QuerySet[Record]:
        return queryset.filter(terminal__in=terminal_ids(device_id=value))


class AlertFilter(django_filters.FilterSet):
    """Alerts by terminal, person, kind, state and when they were raised."""

    site = IdFilter(field_name="site_id")
    device_id = django_filters.CharFilter(method="of_device")
    kind = django_filters.ChoiceFilter(choices=AlertKind.choices)
    user_name = django_filters.CharFilter(method="named")
    # By number: a choice among rows would tell which records of other sites exist.
    record = IdFilter(field_name="record_id")
    since = MomentFilter(field_name="raised_at", lookup_expr="gte")
    until = MomentFilter(field_name="raised_at", lookup_expr="lt")

    class Meta:
        model = Alert
        fields = ["user_id", "state", "severity"]

    def named(self, queryset: QuerySet[Alert], _name: str, value: str) -> QuerySet[Alert]:
        return queryset.filter(alerts_named(value))

    def of_device(self, queryset: QuerySet[Alert], _name: str, value: str) -> QuerySet[Alert]:
        return queryset.filter(terminal__in=terminal_ids(device_id=value))
