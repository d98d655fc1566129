"""The command that fetches a terminal's records."""

from typing import Any

from devices.choices import CommandKind
from devices.models import Terminal, TerminalCommand
from devices.services import Requester, command_work, commands_request


def pull(terminal: Terminal, **payload: Any) -> TerminalCommand:
    command = commands_request(
        kind=CommandKind.RECORDS_PULL,
        terminals=[terminal],
        requester=Requester("manager"),
        payload=payload,
    ).commands[0]
    command_work(command_id=command.pk)
    command.refresh_from_db()
    return command
