"""Carrying out one command: take it, talk to the terminal, say what became of it.

A command is taken by one worker only, and only one command talks to a terminal at a time; both
are rules of the database, so a task that is delivered twice, a second worker, or a worker that
comes back from the dead change nothing. Nothing is locked while the terminal is talked to.
"""

import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

from django.db import IntegrityError, transaction
from django.utils import timezone

from devices.calling import (
    CallError,
    CallRefused,
    NotCallable,
    NotDelivered,
    TerminalClient,
    TooLate,
)
from devices.choices import CallWord, CommandState
from devices.command_kinds import KINDS, CommandResult, urgent_kinds
from devices.models import Terminal, TerminalCommand
from devices.services.commands.commands import commands_dispatch
from devices.services.commands.contacts import CallResult, call_target, contact_note
from server_common.async_bridge import run_apart

logger = logging.getLogger(__name__)

T = TypeVar("T")
# A worker says this often that it is still there; one conversation takes far less.
LEASE = timedelta(seconds=60)
# How often a worker that waits for a terminal looks whether it is free.
_LOOK_S = 0.1
# Long work steps aside for so long at most; what it steps aside for expires before.
_ASIDE_S = 20.0


class CommandTakenAway(Exception):
    """The command was cancelled, or given up for lost and is no longer this worker's."""


class CallSession:
    """One command being carried out by this worker."""

    def __init__(self, command: TerminalCommand, *, deadline: float) -> None:
        self.command = command
        self.terminal: Terminal = command.terminal
        self.deadline = deadline

    def talk(self, conversation: Callable[[TerminalClient], Awaitable[T]]) -> T:
        """Open a connection, have a conversation, and note what it showed.

        Raises:
            CallError: it could not be had, or not to its end.
        """
        self._check_address()
        target = call_target(self.terminal)
        client = TerminalClient(target)
        failure = ""

        async def connected() -> T:
            async with client:
                return await conversation(client)

        try:
            return run_apart(connected())
        except CallError as error:
            failure = error.word
            raise
        finally:
            result = CallResult(
                client.has_answered, client.clock.offset_ms, client.clock.measured_ms, failure
            )
            contact_note(terminal_id=self.terminal.pk, result=result)

    def _check_address(self) -> None:
        """Refuse to go on where the terminal is called elsewhere than when this was asked for."""
        here = Terminal.objects.filter(pk=self.terminal.pk, api_address=self.terminal.api_address)
        if not here.exists():
            raise NotCallable(CallWord.ADDRESS_CHANGED)

    def yield_to_urgent(self, **result: Any) -> None:
        """Between two conversations of long work: show progress, and let urgent commands pass.

        Raises:
            CommandTakenAway: there is nothing left to go on with.
        """
        mine = TerminalCommand.objects.filter(
            pk=self.command.pk, lease=self.command.lease, state=CommandState.SENDING
        )
        if not mine.update(result=result, lease_until=timezone.now() + LEASE):
            raise CommandTakenAway
        if not _waits(self.terminal.pk):
            return
        mine.update(holds_terminal=False)
        until = time.monotonic() + _ASIDE_S
        while time.monotonic() < until:
            time.sleep(_LOOK_S)
            if not _waits(self.terminal.pk) and _hold_again(mine):
                return
        raise CommandTakenAway


def command_work(
    *, command_id: int, work: Callable[[CallSession], CommandResult | None] | None = None
) -> str:
    """Carry out a command and return the state it is in afterwards.

    Args:
        command_id: nothing is done for a command that is gone or taken.
        work: talks to the terminal, as its kind does unless another is given; what returns None
            is queued again to go on.

    Effects: the row says what became of it; the next waiting command is sent to a worker.
    """
    session = _take(command_id)
    if session is None:
        return ""
    try:
        outcome = (work or KINDS[session.command.kind].work)(session)
    except CommandTakenAway:
        logger.info("command_taken_away id=%s", command_id)
        return ""
    except CallError as error:
        outcome = _outcome_of(error)
    except Exception:
        # The border of the task: how far it came is unknown, and the row must say so.
        logger.exception("command_failed id=%s", command_id)
        outcome = CommandResult(CommandState.UNKNOWN, CallWord.FAILED)
    _finish(session.command, outcome)
    commands_dispatch()
    return outcome.state if outcome else CommandState.QUEUED


