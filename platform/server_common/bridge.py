"""The only ways between coroutines and everything else (``on_commit`` is the third)."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import async_to_sync
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.db import connections
from redis.exceptions import RedisError

P = ParamSpec("P")
R = TypeVar("R")

_LAYER_PATIENCE_S = 3.0
_PROBE_GROUP = "health"


async def in_database(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a synchronous function that uses the database in a thread, and await its answer.

    The connection is checked before and given back after, as Django does around a request.
    """
    answer: R = await database_sync_to_async(function)(*args, **kwargs)
    return answer


async def in_database_apart(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a synchronous function that takes long in a thread of its own, and await its answer.

    All other functions share one thread, which would be held up. Its connections to databases are
    closed at the end: such threads may not be needed again for hours.
    """

    def work() -> R:
        try:
            return function(*args, **kwargs)
        finally:
            connections.close_all()

    answer: R = await database_sync_to_async(work, thread_sensitive=False)()
    return answer


def run_apart(work: Coroutine[Any, Any, R]) -> R:
    """Run a coroutine to its end on a loop of its own, from a thread that has none.

    For tasks that talk to several ends at once; the coroutine must not touch the database.
    """
    return asyncio.run(work)


def channel_layer_reachable() -> bool:
    """Tell whether messages to live screens can be handed over, by sending one to nobody."""
    layer = get_channel_layer()
    if layer is None:
        return False

    async def probe() -> None:
        async with asyncio.timeout(_LAYER_PATIENCE_S):
            await layer.group_send(_PROBE_GROUP, {"type": "health.probe"})

    try:
        async_to_sync(probe)()
    except (OSError, TimeoutError, RedisError):
        return False
    return True
