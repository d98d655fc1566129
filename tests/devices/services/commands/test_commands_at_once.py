"""Workers that race: one command at a terminal at a time, each sent once, an open never late."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from django.db import connection
from django.utils import timezone

from devices.choices import CommandKind
from devices.command_kinds import KINDS, CommandResult
from devices.models import Terminal, TerminalCommand
from devices.services import (
    CallSession,
    Requester,
    command_cancel,
    command_work,
    commands_dispatch,
    commands_request,
    commands_sweep,
)
from devices.services.commands.work import LEASE
from tests.support.terminal_api import TerminalServer

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgres,
]


def at_once(*works: Callable[[], Any]) -> None:
    """Run every work in a thread with a connection of its own; raise the first failure."""
    failures: list[BaseException] = []
    start = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> None:
        try:
            start.wait(20)
            work()
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if failures:
        raise failures[0]


def ask(terminal: Terminal, kind: CommandKind) -> TerminalCommand:
    return commands_request(
        kind=kind, terminals=[terminal], requester=Requester("manager"), reason="x"
    ).commands[0]


def carry_out(command: TerminalCommand) -> Callable[[], str]:
    return lambda: command_work(command_id=command.pk)


def slowly(door: TerminalServer, seconds: float) -> None:
    async def slow(_request: web.Request) -> None:
        await asyncio.sleep(seconds)

    door.state.temper = slow


def test_one_command_delivered_to_many_workers_opens_once(
    gate: Terminal, door: TerminalServer
) -> None:
    slowly(door, 0.2)
    for _ in range(5):
        command = ask(gate, CommandKind.OPEN_DOOR)
        at_once(*[carry_out(command)] * 6)

    assert len(door.state.opened) == 5
    assert set(TerminalCommand.objects.values_list("state", flat=True)) == {"done"}


def test_several_commands_talk_to_one_terminal_one_after_the_other(
    gate: Terminal, door: TerminalServer
) -> None:
    slowly(door, 0.1)
    commands = [ask(gate, CommandKind.OPEN_DOOR) for _ in range(6)]

    at_once(*(carry_out(command) for command in commands))

    assert len(door.state.opened) == 6
    assert door.state.at_once_most == 1


def test_an_open_does_not_wait_for_long_work_at_its_terminal(
    gate: Terminal, door: TerminalServer
) -> None:
    """Long work steps aside between two conversations and goes on behind the open."""
    order: list[str] = []
    opened = ask(gate, CommandKind.OPEN_DOOR)
    is_running = threading.Event()

    def long_work(session: CallSession) -> CommandResult:
        for number in range(20):
            session.yield_to_urgent(done=number)
            order.append("long")
            is_running.set()
            time.sleep(0.05)
        return CommandResult(result={"done": 20})

    def open_it() -> None:
        assert is_running.wait(10)
        carry_out(opened)()
        order.append("open")

    TerminalCommand.objects.filter(pk=opened.pk).update(state="cancelled")
    long = ask(gate, CommandKind.SYNC_TIME)
    TerminalCommand.objects.filter(pk=long.pk).update(dispatched_at=None)

    def let_it_be_asked() -> None:
        assert is_running.wait(10)
        TerminalCommand.objects.filter(pk=opened.pk).update(state="queued")
        open_it()

    at_once(lambda: command_work(command_id=long.pk, work=long_work), let_it_be_asked)

    assert door.state.opened == ["x"]
    assert order.count("long") == 20
    assert "long" in order[order.index("open") :]
    long.refresh_from_db()
    assert (long.state, long.result) == ("done", {"done": 20})


@pytest.mark.slow
def test_an_open_behind_a_terminal_that_stays_busy_is_dropped_in_time(
    gate: Terminal, door: TerminalServer
) -> None:
    busy = ask(gate, CommandKind.SETTINGS_READ)
    TerminalCommand.objects.filter(pk=busy.pk).update(state="sending", holds_terminal=True)
    command = ask(gate, CommandKind.OPEN_DOOR)
    started = time.monotonic()

    assert carry_out(command)() == ""

    assert 6 < time.monotonic() - started < 10
    command.refresh_from_db()
    assert (command.state, command.word) == ("expired", "too_late")
    assert door.state.opened == []


def test_dispatching_at_once_sends_no_command_twice(
    gate: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    from celery import current_app

    sent: list[int] = []
    monkeypatch.setattr(
        current_app._get_current_object(),
        "send_task",
        lambda name, kwargs, **_: sent.append(kwargs.get("command_id", 0)),
    )
    terminals = [
        Terminal.objects.create(
            site=gate.site,
            device_id=f"d{number}",
            status="approved",
            api_address="127.0.0.1:9",
            api_password="x",
        )
        for number in range(40)
    ]
    commands_request(
        kind=CommandKind.SYNC_TIME, terminals=terminals, requester=Requester("manager")
    )
    sent.clear()

    at_once(*[commands_dispatch] * 6)

    assert max(Counter(sent).values()) == 1
    assert len(sent) >= 16


def test_a_cancel_and_a_send_at_once_end_as_one_of_both(
    gate: Terminal, door: TerminalServer
) -> None:
    for _ in range(8):
        command = ask(gate, CommandKind.REBOOT)
        before = door.state.reboots
        at_once(
            carry_out(command),
            lambda command=command: command_cancel(command=command),  # type: ignore[misc]
            commands_sweep,
        )
        command.refresh_from_db()
        assert (command.state, door.state.reboots - before) in {("done", 1), ("cancelled", 0)}


def test_a_worker_that_was_given_up_for_lost_changes_nothing_any_more(
    gate: Terminal, door: TerminalServer
) -> None:
    command = ask(gate, CommandKind.OPEN_DOOR)

    def lost(session: CallSession) -> CommandResult:
        TerminalCommand.objects.update(state="unknown", holds_terminal=False, lease="")
        return KINDS[session.command.kind].work(session)

    command_work(command_id=command.pk, work=lost)

    command.refresh_from_db()
    assert command.state == "unknown"


WORKER = """
import sys
import django
django.setup()
from devices.services import command_work
command_work(command_id=int(sys.argv[1]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "after_sweep", "at_last"),
    [
        (CommandKind.OPEN_DOOR, ("unknown", "worker_lost"), "unknown"),
        (CommandKind.REBOOT, ("unknown", "worker_lost"), "unknown"),
        (CommandKind.SETTINGS_READ, ("queued", ""), "done"),
    ],
)
def test_a_worker_killed_in_the_middle_of_a_call(
    gate: Terminal,
    door: TerminalServer,
    kind: CommandKind,
    after_sweep: tuple[str, str],
    at_last: str,
) -> None:
    """A real process, killed between the request and its answer: what opens is not done again."""
    has_come = threading.Event()

    async def hang_once(_request: web.Request) -> None:
        if not has_come.is_set():
            has_come.set()
            await asyncio.sleep(60)

    door.state.temper = hang_once
    command = ask(gate, kind)
    server = os.environ["TEST_DATABASE_URL"].rsplit("/", 1)[0]
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(command.pk)],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "DJANGO_SETTINGS_MODULE": "menjin.settings.test",
            "TEST_DATABASE_URL": f"{server}/{connection.settings_dict['NAME']}",
        },
    )
    try:
        assert has_come.wait(120)
    finally:
        worker.kill()
        worker.wait(20)
    asked = len(door.state.calls)

    command.refresh_from_db()
    assert (command.state, command.holds_terminal) == ("sending", True)
    assert commands_sweep() == 0  # it may still live
    commands_sweep(now=timezone.now() + LEASE + timedelta(seconds=1))
    command.refresh_from_db()
    assert (command.state, command.word) == after_sweep
    carry_out(command)()

    command.refresh_from_db()
    assert command.state == at_last
    assert (len(door.state.calls) > asked) == (at_last == "done")
    # The terminal is free for the next one.
    following = ask(gate, CommandKind.OPEN_DOOR)
    assert carry_out(following)() == "done"


def test_an_expiry_and_a_send_at_the_last_moment_end_as_one_of_both(
    gate: Terminal, door: TerminalServer
) -> None:
    for number in range(12):
        command = ask(gate, CommandKind.OPEN_DOOR)
        before = len(door.state.opened)
        left = timedelta(milliseconds=4 * number)
        TerminalCommand.objects.filter(pk=command.pk).update(expires_at=timezone.now() + left)

        at_once(carry_out(command), carry_out(command), commands_sweep, commands_sweep)

        command.refresh_from_db()
        outcome = (command.state, len(door.state.opened) - before)
        assert outcome in {("done", 1), ("expired", 0)}, outcome
        assert not command.holds_terminal
