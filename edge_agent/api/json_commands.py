"""Commands of ``jsonCmd`` (8.1.10); the seed leaves them to the terminal.

    {"cmd": "get", "object": "AudioObject"}         an object of 8.1 that has no call of its own
    {"cmd": "set", "object": "AudioObject", "data": {…}}
    {"cmd": "status"}  {"cmd": "openings"}  {"cmd": "sync"}  {"cmd": "resetTime"}

A list of commands is done in order; when one fails the answer is 50003 and says what became of
each.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from edge_agent.api.answers import Answer, CallRefused, done, not_supported, refusal
from edge_agent.api.device_calls import change_settings
from edge_agent.api.requests import CallRequest, checked
from edge_agent.api.terminal import Terminal
from terminal_protocol.codes import RetCode
from terminal_protocol.device_objects import OBJECTS

_OPENINGS_LISTED: Final = 100
_READING: Final = frozenset({"get", "status", "openings"})


def acts(request: CallRequest) -> bool:
    """Return whether one of the commands may change something."""
    commands = request.batch or (request.body,)
    names = [one.get("cmd") if isinstance(one, Mapping) else None for one in commands]
    return not all(isinstance(one, str) and one in _READING for one in names)


async def json_command(terminal: Terminal, request: CallRequest) -> Answer:
    """Carry out one command or a list of them."""
    if not request.batch:
        return done(json=await _do(terminal, request.body))
    results: list[Any] = []
    is_good = True
    for command in request.batch:
        try:
            results.append(done(json=await _do(terminal, command)))
        except CallRefused as error:
            is_good = False
            results.append(refusal(error))
    if is_good:
        return done(json=results)
    failed = CallRefused(RetCode.MULTI_REQUEST_ERROR, "a command failed")
    return {**refusal(failed), "json": results}


async def _do(terminal: Terminal, command: Mapping[str, Any]) -> Any:
    name = command.get("cmd") if isinstance(command, Mapping) else None
    if not isinstance(name, str) or not name:
        raise CallRefused(RetCode.MISSING_PARAM, "cmd: missing")
    if name not in _COMMANDS:
        raise not_supported()
    return await _COMMANDS[name](terminal, command)


async def _get(terminal: Terminal, command: Mapping[str, Any]) -> Any:
    name = _object_name(command)
    if name == "DeviceObject":
        return terminal.device_object()
    if name not in terminal.settings.names:
        raise not_supported()
    return terminal.settings.reported(name)


async def _set(terminal: Terminal, command: Mapping[str, Any]) -> Any:
    name = _object_name(command)
    if name not in terminal.settings.names:
        raise not_supported()
    sent = command.get("data")
    if not isinstance(sent, Mapping) or not sent:
        raise CallRefused(RetCode.MISSING_PARAM, "data: missing")
    await change_settings(terminal, name, checked(OBJECTS[name].read(sent)))
    return terminal.settings.reported(name)


async def _status(terminal: Terminal, command: Mapping[str, Any]) -> Any:
    return await terminal.sync_state()


async def _openings(terminal: Terminal, command: Mapping[str, Any]) -> Any:
    return await terminal.openings.newest(_OPENINGS_LISTED)


async def _sync(terminal: Terminal, command: Mapping[str, Any]) -> Any:
    terminal.poll_soon()
    return {}


async def _reset_time(terminal: Terminal, command: Mapping[str, Any]) -> Any:
    await terminal.time.reset()
    return {}


def _object_name(command: Mapping[str, Any]) -> str:
    name = command.get("object")
    if not isinstance(name, str) or not name:
        raise CallRefused(RetCode.MISSING_PARAM, "object: missing")
    return name


_COMMANDS: Final[Mapping[str, Callable[[Terminal, Mapping[str, Any]], Awaitable[Any]]]] = {
    "get": _get,
    "set": _set,
    "status": _status,
    "openings": _openings,
    "sync": _sync,
    "resetTime": _reset_time,
}
