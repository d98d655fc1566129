"""Entries of the audit as the REST interface shows them."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from devices.models import AuditEntry


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
