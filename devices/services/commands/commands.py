"""Requests of commands to terminals: their order, and their end when not carried out."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.utils import timezone
from django.utils.translation import gettext as _

from devices.choices import CallWord, CommandKind, CommandState, TerminalStatus
from devices.command_kinds import KINDS, Kind, urgent_kinds
from devices.models import CommandBatch, Terminal, TerminalCommand
from devices.services.commands.contacts import uncallable_word
from server_common.on_commit import enqueue_on_commit

logger = logging.getLogger(__name__)

# So many commands that can wait are with the workers at once; the other threads are for doors.
WINDOW = 16
# A task that was lost on its way (broker restarted) is sent again after this long.
_DISPATCH_AGAIN = timedelta(minutes=2)
_ATTEMPTS_MAX = 3
_SCHEDULE_KEPT = timedelta(days=30)
_OPEN_STATES = (CommandState.QUEUED, CommandState.SENDING)


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks: a user by their name, or the schedule."""

    name: str
    user: Any = None


SCHEDULE = Requester("schedule")


@dataclass(frozen=True, slots=True)
class Requested:
    """The rows of a request, in the order of its terminals; a batch when there are several."""

    commands: tuple[TerminalCommand, ...]
    batch: CommandBatch | None


@transaction.atomic
def commands_request(
    *,
    kind: str,
    terminals: Sequence[Terminal],
    requester: Requester,
    reason: str = "",
    payload: Mapping[str, Any] | None = None,
    is_own_work: bool = False,
) -> Requested:
    """Request a command of terminals; permission and confirmation have been checked before.

    A terminal that cannot be called at all gets its row too, ended at once, saying why. Who says
    ``is_own_work`` carries it out himself; the workers are sent nothing unless he fails to.

    Raises:
        ValidationError: a reason is needed, or is longer than the wire takes (255, seed 8.1.7).

    Effects: after commit, urgent commands go to the workers, others as there is room.
    """
    spec = KINDS[kind]
    reason = " ".join(reason.split())
    if spec.needs_reason and not reason:
        raise ValidationError({"reason": _("Please say why.")})
    if len(reason) > 255:
        raise ValidationError({"reason": _("At most 255 characters, please.")})
    now = timezone.now()
    payload, batch = dict(payload or {}), None
    json_sent = spec.seals(payload) if spec.seals else ""
    if len(terminals) > 1:
        batch = CommandBatch.objects.create(kind=kind, requester=requester.name)
    asked = _Asked(spec, requester, reason, payload, json_sent, batch, is_own_work)
    commands = [_command_make(terminal, asked, now) for terminal in terminals]
    if not spec.is_urgent and not is_own_work:
        enqueue_on_commit("devices.tasks.commands_dispatch")
    return Requested(tuple(commands), batch)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the rows of one request have in common."""

    kind: Kind
    requester: Requester
    reason: str
    payload: dict[str, Any]
    json_sent: str = field(repr=False)
    batch: CommandBatch | None
    is_own_work: bool


def _command_make(terminal: Terminal, asked: _Asked, now: datetime) -> TerminalCommand:
    kind, word = asked.kind, uncallable_word(terminal)
    if kind.on_request:
        kind.on_request(terminal, asked.payload, asked.requester.name)
    command = TerminalCommand(
        terminal=terminal,
        batch=asked.batch,
        kind=kind.name,
        requested_by=asked.requester.user,
        requester=asked.requester.name,
        reason=asked.reason,
        payload=asked.payload,
        json_sent=asked.json_sent,
        expires_at=now + kind.expires,
    )
    if word:
        command.state, command.word = CommandState.UNREACHABLE, word
        command.finished_at = now
    elif kind.is_urgent or asked.is_own_work:
        command.dispatched_at = now
    command.save()
    if kind.is_urgent and not word:
        enqueue_on_commit(kind.task, command_id=command.pk)
    return command


@transaction.atomic
def commands_dispatch() -> int:
    """Send waiting commands to the workers as there is room, one for each terminal at a time.

    Returns how many were sent.
    """
    urgent = urgent_kinds()
    waiting = TerminalCommand.objects.filter(state=CommandState.QUEUED).exclude(kind__in=urgent)
    under_way = TerminalCommand.objects.filter(
        state__in=_OPEN_STATES, dispatched_at__isnull=False
    ).exclude(kind__in=urgent)
    room = WINDOW - under_way.count()
    if room <= 0:
        return 0
    busy = under_way.filter(terminal=OuterRef("terminal"))
    # Two that dispatch at once skip each other's rows; together they may exceed the window a bit.
    rows = (
        waiting.filter(~Exists(busy), dispatched_at__isnull=True, kind__in=list(KINDS))
        .select_for_update(skip_locked=True)
        .order_by("pk")[: 4 * room]
    )
    sent: dict[int, TerminalCommand] = {}
    for row in rows:
        if len(sent) < room:
            sent.setdefault(row.terminal_id, row)
    TerminalCommand.objects.filter(pk__in=[row.pk for row in sent.values()]).update(
        dispatched_at=timezone.now()
    )
    for row in sent.values():
        enqueue_on_commit(KINDS[row.kind].task, command_id=row.pk)
    return len(sent)


@transaction.atomic
def command_cancel(*, command: TerminalCommand) -> bool:
    """Cancel what has not been sent yet; False when it is too late for that."""
    return bool(
        TerminalCommand.objects.filter(pk=command.pk, state=CommandState.QUEUED).update(
            state=CommandState.CANCELLED, finished_at=timezone.now()
        )
    )


@transaction.atomic
def commands_sweep(*, now: datetime | None = None) -> int:
    """End what is too late and what its worker left behind; returns how many rows changed."""
    now = now or timezone.now()
    late = TerminalCommand.objects.filter(state=CommandState.QUEUED, expires_at__lte=now)
    swept = late.update(state=CommandState.EXPIRED, word=CallWord.TOO_LATE, finished_at=now)
    lost = TerminalCommand.objects.filter(state=CommandState.SENDING, lease_until__lt=now)
    again = [kind.name for kind in KINDS.values() if kind.may_repeat]
    swept += lost.filter(kind__in=again, attempts__lt=_ATTEMPTS_MAX, expires_at__gt=now).update(
        state=CommandState.QUEUED, holds_terminal=False, dispatched_at=None, lease=""
    )
    swept += lost.update(
        state=CommandState.UNKNOWN,
        word=CallWord.WORKER_LOST,
        holds_terminal=False,
        finished_at=now,
        lease="",
    )
    # An urgent one that was lost with the broker is over soon; others are sent once more.
    swept += (
        TerminalCommand.objects.filter(
            state=CommandState.QUEUED, dispatched_at__lt=now - _DISPATCH_AGAIN
        )
        .exclude(kind__in=urgent_kinds())
        .update(dispatched_at=None)
    )
    return swept


def commands_forget(*, now: datetime | None = None) -> int:
    """Delete what the schedule asked for a month ago; what people asked for stays.

    What terminals answered to JSON commands goes as well: it may hold anything.
    """
    before = (now or timezone.now()) - _SCHEDULE_KEPT
    old = TerminalCommand.objects.filter(
        requester=SCHEDULE.name, requested_by__isnull=True, finished_at__lt=before
    )
    count, _ = old.delete()
    sealed = [kind.name for kind in KINDS.values() if kind.seals]
    TerminalCommand.objects.filter(kind__in=sealed, finished_at__lt=before).update(json_answered="")
    CommandBatch.objects.filter(
        requester=SCHEDULE.name, created_at__lt=before, commands__isnull=True
    ).delete()
    return count


def clocks_sync_all() -> int:
    """Set the clock of every terminal that can be called; returns how many were asked."""
    terminals = Terminal.objects.filter(status=TerminalStatus.APPROVED).exclude(api_address="")
    asked = terminals.exclude(
        commands__kind=CommandKind.SYNC_TIME, commands__state__in=_OPEN_STATES
    ).order_by(F("pk"))
    callable_ones = [terminal for terminal in asked if not uncallable_word(terminal)]
    if callable_ones:
        commands_request(kind=CommandKind.SYNC_TIME, terminals=callable_ones, requester=SCHEDULE)
    return len(callable_ones)
