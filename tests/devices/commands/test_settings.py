"""Read and write settings: what is wanted, what the terminal says, and where they differ."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from devices.choices import CommandKind, SettingsGroup
from devices.models import Terminal, TerminalCommand, TerminalSettings
from devices.services import (
    commands_sweep,
    differences,
    settings_want,
)
from tests.support.commands import ask, run
from tests.support.terminal_api import TerminalServer

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


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
