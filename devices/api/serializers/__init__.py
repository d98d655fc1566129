"""Shapes that the REST interface takes and shows."""

from devices.api.serializers.audit import AuditOut
from devices.api.serializers.commands import (
    ChangeOut,
    CommandDetailOut,
    CommandHereIn,
    CommandIn,
    CommandJsonOut,
    CommandOut,
    ConfirmOut,
    KindField,
    OpenIn,
    SettingsIn,
    SettingsOut,
)
from devices.api.serializers.fields import Lasting, ManagedSiteField, VisibleSiteField
from devices.api.serializers.jobs import JobOut
from devices.api.serializers.refused_calls import RefusedAsked, RefusedOut
from devices.api.serializers.sites import RotateIn, SiteIn, SiteOut, equipped_site_ids
from devices.api.serializers.terminals import (
    ApproveAddressIn,
    CallingAddressOut,
    ExchangeOut,
    TerminalIn,
    TerminalOut,
)

__all__ = [
    "ApproveAddressIn",
    "AuditOut",
    "CallingAddressOut",
    "ChangeOut",
    "CommandDetailOut",
    "CommandHereIn",
    "CommandIn",
    "CommandJsonOut",
    "CommandOut",
    "ConfirmOut",
    "ExchangeOut",
    "JobOut",
    "KindField",
    "Lasting",
    "ManagedSiteField",
    "OpenIn",
    "RefusedAsked",
    "RefusedOut",
    "RotateIn",
    "SettingsIn",
    "SettingsOut",
    "SiteIn",
    "SiteOut",
    "TerminalIn",
    "TerminalOut",
    "VisibleSiteField",
    "equipped_site_ids",
]
