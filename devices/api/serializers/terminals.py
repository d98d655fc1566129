"""Terminals as the REST interface shows and takes them."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from devices.api.serializers.fields import Lasting, ManagedSiteField
from devices.api.serializers.sites import equipped_site_ids
from devices.choices import TerminalStatus, Trust
from devices.extensions import RestFields, terminal_extensions
from devices.models import Terminal, TerminalAddress
from devices.selectors import REACH_STATES, is_online, terminal_base_url, terminal_trust
from devices.services import Exchange, terminal_reach
from server_common.strict_api import StrictInput


class WarningOut(serializers.Serializer):
    """Something that is done as asked and is probably not what was meant."""

    code = serializers.CharField()
    detail = serializers.CharField(help_text="In words, in the language asked for.")

    def get_fields(self) -> dict[str, Any]:
        """Describe the codes that there are."""
        fields = super().get_fields()
        codes = [pair for one in terminal_extensions() for pair in one.warning_codes.items()]
        fields["code"].help_text = "\n".join(f"`{code}`: {meaning}" for code, meaning in codes)
        return fields


def _behind_site(own: Mapping[str, Any], added: Iterable[RestFields]) -> dict[str, Any]:
    """Return the fields with those of other apps behind ``site``, where they always stood."""
    fields: dict[str, Any] = {}
    for name, one in own.items():
        fields[name] = one
        if name == "site":
            for more in added:
                fields |= more
    return fields


class TerminalOut(serializers.ModelSerializer):
    """A terminal with what it holds and whether it is there."""

    last_seen_at = serializers.SerializerMethodField()
    online = serializers.SerializerMethodField()
    trust = serializers.SerializerMethodField()
    clock_skew_s = serializers.SerializerMethodField(
        help_text="Seconds the clock is behind (negative: ahead); null while it is right."
    )
    clock_stands_still = serializers.BooleanField(
        help_text="Its uploads go on saying one moment, which says nothing any more."
    )
    repairs = serializers.SerializerMethodField(
        help_text="How many messages had to be repaired, by kind of repair."
    )
    reach = serializers.SerializerMethodField()
    base_url = serializers.SerializerMethodField(
        help_text="The address that is this terminal's alone, for its managers only; "
        "empty without one, and for tokens that only read."
    )

    warnings = serializers.SerializerMethodField(
        help_text="What keeps it from working as it is meant to; empty where nothing does."
    )

    class Meta:
        model = Terminal
        fields = [
            "id",
            "device_id",
            "site",
            "all_libraries",
            "name",
            "status",
            "direction",
            "unlock_delay_ms",
            "capacity",
            "capacity_learnt_at",
            "model",
            "app_version",
            "uuid_label",
            "nation_code",
            "api_address",
            "push_port",
            "reach",
            "last_address",
            "last_seen_at",
            "online",
            "trust",
            "base_url",
            "own_address_since",
            "clock_is_wrong",
            "clock_skew_s",
            "clock_stands_still",
            "repairs",
            "warnings",
            "created_at",
        ]

    def get_fields(self) -> dict[str, Any]:
        """Add what other apps show of a terminal."""
        return _behind_site(
            super().get_fields(), (one.fields_shown() for one in terminal_extensions())
        )

    @extend_schema_field(serializers.ChoiceField(choices=Trust.choices))
    def get_trust(self, terminal: Terminal) -> str:
        return str(terminal_trust(terminal))

    def get_base_url(self, terminal: Terminal) -> str:
        request = self.context["request"]
        if terminal.site_id not in equipped_site_ids(request):
            return ""
        return terminal_base_url(terminal, root=f"{request.scheme}://{request.get_host()}")

    def get_clock_skew_s(self, terminal: Terminal) -> float | None:
        return terminal.clock_skew_s if terminal.clock_is_wrong else None

    @extend_schema_field(serializers.DictField(child=serializers.IntegerField()))
    def get_repairs(self, terminal: Terminal) -> dict[str, int]:
        return {row.kind: row.count for row in terminal.repairs.all()}

    @extend_schema_field(serializers.ChoiceField(choices=REACH_STATES))
    def get_reach(self, terminal: Terminal) -> str:
        return terminal_reach(terminal).state

    @extend_schema_field(WarningOut(many=True))
    def get_warnings(self, terminal: Terminal) -> list[dict[str, str]]:
        found = [one for added in terminal_extensions() for one in added.warnings(terminal)]
        return [{"code": one.code, "detail": one.detail} for one in found]

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_last_seen_at(self, terminal: Terminal) -> str | None:
        seen = self._seen(terminal)
        shown: str | None = serializers.DateTimeField().to_representation(seen) if seen else None
        return shown

    def get_online(self, terminal: Terminal) -> bool:
        return is_online(terminal, self._seen(terminal))

    def _seen(self, terminal: Terminal) -> Any:
        return self.context.get("last_seen", {}).get(terminal.pk, terminal.last_seen_at)


class TerminalIn(Lasting, StrictInput, serializers.ModelSerializer):
    """A terminal to enter or change; site and device id never change."""

    shown_as = TerminalOut
    lasting = ("site", "device_id")
    site = ManagedSiteField()
    status = serializers.ChoiceField(choices=TerminalStatus.choices, required=False)

    class Meta:
        model = Terminal
        fields = [
            "device_id",
            "site",
            "all_libraries",
            "name",
            "status",
            "direction",
            "unlock_delay_ms",
            "capacity",
            "api_address",
            "api_password",
            "push_port",
        ]
        extra_kwargs = {"api_password": {"write_only": True, "max_length": 64}}
        validators: list[Any] = []

    def get_fields(self) -> dict[str, Any]:
        """Add what other apps take of a terminal."""
        return _behind_site(
            super().get_fields(), (one.fields_taken() for one in terminal_extensions())
        )


class CallingAddressOut(serializers.ModelSerializer):
    """An address a terminal has called from."""

    is_new = serializers.SerializerMethodField(
        help_text="What the terminal says from there ends no delete yet: it is not its first "
        "address, was not in use for a week, and was not approved."
    )

    class Meta:
        model = TerminalAddress
        fields = ["address", "first_seen_at", "last_seen_at", "approved_at", "is_new"]

    def get_is_new(self, row: TerminalAddress) -> bool:
        return row.pk in self.context["new"]


class ApproveAddressIn(StrictInput):
    """One of the addresses the terminal has called from."""

    address = serializers.IPAddressField()


class ExchangeOut(serializers.Serializer):
    """One question of a terminal and its answer; pictures, names and ID numbers masked."""

    at = serializers.SerializerMethodField()
    kind = serializers.CharField()
    address = serializers.CharField()
    status = serializers.IntegerField()
    said = serializers.DictField()
    answered = serializers.DictField()
    note = serializers.DictField()
    took_ms = serializers.FloatField()

    @extend_schema_field(serializers.DateTimeField())
    def get_at(self, exchange: Exchange) -> Any:
        moment = datetime.fromtimestamp(exchange.at, UTC)
        return serializers.DateTimeField().to_representation(moment)
