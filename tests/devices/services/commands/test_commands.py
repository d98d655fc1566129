"""Commands from request to outcome; what is late, lost or doubted is said and never repeated."""

import asyncio
import logging
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from django.db import IntegrityError, transaction
from django.utils import timezone

from devices.choices import CommandKind, CommandState
from devices.models import Terminal, TerminalCommand, TerminalContact
from devices.services import (
    command_cancel,
    command_work,
    commands_dispatch,
    commands_request,
    commands_sweep,
)
from tests.support.commands import WHO, ask, run
from tests.support.processes import free_port
from tests.support.terminal_api import TerminalServer

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"api_address": ""}, "no_address"),
        ({"api_address": "http://10.0.0.7/"}, "bad_address"),
        ({"api_password": ""}, "no_password"),
        ({"status": "disabled"}, "not_approved"),
    ],
)
def test_a_terminal_that_cannot_be_called_is_told_at_once(
    gate: Terminal, door: TerminalServer, changes: dict[str, str], word: str
) -> None:
    for name, value in changes.items():
        setattr(gate, name, value)
    gate.save()

    command = ask(gate, CommandKind.OPEN_DOOR)

    assert (command.state, command.word) == ("unreachable", word)
    assert run(command).state == "unreachable"
    assert door.state.calls == []


def test_a_terminal_nobody_answers_for_counts_its_failures(gate: Terminal) -> None:
    gate.api_address = f"127.0.0.1:{free_port()}"
    gate.save()

    for _ in range(2):
        command = run(ask(gate, CommandKind.REBOOT))
        assert (command.state, command.word) == ("unreachable", "connect_failed")

    contact = TerminalContact.objects.get(terminal=gate)
    assert (contact.failures, contact.failure) == (2, "connect_failed")


def test_a_refusal_tells_its_code(gate: Terminal) -> None:
    gate.api_password = "another"
    gate.save()

    command = run(ask(gate, CommandKind.OPEN_DOOR))

    assert (command.state, command.code) == ("refused", "10005")


def test_an_error_of_our_own_is_unknown_and_does_not_hold_the_terminal(gate: Terminal) -> None:
    def broken(_session: object) -> None:
        raise ZeroDivisionError

    command = ask(gate, CommandKind.SYNC_TIME)
    command_work(command_id=command.pk, work=broken)

    command.refresh_from_db()
    assert (command.state, command.word, command.holds_terminal) == ("unknown", "failed", False)


def test_only_one_command_can_hold_a_terminal(gate: Terminal) -> None:
    first, second = ask(gate, CommandKind.SYNC_TIME), ask(gate, CommandKind.SYNC_TIME)
    rows = TerminalCommand.objects
    rows.filter(pk=first.pk).update(state="sending", holds_terminal=True)

    with pytest.raises(IntegrityError), transaction.atomic():
        rows.filter(pk=second.pk).update(state="sending", holds_terminal=True)
    assert run(second).state == "queued"


def test_what_was_not_sent_can_be_cancelled(gate: Terminal, door: TerminalServer) -> None:
    command = ask(gate, CommandKind.REBOOT)

    assert command_cancel(command=command)
    assert run(command).state == "cancelled"
    assert not command_cancel(command=command)
    assert door.state.reboots == 0


def test_many_commands_go_to_the_workers_a_few_at_a_time_and_one_for_each_terminal(
    gate: Terminal,
    queued: list[tuple[str, dict[str, Any]]],
    django_capture_on_commit_callbacks: Any,
) -> None:
    others = [
        Terminal.objects.create(
            site=gate.site,
            device_id=f"d{number}",
            status="approved",
            api_address="127.0.0.1:9",
            api_password="x",
        )
        for number in range(30)
    ]
    with django_capture_on_commit_callbacks(execute=True):
        asked = commands_request(
            kind=CommandKind.SYNC_TIME, terminals=[gate, *others], requester=WHO
        )
        second = ask(gate, CommandKind.SETTINGS_READ)
    assert queued.pop() == ("devices.tasks.commands_dispatch", {})
    queued.clear()

    with django_capture_on_commit_callbacks(execute=True):
        assert commands_dispatch() == 16
    with django_capture_on_commit_callbacks(execute=True):
        assert commands_dispatch() == 0
    assert len(queued) == 16
    sent = {arguments["command_id"] for _, arguments in queued}
    assert second.pk not in sent
    assert asked.batch is not None
    assert asked.batch.commands.count() == 31

    queued.clear()
    with django_capture_on_commit_callbacks(execute=True):
        run(asked.commands[0])
    assert [arguments["command_id"] for _, arguments in queued] == [asked.commands[16].pk]


def test_a_task_that_was_lost_with_the_broker_is_sent_again(gate: Terminal) -> None:
    ask(gate, CommandKind.SYNC_TIME)
    assert commands_dispatch() == 1
    assert commands_dispatch() == 0

    commands_sweep(now=timezone.now() + timedelta(minutes=3))

    assert commands_dispatch() == 1


def test_nothing_private_is_in_rows_or_logs(
    gate: Terminal, door: TerminalServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def slow(_request: web.Request) -> None:
        await asyncio.sleep(0)
        raise ConnectionResetError

    run(ask(gate, CommandKind.SETTINGS_READ))
    door.state.temper = slow
    run(ask(gate, CommandKind.OPEN_DOOR))

    rows = str(list(TerminalCommand.objects.values())) + str(list(TerminalContact.objects.values()))
    assert "door-7788" not in rows + caplog.text
    assert CommandState.DONE in rows
    assert "sign=" not in rows
