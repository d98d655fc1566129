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
from devices.api.serializers.jobs import JobOut
from devices.api.serializers.refused_calls import RefusedAsked, RefusedOut
from devices.api.serializers.sites import RotateIn, SiteIn, SiteOut, equipped_site_ids

__all__ = [
    "AuditOut",
    "ChangeOut",
    "CommandDetailOut",
    "CommandHereIn",
    "CommandIn",
    "CommandJsonOut",
    "CommandOut",
    "ConfirmOut",
    "JobOut",
    "KindField",
    "OpenIn",
    "RefusedAsked",
    "RefusedOut",
    "RotateIn",
    "SettingsIn",
    "SettingsOut",
    "SiteIn",
    "SiteOut",
    "equipped_site_ids",
]
