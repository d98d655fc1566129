"""Views of deliveries and revocations: which face is on which terminal, and who must go."""

from collections.abc import Sequence

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from devices.models import Job
from faces.api.filters import DeliveryFilter, RevocationFilter
from faces.api.serializers import DeliveryOut, RevocationOut, SendAgainOut
from faces.models import Delivery, Revocation
from faces.selectors import deliveries_visible, revocations_visible
from faces.services.jobs import deliveries_send_again_start
from server_common.cursor_pagination import NewestFirst
from server_common.strict_api import StrictRequests, no_fields


@extend_schema(responses=DeliveryOut)
class DeliveryViewSet(
    StrictRequests,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet,
):
    """What became of each person's latest change on each terminal."""

    queryset = Delivery.objects.none()
    serializer_class = DeliveryOut
    filterset_class = DeliveryFilter
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[Delivery]:
        return deliveries_visible(self.request.user)

    @extend_schema(request=None, responses={200: SendAgainOut, 202: SendAgainOut})
    @action(detail=True, methods=["post"], url_path="send-again")
    def send_again(self, request: Request, pk: str | None = None) -> Response:
        """Tell this face, or this unconfirmed delete, again at the terminal's next poll."""
        row = self.get_object()
        no_fields(request)
        jobs = deliveries_send_again_start(
            deliveries=self.get_queryset().filter(pk=row.pk), by=request.user
        )
        return sent_again(jobs)


@extend_schema(responses=RevocationOut)
class RevocationViewSet(
    StrictRequests,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet,
):
    """People that terminals must forget, and the time until the last door has."""

    queryset = Revocation.objects.none()
    serializer_class = RevocationOut
    filterset_class = RevocationFilter
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[Revocation]:
        return revocations_visible(self.request.user)


def sent_again(jobs: Sequence[Job]) -> Response:
    """Answer how many are told again: 200 when that is done, 202 while a job is at it."""
    left = next((job for job in jobs if job.ended_at is None), None)
    if left is not None:
        return Response({"deliveries": left.total, "job": left.pk}, status=202)
    count = sum(job.result.get("deliveries", 0) for job in jobs)
    return Response({"deliveries": count})
