"""Restart a terminal, or nothing."""

import pytest

from devices.choices import CommandKind
from devices.models import Terminal
from tests.support.commands import ask, run
from tests.support.terminal_api import TerminalServer

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def test_a_terminal_restarts(gate: Terminal, door: TerminalServer) -> None:
    assert run(ask(gate, CommandKind.REBOOT)).state == "done"
    assert door.state.reboots == 1
