"""Views of ``/api/v1/jobs/``: what was asked for many rows at once, and how far it is."""

from django.db.models import QuerySet
from rest_framework import viewsets

from devices.api.filters import JobFilter
from devices.api.serializers import JobOut
from devices.models import Job
from devices.selectors import jobs_visible
from server_common.strict_api import StrictRequests


class JobViewSet(StrictRequests, viewsets.ReadOnlyModelViewSet):
    """Jobs on rows of the caller's sites, newest first."""

    queryset = Job.objects.none()
    serializer_class = JobOut
    filterset_class = JobFilter

    def get_queryset(self) -> QuerySet[Job]:
        return jobs_visible(self.request.user)
