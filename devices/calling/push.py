"""Records as a terminal pushes them over a websocket (seed 8.3.3).

One subscriber for one terminal: connect, be told ``Connected!``, have the gap since last time
filled, take records as they come, and say something every ten seconds. Whatever breaks is tried
again, later and later, until it is cancelled. A gap that could not be filled is tried again too.
What is pushed is read as tolerantly as uploads; what cannot be read at all is a gap as well.
"""

import asyncio
import contextlib
import logging
import math
import random
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedOK, WebSocketException

from devices.calling.addresses import TerminalAddress, look_up
from devices.calling.client import CallTarget, TerminalClient
from devices.calling.clock import SAME_CLOCK_MS, STAMP_LATE_MS, TerminalClock
from devices.calling.errors import CallError, CallRefused, NotDelivered, OutcomeUnknown
from terminal_protocol import BodyReading, UnreadableBody, messages_in, read_body
from terminal_protocol.device_calls import (
    DEFAULT_PUSH_PORT,
    PUSH_CONNECTED,
    PUSH_HEARTBEAT_S,
    PUSH_PATH,
    PUSH_SILENCE_S,
    CallAnswer,
    signed_query,
)
from terminal_protocol.message_lists import length_of
from terminal_protocol.sign_records import read_push

logger = logging.getLogger(__name__)

_MESSAGE_MAX_BYTES = 4 * 1024 * 1024
_OPEN_S = 10.0
_FIRST_PAUSE_S, _LAST_PAUSE_S = 1.0, 300.0
_FILL_AGAIN_S = 5.0
# A record takes more than this; so does not what is no record: an answered heartbeat, a greeting.
_RECORD_MIN_BYTES, _WITHOUT_CODE_MIN_BYTES = 64, 256
# What is sent is not said in the seed; anything keeps the connection.
_HEARTBEAT = "heartbeat"


@dataclass(frozen=True, slots=True)
class PushHooks:
    """Hooks of a subscriber, called when something happens.

    Attributes:
        target: asked before each connection, so that a new address or password is followed.
        opened: the connection stands, or something could not be read; fill the gap. Runs beside
            the records that come, and again later when it returns False.
        record: one SignObject as pushed, and the repairs that reading it took.
        missed: a message that could not be read, or held a record that could not be.
        changed: connected or not, and the word why not.
    """

    target: Callable[[], Awaitable[CallTarget]]
    opened: Callable[[], Awaitable[bool]]
    record: Callable[[dict[str, Any], tuple[str, ...]], Awaitable[None]]
    missed: Callable[[], Awaitable[None]]
    changed: Callable[[bool, str], Awaitable[None]]


