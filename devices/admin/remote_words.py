"""Commands and the reach of terminals in words and colours."""

import json
from collections.abc import Iterable
from typing import Any

from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from devices.admin.scoped import with_site
from devices.choices import CallWord, CommandState
from devices.command_kinds import KINDS, kind_words
from devices.models import Terminal, TerminalCommand, TerminalContact
from devices.selectors import Reach, command_json
from devices.services import SCHEDULE
from server_common.admin import Tone, ago_words, badge, named_table
from terminal_protocol import RetCode

OPEN_STATES = (CommandState.QUEUED, CommandState.SENDING)
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
    words += [f"{name} {value}" for name, value in _counts(command)]
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


def values_table(command: TerminalCommand) -> SafeString | str:
    """Return what a command carries, each value by its name."""
    kind = KINDS.get(command.kind)
    return named_table(kind.shows(command.payload) if kind else [])


def result_table(command: TerminalCommand) -> SafeString | str:
    """Return what was counted of a command, each number by its name."""
    return named_table(_counts(command))


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
            "kind": kind_words(command.kind),
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


def _counts(command: TerminalCommand) -> list[tuple[str, Any]]:
    """Return what was counted, each by its name; 0 is left out where it says nothing."""
    kind = KINDS.get(command.kind)
    return [
        (str(kind.counts[name]), ", ".join(map(str, value)) if isinstance(value, list) else value)
        for name, value in command.result.items()
        if kind and name in kind.counts and _is_shown(value, if_any=name in kind.counts_if_any)
    ]


def _is_shown(value: Any, *, if_any: bool) -> bool:
    if isinstance(value, list):
        return bool(value)
    return isinstance(value, int) and (bool(value) or not if_any)
