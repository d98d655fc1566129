"""Restart a terminal (seed 8.1.9)."""

from datetime import timedelta

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from devices.calling import TerminalClient
from devices.choices import CommandKind
from devices.command_kinds import CommandResult, Kind, register
from devices.commands.sync_time import CLOCK_CARD
from devices.services import CallSession


def reboot(session: CallSession) -> CommandResult:
    """Have the terminal restart."""

    async def ask(client: TerminalClient) -> None:
        await client.call("reboot", deadline=session.deadline)

    session.talk(ask)
    return CommandResult()


REBOOT = register(
    Kind(
        name=CommandKind.REBOOT,
        words=_("Restart"),
        work=reboot,
        # A terminal that comes back an hour later must not restart while people stand before it.
        expires=timedelta(minutes=2),
        may_repeat=False,
        asks_twice=True,
        warns=lambda _payload: gettext("Nobody passes while it restarts."),
        card=CLOCK_CARD,
    )
)