class _Straight(connect):
    """A connection to the address that was checked and to no other; redirects are not followed."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


class _Pulse:
    """When the other end was last heard, and whether its silence would mean anything."""

    def __init__(self, *, answered_before: bool) -> None:
        self.heard_at = time.monotonic()
        self.has_ponged = False
        self._answered_before = answered_before

    def heard(self) -> None:
        self.heard_at = time.monotonic()

    def ponged(self, pong: "asyncio.Future[float]") -> None:
        if not pong.cancelled() and pong.exception() is None:
            self.has_ponged = True
            self.heard()

    def is_still(self, silence_s: float) -> bool:
        means_something = self.has_ponged or self._answered_before
        return means_something and time.monotonic() - self.heard_at > silence_s


class RecordSubscriber:
    """Keeps one terminal's pushed records coming."""

    def __init__(
        self,
        hooks: PushHooks,
        *,
        port: int = DEFAULT_PUSH_PORT,
        heartbeat_s: float = PUSH_HEARTBEAT_S,
        silence_s: float = PUSH_SILENCE_S,
        first_pause_s: float = _FIRST_PAUSE_S,
        fill_again_s: float = _FILL_AGAIN_S,
    ) -> None:
        self._hooks = hooks
        self._port = port
        self._heartbeat_s = heartbeat_s
        self._silence_s = silence_s
        self._first_pause_s = first_pause_s
        self._fill_again_s = fill_again_s
        self._clock_offset_ms: int | None = None
        # A terminal may fall still before its first answer on a line; the line before tells then.
        self._has_ponged = False

    async def run(self) -> None:
        """Subscribe again and again, until cancelled."""
        pause_s = self._first_pause_s
        while True:
            started = time.monotonic()
            await self._tell(False, await self._until_broken())  # noqa: FBT003 - as the hook
            if time.monotonic() - started > _LAST_PAUSE_S / 10:
                pause_s = self._first_pause_s
            await asyncio.sleep(_apart(pause_s))
            pause_s = min(pause_s * 2, _LAST_PAUSE_S)

    async def _until_broken(self) -> str:
        """Subscribe once; returns the word for how it ended."""
        try:
            await self._subscribe()
        except CallError as error:
            return error.word
        except (WebSocketException, OSError, TimeoutError):
            return "connection_lost"
        except Exception:
            # The border of the loop: a database that is away must not end the subscription.
            logger.exception("push_failed")
        return "connection_lost"

    async def _tell(self, is_connected: bool, word: str) -> None:  # noqa: FBT001 - as the hook
        try:
            await self._hooks.changed(is_connected, word)
        except Exception:
            # As above; it is sent again at the next change.
            logger.exception("push_change_not_noted")

    async def _subscribe(self) -> None:
        target = await self._hooks.target()
        if self._clock_offset_ms is not None:
            target = replace(target, clock_offset_ms=self._clock_offset_ms)
        if target.sets_clock_ahead and target.clock_offset_ms > SAME_CLOCK_MS:
            await self._learn_clock(target)
            target = replace(target, clock_offset_ms=self._clock_offset_ms or 0)
        number = await look_up(
            TerminalAddress(target.address.host, self._port),
            networks=target.networks,
            closed=target.closed,
        )
        stamp = TerminalClock(offset_ms=target.clock_offset_ms).stamp(time.time_ns() // 1_000_000)
        if target.reserve is not None:
            stamp = await target.reserve(stamp, STAMP_LATE_MS)
        query = signed_query(target.password, timestamp_ms=stamp)
        host = f"[{number}]" if ":" in number else number
        address = f"ws://{host}:{self._port}{PUSH_PATH}?" + "&".join(
            f"{name}={value}" for name, value in query.items()
        )
        async with _Straight(
            address,
            proxy=None,
            open_timeout=_OPEN_S,
            close_timeout=2,
            max_size=_MESSAGE_MAX_BYTES,
            # Not every terminal answers pings; the heartbeat of 8.3.3 serves instead.
            ping_interval=None,
            compression=None,
        ) as line:
            _notice_silence(line)
            if not await _is_welcome(line):
                await self._learn_clock(target)
                raise CallRefused(0)
            await self._tell(True, "")  # noqa: FBT003 - as the hook
            await self._listen(line)

    async def _listen(self, line: ClientConnection) -> None:
        pulse = _Pulse(answered_before=self._has_ponged)
        gap = asyncio.Event()
        gap.set()
        beside = [
            asyncio.create_task(self._beat(line, pulse)),
            asyncio.create_task(self._fill(gap)),
        ]
        try:
            while True:
                message = await _receive(line)
                pulse.heard()
                await self._take(message, gap)
        except ConnectionClosedOK:
            pass  # the terminal says good-bye
        finally:
            self._has_ponged = pulse.has_ponged
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)

    async def _take(self, message: bytes, gap: asyncio.Event) -> None:
        reading = _read(message)
        for sign in reading.signs:
            await self._hooks.record(sign, reading.repairs)
        if reading.is_missed:
            await self._hooks.missed()
            gap.set()

    async def _beat(self, line: ClientConnection, pulse: _Pulse) -> None:
        """Say something every so often, and break a line whose other end has fallen still.

        A program that hangs has a system that still takes in what is sent, so only a missing
        answer tells. Not every terminal answers pings: those that never did are believed.
        """
        with contextlib.suppress(WebSocketException):
            while not pulse.is_still(self._silence_s):
                await line.send(_HEARTBEAT)
                pong = await line.ping()
                asyncio.ensure_future(pong).add_done_callback(pulse.ponged)
                await asyncio.sleep(self._heartbeat_s)
            logger.info("push_still silence_s=%.0f", self._silence_s)
            line.transport.abort()

    async def _fill(self, gap: asyncio.Event) -> None:
        """Fill the gap whenever there is one, more and more rarely while it lasts or comes back."""
        pause_s = self._fill_again_s
        tried_at = -math.inf
        while True:
            await gap.wait()
            if time.monotonic() - tried_at > _LAST_PAUSE_S:
                pause_s = self._fill_again_s
            else:
                # The terminal writes its list when it gets round to it, too.
                await asyncio.sleep(_apart(pause_s))
                pause_s = min(pause_s * 2, _LAST_PAUSE_S)
            gap.clear()
            if not await self._is_filled():
                gap.set()
            tried_at = time.monotonic()

    async def _is_filled(self) -> bool:
        try:
            return await self._hooks.opened()
        except Exception:
            # The border of a task of its own; the records that come are not held up by it.
            logger.exception("push_gap_failed")
        return False

    async def _learn_clock(self, target: CallTarget) -> None:
        """Ask over HTTP by which clock the terminal judges signatures; refusals here tell none."""
        async with TerminalClient(target) as client:
            try:
                await client.call("information")
            except (CallRefused, NotDelivered, OutcomeUnknown) as error:
                logger.info("push_denied word=%s", error.word)
            self._clock_offset_ms = client.clock.offset_ms


