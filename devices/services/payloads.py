"""What goes with a command, checked before anything is asked of a terminal."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from devices.choices import CommandKind, SettingsGroup
from devices.commands.json import json_command_checked
from devices.services.terminal_settings import settings_checked

PUSH_CHOICES = ("owed", "all")


def command_payload(*, kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a command of this kind carries, out of what was given.

    Args:
        kind: of ``CommandKind``.
        given: ``group`` and ``values`` for settings, ``what`` for people, ``since`` (aware
            moment) for records, ``payload`` for a JSON command; what a kind does not use is left
            out.

    Raises:
        ValidationError: by the name of what is missing or wrong.
    """
    if kind == CommandKind.SETTINGS_WRITE:
        if given.get("group") not in SettingsGroup.values:
            raise ValidationError({"group": _("Choose which settings.")})
        group, values = SettingsGroup(given["group"]), given.get("values")
        if not isinstance(values, Mapping) or not values:
            raise ValidationError({"values": _("Name at least one setting.")})
        return {"group": str(group), "values": settings_checked(group=group, values=values)}
    if kind == CommandKind.JSON:
        return {"json": json_command_checked(given.get("payload"))}
    if kind == CommandKind.PEOPLE_PUSH:
        what = given.get("what") or PUSH_CHOICES[0]
        if what not in PUSH_CHOICES:
            raise ValidationError({"what": _("Say owed or all.")})
        return {"what": what}
    if kind == CommandKind.RECORDS_PULL and given.get("since") is not None:
        since = given["since"]
        if not isinstance(since, datetime) or since.tzinfo is None:
            raise ValidationError({"since": _("Give a moment.")})
        return {"since": since.isoformat()}
    return {}
