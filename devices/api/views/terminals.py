"""Views of ``/api/v1/devices/``."""

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from devices.api.filters import TerminalFilter
from devices.api.serializers import (
    ApproveAddressIn,
    CallingAddressOut,
    ExchangeOut,
    RotateIn,
    TerminalIn,
    TerminalOut,
)
from devices.api.views.commands import CommandActions
from devices.api.views.two_sided import TwoSidedViewSet
from devices.models import Terminal
from devices.selectors import terminals_detailed
from devices.services import (
    address_approve,
    addresses_new,
    exchanges_last,
    presence_last_seen,
    terminal_address_end,
    terminal_address_replace,
    terminal_change,
    terminal_create,
    terminal_erase,
)
from server_common.api import Conflict
from server_common.strict_api import no_fields

# A terminal that moves often; the rest is history.
_ADDRESSES_SHOWN = 100


@extend_schema(responses=TerminalOut)
class TerminalViewSet(CommandActions, TwoSidedViewSet):
    """Terminals: those that announced themselves and those entered by hand."""

    queryset = Terminal.objects.none()
    serializer_class = TerminalOut
    input_class = TerminalIn
    filterset_class = TerminalFilter

    def get_queryset(self) -> QuerySet[Terminal]:
        return terminals_detailed(self.request.user)

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        serializer = super().get_serializer(*args, **kwargs)
        shown = args[0] if args else None
        rows = shown if isinstance(shown, list) else [shown] if shown is not None else []
        # One look into the presence notes for the whole page.
        context: Any = serializer.context
        context["last_seen"] = presence_last_seen(rows)
        return serializer

    @extend_schema(request=TerminalIn, responses={201: TerminalOut})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        terminal = terminal_create(by=request.user, **self.get_input(request).validated_data)
        return Response(self.shown(terminal.pk), status=201)

    @extend_schema(request=TerminalIn)
    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        terminal = self.get_object()
        given = self.get_input(request, terminal, partial=kwargs.get("partial", False))
        terminal_change(terminal=terminal, by=request.user, **given.validated_data)
        return Response(self.shown(terminal.pk))

    @extend_schema(request=TerminalIn)
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().partial_update(request, *args, **kwargs)

    @extend_schema(responses=ExchangeOut(many=True), filters=False)
    @action(detail=True, pagination_class=None)
    def exchanges(self, request: Request, pk: str | None = None) -> Response:
        """Return the terminal's last exchanges, newest first, and what came of each."""
        exchanges = exchanges_last(terminal_id=self.get_object().pk)
        return Response(ExchangeOut(exchanges, many=True).data)

    @extend_schema(responses=CallingAddressOut(many=True), filters=False)
    @action(detail=True, pagination_class=None)
    def addresses(self, request: Request, pk: str | None = None) -> Response:
        """Return the addresses the terminal has called from, the latest first."""
        return self._addresses(self.get_object())

    @extend_schema(request=ApproveAddressIn, responses=CallingAddressOut(many=True), filters=False)
    @action(detail=True, methods=["post"], url_path="approve-address", pagination_class=None)
    def approve_address(self, request: Request, pk: str | None = None) -> Response:
        """Believe what the terminal says from an address, without waiting for a week of use."""
        terminal = self.get_object()
        given = ApproveAddressIn(data=request.data)
        given.is_valid(raise_exception=True)
        row = terminal.addresses.filter(address=given.validated_data["address"]).first()
        if row is None:
            raise ValidationError({"address": [_("This terminal has not called from there.")]})
        address_approve(address=row)
        return self._addresses(terminal)

    @staticmethod
    def _addresses(terminal: Terminal) -> Response:
        new = {row.pk for row in addresses_new(terminal)}
        rows = terminal.addresses.all()[:_ADDRESSES_SHOWN]
        return Response(CallingAddressOut(rows, many=True, context={"new": new}).data)

    @extend_schema(request=RotateIn, responses=TerminalOut)
    @action(detail=True, methods=["post"], url_path="replace-address")
    def replace_address(self, request: Request, pk: str | None = None) -> Response:
        """Give the terminal an address of its own; one that it has goes on for the overlap."""
        terminal = self.get_object()
        given = RotateIn(data=request.data)
        given.is_valid(raise_exception=True)
        overlap = timedelta(hours=given.validated_data["overlap_hours"])
        terminal_address_replace(terminal=terminal, overlap=overlap)
        return Response(self.shown(terminal.pk))

    @extend_schema(request=None, responses=TerminalOut)
    @action(detail=True, methods=["post"], url_path="end-address")
    def end_address(self, request: Request, pk: str | None = None) -> Response:
        """End the terminal's own address; the site's is served to it again, at once."""
        terminal = self.get_object()
        no_fields(request)
        terminal_address_end(terminal=terminal)
        return Response(self.shown(terminal.pk))

    def perform_destroy(self, instance: Terminal) -> None:
        if not terminal_erase(terminal=instance):
            raise Conflict("This terminal has records; disable it instead.")
