"""Settings of terminals: wanted, reported, and where they differ."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from devices.choices import SettingsGroup
from devices.models import Terminal, TerminalSettings
from devices.services.calls import caller_note
from terminal_protocol.device_objects import (
    DEVICE_OBJECT,
    NETWORK_OBJECT,
    PERI_PARA_OBJECT,
    SMART_FACE_OBJECT,
    WireObject,
)


@dataclass(frozen=True, slots=True)
class GroupCalls:
    """How a group is read and written, and its table."""

    read: str
    write: str
    table: WireObject


GROUP_CALLS: dict[SettingsGroup, GroupCalls] = {
    SettingsGroup.NETWORK: GroupCalls("network", "networkcfg", NETWORK_OBJECT),
    SettingsGroup.SMARTFACE: GroupCalls("smartface", "smartfacecfg", SMART_FACE_OBJECT),
    SettingsGroup.PERPARA: GroupCalls("perpara", "perparacfg", PERI_PARA_OBJECT),
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting that is not as desired; ``reported`` None when the terminal never said it."""

    name: str
    desired: Any
    reported: Any


def differences(row: TerminalSettings) -> tuple[Difference, ...]:
    """Return the drift of a group, in the order of the seed's table."""
    table = GROUP_CALLS[SettingsGroup(row.group)].table
    return tuple(
        Difference(name, row.desired[name], row.reported.get(name))
        for name in table.names
        if name in row.desired and row.desired[name] != row.reported.get(name)
    )


def settings_checked(*, group: SettingsGroup, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values of a group as the wire takes them, some or all of its settings.

    Raises:
        ValidationError: a name the group does not have, or a value outside of the seed's range;
            by name.
    """
    reading = GROUP_CALLS[group].table.read(values, is_partial=True)
    wrong = {problem.name: [problem.text] for problem in reading.problems}
    wrong.update({name: [f"{name}: unknown"] for name in reading.extras})
    if wrong:
        raise ValidationError(wrong)
    return dict(reading.values)


@transaction.atomic
def settings_want(
    *, terminal: Terminal, group: SettingsGroup, values: Mapping[str, Any], by: str
) -> TerminalSettings:
    """Note the wanted settings of a group; nothing is sent.

    Args:
        terminal: whose settings.
        group: which of them.
        values: by their names on the wire; what is not named is left to the terminal.
        by: who wants it.

    Raises:
        ValidationError: see ``settings_checked``.
    """
    checked = settings_checked(group=group, values=values)
    row, _ = TerminalSettings.objects.select_for_update().get_or_create(
        terminal=terminal, group=group
    )
    if row.desired != checked:
        row.desired, row.desired_at, row.desired_by = checked, timezone.now(), by
        row.save(update_fields=["desired", "desired_at", "desired_by"])
    return row


@transaction.atomic
def settings_want_also(
    *, terminal: Terminal, group: SettingsGroup, values: Mapping[str, Any], by: str
) -> TerminalSettings:
    """Want some settings of a group besides what is wanted already; see ``settings_want``."""
    row = TerminalSettings.objects.filter(terminal=terminal, group=group).first()
    wanted = {**(row.desired if row else {}), **values}
    return settings_want(terminal=terminal, group=group, values=wanted, by=by)


@transaction.atomic
def settings_reported(*, terminal_id: int, group: SettingsGroup, said: Any) -> TerminalSettings:
    """Note what a terminal says of a group; what cannot be understood is left out."""
    said = said if isinstance(said, Mapping) else {}
    values = GROUP_CALLS[group].table.read(said, is_partial=True).values
    row, _ = TerminalSettings.objects.select_for_update().get_or_create(
        terminal_id=terminal_id, group=group
    )
    row.reported, row.reported_at = dict(values), timezone.now()
    row.save(update_fields=["reported", "reported_at"])
    return row


def settings_described(*, terminal_id: int, said: Any) -> None:
    """Note model and versions as a terminal tells them (seed 8.1.1)."""
    said = said if isinstance(said, Mapping) else {}
    values = DEVICE_OBJECT.read(said, is_partial=True).values
    columns = {"model": "deviceMoel", "app_version": "appVer", "web_version": "webVer"}
    changes = {column: values[name] for column, name in columns.items() if values.get(name)}
    if changes and Terminal.objects.filter(pk=terminal_id).exclude(**changes).update(**changes):
        caller_note(terminal_id=terminal_id, feature="firmware", value=" ".join(changes.values()))
