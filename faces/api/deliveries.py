"""``/api/v1/`` deliveries and revocations: which face is on which terminal, and who must go."""

from collections.abc import Sequence

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from devices.models import Job
from faces.api.filters import DeliveryFilter, RevocationFilter
from faces.choices import DeliveryOutcome, Operation, delivery_label, delivery_outcome
from faces.models import Delivery, Revocation
from faces.selectors import deliveries_visible, revocations_visible
from faces.services.jobs import deliveries_send_again_start
from faces.words import delivery_words
from server_common.cursor_pagination import NewestFirst
from server_common.strict_api import StrictInput, StrictRequests, no_fields


class DeliveryOut(serializers.ModelSerializer):
    """What became of one person's latest change on one terminal."""

    device_id = serializers.CharField(source="terminal.device_id")
    site = serializers.IntegerField(source="terminal.site_id")
    operation = serializers.ChoiceField(choices=Operation.choices)
    outcome = serializers.SerializerMethodField(
        help_text="As `state`, but a delete that is `stored` is told as `forgotten`."
    )
    outcome_text = serializers.SerializerMethodField(
        help_text="The same in words, in the language asked for."
    )
    advice = serializers.SerializerMethodField()

    class Meta:
        model = Delivery
        fields = [
            "id",
            "site",
            "device_id",
            "user_id",
            "operation",
            "state",
            "outcome",
            "outcome_text",
            "code",
            "message",
            "attempts",
            "unanswered",
            "retry_at",
            "remedy",
            "advice",
            "changed_at",
            "sent_at",
            "downloaded_at",
            "answered_at",
        ]

    @extend_schema_field(serializers.ChoiceField(choices=DeliveryOutcome.values))
    def get_outcome(self, row: Delivery) -> str:
        return str(delivery_outcome(row.operation, row.state))

    def get_outcome_text(self, row: Delivery) -> str:
        return delivery_label(row.operation, row.state)

    def get_advice(self, row: Delivery) -> str:
        """Say in a sentence what became of it, and what to do."""
        return delivery_words(row)


class SendAgainIn(StrictInput):
    """What a terminal is told again: what failed there, or everything from the beginning."""

    scope = serializers.ChoiceField(choices=["failed", "all"], default="failed")


class SendAgainOut(serializers.Serializer):
    """How many faces will be told again at the next polls.

    Many of them are told by a job: then its id, and how many rows it goes through.
    """

    deliveries = serializers.IntegerField()
    job = serializers.IntegerField(required=False)


class RevocationOut(serializers.ModelSerializer):
    """Somebody whom terminals must forget, and how far that is."""

    doors_left = serializers.IntegerField()
    seconds = serializers.SerializerMethodField()

    class Meta:
        model = Revocation
        fields = [
            "id",
            "site",
            "user_id",
            "state",
            "begun_at",
            "ended_at",
            "doors",
            "doors_left",
            "seconds",
        ]

    def get_seconds(self, row: Revocation) -> float:
        """From the decision until the last door forgot, or until now."""
        return ((row.ended_at or timezone.now()) - row.begun_at).total_seconds()


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
    """Whom terminals must forget, and how long it takes until the last door has."""

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
