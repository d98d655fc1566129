"""Ask a terminal for something, and carry it out here instead of in a worker."""

from typing import Any

from devices.models import Terminal, TerminalCommand
from devices.services import Requester, command_work, commands_request

WHO = Requester("manager")


def ask(terminal: Terminal, kind: str, **more: Any) -> TerminalCommand:
    """Request a command for one terminal, for a reason."""
    more.setdefault("reason", "parcel")
    return commands_request(kind=kind, terminals=[terminal], requester=WHO, **more).commands[0]


def run(command: TerminalCommand) -> TerminalCommand:
    """Carry a command out as its kind does, and return it as it is then."""
    command_work(command_id=command.pk)
    command.refresh_from_db()
    return command
