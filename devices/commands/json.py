"""Send a JSON command (seed 8.1.10): what may be sent, and what is kept of the answer.

What such a command means is each maker's own. So both texts may hold anything, passwords and people
included: they are stored sealed and shown to superusers only.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers

from devices.calling import CallRefused, TerminalClient
from devices.choices import CallWord, CommandKind, CommandState
from devices.command_kinds import Card, CommandResult, Given, Kind, Permission, register
from devices.selectors import may_use_json
from devices.services import CallSession
from terminal_protocol.device_calls import CallAnswer

JSON_SENT_MAX = 64 * 1024
"""UTF-8 bytes of a command."""
JSON_KEPT_MAX = 256 * 1024
"""Characters of an answer; longer ones are not kept."""
JSON_DEPTH_MAX = 16
_KEPT_DEPTH_MAX = 64


def json_command(session: CallSession) -> CommandResult:
    """Send a command once, and keep what is answered."""
    command = json.loads(session.command.json_sent)

    async def ask(client: TerminalClient) -> CallAnswer:
        return await client.call("jsonCmd", body=command, deadline=session.deadline)

    try:
        return _answered(CommandResult(), session.talk(ask))
    except CallRefused as refusal:
        outcome = CommandResult(CommandState.REFUSED, CallWord.REFUSED, str(refusal.code))
        return _answered(outcome, refusal.answer)


def _answered(outcome: CommandResult, answer: CallAnswer | None) -> CommandResult:
    kept = json_answer_kept(answer)
    if kept is None:
        return replace(outcome, word=CallWord.ANSWER_TOO_LARGE)
    return replace(outcome, json_answered=kept)


def json_command_checked(value: Any) -> dict[str, Any]:
    """Return a command as it may be sent.

    Raises:
        ValidationError: it is no object or an empty one, too long, too deep, or holds what JSON in
            UTF-8 cannot say (half of a surrogate pair, a number without end).
    """
    if not isinstance(value, Mapping) or not value:
        raise ValidationError({"payload": _("Give a JSON object.")})
    if not _is_within(value, JSON_DEPTH_MAX):
        raise ValidationError({"payload": _("Objects and lists stand too deep within each other.")})
    try:
        length = len(json_text(value).encode())
    except ValueError:
        raise ValidationError({"payload": _("It holds a value that JSON cannot say.")}) from None
    if length > JSON_SENT_MAX:
        raise ValidationError({"payload": _("At most 64 KB, please.")})
    return dict(value)


def json_text(value: Any) -> str:
    """Return JSON as it is sent and stored.

    Raises:
        ValueError: a number without end.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def json_answer_kept(answer: CallAnswer | None) -> str | None:
    """Return what is kept of an answer: ``{"desc": …, "json": …}``; None when it is too much."""
    if answer is None:
        return ""
    if not _is_within(answer.value, _KEPT_DEPTH_MAX):
        return None
    written = json.dumps({"desc": answer.desc, "json": answer.value})
    # Terminals write what is no JSON; it must not be passed on as such.
    text = json_text(json.loads(written, parse_constant=str)).encode("utf-8", "replace").decode()
    return text if len(text) <= JSON_KEPT_MAX else None


def _is_within(value: Any, most: int) -> bool:
    """Tell whether nothing stands deeper than this; without recursion, whatever was sent."""
    level: list[Any] = [value]
    for _step in range(most + 1):
        level = [inner for one in level for inner in _inner(one)]
        if not level:
            return True
    return False


def _inner(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list) else ()


class JsonField(forms.CharField):
    """JSON typed into a form; what kind of value it is, is checked with the command."""

    def clean(self, value: Any) -> Any:
        text: str = super().clean(value)
        if not text.strip():
            return None
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            # One-based and without the text itself, which may hold a password.
            words = _("This is not JSON: look at line %(line)d, character %(column)d.")
            line, column = getattr(error, "lineno", 1), getattr(error, "colno", 1)
            raise ValidationError(words % {"line": line, "column": column}) from None


JSON = register(
    Kind(
        name=CommandKind.JSON,
        words=gettext_lazy("Send a JSON command"),
        work=json_command,
        # What it does is the maker's own: perhaps a door that opens, so it is treated like a
        # restart.
        expires=timedelta(minutes=2),
        permission=Permission(may_use_json, refusal="JSON commands are the superusers'."),
        may_repeat=False,
        asks_twice_for_many=True,
        card=Card("devices/commands/json.html", place=60),
        given={
            "payload": Given(
                serializers.DictField(required=False),
                JsonField(required=False, max_length=JSON_SENT_MAX),
            )
        },
        check=lambda given: {"json": json_command_checked(given.get("payload"))},
        seals=lambda payload: json_text(payload.pop("json")),
    )
)
