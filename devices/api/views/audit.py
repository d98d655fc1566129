"""``/api/v1/audit/``: who changed what."""

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers, viewsets

from devices.choices import AuditAction, AuditKind
from devices.models import AuditEntry
from devices.selectors import audit_visible
from server_common.api import IdFilter, MomentFilter
from server_common.strict_api import StrictRequests


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


class AuditOut(serializers.ModelSerializer):
    """One change: by column what it was and what it is; of secrets only that they changed."""

    site = serializers.IntegerField(source="site_id", allow_null=True, read_only=True)
    user = serializers.IntegerField(source="user_id", allow_null=True, read_only=True)
    changes = serializers.SerializerMethodField()

    class Meta:
        model = AuditEntry
        fields = [
            "id",
            "at",
            "site",
            "site_name",
            "actor",
            "user",
            "address",
            "way",
            "kind",
            "action",
            "model",
            "row_id",
            "name",
            "changes",
        ]

    @extend_schema_field(
        serializers.DictField(child=serializers.ListField(child=serializers.JSONField()))
    )
    def get_changes(self, entry: AuditEntry) -> dict[str, list[object]]:
        changes: dict[str, list[object]] = entry.changes
        return changes


class AuditViewSet(StrictRequests, viewsets.ReadOnlyModelViewSet):
    """What was changed at the sites of the caller, newest first; guards see nothing of it."""

    queryset = AuditEntry.objects.none()
    serializer_class = AuditOut
    filterset_class = AuditFilter

    def get_queryset(self) -> QuerySet[AuditEntry]:
        return audit_visible(self.request.user)
