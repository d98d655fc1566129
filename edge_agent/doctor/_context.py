"""Context shared by all checks."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from edge_agent.config import AgentConfig
from edge_agent.drivers import Clock, Frame
from edge_agent.service.live_state import LiveState
from edge_agent.upstream import Reply
from face_engine import FaceEngine

Outcome = TypeVar("Outcome")


@dataclass(slots=True)
class CheckContext:
    """The checked terminal and the facts found out by earlier checks.

    Attributes:
        path: of the configuration.
        is_running: whether an agent runs on it and holds its devices.
        live: what that agent said of itself.
        opens_door: whether the relay may be pulsed.
        clock: the computer's.
        load: gives the face models, as in `edge_agent.service.runtime.run_agent`.
        thread: for work that blocks.
        frame: a picture of the camera.
        is_connected: whether the platform's port takes connections.
        reply: the platform's answer to a heartbeat.
        cursor: ``lastQueryTime`` of the terminal; 0 when it never was in step.
        newest_call_ms: timestamp of the newest call that was accepted; 0 for none.
        offset_s: how far its clock was moved against the computer's.
    """

    config: AgentConfig
    path: Path
    is_running: bool
    live: LiveState | None
    opens_door: bool
    clock: Clock
    load: Callable[[Path | None], FaceEngine]
    thread: ThreadPoolExecutor = field(repr=False)
    frame: Frame | None = field(default=None, repr=False)
    is_connected: bool = False
    reply: Reply | None = field(default=None, repr=False)
    cursor: int = 0
    newest_call_ms: int = 0
    offset_s: float = 0.0

    async def blocking(self, work: Callable[[], Outcome]) -> Outcome:
        """Run blocking work on the thread of the checks."""
        return await asyncio.get_running_loop().run_in_executor(self.thread, work)
