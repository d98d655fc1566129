"""Set the clock of a terminal, however wrong it is, and each night."""

import pytest

from devices.choices import CommandKind
from devices.models import Terminal, TerminalCommand, TerminalContact
from devices.services import (
    clocks_sync_all,
)
from tests.support.commands import ask, run
from tests.support.terminal_api import TerminalServer

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
HOUR_MS = 3_600_000


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
