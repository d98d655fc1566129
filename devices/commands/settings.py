"""What a terminal is asked to do by itself: open, clock, restart, settings, JSON (seed 8.1)."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from devices.calling import CallRefused, NotDelivered, OutcomeUnknown, Repeat, TerminalClient
from devices.choices import CallWord, CommandKind, CommandState, SettingsGroup
from devices.commands.json import json_answer_kept
from devices.services.command_work import CallSession, Ended
from devices.services.terminal_settings import (
    GROUP_CALLS,
    differences,
    settings_described,
    settings_reported,
)
from terminal_protocol import RetCode
from terminal_protocol.device_calls import CallAnswer, ContentForm
from terminal_protocol.device_objects import WireObject
from terminal_protocol.signature import WINDOW_MS

# A clock that is further off is walked there in steps that the terminal accepts; this many take
# about half a minute and set a clock that is a day and a half off.
_CLOCK_STEPS_MAX = 450
_CLOCK_STEP_MS = WINDOW_MS - 10_000


def device_work(session: CallSession) -> Ended:
    """Carry out a command of chapter 8.1."""
    return _WORK[CommandKind(session.command.kind)](session)


def _open(session: CallSession) -> Ended:
    async def ask(client: TerminalClient) -> None:
        await client.call(
            "open", parameters={"remark": session.command.reason}, deadline=session.deadline
        )

    session.talk(ask)
    return Ended()


def _reboot(session: CallSession) -> Ended:
    async def ask(client: TerminalClient) -> None:
        await client.call("reboot", deadline=session.deadline)

    session.talk(ask)
    return Ended()


def _sync_time(session: CallSession) -> Ended:
    async def ask(client: TerminalClient) -> Ended:
        return await set_clock(client, deadline=session.deadline)

    return session.talk(ask)


async def set_clock(client: TerminalClient, *, deadline: float) -> Ended:
    """Set a terminal's clock to the platform's.

    The timestamp of this call is the signature's and the time to set at once (8.1.8), and one
    that is more than five minutes off may be refused. Then the clock is brought here in steps of
    just under five minutes, each of which the terminal accepts. One that refuses it for being older
    than other calls is not led: each step would be newer still than the right time.
    """
    client.clock.offset_ms = 0
    for step in range(_CLOCK_STEPS_MAX):
        sent_offset_ms = client.clock.offset_ms
        try:
            # The same done twice; the terminal's own time is not adopted by itself here.
            await client.call("syncTime", repeat=Repeat.ALWAYS, deadline=deadline, adopt=False)
        except CallRefused as refusal:
            measured_ms = client.clock.measured_ms
            if not refusal.is_about_time or refusal.is_older or not measured_ms or step:
                raise
            if abs(measured_ms) > _CLOCK_STEPS_MAX * _CLOCK_STEP_MS:
                return Ended(CommandState.REFUSED, CallWord.CLOCK_TOO_FAR, str(refusal.code))
            client.clock.offset_ms = _nearer(measured_ms)
            continue
        if sent_offset_ms == 0:
            return Ended(result={"steps": step + 1})
        client.clock.offset_ms = _nearer(sent_offset_ms)
    return Ended(CommandState.REFUSED, CallWord.CLOCK_TOO_FAR)


def _nearer(offset_ms: int) -> int:
    """Return an offset one step nearer to ours."""
    if abs(offset_ms) <= _CLOCK_STEP_MS:
        return 0
    return offset_ms - _CLOCK_STEP_MS if offset_ms > 0 else offset_ms + _CLOCK_STEP_MS


def _settings_read(session: CallSession) -> Ended:
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
    return Ended(result={"groups": len(found), "drift": drift})


def _settings_write(session: CallSession) -> Ended:
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
        return Ended(CommandState.UNKNOWN, CallWord.ANSWER_TIMEOUT, result={"sent": len(wanted)})
    settings_reported(terminal_id=session.terminal.pk, group=group, said=said)
    differ = [name for name in _differ(calls.table, whole, said) if name in wanted]
    word = CallWord.SETTINGS_DIFFER if differ else ""
    return Ended(word=word, result={"sent": len(wanted), "differ": differ})


def _differ(table: WireObject, sent: dict[str, Any], said: dict[str, Any]) -> list[str]:
    """Name the settings that a terminal says it holds otherwise than they were sent."""
    kept = table.read(said, is_partial=True).values
    return [name for name in sent if kept.get(name) != sent[name]]


def _json(session: CallSession) -> Ended:
    command = json.loads(session.command.json_sent)

    async def ask(client: TerminalClient) -> CallAnswer:
        return await client.call("jsonCmd", body=command, deadline=session.deadline)

    try:
        return _answered(Ended(), session.talk(ask))
    except CallRefused as refusal:
        ended = Ended(CommandState.REFUSED, CallWord.REFUSED, str(refusal.code))
        return _answered(ended, refusal.answer)


def _answered(ended: Ended, answer: CallAnswer | None) -> Ended:
    kept = json_answer_kept(answer)
    if kept is None:
        return replace(ended, word=CallWord.ANSWER_TOO_LARGE)
    return replace(ended, json_answered=kept)


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise OutcomeUnknown("bad_answer")
    return value


_WORK: dict[CommandKind, Callable[[CallSession], Ended]] = {
    CommandKind.OPEN_DOOR: _open,
    CommandKind.SYNC_TIME: _sync_time,
    CommandKind.REBOOT: _reboot,
    CommandKind.SETTINGS_READ: _settings_read,
    CommandKind.SETTINGS_WRITE: _settings_write,
    CommandKind.JSON: _json,
}
