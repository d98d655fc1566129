"""Send messages to channel groups from threads that have no event loop.

Requests are answered by threads. An event loop made for one message also makes one connection to
Redis for it, which costs more than storing what the message is about; so one loop, in a thread
beside the requests, keeps a connection and sends for all of them.
"""

import asyncio
import logging
import os
import threading
from concurrent.futures import Future
from typing import Any

from channels.layers import BaseChannelLayer

logger = logging.getLogger(__name__)

# Screens are a view of the database. While Redis is away, this many messages are worth keeping.
UNSENT_MOST = 1000


class GroupSender:
    """Event loop in a daemon thread, started at the first message; safe to use after a fork."""

    def __init__(self, *, unsent_most: int = UNSENT_MOST) -> None:
        """Prepare; nothing runs yet."""
        self._unsent_most = unsent_most
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process_id = 0
        self._unsent = 0

    def send(self, layer: BaseChannelLayer, group: str, message: dict[str, Any]) -> None:
        """Send a message soon, in the order of these calls, without waiting.

        One that cannot be delivered, or for which there is no room, is logged and dropped: the
        screen catches up when it connects again.
        """
        with self._lock:
            loop = self._running_loop()
            if self._unsent >= self._unsent_most:
                logger.warning("screen_message_dropped group=%s unsent=%s", group, self._unsent)
                return
            self._unsent += 1
            sending = asyncio.run_coroutine_threadsafe(_send(layer, group, message), loop)
        sending.add_done_callback(self._sent)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None or self._process_id != os.getpid():
            # A fork takes the object along and leaves the thread behind.
            self._loop, self._process_id = asyncio.new_event_loop(), os.getpid()
            self._unsent = 0
            thread = threading.Thread(
                target=self._loop.run_forever, name="group-sender", daemon=True
            )
            thread.start()
        return self._loop

    def _sent(self, sending: "Future[None]") -> None:
        with self._lock:
            self._unsent -= 1
        error = sending.exception()
        if error is not None:
            logger.error("screen_message_dropped reason=%s", type(error).__name__, exc_info=error)


async def _send(layer: BaseChannelLayer, group: str, message: dict[str, Any]) -> None:
    await layer.group_send(group, message)
