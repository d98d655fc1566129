"""What ``/api/v1/devices/<id>/`` offers of the people on a terminal."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from devices.api.filters import TerminalFilter
from devices.models import Terminal
from devices.selectors import terminals_visible
from faces.api.serializers import HoldingsOut, SendAgainIn, SendAgainOut
from faces.api.views.deliveries import sent_again
from faces.selectors import (
    terminal_holdings,
)
from faces.services.jobs import terminals_send_again_start
from server_common.strict_api import StrictRequests


class TerminalPeopleViewSet(StrictRequests, viewsets.GenericViewSet):
    """People on a terminal: sending again, and how it compared last."""

    queryset = Terminal.objects.none()
    serializer_class = HoldingsOut
    filterset_class = TerminalFilter

    def get_queryset(self) -> QuerySet[Terminal]:
        return terminals_visible(self.request.user)

    @extend_schema(request=SendAgainIn, responses={200: SendAgainOut, 202: SendAgainOut})
    @action(detail=True, methods=["post"], url_path="send-again")
    def send_again(self, request: Request, pk: str | None = None) -> Response:
        """Tell the terminal again what failed there, or everything from the beginning."""
        terminal = self.get_object()
        given = SendAgainIn(data=request.data)
        given.is_valid(raise_exception=True)
        jobs = terminals_send_again_start(
            terminals=[terminal], scope=given.validated_data["scope"], by=request.user
        )
        return sent_again(jobs)

    @extend_schema(responses=HoldingsOut)
    @action(detail=True)
    def holdings(self, request: Request, pk: str | None = None) -> Response:
        """Return how the terminal's people compared last with those it should hold."""
        found = terminal_holdings(self.get_object())
        if found is None:
            raise NotFound("This terminal has not been compared yet.")
        return Response(HoldingsOut(found).data)
