"""Live state of a running agent, in a small file beside its lock.

Written when something changes, a few times a day, and removed at a clean end; it can be read even
when the agent is stuck. Its time of change is renewed every minute, so that an agent whose event
loop hangs, and which can tell nothing any more, is known by an old file.
"""

import asyncio
import dataclasses
import json
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

logger = logging.getLogger(__name__)

_NAME: Final = "agent.live.json"
_CLOSE_S: Final = 2.0
_RENEW_S: Final = 60.0
# An agent that was not seen for so long does not look any more: two renewals and some patience.
NOT_SEEN_S: Final = 150.0


@dataclass(frozen=True, slots=True)
class LiveState:
    """State of a running agent, as it publishes it.

    Attributes:
        pid: its process.
        started_at: ISO 8601, UTC.
        host: where its interface listens; `port` and `push_port` are 0 when it does not.
        loops: name to state, see `edge_agent.service.supervision.State`.
        troubles: what is stuck, in words; empty when nothing is.
    """

    pid: int
    version: str
    started_at: str
    host: str = ""
    port: int = 0
    push_port: int = 0
    loops: dict[str, str] = field(default_factory=dict)
    troubles: tuple[str, ...] = ()


class LiveFile:
    """Write the file on a thread of its own, so that a hung disk blocks nothing else."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / _NAME
        self._thread: ThreadPoolExecutor | None = None
        self._written: LiveState | None = None
        self._written_at_s = 0.0
        self._writing: asyncio.Future[None] | None = None

    async def open(self) -> None:
        """Start the thread."""
        self._thread = self._thread or ThreadPoolExecutor(1, thread_name_prefix="live-state")

    def keep(self, state: LiveState, now_s: float = 0.0) -> None:
        """Begin to write a changed state, unless a write is in progress.

        Args:
            state: how the agent is.
            now_s: monotonic clock.
        """
        is_new = state != self._written
        if self._thread is None or not (is_new or now_s - self._written_at_s >= _RENEW_S):
            return
        if self._writing is not None and not self._writing.done():
            return
        self._written, self._written_at_s = state, now_s
        loop = asyncio.get_running_loop()
        work = partial(_write, self._path, state) if is_new else partial(_renew, self._path)
        self._writing = loop.run_in_executor(self._thread, work)

    async def written(self) -> None:
        """Wait for a write that was begun."""
        if self._writing is not None:
            await asyncio.wait([self._writing])

    async def close(self) -> None:
        """Remove the file: the agent has ended."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        loop = asyncio.get_running_loop()
        removing = loop.run_in_executor(thread, _remove, self._path)
        await asyncio.wait([removing], timeout=_CLOSE_S)
        thread.shutdown(wait=False, cancel_futures=True)


def read_live_state(data_dir: Path) -> LiveState | None:
    """Read the last agent's state; None when it ended cleanly or never ran."""
    try:
        found = json.loads((data_dir / _NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return _state(found) if isinstance(found, dict) else None


def seen_at(data_dir: Path) -> datetime | None:
    """Return when an agent last wrote its state, by the computer's clock; None without a file."""
    try:
        return datetime.fromtimestamp((data_dir / _NAME).stat().st_mtime, tz=UTC)
    except OSError:
        return None


def agent_version() -> str:
    """Version of this program, "uninstalled" in a bare checkout."""
    try:
        return version("menjin")
    except PackageNotFoundError:
        return "uninstalled"


def _state(found: dict[str, Any]) -> LiveState | None:
    known = {one.name for one in dataclasses.fields(LiveState)}
    try:
        state = LiveState(**{name: value for name, value in found.items() if name in known})
    except TypeError:
        return None  # of another version
    return dataclasses.replace(state, troubles=tuple(state.troubles))


def _write(path: Path, state: LiveState) -> None:
    try:
        # Always the same name: what is left by who is killed here, the next one writes over.
        new = path.with_name(f".{path.name}.new")
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(dataclasses.asdict(state), stream, ensure_ascii=False)
        new.replace(path)
    except OSError as error:
        logger.warning("live_state_not_written reason=%s", error.strerror)


def _renew(path: Path) -> None:
    try:
        os.utime(path)
    except OSError as error:
        logger.warning("live_state_not_renewed reason=%s", error.strerror)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        logger.warning("live_state_not_removed reason=%s", error.strerror)
