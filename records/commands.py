"""Fetch from a terminal the records that did not arrive (seed 8.3)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.timezone import localtime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from devices.choices import CommandKind
from devices.command_kinds import TODAY, Card, Given, Kind, register
from records.services import records_pull


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    since = given.get("since")
    if since is None:
        return {}
    if not isinstance(since, datetime) or since.tzinfo is None:
        raise ValidationError({"since": gettext("Give a moment.")})
    return {"since": since.isoformat()}


def _rows(payload: Mapping[str, Any]) -> list[tuple[str, Any]]:
    if "since" not in payload:
        return []
    since = localtime(datetime.fromisoformat(payload["since"]))
    return [(gettext("since"), f"{since:%Y-%m-%d %H:%M:%S}")]


RECORDS_PULL = register(
    Kind(
        name=CommandKind.RECORDS_PULL,
        words=_("Fetch missed records"),
        work=records_pull,
        expires=TODAY,
        task="records.tasks.command_run",
        card=Card("records/commands/fetch.html", place=30),
        given={
            "since": Given(
                serializers.DateTimeField(required=False),
                forms.DateTimeField(required=False, input_formats=["%Y-%m-%dT%H:%M"]),
            )
        },
        check=_checked,
        shows=_rows,
        counts={"read": _("read"), "new": _("new"), "total": _("in all")},
    )
)
