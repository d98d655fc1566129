"""Effects after commit: queue a task by name, send a message to a channel group."""

import asyncio
import logging
import threading
from typing import Any

from asgiref.sync import async_to_sync
from celery import current_app
from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.db import transaction

from server_common.group_sender import GroupSender

logger = logging.getLogger(__name__)

_loop_lock = threading.Lock()
_server_loop: asyncio.AbstractEventLoop | None = None
_sender = GroupSender()


def serve_groups_on(loop: asyncio.AbstractEventLoop | None) -> None:
    """Name the event loop that owns the in-process channel layer (embedded server only).

    The in-memory layer hands messages over through asyncio queues, which only their own loop may
    touch; threads of the task worker therefore go through this loop.
    """
    global _server_loop
    with _loop_lock:
        _server_loop = loop


def enqueue_on_commit(task_name: str, **arguments: Any) -> None:
    """Queue a Celery task once the current transaction has committed.

    Args:
        task_name: registered name, for example ``"faces.tasks.photo_process"``.
        arguments: plain JSON values, ids rather than rows.

    A broker that is away is logged and not raised: the row is committed, and the periodic sweep
    of the same kind picks the work up.
    """

    # A function and no partial: Django logs the name of what fails, and a partial has none.
    def send_task() -> None:
        current_app.send_task(task_name, kwargs=arguments, retry=False)

    transaction.on_commit(send_task, robust=True)


def group_send_on_commit(group: str, message: dict[str, Any]) -> None:
    """Send a message to a channel group once the current transaction has committed.

    Live screens are a view of the database, so a message that cannot be delivered is logged and
    the screen catches up when it reconnects.
    """

    def send_to_group() -> None:
        _group_send(group, message)

    transaction.on_commit(send_to_group, robust=True)


def _group_send(group: str, message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    if layer is None:
        return
    if not isinstance(layer, InMemoryChannelLayer):
        _sender.send(layer, group, message)
        return
    loop = _server_loop
    if loop is not None and loop.is_running():
        asyncio.run_coroutine_threadsafe(layer.group_send(group, message), loop)
    else:
        async_to_sync(layer.group_send)(group, message)