def _apart(pause_s: float) -> float:
    """Return a pause that differs, so that a fleet does not come all at once."""
    return pause_s * random.uniform(0.5, 1.5)  # noqa: S311 - no secret


async def _is_welcome(line: ClientConnection) -> bool:
    async with asyncio.timeout(_OPEN_S):
        message = await _receive(line)
    try:
        return CallAnswer.from_wire(read_body(message).data).code == PUSH_CONNECTED
    except UnreadableBody:
        return False


async def _receive(line: ClientConnection) -> bytes:
    """Return a message as it came: the library ends a line over text that is no UTF-8."""
    return await line.recv(decode=False)


@dataclass(frozen=True, slots=True)
class _Pushed:
    """What a message holds, and what reading it took."""

    signs: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    is_missed: bool = False
    repairs: tuple[str, ...] = ()


def _read(message: bytes) -> _Pushed:
    """Read a message; chatter that could not hold a record (an answered heartbeat) is none."""
    try:
        body = read_body(message)
        envelopes = messages_in(body)
    except UnreadableBody:
        return _Pushed(is_missed=len(message) >= _RECORD_MIN_BYTES)
    if len(envelopes) == 1:
        return _envelope(envelopes[0], len(message))
    found = [_envelope(one, length_of(one)) for one in envelopes]
    signs = tuple(sign for one in found for sign in one.signs)
    return _Pushed(signs, any(one.is_missed for one in found), body.repairs)


def _envelope(envelope: BodyReading, length: int) -> _Pushed:
    found = read_push(envelope.data, is_broken_off=envelope.is_broken_off)
    least = _WITHOUT_CODE_MIN_BYTES if found.has_no_code else _RECORD_MIN_BYTES
    return _Pushed(found.signs, found.is_missed and length >= least, envelope.repairs)


def _notice_silence(line: ClientConnection) -> None:
    """Have the system end a connection whose other end has gone without a word."""
    plug = line.transport.get_extra_info("socket")
    if plug is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        silence_ms = int(PUSH_SILENCE_S * 1000)
        plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, silence_ms)
