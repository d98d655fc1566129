"""Client of the agent on the same computer, over its device interface (chapters 4 to 8)."""

import ipaddress
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx

from edge_agent.config import AgentConfig
from edge_agent.drivers import Clock
from edge_agent.service.exceptions import AgentUnreachable
from edge_agent.service.live_state import read_live_state
from edge_agent.storage import DATABASE_NAME, get_fact, open_read_only
from terminal_protocol.device_calls import (
    CALLS,
    SIGN_USED_DESC,
    CallAnswer,
    CallMethod,
    signed_query,
)

_TIMEOUT_S: Final = 30.0  # describing a photo on a small computer that is busy takes seconds
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


async def call_own(
    config: AgentConfig,
    name: str,
    *,
    clock: Clock,
    content: Mapping[str, Any] | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> CallAnswer:
    """Call the running agent.

    Args:
        config: its configuration.
        name: of the call, see `terminal_protocol.device_calls.CALLS`.
        clock: the computer's.
        content: sent as JSON.
        parameters: of the call.

    Returns:
        What it answered, refusals too.

    Raises:
        AgentUnreachable: it does not listen, or did not answer.
    """
    answer = await _call_once(config, name, clock, content, parameters)
    if answer.desc == SIGN_USED_DESC:
        # Another caller signed in the same millisecond; nothing was done.
        answer = await _call_once(config, name, clock, content, parameters)
    return answer


async def _call_once(
    config: AgentConfig,
    name: str,
    clock: Clock,
    content: Mapping[str, Any] | None,
    parameters: Mapping[str, Any] | None,
) -> CallAnswer:
    url = _address(config)
    call = CALLS[name]
    offset_s = _clock_offset_s(config)
    now_ms = (clock.now() + timedelta(seconds=offset_s) - _EPOCH) // timedelta(milliseconds=1)
    query = signed_query(config.api.password, timestamp_ms=now_ms, parameters=parameters)
    async with httpx.AsyncClient(trust_env=False, timeout=_TIMEOUT_S) as http:
        try:
            if call.method is CallMethod.POST:
                answer = await http.post(url + call.path, params=query, json=content)
            else:
                answer = await http.get(url + call.path, params=query)
            payload = answer.json()
        except httpx.HTTPError as error:
            problem = type(error).__name__
            raise AgentUnreachable(f"the running agent does not answer ({problem})") from error
        except ValueError as error:
            raise AgentUnreachable("what answers instead of the agent speaks no JSON") from error
    return CallAnswer.from_wire(payload)


def _address(config: AgentConfig) -> str:
    if not config.api.enabled:
        raise AgentUnreachable("the running agent's interface is switched off ([api] enabled)")
    live = read_live_state(config.data_dir)
    # What it said counts, because port 0 takes any; the configuration may have changed since.
    port = live.port if live is not None and live.port else config.api.port
    if not port:
        raise AgentUnreachable("the running agent does not listen yet; try again in a moment")
    return f"http://{_own_host(config.api.host)}:{port}"


def _own_host(host: str) -> str:
    """Address under which a server that listens on `host` is reached from here."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "[::1]"
    return f"[{host}]" if address.version == 6 else host


def _clock_offset_s(config: AgentConfig) -> float:
    """How far the agent's clock was moved; calls count by that clock."""
    try:
        with closing(open_read_only(config.data_dir / DATABASE_NAME)) as connection:
            return float(get_fact(connection, "clock_offset_s") or 0.0)
    except sqlite3.Error as error:
        text = "the running agent's database cannot be read from this account"
        raise AgentUnreachable(text) from error
