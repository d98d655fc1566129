"""Deliveries and revocations as the REST interface shows them."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from faces.choices import DeliveryOutcome, Operation, delivery_label, delivery_outcome
from faces.models import Delivery, Revocation
from faces.words import delivery_words
from server_common.strict_api import StrictInput


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
    """A person that terminals must forget, and how far that is."""

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
