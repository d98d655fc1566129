"""Refused calls as the REST interface shows them."""

from datetime import UTC, datetime

from rest_framework import serializers

from devices.choices import AddressGuess, RefusedReason
from devices.services import RefusedShown
from server_common.api import ID_MAX


class RefusedOut(serializers.Serializer):
    """Calls of one kind from one address; of the secret part of their path four characters."""

    at = serializers.SerializerMethodField(help_text="The latest.")
    count = serializers.IntegerField(source="call.count")
    address = serializers.CharField(source="call.address")
    path = serializers.CharField(source="call.path")
    reason = serializers.ChoiceField(source="call.reason", choices=RefusedReason.choices)
    site = serializers.IntegerField(
        source="site_id", allow_null=True, help_text="Whose call it was or was meant to be."
    )
    looks_like = serializers.ChoiceField(
        source="guess",
        choices=AddressGuess.choices,
        allow_null=True,
        help_text="How the address is like that of the site.",
    )
    advice = serializers.CharField(help_text="What to do, in words.")

    def get_at(self, shown: RefusedShown) -> datetime:
        return datetime.fromtimestamp(shown.call.at, UTC)


class RefusedAsked(serializers.Serializer):
    """Which of them."""

    site = serializers.IntegerField(required=False, min_value=0, max_value=ID_MAX, source="site_id")
