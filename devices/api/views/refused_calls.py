"""Views of ``/api/v1/refused-calls/``: calls on terminals' addresses that were refused."""

from drf_spectacular.utils import extend_schema
from rest_framework import viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from devices.api.serializers import RefusedAsked, RefusedOut
from devices.models import Terminal
from devices.services import refused_calls
from server_common.strict_api import StrictRequests


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
