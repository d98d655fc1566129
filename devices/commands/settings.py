"""Read and write the settings of a terminal (seed 8.1.12 to 8.1.17)."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from devices.calling import CallRefused, NotDelivered, OutcomeUnknown, Repeat, TerminalClient
from devices.choices import CallWord, CommandKind, CommandState, SettingsGroup
from devices.command_kinds import SOON, Card, CommandResult, Given, Kind, register
from devices.models import Terminal
from devices.selectors import SettingsChange, settings_changes
from devices.services import (
    GROUP_CALLS,
    CallSession,
    differences,
    settings_checked,
    settings_described,
    settings_reported,
    settings_want_also,
)
from terminal_protocol import RetCode
from terminal_protocol.device_calls import ContentForm
from terminal_protocol.device_objects import WireObject

# Those of which the seed says that 0 is off and 1 is on (8.1.2, 8.1.4, 8.1.5).
_SWITCHES = {
    "dhcpEnable", "faceEnable", "faceCmpEnable", "maskDetecEnable", "tempDetecEnable",
    "ftpPutImgEnable", "faceFrame", "voiceProswitch", "RecordOpen",
}  # fmt: skip


def settings_read(session: CallSession) -> CommandResult:
    """Read all groups and note what the terminal says."""

    async def ask(client: TerminalClient) -> dict[str, Any]:
        found = {}
        for name in ("information", *(calls.read for calls in GROUP_CALLS.values())):
            try:
                found[name] = (await client.call(name)).value
            except CallRefused as refusal:
                # Some models have no such settings (40001); the others are read all the same.
                if refusal.code != int(RetCode.NOT_SUPPORTED):
                    raise
        return found

    found = session.talk(ask)
    if "information" in found:
        settings_described(terminal_id=session.terminal.pk, said=found["information"])
    drift = 0
    for group, calls in GROUP_CALLS.items():
        if calls.read in found:
            row = settings_reported(
                terminal_id=session.terminal.pk, group=group, said=found[calls.read]
            )
            drift += len(differences(row))
    return CommandResult(result={"groups": len(found), "drift": drift})


def settings_write(session: CallSession) -> CommandResult:
    """Read, merge, write, read again: the wire takes whole objects only (8.1.13 and others)."""
    group = SettingsGroup(session.command.payload["group"])
    wanted: dict[str, Any] = session.command.payload["values"]
    calls = GROUP_CALLS[group]

    async def ask(client: TerminalClient) -> tuple[dict[str, Any], dict[str, Any] | None]:
        before = _object((await client.call(calls.read)).value)
        held = calls.table.read(before, is_partial=True)
        whole = calls.table.write({**held.values, **wanted}, is_partial=True)
        said: dict[str, Any] | None = None
        # Some terminals say 200 to a form in which they found nothing.
        for form in (None, ContentForm.JSON):
            await client.call(
                calls.write, body=whole, form=form, repeat=Repeat.ALWAYS, deadline=session.deadline
            )
            try:
                said = _object((await client.call(calls.read)).value)
            except (NotDelivered, OutcomeUnknown):
                # New network values may have moved it to where this address does not lead.
                return whole, None
            if said != before or not _differ(calls.table, whole, said):
                break
        return whole, said

    whole, said = session.talk(ask)
    if said is None:
        return CommandResult(
            CommandState.UNKNOWN, CallWord.ANSWER_TIMEOUT, result={"sent": len(wanted)}
        )
    settings_reported(terminal_id=session.terminal.pk, group=group, said=said)
    differ = [name for name in _differ(calls.table, whole, said) if name in wanted]
    word = CallWord.SETTINGS_DIFFER if differ else ""
    return CommandResult(word=word, result={"sent": len(wanted), "differ": differ})


def _differ(table: WireObject, sent: dict[str, Any], said: dict[str, Any]) -> list[str]:
    """Name the settings that a terminal says it holds otherwise than they were sent."""
    kept = table.read(said, is_partial=True).values
    return [name for name in sent if kept.get(name) != sent[name]]


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise OutcomeUnknown("bad_answer")
    return value


def value_words(name: str, value: Any) -> Any:
    """Say what a setting's value means where that is on or off; anything else as it is."""
    if name not in _SWITCHES or value not in (0, 1):
        return value
    words = gettext("on") if value else gettext("off")
    return f"{value} {words}"


def setting_words(group: str, name: str) -> SafeString | str:
    """Say what a setting is, by its group and its name on the wire."""
    try:
        # Named in ``menjin.translatable_words``, because the wire's tables know no Django.
        return gettext(GROUP_CALLS[SettingsGroup(group)].table.field(name).label)
    except KeyError:
        # A setting that this version does not know any more.
        return format_html("<code>{}</code>", name)


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    if given.get("group") not in SettingsGroup.values:
        raise ValidationError({"group": gettext("Choose which settings.")})
    group, values = SettingsGroup(given["group"]), given.get("values")
    if not isinstance(values, Mapping) or not values:
        raise ValidationError({"values": gettext("Name at least one setting.")})
    return {"group": str(group), "values": settings_checked(group=group, values=values)}


def _want(terminal: Terminal, payload: Mapping[str, Any], by: str) -> None:
    """Note that what is sent is wanted, whether it arrives or not."""
    group = SettingsGroup(payload["group"])
    settings_want_also(terminal=terminal, group=group, values=payload["values"], by=by)


def _changes(terminals: Sequence[Terminal], payload: Mapping[str, Any]) -> list[SettingsChange]:
    return settings_changes(terminals, group=payload["group"], values=payload["values"])


def _warning(payload: Mapping[str, Any]) -> str:
    if payload["group"] != SettingsGroup.NETWORK:
        return ""
    return gettext("With wrong network values it can no longer be reached, and has to be visited.")


def _rows(payload: Mapping[str, Any]) -> list[tuple[str, Any]]:
    if payload.get("group") not in SettingsGroup.values:
        return []
    group = SettingsGroup(payload["group"])
    values = payload.get("values", {}).items()
    return [
        (gettext("Settings"), group.label),
        *((setting_words(group, name), value_words(name, value)) for name, value in values),
    ]


_CARD = Card("devices/commands/settings.html", place=40)
SETTINGS_READ = register(
    Kind(
        name=CommandKind.SETTINGS_READ,
        words=_("Read the settings"),
        work=settings_read,
        expires=SOON,
        card=_CARD,
        counts={"groups": _("groups of settings"), "drift": _("settings not as desired")},
        counts_if_any=frozenset({"drift"}),
    )
)
SETTINGS_WRITE = register(
    Kind(
        name=CommandKind.SETTINGS_WRITE,
        words=_("Write settings"),
        work=settings_write,
        expires=SOON,
        asks_twice=True,
        card=_CARD,
        given={
            "group": Given(serializers.ChoiceField(choices=SettingsGroup.choices, required=False)),
            "values": Given(serializers.DictField(required=False)),
        },
        check=_checked,
        on_request=_want,
        changes=_changes,
        warns=_warning,
        shows=_rows,
        counts={"sent": _("settings sent"), "differ": _("kept otherwise")},
    )
)
