"""Calls about the terminal itself: 8.1.7 to 8.1.17."""

import logging
from collections.abc import Callable
from typing import Final

from edge_agent.api.answers import Answer, CallRefused, done
from edge_agent.api.requests import CallRequest
from edge_agent.api.terminal import Terminal
from edge_agent.drivers import DriverError
from terminal_protocol.codes import RetCode

logger = logging.getLogger(__name__)

# Call to the object it reports or sets.
_REPORTED: Final = {
    "network": "NetworkObject",
    "smartface": "SmartFaceObject",
    "perpara": "PerParaObject",
}


async def open_door(terminal: Terminal, request: CallRequest) -> Answer:
    """Pulse the relay (8.1.7), unless the caller has gone.

    They gave up waiting, perhaps long ago: this terminal hung, or the network held the call back.
    It is not known who stands at the door now.
    """
    remark = request.values().get("remark", "")
    await open_from_afar(
        terminal, caller=request.remote, remark=remark, has_caller=request.has_caller
    )
    return done()


async def open_from_afar(
    terminal: Terminal, *, caller: str, remark: str, has_caller: Callable[[], bool] = lambda: True
) -> None:
    """Pulse the relay for a remote caller.

    Who asked and why is on disk before the door moves.

    Args:
        terminal: whose door.
        caller: their address.
        remark: their reason, at most 255 characters.
        has_caller: whether they still wait for the answer.

    Raises:
        sqlite3.Error: it could not be written down; the door stays closed.
        CallRefused: the relay could not be switched, or they no longer wait.
    """
    hold_ms = terminal.settings.door().rules.unlock_delay_ms
    await terminal.openings.note(at=terminal.clock.now(), caller=caller, remark=remark)
    if not has_caller():
        terminal.event_log.write(
            "remote_open_dropped", f"not opened: {caller} no longer waits for it", caller=caller
        )
        raise CallRefused(RetCode.REQUEST_EXPIRED, "caller-gone")
    try:
        await terminal.relay.pulse(hold_ms)
    except DriverError:
        logger.exception("relay_failed")
        raise CallRefused(RetCode.INTERNAL_ERROR, "relay-failed") from None
    terminal.event_log.write(
        "remote_open",
        f"opened from {caller} → relay pulsed {hold_ms} ms",
        caller=caller,
        unlock_delay_ms=hold_ms,
    )


async def sync_time(terminal: Terminal, request: CallRequest) -> Answer:
    """Set the clock to the timestamp of the call (8.1.8)."""
    if not await terminal.time.set_to(request.timestamp_ms):
        raise CallRefused(RetCode.REQUEST_EXPIRED, "older than the last syncTime")
    terminal.event_log.write("clock_set", f"clock set from {request.remote}", caller=request.remote)
    return done()


async def reboot(terminal: Terminal, request: CallRequest) -> Answer:
    """Say yes (8.1.9); the server restarts the agent once this answer is sent."""
    terminal.event_log.write(
        "reboot", f"restart asked from {request.remote}", caller=request.remote
    )
    return done()


async def information(terminal: Terminal, request: CallRequest) -> Answer:
    """Report DeviceObject (8.1.11)."""
    return done(data=terminal.device_object())


async def report_object(terminal: Terminal, request: CallRequest) -> Answer:
    """Report a settable object (8.1.12, 8.1.14, 8.1.16)."""
    return done(data=terminal.settings.reported(_REPORTED[request.call.name]))


async def set_object(terminal: Terminal, request: CallRequest) -> Answer:
    """Store a settings object and apply it at once (8.1.13, 8.1.15, 8.1.17)."""
    table = request.call.body
    if table is None:
        raise RuntimeError(f"{request.call.name} takes no object")
    await change_settings(terminal, table.name, request.sent_object(table))
    return done()


async def change_settings(terminal: Terminal, name: str, values: dict[str, object]) -> None:
    """Validate settings across fields, then store them.

    Raises:
        CallRefused: fields contradict each other (30001).
    """
    if name == "NetworkObject" and not values.get("dhcpEnable", 1):
        for needed in ("ipAddress", "subMask"):
            if not values.get(needed):
                raise CallRefused(RetCode.PARAM_INVALID, f"{needed}: empty without DHCP")
    await terminal.settings.change(name, values)
    terminal.event_log.write("settings", f"settings changed: {name}", object=name)
