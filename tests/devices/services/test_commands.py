"""Commands from request to outcome; what is late, lost or doubted is said and never repeated."""

import asyncio
import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from celery import current_app
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from devices.choices import CommandKind, CommandState, SettingsGroup
from devices.commands import KINDS
from devices.models import Terminal, TerminalCommand, TerminalContact, TerminalSettings
from devices.services import (
    Requester,
    clocks_sync_all,
    command_cancel,
    command_work,
    commands_dispatch,
    commands_request,
    commands_sweep,
    device_work,
    differences,
    settings_want,
)
from tests.support.processes import free_port
from tests.support.terminal_api import TerminalServer

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
WHO = Requester("manager")
HOUR_MS = 3_600_000


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """Return what is handed to the queue; no worker runs here."""
    sent: list[tuple[str, dict[str, Any]]] = []

    def note(name: str, kwargs: dict[str, Any], **_: Any) -> None:
        sent.append((name, kwargs))

    monkeypatch.setattr(current_app._get_current_object(), "send_task", note)
    return sent


def ask(terminal: Terminal, kind: CommandKind, **more: Any) -> TerminalCommand:
    more.setdefault("reason", "parcel")
    return commands_request(kind=kind, terminals=[terminal], requester=WHO, **more).commands[0]


def run(command: TerminalCommand) -> TerminalCommand:
    command_work(command_id=command.pk, work=device_work)
    command.refresh_from_db()
    return command


def test_every_task_of_a_kind_is_registered() -> None:
    current_app.loader.import_default_modules()

    assert {spec.task for spec in KINDS.values()} <= set(current_app.tasks)
    assert {KINDS[kind].task.split(".")[0] for kind in CommandKind} == {
        "devices",
        "faces",
        "records",
    }


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


def test_reading_that_a_worker_died_at_is_taken_up_again(
    gate: Terminal, door: TerminalServer
) -> None:
    command = ask(gate, CommandKind.SETTINGS_READ)
    TerminalCommand.objects.update(
        state="sending", holds_terminal=True, lease="x", lease_until=timezone.now(), attempts=1
    )

    commands_sweep(now=timezone.now() + timedelta(seconds=1))
    run(command)

    assert (command.state, command.attempts) == ("done", 2)


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


def test_a_terminal_restarts(gate: Terminal, door: TerminalServer) -> None:
    assert run(ask(gate, CommandKind.REBOOT)).state == "done"
    assert door.state.reboots == 1


@pytest.mark.parametrize("is_strict", [False, True])
@pytest.mark.parametrize("offset_ms", [0, -7 * HOUR_MS, 5 * HOUR_MS])
def test_a_clock_is_set_however_wrong_it_is(
    gate: Terminal, door: TerminalServer, offset_ms: int, is_strict: bool
) -> None:
    """A strict terminal takes no step of more than five minutes, so it is led there."""
    door.state.clock_offset_ms, door.state.is_strict_about_sync = offset_ms, is_strict

    command = run(ask(gate, CommandKind.SYNC_TIME))

    assert command.state == "done", command.word
    assert abs(door.state.clock_offset_ms) < 2000
    assert TerminalContact.objects.get(terminal=gate).clock_offset_ms == 0


def test_a_clock_at_1970_of_a_strict_terminal_is_told_to_be_set_by_hand(
    gate: Terminal, door: TerminalServer
) -> None:
    door.state.clock_offset_ms, door.state.is_strict_about_sync = -56 * 365 * 24 * HOUR_MS, True

    command = run(ask(gate, CommandKind.SYNC_TIME))

    assert (command.state, command.word) == ("refused", "clock_too_far")


def test_settings_are_read_into_what_is_reported(gate: Terminal, door: TerminalServer) -> None:
    command = run(ask(gate, CommandKind.SETTINGS_READ))

    gate.refresh_from_db()
    assert command.result == {"groups": 4, "drift": 0}
    assert (gate.model, gate.app_version, gate.web_version) == ("HSF-7", "4.2", "1.9")
    rows = {row.group: row.reported for row in TerminalSettings.objects.filter(terminal=gate)}
    assert rows == door.state.objects


def test_a_model_without_some_settings_is_read_all_the_same(
    gate: Terminal, door: TerminalServer
) -> None:
    del door.state.objects["perpara"]

    command = run(ask(gate, CommandKind.SETTINGS_READ))

    assert (command.state, command.result["groups"]) == ("done", 3)


def test_wanted_and_reported_settings_are_kept_apart_and_their_drift_is_shown(
    gate: Terminal, door: TerminalServer
) -> None:
    wanted = {"faceThre": 8, "tempWarnThre": 37.3}
    settings_want(terminal=gate, group=SettingsGroup.SMARTFACE, values=wanted, by="manager")
    run(ask(gate, CommandKind.SETTINGS_READ))
    row = TerminalSettings.objects.get(terminal=gate, group="smartface")
    assert [(one.name, one.desired, one.reported) for one in differences(row)] == [
        ("faceThre", 8, 5)
    ]

    payload = {"group": "smartface", "values": row.desired}
    command = run(ask(gate, CommandKind.SETTINGS_WRITE, payload=payload))

    row.refresh_from_db()
    assert (command.state, command.word) == ("done", "")
    assert differences(row) == ()
    assert door.state.objects["smartface"]["faceThre"] == 8
    # Whole objects go over the wire; what nobody wanted changed keeps the terminal's value.
    assert door.state.objects["smartface"]["faceInterval"] == 6


def test_a_terminal_that_keeps_other_values_is_told_of(
    gate: Terminal, door: TerminalServer
) -> None:
    door.state.ignores_writes = True

    payload = {"group": "perpara", "values": {"unlockOuttime": 9}}
    command = run(ask(gate, CommandKind.SETTINGS_WRITE, payload=payload))

    assert (command.state, command.word) == ("done", "settings_differ")
    assert command.result["differ"] == ["unlockOuttime"]


def test_a_terminal_that_says_ok_to_a_form_it_cannot_read_gets_its_settings_all_the_same(
    gate: Terminal, door: TerminalServer
) -> None:
    door.state.reads, door.state.says_ok_to_nothing = ("json",), True

    payload = {"group": "perpara", "values": {"unlockOuttime": 9}}
    command = run(ask(gate, CommandKind.SETTINGS_WRITE, payload=payload))

    assert (command.state, command.word) == ("done", "")
    assert door.state.objects["perpara"]["unlockOuttime"] == 9
    assert door.state.written == ["field", "json"]


@pytest.mark.parametrize(
    "values", [{"faceThre": 11}, {"faceThre": "x"}, {"nothing": 1}, {"tempWarnThre": 38.0}]
)
def test_settings_out_of_range_are_not_wanted(gate: Terminal, values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        settings_want(terminal=gate, group=SettingsGroup.SMARTFACE, values=values, by="manager")

    assert set(refused.value.message_dict) == set(values)
    assert not TerminalSettings.objects.exists()


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


def test_every_night_the_clocks_of_those_that_can_be_called_are_set(
    gate: Terminal, door: TerminalServer
) -> None:
    Terminal.objects.create(site=gate.site, device_id="nat", status="approved")
    Terminal.objects.create(site=gate.site, device_id="off", status="disabled", api_address="x:1")
    door.state.clock_offset_ms = HOUR_MS

    assert clocks_sync_all() == 1
    # Last night's is still waiting: not once more.
    assert clocks_sync_all() == 0

    command = run(TerminalCommand.objects.get())
    assert (command.state, command.requester) == ("done", "schedule")
    assert abs(door.state.clock_offset_ms) < 2000


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
