"""Bridges between coroutines and synchronous code; ``on_commit`` has the third."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextvars import ContextVar, copy_context
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import async_to_sync
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.db import connections
from redis.exceptions import RedisError

P = ParamSpec("P")
R = TypeVar("R")
# What a coroutine in `run_apart` wants done, and where the answers go; None when it is over.
Calls = SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None]

_LAYER_PATIENCE_S = 3.0
_PROBE_GROUP = "health"
_CALLS: ContextVar[Calls | None] = ContextVar("calls", default=None)


async def in_database(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a synchronous function that uses the database in a thread, and await its answer.

    The connection is checked before and given back after, as Django does around a request.
    """
    answer: R = await database_sync_to_async(function)(*args, **kwargs)
    return answer


async def in_callers_database(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a synchronous function in the thread that waits in `run_apart`, and await its answer.

    It uses that thread's connection, and its transaction where there is one. Outside of `run_apart`
    this is `in_database`.
    """
    calls = _CALLS.get()
    if calls is None:
        return await in_database(function, *args, **kwargs)
    answer: Future[R] = Future()
    calls.put((partial(function, *args, **kwargs), answer))
    return await asyncio.wrap_future(answer)


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
    """Run a coroutine to its end on a loop and in a thread of its own, and wait for it.

    For tasks that talk to several ends at once. The coroutine touches the database by
    ``in_callers_database`` only, which is done here meanwhile. When the wait is broken off, as by a
    task's time limit, the coroutine is cancelled.
    """
    calls: Calls = SimpleQueue()
    outcome: Future[R] = Future()
    started: Future[Callable[[], object]] = Future()

    async def whole() -> R:
        _CALLS.set(calls)
        loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)
        started.set_result(lambda: loop.call_soon_threadsafe(task.cancel))
        return await task

    def run() -> None:
        try:
            outcome.set_result(asyncio.run(whole()))
        except BaseException as error:
            outcome.set_exception(error)
        finally:
            calls.put(None)

    thread = Thread(target=copy_context().run, args=(run,), name="conversation")
    thread.start()
    try:
        _run_calls(calls)
    except BaseException:
        started.result()()
        thread.join()
        raise
    thread.join()
    return outcome.result()


def _run_calls(calls: Calls) -> None:
    """Run the requested calls until the coroutine has ended."""
    while (call := calls.get()) is not None:
        function, answer = call
        if not answer.set_running_or_notify_cancel():
            continue
        try:
            answer.set_result(function())
        except Exception as error:
            answer.set_exception(error)


def channel_layer_reachable() -> bool:
    """Tell whether messages to live screens can be sent, by sending one to an empty group."""
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
