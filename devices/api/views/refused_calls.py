"""``/api/v1/refused-calls/``: calls on terminals' addresses that were refused."""

from datetime import UTC, datetime

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from devices.choices import AddressGuess, RefusedReason
from devices.models import Terminal
from devices.services import RefusedShown, refused_calls
from server_common.api import ID_MAX
from server_common.strict_api import StrictRequests


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


class RefusedCallViewSet(StrictRequests, viewsets.GenericViewSet):
    """Refused calls of the caller's sites, the latest first; guards see none."""

    # They are in no table.
    queryset = Terminal.objects.none()
    serializer_class = RefusedOut
    parameters = ("site",)

    @extend_schema(parameters=[RefusedAsked], responses=RefusedOut(many=True))
    def list(self, request: Request) -> Response:
        asked = RefusedAsked(data={k: v for k, v in request.query_params.items() if v})
        asked.is_valid(raise_exception=True)
        page = self.paginate_queryset(refused_calls(request.user, **asked.validated_data))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)