def _take(command_id: int) -> CallSession | None:
    """Make a waiting command this worker's, or return None.

    An urgent one waits here until its terminal is free or its time is over.
    """
    while True:
        session, is_busy = _take_once(command_id)
        if not is_busy:
            return session
        time.sleep(_LOOK_S)


@transaction.atomic
def _take_once(command_id: int) -> tuple[CallSession | None, bool]:
    # Serialises two deliveries of the same task; the second finds it taken.
    command = (
        TerminalCommand.objects.select_for_update(of=("self",))
        .select_related("terminal", "terminal__site")
        .filter(pk=command_id, state=CommandState.QUEUED)
        .first()
    )
    if command is None:
        return None, False
    now = timezone.now()
    if command.expires_at <= now:
        _drop(command)
        return None, False
    command.state, command.holds_terminal = CommandState.SENDING, True
    command.lease, command.lease_until = secrets.token_hex(16), now + LEASE
    command.started_at = command.started_at or now
    command.attempts += 1
    try:
        with transaction.atomic():
            command.save(
                update_fields=[
                    "state", "holds_terminal", "lease", "lease_until", "started_at", "attempts",
                ]
            )  # fmt: skip
    except IntegrityError:
        is_urgent = command.kind in urgent_kinds()
        if not is_urgent:
            # The worker that talks to the terminal now sends the next one off when it has ended.
            TerminalCommand.objects.filter(pk=command_id).update(dispatched_at=None)
        return None, is_urgent
    left_s = (command.expires_at - now).total_seconds()
    return CallSession(command, deadline=time.monotonic() + left_s), False


def _drop(command: TerminalCommand) -> None:
    command.state, command.word = CommandState.EXPIRED, CallWord.TOO_LATE
    command.finished_at = timezone.now()
    command.save(update_fields=["state", "word", "finished_at"])


def _waits(terminal_id: int) -> bool:
    """Tell whether an urgent command waits for the terminal or talks to it."""
    return TerminalCommand.objects.filter(
        terminal_id=terminal_id,
        kind__in=urgent_kinds(),
        state__in=[CommandState.QUEUED, CommandState.SENDING],
        expires_at__gt=timezone.now() - LEASE,
    ).exists()


def _hold_again(mine: Any) -> bool:
    try:
        with transaction.atomic():
            if not mine.update(holds_terminal=True, lease_until=timezone.now() + LEASE):
                raise CommandTakenAway
    except IntegrityError:
        return False
    return True


def _outcome_of(error: CallError) -> CommandResult:
    if isinstance(error, CallRefused):
        return CommandResult(CommandState.REFUSED, CallWord.REFUSED, str(error.code))
    if isinstance(error, TooLate):
        return CommandResult(CommandState.EXPIRED, error.word)
    if isinstance(error, NotDelivered | NotCallable):
        return CommandResult(CommandState.UNREACHABLE, error.word)
    return CommandResult(CommandState.UNKNOWN, error.word)


def _finish(command: TerminalCommand, outcome: CommandResult | None) -> None:
    mine = TerminalCommand.objects.filter(
        pk=command.pk, lease=command.lease, state=CommandState.SENDING
    )
    if outcome is None:
        fresh = timezone.now() + KINDS[command.kind].expires
        mine.update(
            state=CommandState.QUEUED,
            holds_terminal=False,
            dispatched_at=None,
            attempts=0,
            expires_at=fresh,
        )
        return
    changes: dict[str, Any] = {
        "state": outcome.state,
        "word": outcome.word,
        "code": outcome.code,
        "holds_terminal": False,
        "finished_at": timezone.now(),
    }
    if outcome.result:
        changes["result"] = outcome.result
    if outcome.json_answered:
        changes["json_answered"] = outcome.json_answered
    if not mine.update(**changes):
        logger.warning("command_overtaken id=%s state=%s", command.pk, outcome.state)
