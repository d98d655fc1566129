"""What is asked of terminals, and their settings, as the REST interface shows and takes them."""

from copy import deepcopy
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from devices.choices import SettingsGroup
from devices.command_kinds import kind_choices, kinds_in_order
from devices.models import TerminalCommand, TerminalSettings
from devices.selectors import (
    command_json,
    may_read_secrets,
    may_use_json,
)
from devices.services import (
    differences,
)
from server_common.strict_api import StrictInput

_TERMINALS_MAX = 10_000


class CommandOut(serializers.ModelSerializer):
    """What was asked of a terminal and what became of it."""

    device = serializers.IntegerField(source="terminal_id", read_only=True)
    device_id = serializers.CharField(source="terminal.device_id", read_only=True)
    site = serializers.IntegerField(source="terminal.site_id", read_only=True)
    outcome = serializers.SerializerMethodField()
    result = serializers.DictField(read_only=True)

    class Meta:
        model = TerminalCommand
        fields = [
            "id", "kind", "device", "device_id", "site", "batch", "state", "outcome", "code",
            "result", "reason", "requester", "created_at", "expires_at", "started_at",
            "finished_at",
        ]  # fmt: skip

    def get_outcome(self, command: TerminalCommand) -> str:
        return command.word


class CommandJsonOut(serializers.Serializer):
    """What a JSON command said, and the description and result of its answer."""

    sent = serializers.JSONField()
    answered = serializers.JSONField()


class CommandDetailOut(CommandOut):
    """One command; ``json`` for superusers, null for others and for other kinds.

    It is null for tokens that only read, too: what was sent may hold a password.
    """

    json = serializers.SerializerMethodField()

    class Meta(CommandOut.Meta):
        fields = [*CommandOut.Meta.fields, "json"]

    @extend_schema_field(CommandJsonOut(allow_null=True))
    def get_json(self, command: TerminalCommand) -> dict[str, Any] | None:
        user = self.context["request"].user
        is_shown = may_use_json(user) and may_read_secrets(user)
        found = command_json(command) if is_shown else None
        return None if found is None else dict(CommandJsonOut(found).data)


class KindField(serializers.ChoiceField):
    """The kind of a command; all that are registered, whenever that was."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=kind_choices(), **kwargs)


class CommandHereIn(StrictInput):
    """What to ask of a terminal; what a kind does not use is ignored."""

    kind = KindField()
    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=255)
    confirm = serializers.CharField(required=False, default="", max_length=500)

    def get_fields(self) -> dict[str, Any]:
        """Add what the kinds take, each by its name, before ``confirm``."""
        own = super().get_fields()
        first = {name: own.pop(name) for name in ("kind", "reason")}
        given = {
            name: deepcopy(given.api)
            for kind in kinds_in_order()
            for name, given in kind.given.items()
        }
        return {**first, **given, **own}


class CommandIn(CommandHereIn):
    """What to ask of which terminals; what a kind does not use is ignored."""

    devices = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        min_length=1,
        max_length=_TERMINALS_MAX,
    )


class ChangeOut(serializers.Serializer):
    """What sending would change, by what the terminal said last; null when it never said it."""

    device = serializers.IntegerField(source="terminal.pk")
    name = serializers.CharField()
    reported = serializers.JSONField()
    wanted = serializers.JSONField()


class ConfirmOut(serializers.Serializer):
    """Ask again with this ``confirm`` to have it done; ``changes`` of the first 100 terminals."""

    error = serializers.CharField()
    detail = serializers.CharField()
    confirm = serializers.CharField()
    changes = ChangeOut(many=True)


class OpenIn(StrictInput):
    """Why the door is opened; the terminal and the log are told."""

    reason = serializers.CharField(max_length=255)


class SettingsOut(serializers.ModelSerializer):
    """One group of settings, as wanted and as the terminal says they are."""

    drift = serializers.SerializerMethodField()
    desired = serializers.DictField(read_only=True)
    reported = serializers.DictField(read_only=True)

    class Meta:
        model = TerminalSettings
        fields = [
            "group", "desired", "desired_at", "desired_by", "reported", "reported_at", "drift",
        ]  # fmt: skip

    @extend_schema_field(serializers.ListSerializer(child=serializers.CharField()))
    def get_drift(self, row: TerminalSettings) -> list[str]:
        return [one.name for one in differences(row)]


class SettingsIn(StrictInput):
    """What is wanted of a group; what is not named is left to the terminal."""

    shown_as = SettingsOut

    group = serializers.ChoiceField(choices=SettingsGroup.choices)
    desired = serializers.DictField()
