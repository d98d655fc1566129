"""Checks of the platform's network, answer and clock, and of the terminal's own ports."""

import asyncio
import errno
import socket
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from edge_agent.config import Replay
from edge_agent.doctor._context import CheckContext
from edge_agent.doctor.findings import Finding, Result
from edge_agent.service import AgentUnreachable
from edge_agent.service.own_api import call_own
from edge_agent.service.status import in_words
from edge_agent.upstream import PlatformClient, Reply
from terminal_protocol import Ack, RetCode

_CONNECT_S: Final = 10.0
_ANSWER_S: Final = 10.0
# Calls of chapter 4 are good for five minutes.
_CLOCK_MOST_S: Final = 300.0
_CLOCK_GOOD_S: Final = 30.0
_DESC_MAX: Final = 80

_COPY_AGAIN: Final = "Copy BaseUrl anew from the site's page at the platform into base_url"
_ADVICE: Final = {
    RetCode.IP_INVALID: "Have this terminal's network entered on the site's page",
    RetCode.SIGNATURE_FAILED: f"{_COPY_AGAIN}; or a manager has to let this terminal in",
}


async def network(context: CheckContext) -> Finding:
    """Check that the platform's name resolves and its port accepts connections."""
    parts = urlsplit(context.config.base_url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    loop = asyncio.get_running_loop()
    begin_s = loop.time()
    try:
        async with asyncio.timeout(_CONNECT_S):
            await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError):
        advice = "Check the name in base_url, the cable, and the name server (DNS)"
        return Finding.failed("network", f"the name {host} is not known", advice)
    looked_up_s = loop.time() - begin_s
    try:
        async with asyncio.timeout(_CONNECT_S):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError) as error:
        refused = isinstance(error, ConnectionRefusedError)
        text = "no server listens there" if refused else "there is no way to it"
        advice = "Check the platform, the port in base_url, and firewalls on the way"
        return Finding.failed("network", f"{host} port {port}: {text}", advice)
    writer.close()
    context.is_connected = True
    spent_ms = round((loop.time() - begin_s) * 1000)
    text = f"{host} port {port} is reached in {spent_ms} ms"
    return Finding.ok("network", text, lookup_ms=round(looked_up_s * 1000), connect_ms=spent_ms)


async def platform(context: CheckContext) -> Finding:
    """Check that the platform admits this terminal, by a heartbeat (9.5).

    A heartbeat changes nothing but when the terminal was last seen. The library is asked for only
    by a terminal that is not running and never was in step: its sync starts from zero again
    with its next question anyway (docs/decisions/0002-sync-cursor.md).
    """
    if not context.is_connected:
        return Finding.skipped("platform", "there is no connection to it")
    config = context.config
    client = PlatformClient(
        base_url=config.base_url, device_id=config.device_id, timeout_s=_ANSWER_S
    )
    async with client:
        reply = context.reply = await client.heartbeat()
        finding = _answered(reply, is_https=config.base_url.startswith("https:"))
        if finding is not None:
            return finding
        if context.cursor:
            return Finding.ok("platform", f"admits terminal {config.device_id}")
        if not context.is_running:
            page, reply = await client.changes(0)
            if isinstance(reply.payload, dict) and "ret" in reply.payload:
                # A heartbeat may be taken for a moment longer than a terminal is let in.
                finding = _refused(reply.payload)
            if finding is not None:
                return finding
            if page is not None and (page.entries or page.last_query_time):
                text = f"admits terminal {config.device_id} and has people for it"
                if not page.entries:
                    text = f"admits terminal {config.device_id}; its library is empty"
                return Finding.ok("platform", text)
    text = f"admits terminal {config.device_id}, and has sent it no people so far"
    advice = "A manager has to approve it, or to give it a library"
    return Finding.warning("platform", text, advice)


async def clock(context: CheckContext) -> Finding:
    """How far the terminal's clock is from the platform's."""
    reply = context.reply
    told_at = None if reply is None else _date(reply.date)
    if told_at is None:
        return Finding.skipped("clock", "no platform to compare it with")
    # The header has whole seconds and was written before it was read.
    ahead_s = (context.clock.now() - told_at).total_seconds() + context.offset_s
    facts = {"ahead_s": round(ahead_s, 1), "offset_s": context.offset_s}
    moved = f" (moved by {context.offset_s:+.1f} s, syncTime)" if context.offset_s else ""
    if abs(ahead_s) <= _CLOCK_GOOD_S:
        return Finding.ok("clock", f"{ahead_s:+.0f} s against the platform's{moved}", **facts)
    side = "ahead of" if ahead_s > 0 else "behind"
    text = f"{in_words(abs(ahead_s))} {side} the platform's{moved}"
    advice = "Set the computer's clock, for example: timedatectl set-ntp true"
    if context.offset_s:
        advice = 'Send syncTime, or jsonCmd {"cmd": "resetTime"}, and look at the computer\'s clock'
    if abs(ahead_s) > _CLOCK_MOST_S:
        return Finding.failed("clock", f"{text}: calls are refused", advice, **facts)
    return Finding.warning("clock", text, advice, **facts)


async def own_ports(context: CheckContext) -> Finding:
    """Check that the device interface listens, or could, and is protected against replay."""
    finding = await _ports(context)
    warned = _signatures(context) if finding.result is Result.OK else None
    return warned or finding


