"""``/api/v1/jobs/``: what was asked for many rows at once, and how far it is."""

import django_filters
from django.db.models import QuerySet
from rest_framework import serializers, viewsets

from devices.choices import JobState
from devices.models import Job
from devices.selectors import jobs_visible
from devices.services import job_kinds_all
from server_common.api import IdFilter
from server_common.strict_api import StrictRequests


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


class JobOut(serializers.ModelSerializer):
    """How far a job is (``done`` of ``total``), and what it has counted so far."""

    result = serializers.DictField(child=serializers.IntegerField())

    class Meta:
        model = Job
        fields = [
            "id",
            "site",
            "kind",
            "state",
            "total",
            "done",
            "result",
            "requester",
            "created_at",
            "started_at",
            "ended_at",
        ]


class JobViewSet(StrictRequests, viewsets.ReadOnlyModelViewSet):
    """Jobs on rows of the caller's sites, newest first."""

    queryset = Job.objects.none()
    serializer_class = JobOut
    filterset_class = JobFilter

    def get_queryset(self) -> QuerySet[Job]:
        return jobs_visible(self.request.user)
