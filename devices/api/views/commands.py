"""Views of ``/api/v1/commands/``, and of what belongs to it at a terminal."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from devices.api.filters import CommandFilter
from devices.api.serializers import (
    ChangeOut,
    CommandDetailOut,
    CommandHereIn,
    CommandIn,
    CommandOut,
    ConfirmOut,
    OpenIn,
    SettingsIn,
    SettingsOut,
)
from devices.choices import CommandKind, SettingsGroup
from devices.command_kinds import KINDS, asks_twice, command_payload
from devices.models import Terminal, TerminalCommand
from devices.permissions import MembersAct
from devices.selectors import (
    commands_visible,
    settings_of,
    sites_managed,
    terminals_commandable,
)
from devices.services import (
    Requester,
    command_cancel,
    commands_request,
    confirmation_token,
    is_confirmed,
    settings_want,
)
from server_common.api import Conflict
from server_common.strict_api import StrictRequests, no_fields


def requester_of(request: Request) -> Requester:
    """Return who asks, for the row."""
    user: Any = request.user
    return Requester(name=user.get_username(), user=user)


class CommandViewSet(
    StrictRequests,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet,
):
    """What terminals are asked to do by their own interface."""

    queryset = TerminalCommand.objects.none()
    serializer_class = CommandOut
    filterset_class = CommandFilter
    # Who may ask for what is decided for each kind and terminal: a guard may open doors.
    permission_classes = [MembersAct]

    def get_queryset(self) -> QuerySet[TerminalCommand]:
        return commands_visible(self.request.user)

    @extend_schema(
        request=CommandIn,
        responses={
            202: CommandOut(many=True),
            409: OpenApiResponse(ConfirmOut, description="Dangerous: ask again to agree."),
        },
        filters=False,
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Ask terminals for something; dangerous requests are to be asked twice."""
        given = CommandIn(data=request.data)
        given.is_valid(raise_exception=True)
        asked = _ask(request, given.validated_data)
        if isinstance(asked, Response):
            return asked
        return Response(self.get_serializer(asked, many=True).data, status=202)

    @extend_schema(responses=CommandDetailOut)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Show one, for superusers with what a JSON command said and was answered."""
        return Response(CommandDetailOut(self.get_object(), context={"request": request}).data)

    @extend_schema(request=None, responses=CommandOut)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str | None = None) -> Response:
        """Cancel what has not been sent yet."""
        command = self.get_object()
        no_fields(request)
        allowed = terminals_commandable(request.user, kind=command.kind)
        if not allowed.filter(pk=command.terminal_id).exists():
            raise PermissionDenied
        if not command_cancel(command=command):
            raise Conflict("It is too late to cancel this.")
        return Response(self.get_serializer(self.get_queryset().get(pk=command.pk)).data)


class CommandActions:
    """What ``devices/<id>/`` offers of it; joined to the view set of terminals."""

    get_object: Any

    @extend_schema(request=OpenIn, responses={202: CommandOut})
    @action(detail=True, methods=["post"], permission_classes=[MembersAct])
    def open(self, request: Request, pk: str | None = None) -> Response:
        """Open the door now, or not at all: what cannot be sent within seconds is dropped."""
        terminal: Terminal = self.get_object()
        _terminals(request, CommandKind.OPEN_DOOR, [terminal.pk])
        given = OpenIn(data=request.data)
        given.is_valid(raise_exception=True)
        requested = commands_request(
            kind=CommandKind.OPEN_DOOR,
            terminals=[terminal],
            requester=requester_of(request),
            reason=given.validated_data["reason"],
        )
        return Response(CommandOut(requested.commands[0]).data, status=202)

    @extend_schema(
        request=CommandHereIn,
        responses={
            202: CommandOut,
            409: OpenApiResponse(ConfirmOut, description="Dangerous: ask again to agree."),
        },
    )
    @action(detail=True, methods=["post"], permission_classes=[MembersAct])
    def commands(self, request: Request, pk: str | None = None) -> Response:
        """Ask this terminal for something; as ``commands/`` for one terminal."""
        terminal: Terminal = self.get_object()
        given = CommandHereIn(data=request.data)
        given.is_valid(raise_exception=True)
        asked = _ask(request, {**given.validated_data, "devices": [terminal.pk]})
        if isinstance(asked, Response):
            return asked
        return Response(CommandOut(asked[0]).data, status=202)

    @extend_schema(responses=SettingsOut(many=True), filters=False, methods=["GET"])
    @extend_schema(request=SettingsIn, responses=SettingsOut, methods=["PUT"])
    @action(detail=True, methods=["get", "put"], pagination_class=None, url_path="settings")
    def own_settings(self, request: Request, pk: str | None = None) -> Response:
        """Show settings, or note what is wanted of a group; ``settings_write`` sends it."""
        terminal: Terminal = self.get_object()
        if request.method == "GET":
            return Response(SettingsOut(settings_of(terminal), many=True).data)
        if not sites_managed(request.user).filter(pk=terminal.site_id).exists():
            raise PermissionDenied
        given = SettingsIn(data=request.data)
        given.is_valid(raise_exception=True)
        row = settings_want(
            terminal=terminal,
            group=SettingsGroup(given.validated_data["group"]),
            values=given.validated_data["desired"],
            by=requester_of(request).name,
        )
        return Response(SettingsOut(row).data)


def _ask(request: Request, asked: dict[str, Any]) -> Sequence[TerminalCommand] | Response:
    """Ask terminals for something; an answer instead when that must be agreed to first."""
    terminals = _terminals(request, asked["kind"], asked["devices"])
    kind = asked["kind"]
    payload = command_payload(kind=kind, given=asked)
    agreement: dict[str, Any] = {
        "user_id": request.user.pk,
        "kind": kind,
        "terminal_ids": [terminal.pk for terminal in terminals],
        "payload": payload,
    }
    if asks_twice(kind, terminals=len(terminals)) and not is_confirmed(
        asked["confirm"], **agreement
    ):
        return _ask_again(kind, confirmation_token(**agreement), terminals, payload)
    return commands_request(
        kind=kind,
        terminals=terminals,
        requester=requester_of(request),
        reason=asked["reason"],
        payload=payload,
    ).commands


def _terminals(request: Request, kind: str, ids: list[int]) -> list[Terminal]:
    """Return the terminals, all of which the caller may ask for this.

    Raises:
        PermissionDenied: the kind needs a permission that the caller lacks.
        ValidationError: one is not there for the caller, or not for this.
    """
    user: Any = request.user
    permission = KINDS[kind].permission
    if not permission.allows(user):
        raise PermissionDenied(permission.refusal)
    wanted = sorted(set(ids))
    found = list(terminals_commandable(user, kind=kind).filter(pk__in=wanted).order_by("pk"))
    if len(found) != len(wanted):
        raise ValidationError({"devices": "Not all of these are terminals you may ask for this."})
    return found


def _ask_again(
    kind: str, token: str, terminals: list[Terminal], payload: dict[str, Any]
) -> Response:
    changes_by = KINDS[kind].changes
    changes = changes_by(terminals, payload) if changes_by else []
    return Response(
        {
            "error": "confirm",
            "detail": f"This is meant for {len(terminals)} terminal(s) and cannot be taken back. "
            "Ask again with this confirm within three minutes.",
            "confirm": token,
            "changes": ChangeOut(changes, many=True).data,
        },
        status=409,
    )
