"""A terminal that can be called, and its row."""

from collections.abc import Iterator

import pytest

from devices.models import Terminal
from tests.support.terminal_api import PASSWORD, TerminalServer, terminal_server


@pytest.fixture
def door() -> Iterator[TerminalServer]:
    """Return a terminal that answers on a port of this machine."""
    with terminal_server() as server:
        yield server


@pytest.fixture
def gate(terminal: Terminal, door: TerminalServer) -> Terminal:
    """Return the row of that terminal."""
    terminal.api_address, terminal.api_password = door.address, PASSWORD
    terminal.save()
    return terminal
