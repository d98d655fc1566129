"""Views of ``/api/v1/audit/``: who changed what."""

from django.db.models import QuerySet
from rest_framework import viewsets

from devices.api.filters import AuditFilter
from devices.api.serializers import AuditOut
from devices.models import AuditEntry
from devices.selectors import audit_visible
from server_common.strict_api import StrictRequests


class AuditViewSet(StrictRequests, viewsets.ReadOnlyModelViewSet):
    """What was changed at the sites of the caller, newest first; guards see nothing of it."""

    queryset = AuditEntry.objects.none()
    serializer_class = AuditOut
    filterset_class = AuditFilter

    def get_queryset(self) -> QuerySet[AuditEntry]:
        return audit_visible(self.request.user)