async def _ports(context: CheckContext) -> Finding:
    api, check = context.config.api, "own interface"
    wanted = {"port": api.port} if api.enabled else {}
    wanted |= {"push_port": api.push_port} if api.push_enabled else {}
    if not wanted:
        return Finding.ok(check, "switched off")
    if context.is_running:
        return await _listening(context)
    for key, port in wanted.items():
        problem = await context.blocking(partial(_cannot_bind, api.host, port))
        if problem:
            advice = f"End the other program, or choose another {key} under [api]"
            return Finding.failed(check, f"{api.host} port {port}: {problem}", advice)
    listed = ", ".join("any" if not port else str(port) for port in wanted.values())
    return Finding.ok(check, f"free at {api.host}: {listed}")


async def web_page(context: CheckContext) -> Finding:
    """Whether the terminal's web page listens, or could."""
    page, check = context.config.page, "web page"
    if not page.enabled:
        return Finding.ok(check, "switched off")
    if not page.port:
        return Finding.ok(check, f"at {page.host}, on any free port")
    where = f"{page.host} port {page.port}"
    if context.is_running:
        if await context.blocking(partial(_is_listened, page.host, page.port)):
            return Finding.ok(check, f"{where} is listened on while the agent runs")
        return Finding.failed(
            check, f"no server listens at {where}", "Look for the page in its log"
        )
    problem = await context.blocking(partial(_cannot_bind, page.host, page.port))
    if problem:
        advice = "End the other program, or choose another port under [page]"
        return Finding.failed(check, f"{where}: {problem}", advice)
    return Finding.ok(check, f"free at {where}")


def _signatures(context: CheckContext) -> Finding | None:
    """Return what is wrong with the marks of used signatures, None when nothing is."""
    api, check = context.config.api, "own interface"
    if not (api.enabled or api.push_enabled):
        return None
    if api.replay is Replay.ALLOW:
        text = (
            'replay = "allow": an eavesdropper on any call can open the door with its signature,'
            " again and again for five minutes"
        )
        advice = "Take replay out of [api] as soon as every caller signs each call anew"
        return Finding.warning(check, text, advice, replay=api.replay.value)
    if api.upper_case_signatures:
        text = "upper_case_signatures = true: signatures in capitals count, too"
        advice = "Take it out of [api] unless a caller writes MD5 in capitals"
        return Finding.warning(check, text, advice, upper_case_signatures=True)
    told_at = None if context.reply is None else _date(context.reply.date)
    now_s = context.clock.now().timestamp() + context.offset_s
    now_s = now_s if told_at is None else told_at.timestamp()
    ahead_s = round(context.newest_call_ms / 1000 - now_s)
    if ahead_s <= _CLOCK_MOST_S:
        return None
    text = f"the clock of a caller was {in_words(ahead_s)} ahead"
    advice = (
        "The right time is refused as a syncTime until then: set this computer's clock, stop the"
        " terminal and run forget-calls"
    )
    return Finding.warning(check, text, advice, ahead_s=ahead_s)


def _answered(reply: Reply, *, is_https: bool) -> Finding | None:
    """Return what is wrong with an answer; None when the terminal was admitted."""
    check, payload = "platform", reply.payload
    if reply.status == 0:
        secure = is_https and reply.problem == "ConnectError"
        text = "no secure connection comes about" if secure else f"no answer ({reply.problem})"
        advice = "Check the platform's certificate and this computer's clock" if secure else ""
        return Finding.failed(check, text, advice or "Check the platform and base_url")
    if reply.is_away:
        text = f"it is there and cannot answer just now (HTTP {reply.status})"
        return Finding.warning(check, text, "Ask again in a minute; look at the platform's log")
    if 300 <= reply.status < 400:
        text = f"it sends somewhere else (HTTP {reply.status}), and terminals do not follow"
        return Finding.failed(check, text, f"{_COPY_AGAIN}, perhaps it begins with https")
    if reply.status != 200:
        text = f"something answers there that knows no such address (HTTP {reply.status})"
        return Finding.failed(check, text, _COPY_AGAIN)
    if not isinstance(payload, dict) or "ret" not in payload:
        text = "something answers there that is no platform for terminals"
        return Finding.failed(check, text, _COPY_AGAIN)
    return _refused(payload)


def _refused(payload: dict[str, Any]) -> Finding | None:
    ack = Ack.from_wire(payload)
    if ack.ret == RetCode.SUCCESS:
        return None
    desc = "".join(one for one in ack.desc if one.isprintable())[:_DESC_MAX]
    text = f"it does not take this terminal in (ret {ack.ret[:_DESC_MAX]}: {desc})"
    advice = _ADVICE.get(RetCode(ack.ret), "") if ack.ret in set(RetCode) else ""
    return Finding.failed("platform", text, advice or _COPY_AGAIN, ret=ack.ret[:_DESC_MAX])


def _date(header: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(header)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


async def _listening(context: CheckContext) -> Finding:
    check = "own interface"
    if not context.config.api.enabled:
        return Finding.ok(check, "calls are switched off")
    try:
        answer = await call_own(context.config, "information", clock=context.clock)
    except AgentUnreachable as error:
        return Finding.failed(check, str(error), "Look for a taken port in its log")
    if not answer.is_ok:
        text = f"the running agent refuses a call from here ({answer.code} {answer.message})"
        advice = "It may have been started with another configuration; see allow_from, password"
        return Finding.warning(check, text, advice, code=answer.code)
    return Finding.ok(check, "the running agent answers calls")


def _is_listened(host: str, port: int) -> bool:
    """Whether connections are taken there; an address for all means this computer, too."""
    try:
        with socket.create_connection((host, port), timeout=_CONNECT_S):
            return True
    except OSError:
        return False


def _cannot_bind(host: str, port: int) -> str:
    """Return why a port cannot be bound; empty when it can."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in found:
            with socket.socket(family, kind, protocol) as probe:
                # As a server does, so that a port which was just in use counts as free.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return "taken by another program"
        return error.strerror or "not usable"
    return ""
