"""Pushing records by websocket (8.3.3)."""

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import WSCloseCode, WSMsgType, web

from terminal_protocol.device_calls import (
    PUSH_SILENCE_S,
    push_connected,
    push_denied,
    push_full,
    push_record,
)

logger = logging.getLogger(__name__)

# A subscriber that reads slower than people pass is cut and fills the gap through /api/record.
_BACKLOG_MAX: Final = 50
_SUBSCRIBERS_MAX: Final = 16
_MESSAGE_MAX_BYTES: Final = 64 * 1024
_CLOSE_TIMEOUT_S: Final = 2.0
_SEND_TIMEOUT_S: Final = 10.0
_OVER: Final = frozenset({WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR})


class _Subscriber:
    """One connection: its queue, whether it fell behind, and since when it has been idle.

    Attributes:
        used_at_s: when the line carried a message last, in either direction; the loop's time.
    """

    def __init__(self) -> None:
        self.backlog: asyncio.Queue[str] = asyncio.Queue(_BACKLOG_MAX)
        self.fell_behind = asyncio.Event()
        self.used_at_s = 0.0

    def used(self) -> None:
        """Note that the line carried a message."""
        self.used_at_s = asyncio.get_running_loop().time()

    def give(self, message: str) -> None:
        try:
            self.backlog.put_nowait(message)
        except asyncio.QueueFull:
            self.fell_behind.set()


class RecordHub:
    """Distribute every new record to all subscribers."""

    def __init__(self, *, silence_s: float = PUSH_SILENCE_S) -> None:
        """Make a hub without listeners.

        Args:
            silence_s: a line that carries nothing for so long, in neither direction, is cut; a
                ten-second heartbeat is expected.
        """
        self._silence_s = silence_s
        self._subscribers: set[_Subscriber] = set()
        self._closing = asyncio.Event()

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return len(self._subscribers)

    def publish(self, record: Mapping[str, Any]) -> None:
        """Queue a SignObject for all subscribers; never waits."""
        if self._subscribers:
            message = json.dumps(push_record(record), ensure_ascii=False)
            for subscriber in self._subscribers:
                subscriber.give(message)

    def open(self) -> None:
        """Accept subscribers, also after `close`."""
        self._closing.clear()

    def close(self) -> None:
        """Disconnect all subscribers."""
        self._closing.set()

    async def serve(
        self, request: web.Request, *, is_allowed: bool, headers: Mapping[str, str]
    ) -> web.WebSocketResponse:
        """Serve one subscriber until either side ends the connection.

        Args:
            request: a websocket handshake.
            is_allowed: whether the caller may listen; otherwise it is refused with a message.
            headers: of the handshake's answer.
        """
        # Pings count as heartbeats, so they have to be seen here.
        socket = web.WebSocketResponse(
            autoping=False,
            timeout=_CLOSE_TIMEOUT_S,
            max_msg_size=_MESSAGE_MAX_BYTES,
            compress=False,  # pictures in base64 give little and cost a small computer much
        )
        socket.headers.update(headers)
        await socket.prepare(request)
        if not is_allowed:
            return await _refuse(socket, push_denied(), WSCloseCode.POLICY_VIOLATION)
        if len(self._subscribers) >= _SUBSCRIBERS_MAX:
            return await _refuse(socket, push_full(_SUBSCRIBERS_MAX), WSCloseCode.TRY_AGAIN_LATER)
        # From here on nothing is missed: what comes during the greeting waits behind it.
        subscriber = _Subscriber()
        self._subscribers.add(subscriber)
        try:
            await socket.send_json(push_connected())
            subscriber.used()
            code = await self._talk(socket, subscriber)
        finally:
            self._subscribers.discard(subscriber)
        if code is not None:
            await socket.close(code=code)
        return socket

    async def _talk(
        self, socket: web.WebSocketResponse, subscriber: _Subscriber
    ) -> WSCloseCode | None:
        """Send and listen; returns the close code, None when the other side closed."""
        endings: dict[asyncio.Task[Any], WSCloseCode | None] = {
            asyncio.create_task(self._listen(socket, subscriber)): WSCloseCode.GOING_AWAY,
            asyncio.create_task(_send(socket, subscriber)): None,
            asyncio.create_task(subscriber.fell_behind.wait()): WSCloseCode.TRY_AGAIN_LATER,
            asyncio.create_task(self._closing.wait()): WSCloseCode.GOING_AWAY,
        }
        try:
            over, _ = await asyncio.wait(endings, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in endings:
                task.cancel()
            await asyncio.wait(endings)
        codes = [endings[task] for task in endings if task in over]
        return None if socket.closed else codes[0]

    async def _listen(self, socket: web.WebSocketResponse, subscriber: _Subscriber) -> None:
        """Return when the other side is gone, or the line rested for too long (8.3.3)."""
        clock = asyncio.get_running_loop().time
        while (left_s := subscriber.used_at_s + self._silence_s - clock()) > 0:
            try:
                message = await socket.receive(timeout=left_s)
            except TimeoutError:
                continue  # something may have been sent meanwhile
            subscriber.used()
            if message.type is WSMsgType.PING:
                await socket.pong(message.data)
            if message.type in _OVER:
                return
        logger.info("push_silent")


async def _send(socket: web.WebSocketResponse, subscriber: _Subscriber) -> None:
    """Send queued messages until nothing can be sent any more."""
    while True:
        message = await subscriber.backlog.get()
        try:
            async with asyncio.timeout(_SEND_TIMEOUT_S):
                await socket.send_str(message)
        except (TimeoutError, ConnectionError):
            return
        subscriber.used()


async def _refuse(
    socket: web.WebSocketResponse, message: Mapping[str, Any], code: WSCloseCode
) -> web.WebSocketResponse:
    """Say why not, and close."""
    await socket.send_json(message)
    await socket.close(code=code)
    return socket
