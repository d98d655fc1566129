"""Open the door now or not at all (seed 8.1.7)."""

from datetime import timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from devices.calling import TerminalClient
from devices.choices import CommandKind
from devices.command_kinds import Card, CommandResult, Kind, Permission, register
from devices.services import CallSession


def open_door(session: CallSession) -> CommandResult:
    """Have the terminal open, and tell it why."""

    async def ask(client: TerminalClient) -> None:
        await client.call(
            "open", parameters={"remark": session.command.reason}, deadline=session.deadline
        )

    session.talk(ask)
    return CommandResult()


def _may_open(user: Any) -> bool:
    return bool(user.has_perm("devices.open_door"))


OPEN_DOOR = register(
    Kind(
        name=CommandKind.OPEN_DOOR,
        words=_("Open the door"),
        work=open_door,
        # A person stands at the door and the caller looks on; later it would open for no one.
        expires=timedelta(seconds=8),
        # A permission of its own, which a guard may be given and a manager does not have by role.
        permission=Permission(
            _may_open,
            refusal="Opening doors from afar needs a permission of its own.",
            reaches_visible=True,
        ),
        is_urgent=True,
        may_repeat=False,
        asks_twice_for_many=True,
        needs_reason=True,
        card=Card("devices/commands/open_door.html", place=10),
    )
)
