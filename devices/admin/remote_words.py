"""Commands and the reach of terminals in words and colours."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from devices.admin.scoped import with_site
from devices.choices import CallWord, CommandKind, CommandState, SettingsGroup
from devices.models import Terminal, TerminalCommand, TerminalContact
from devices.selectors import Reach, command_json
from devices.services import GROUP_CALLS, SCHEDULE
from server_common.admin import Tone, ago_words, badge, named_table
from terminal_protocol import RetCode

OPEN_STATES = (CommandState.QUEUED, CommandState.SENDING)
# Those of which the seed says that 0 is off and 1 is on (8.1.2, 8.1.4, 8.1.5).
_SWITCHES = {
    "dhcpEnable", "faceEnable", "faceCmpEnable", "maskDetecEnable", "tempDetecEnable",
    "ftpPutImgEnable", "faceFrame", "voiceProswitch", "RecordOpen",
}  # fmt: skip
_TONES: dict[str, Tone] = {
    CommandState.QUEUED: "info",
    CommandState.SENDING: "info",
    CommandState.DONE: "good",
    CommandState.REFUSED: "bad",
    CommandState.UNREACHABLE: "bad",
    CommandState.UNKNOWN: "warn",
    CommandState.EXPIRED: "warn",
    CommandState.CANCELLED: "quiet",
}


def state_badge(state: str) -> SafeString:
    """Return where a command is in its life."""
    return badge(_TONES[state], CommandState(state).label)


def reach_badge(reach: Reach) -> SafeString:
    """Say whether a terminal can be called."""
    tones: dict[str, tuple[Tone, str]] = {
        "not_callable": ("quiet", _("Cannot be called")),
        "never_called": ("info", _("Not called yet")),
        "unreachable": ("bad", _("Does not answer")),
        "troubled": ("warn", _("Answers, with trouble")),
        "reachable": ("good", _("Can be called")),
    }
    tone, words = tones[reach.state]
    return badge(tone, f"{words}: {reach.reason.label}" if reach.reason else words)


def outcome_words(command: TerminalCommand) -> str:
    """Say in one line what became of a command."""
    words = []
    if command.word:
        words.append(str(CallWord(command.word).label))
    if command.code:
        words.append(_code_words(command.code))
    words += [f"{_count_word(name)} {value}" for name, value in _counts(command.result)]
    return " · ".join(words)


def requester_words(command: TerminalCommand) -> str:
    """Say who asked: an account, or the schedule."""
    is_schedule = command.requested_by_id is None and command.requester == SCHEDULE.name
    return _("schedule") if is_schedule else command.requester


def pushes_badge(terminal: Terminal) -> SafeString | str:
    """Say whether a terminal's records come by push, nothing where none are asked for."""
    if terminal.push_port is None:
        return ""
    contact: TerminalContact | None = getattr(terminal, "contact", None)
    if contact is None or contact.pushes_changed_at is None:
        return badge("info", _("Records are not pushed yet"))
    when = {"when": ago_words(contact.pushes_changed_at)}
    if contact.pushes:
        return badge("good", _("Records are pushed; that began %(when)s") % when)
    return badge("warn", _("Records are not pushed; that ended %(when)s") % when)


def value_words(name: str, value: Any) -> Any:
    """Say what a setting's value means where that is on or off; anything else as it is."""
    if name not in _SWITCHES or value not in (0, 1):
        return value
    words = _("on") if value else _("off")
    return f"{value} {words}"


def values_table(command: TerminalCommand) -> SafeString | str:
    """Return what a command carries, each value by its name."""
    given: dict[str, Any] = command.payload
    rows: list[tuple[str, Any]] = []
    if given.get("group") in SettingsGroup.values:
        group = SettingsGroup(given["group"])
        rows.append((_("Settings"), group.label))
        rows += [
            (_setting_word(group, name), value_words(name, value))
            for name, value in given.get("values", {}).items()
        ]
    if "what" in given:
        is_all = given["what"] == "all"
        rows.append((_("what"), _("Everybody") if is_all else _("What is still owed")))
    if "since" in given:
        since = localtime(datetime.fromisoformat(given["since"]))
        rows.append((_("since"), f"{since:%Y-%m-%d %H:%M:%S}"))
    return named_table(rows)


def result_table(command: TerminalCommand) -> SafeString | str:
    """Return what was counted of a command, each number by its name."""
    return named_table((_count_word(name), value) for name, value in _counts(command.result))


def _setting_word(group: SettingsGroup, name: str) -> SafeString | str:
    try:
        return _(GROUP_CALLS[group].table.field(name).words)
    except KeyError:
        # A setting that this version does not know any more.
        return format_html("<code>{}</code>", name)


def json_words(command: TerminalCommand) -> list[tuple[str, str]]:
    """Return what a JSON command said and was answered, each under its name; [] for others."""
    found = command_json(command)
    if found is None:
        return []
    parts = [(_("JSON sent"), found.sent)]
    if found.answered is not None:
        parts.append((_("JSON answered"), found.answered["json"]))
    written = [(name, json.dumps(part, ensure_ascii=False, indent=2)) for name, part in parts]
    desc = found.answered["desc"] if found.answered else ""
    return [*written, (_("Remark of the terminal"), desc)] if desc else written


def command_rows(
    commands: Iterable[TerminalCommand], *, is_site_named: bool = False
) -> list[dict[str, Any]]:
    """Return what tables of commands show.

    Args:
        commands: with terminal and site.
        is_site_named: name each terminal with its site.
    """
    return [
        {
            "command": command,
            "terminal": with_site(command.terminal) if is_site_named else command.terminal,
            "kind": CommandKind(command.kind).label,
            "state": state_badge(command.state),
            "outcome": outcome_words(command),
            "requester": requester_words(command),
            "at": date_format(localtime(command.created_at), "Y-m-d H:i:s"),
        }
        for command in commands
    ]


def _code_words(code: str) -> str:
    try:
        found = RetCode(code)
    except ValueError:
        return code
    return f"{code} {found.message} {found.cause}"


def _counts(result: dict[str, Any]) -> list[tuple[str, Any]]:
    shown = [
        (name, value)
        for name, value in result.items()
        if name in _WORDS and isinstance(value, int) and (value or name not in _ONLY_IF_ANY)
    ]
    differ = result.get("differ")
    return [*shown, ("differ", ", ".join(map(str, differ)))] if differ else shown


_WORDS = {
    "done", "failed", "fetching", "deleted", "total", "held", "missing", "extra", "different",
    "left", "read", "new", "drift", "sent", "differ", "groups", "steps",
}  # fmt: skip


_ONLY_IF_ANY = {"failed", "fetching", "deleted", "left", "drift"}


def _count_word(name: str) -> str:
    return {
        "done": _("done"),
        "failed": _("failed"),
        "fetching": _("fetched by the terminal itself"),
        "deleted": _("deleted"),
        "total": _("in all"),
        "held": _("people on it"),
        "missing": _("missing"),
        "extra": _("too many"),
        "different": _("different"),
        "left": _("still wrong"),
        "read": _("read"),
        "new": _("new"),
        "drift": _("settings not as desired"),
        "sent": _("settings sent"),
        "differ": _("kept otherwise"),
        "groups": _("groups of settings"),
        "steps": _("steps of the clock"),
    }[name]
