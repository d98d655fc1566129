"""Keeps the records of many terminals coming by push (seed 8.3.3); asyncio.

One subscriber for each terminal that has a push port; who they are is looked up again and again,
so a terminal that is added, moved or disabled is followed without a restart.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from devices.calling import CallTarget, NotCallable, PushHooks, RecordSubscriber
from devices.choices import CallWord, CommandState
from devices.models import Terminal
from devices.selectors import push_terminals
from devices.services import call_target, contact_pushes, contact_pushes_none, repairs_count
from records.choices import Origin
from records.services import gap_fill, pushed_until, sign_store
from server_common.async_bridge import in_database, in_database_apart

logger = logging.getLogger(__name__)

_LOOK_AGAIN_S = 10.0
_STOP_WITHIN_S = 5.0
# Counted beside repairs (terminal_protocol.faults).
_UNREADABLE_PUSH = "push_unreadable"


@dataclass(frozen=True, slots=True)
class _Running:
    """A subscriber and what it was started for: address, password and port."""

    identity: tuple[Any, ...] = field(repr=False)
    task: asyncio.Task[None]


class _Sink:
    """What one terminal's subscriber asks for and tells."""

    def __init__(self, terminal_id: int, identity: tuple[Any, ...]) -> None:
        self._terminal_id = terminal_id
        self._identity = identity
        # Only behind a filled gap does a pushed record say that nothing before it is missing.
        self._is_filled = False
        self._missed = 0

    def hooks(self) -> PushHooks:
        return PushHooks(
            target=self._target,
            opened=self._opened,
            record=self._record,
            missed=self._miss,
            changed=self._changed,
        )

    async def _target(self) -> CallTarget:
        return await in_database(_target_of, self._terminal_id, self._identity)

    async def _opened(self) -> bool:
        # Calls the terminal page by page, while others push.
        missed_before = self._missed
        state = await in_database_apart(gap_fill, terminal_id=self._terminal_id)
        # What came unreadable meanwhile may not have been in the list yet.
        self._is_filled = state == CommandState.DONE and self._missed == missed_before
        # A terminal that refuses has no such list, or wants another password.
        return state in (CommandState.DONE, CommandState.REFUSED)

    async def _record(self, sign: dict[str, Any], repairs: tuple[str, ...]) -> None:
        await in_database(_take, self._terminal_id, sign, repairs, is_filled=self._is_filled)

    async def _miss(self) -> None:
        # First of all, so that no record moves the position in the list past this one.
        self._is_filled = False
        self._missed += 1
        await in_database(repairs_count, terminal_id=self._terminal_id, repairs=[_UNREADABLE_PUSH])
        logger.warning("push_unreadable terminal=%s count=%d", self._terminal_id, self._missed)

    async def _changed(self, is_connected: bool, word: str) -> None:  # noqa: FBT001 - a callback
        self._is_filled = False
        await in_database(contact_pushes, terminal_id=self._terminal_id, is_connected=is_connected)
        logger.info(
            "push_changed terminal=%s connected=%s word=%s", self._terminal_id, is_connected, word
        )


async def keep_subscribed(*, look_again_s: float = _LOOK_AGAIN_S, **options: Any) -> None:
    """Run a subscriber for every terminal that has a push port, until cancelled.

    Args:
        look_again_s: how often the terminals are looked up, in seconds.
        options: for ``RecordSubscriber``.
    """
    running: dict[int, _Running] = {}
    is_first = True
    try:
        while True:
            try:
                if is_first:
                    await in_database(contact_pushes_none)
                await _adjust(running, await in_database(_wanted), options)
                is_first = False
            except Exception:
                # The border of the loop: the database is away, the subscribers go on.
                logger.exception("push_terminals_unknown")
            await asyncio.sleep(look_again_s)
    finally:
        for one in running.values():
            one.task.cancel()
        await asyncio.gather(*(one.task for one in running.values()), return_exceptions=True)


async def _adjust(
    running: dict[int, _Running],
    wanted: Mapping[int, tuple[Any, ...]],
    options: Mapping[str, Any],
) -> None:
    for terminal_id, one in list(running.items()):
        if wanted.get(terminal_id) != one.identity or one.task.done():
            one.task.cancel()
            await asyncio.wait([one.task])
            del running[terminal_id]
            await in_database(contact_pushes, terminal_id=terminal_id, is_connected=False)
    for terminal_id, identity in wanted.items():
        if terminal_id not in running:
            subscriber = RecordSubscriber(
                _Sink(terminal_id, identity).hooks(), port=identity[-1], **options
            )
            running[terminal_id] = _Running(identity, asyncio.create_task(subscriber.run()))


def _wanted() -> dict[int, tuple[Any, ...]]:
    return {terminal.pk: _identity(terminal) for terminal in push_terminals()}


def _identity(terminal: Terminal) -> tuple[Any, ...]:
    return terminal.api_address, terminal.api_password, terminal.push_port


def _target_of(terminal_id: int, identity: tuple[Any, ...]) -> CallTarget:
    """Return the terminal to call; after a change of it the next subscriber calls."""
    terminal = Terminal.objects.filter(pk=terminal_id).first()
    if terminal is None:
        raise NotCallable("no_address")
    if _identity(terminal) != identity:
        raise NotCallable(CallWord.ADDRESS_CHANGED)
    return call_target(terminal)


def _take(
    terminal_id: int, sign: dict[str, Any], repairs: tuple[str, ...], *, is_filled: bool
) -> None:
    terminal = Terminal.objects.select_related("site").get(pk=terminal_id)
    if repairs:
        repairs_count(terminal_id=terminal_id, repairs=repairs)
    sign_store(terminal=terminal, sign=sign, origin=Origin.PUSHED, repairs=repairs)
    if is_filled:
        pushed_until(terminal=terminal, sign=sign)


class EmbeddedPush:
    """The subscribers in a thread with a loop of its own, for the embedded server."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="menjin-push", daemon=True)
        self._work: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start subscribing."""
        self._thread.start()

    def stop(self) -> None:
        """Cut every subscription and end."""
        self._loop.call_soon_threadsafe(self._cancel)
        self._thread.join(_STOP_WITHIN_S)

    def _cancel(self) -> None:
        if self._work is not None:
            self._work.cancel()

    def _run(self) -> None:
        self._work = self._loop.create_task(keep_subscribed())
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._work)
        self._loop.close()
