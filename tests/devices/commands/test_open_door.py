"""Open the door: once, now or not at all; what is late, lost or doubted is said."""

from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from devices.choices import CommandKind
from devices.command_kinds import KINDS
from devices.models import Terminal, TerminalCommand, TerminalContact
from devices.services import (
    commands_sweep,
)
from tests.support.commands import ask, run
from tests.support.terminal_api import TerminalServer

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def test_a_door_is_opened_and_it_is_known_by_whom_and_why(
    gate: Terminal, door: TerminalServer
) -> None:
    command = run(ask(gate, CommandKind.OPEN_DOOR, reason="  post \n man "))

    assert door.state.opened == ["post man"]
    assert (command.state, command.word, command.requester) == ("done", "", "manager")
    assert command.reason == "post man"
    assert command.finished_at is not None
    contact = TerminalContact.objects.get(terminal=gate)
    assert contact.answered_at is not None
    assert contact.failures == 0


def test_a_door_is_not_opened_without_a_reason(gate: Terminal) -> None:
    with pytest.raises(ValidationError):
        ask(gate, CommandKind.OPEN_DOOR, reason=" ")
    with pytest.raises(ValidationError):
        ask(gate, CommandKind.OPEN_DOOR, reason="x" * 256)

    assert not TerminalCommand.objects.exists()


def test_an_open_goes_to_a_worker_after_the_commit_only(
    gate: Terminal,
    queued: list[tuple[str, dict[str, Any]]],
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        command = ask(gate, CommandKind.OPEN_DOOR)
        assert queued == []
    assert queued == [("devices.tasks.command_run", {"command_id": command.pk})]

    with (
        pytest.raises(RuntimeError),
        django_capture_on_commit_callbacks(execute=True),
        transaction.atomic(),
    ):
        ask(gate, CommandKind.OPEN_DOOR)
        raise RuntimeError
    assert len(queued) == 1


def test_a_task_delivered_twice_opens_once(gate: Terminal, door: TerminalServer) -> None:
    command = ask(gate, CommandKind.OPEN_DOOR)

    run(command)
    run(command)

    assert len(door.state.opened) == 1


def test_an_open_that_waited_for_a_worker_too_long_is_dropped_and_says_so(
    gate: Terminal, door: TerminalServer
) -> None:
    command = ask(gate, CommandKind.OPEN_DOOR)
    TerminalCommand.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    run(command)

    assert door.state.calls == []
    assert (command.state, command.word) == ("expired", "too_late")


def test_an_open_that_nobody_carried_out_is_swept_as_dropped(gate: Terminal) -> None:
    command = ask(gate, CommandKind.OPEN_DOOR)
    later = timezone.now() + timedelta(seconds=9)

    assert commands_sweep(now=later) == 1

    command.refresh_from_db()
    assert (command.state, command.word) == ("expired", "too_late")
    assert commands_sweep(now=later) == 0


def test_the_time_for_an_open_is_seconds() -> None:
    assert KINDS[CommandKind.OPEN_DOOR].expires <= timedelta(seconds=10)


def test_an_open_without_an_answer_is_unknown_and_stays_so(
    gate: Terminal, door: TerminalServer
) -> None:
    async def cut(request: web.Request) -> None:
        if request.transport is not None:
            request.transport.abort()

    door.state.temper = cut
    command = run(ask(gate, CommandKind.OPEN_DOOR))

    assert (command.state, command.word) == ("unknown", "connection_lost")
    door.state.temper = None
    commands_sweep(now=timezone.now() + timedelta(hours=1))
    run(command)
    assert command.state == "unknown"
    # It did open, as it may have, and once.
    assert door.state.opened == ["parcel"]


def test_a_worker_that_dies_while_opening_leaves_an_unknown_outcome(gate: Terminal) -> None:
    command = ask(gate, CommandKind.OPEN_DOOR)
    TerminalCommand.objects.update(
        state="sending", holds_terminal=True, lease="x", lease_until=timezone.now()
    )

    commands_sweep(now=timezone.now() + timedelta(seconds=1))

    command.refresh_from_db()
    assert (command.state, command.word) == ("unknown", "worker_lost")
    assert not command.holds_terminal
