"""Set a terminal's clock to the platform's (seed 8.1.8)."""

from django.utils.translation import gettext_lazy as _

from devices.calling import CallRefused, Repeat, TerminalClient
from devices.choices import CallWord, CommandKind, CommandState
from devices.command_kinds import TODAY, Card, CommandResult, Kind, register
from devices.services import CallSession
from terminal_protocol.signature import WINDOW_MS

# A clock that is further off is walked there in steps that the terminal accepts; this many take
# about half a minute and set a clock that is a day and a half off.
_CLOCK_STEPS_MAX = 450
_CLOCK_STEP_MS = WINDOW_MS - 10_000


def sync_time(session: CallSession) -> CommandResult:
    """Have the terminal set its clock."""

    async def ask(client: TerminalClient) -> CommandResult:
        return await set_clock(client, deadline=session.deadline)

    return session.talk(ask)


async def set_clock(client: TerminalClient, *, deadline: float) -> CommandResult:
    """Set a terminal's clock to the platform's.

    The timestamp of this call is the signature's and the time to set at once (8.1.8), and one
    that is more than five minutes off may be refused. Then the clock is brought here in steps of
    just under five minutes, each of which the terminal accepts. One that refuses it for being older
    than other calls is not led: each step would be newer still than the right time.
    """
    client.clock.offset_ms = 0
    for step in range(_CLOCK_STEPS_MAX):
        sent_offset_ms = client.clock.offset_ms
        try:
            # The same done twice; the terminal's own time is not adopted by itself here.
            await client.call("syncTime", repeat=Repeat.ALWAYS, deadline=deadline, adopt=False)
        except CallRefused as refusal:
            measured_ms = client.clock.measured_ms
            if not refusal.is_about_time or refusal.is_older or not measured_ms or step:
                raise
            if abs(measured_ms) > _CLOCK_STEPS_MAX * _CLOCK_STEP_MS:
                return CommandResult(
                    CommandState.REFUSED, CallWord.CLOCK_TOO_FAR, str(refusal.code)
                )
            client.clock.offset_ms = _nearer(measured_ms)
            continue
        if sent_offset_ms == 0:
            return CommandResult(result={"steps": step + 1})
        client.clock.offset_ms = _nearer(sent_offset_ms)
    return CommandResult(CommandState.REFUSED, CallWord.CLOCK_TOO_FAR)


def _nearer(offset_ms: int) -> int:
    """Return an offset one step nearer to ours."""
    if abs(offset_ms) <= _CLOCK_STEP_MS:
        return 0
    return offset_ms - _CLOCK_STEP_MS if offset_ms > 0 else offset_ms + _CLOCK_STEP_MS


CLOCK_CARD = Card("devices/commands/clock.html", place=50)
SYNC_TIME = register(
    Kind(
        name=CommandKind.SYNC_TIME,
        words=_("Set the clock"),
        work=sync_time,
        expires=TODAY,
        card=CLOCK_CARD,
        counts={"steps": _("steps of the clock")},
    )
)
