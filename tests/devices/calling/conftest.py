"""A terminal to call."""

from collections.abc import Iterator

import pytest

from tests.support.terminal_api import TerminalServer, terminal_server


@pytest.fixture
def door() -> Iterator[TerminalServer]:
    """Return a terminal that answers on a port of this machine."""
    with terminal_server() as server:
        yield server
