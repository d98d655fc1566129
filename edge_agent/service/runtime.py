"""Life of the terminal process: order of start, loops, order of stop."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final, Protocol

from edge_agent.config import AgentConfig
from edge_agent.door import Devices
from edge_agent.drivers import DriverError, EventLog, SystemClock
from edge_agent.service.assembly import assemble
from edge_agent.service.instance_lock import instance_lock
from edge_agent.service.parts import Parts
from edge_agent.service.supervision import Supervisor
from edge_agent.storage import DiskFull
from edge_agent.upstream import LibrarySync
from face_engine import FaceEngine, load_engine

# A terminal without a library waits this long for its first one before it looks at people.
_FIRST_LIBRARY_S: Final = 20.0
_DISK_AGAIN_S: Final = 5.0
_STILL_S: Final = 20.0


class RunEnd(Enum):
    """Why a run ended."""

    STOP = "stop"
    RESTART = "restart"


@dataclass(frozen=True, slots=True)
class RunLimits:
    """When to stop by itself.

    Attributes:
        visits: after so many visits, once everything is sent; 0 for never.
        exit_when_idle: when the camera has no more pictures and everything is sent.
    """

    visits: int = 0
    exit_when_idle: bool = False

    @property
    def is_finite(self) -> bool:
        """Whether there is a limit at all."""
        return bool(self.visits) or self.exit_when_idle


class _Openable(Protocol):
    """Part that is opened at the start and closed at the end."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...


async def run_agent(
    config: AgentConfig,
    *,
    event_log: EventLog,
    stop: asyncio.Event,
    limits: RunLimits | None = None,
    load: Callable[[Path | None], FaceEngine] = load_engine,
) -> RunEnd:
    """Run a terminal until it is stopped or asked to restart.

    Args:
        config: what to do.
        event_log: where to tell what happens.
        stop: set it to stop cleanly.
        limits: when to stop by itself; None for never.
        load: gives the face models from a folder, None for the usual one.

    Returns:
        Whether the agent is to be started again, because a platform asked for it (8.1.9).

    Raises:
        ConfigInvalid: a driver is unknown or the data directory unusable.
        AlreadyRunning: another agent uses the data directory.
        DriverUnavailable: a device is not there at the start.
        FaceEngineError: the models are missing or damaged.
    """
    clock = SystemClock()
    devices = Devices(
        camera=config.camera.options.make(),
        relay=config.relay.options.make(),
        thermometer=config.thermometer.options.make(),
        clock=clock,
        prompter=config.prompter.options.make(),
        card_reader=config.card_reader.options.make(),
    )
    with instance_lock(config.data_dir):
        engine = await _load_models(config, load)
        parts = assemble(config, devices, clock, engine, event_log)
        await _run_parts(parts, config, event_log, stop, limits or RunLimits())
        is_restart = parts.process.restart.is_set()
        event_log.write(
            "stop", "terminal stops to start anew" if is_restart else "terminal stopped"
        )
        return RunEnd.RESTART if is_restart else RunEnd.STOP


async def _run_parts(
    parts: Parts, config: AgentConfig, event_log: EventLog, stop: asyncio.Event, limits: RunLimits
) -> None:
    # Start in this order; the stack stops in the opposite one, whatever happens.
    async with AsyncExitStack() as stack:
        if not await _open_database(stack, parts, event_log, stop):
            return
        await parts.interfaces.terminal.time.load()
        await parts.interfaces.terminal.settings.load()
        await stack.enter_async_context(parts.upstream.client)
        await _open(stack, parts.process.watchdog.live)
        await _open(stack, parts.door.recogniser)
        await _open(stack, parts.door.devices.thermometer)
        await _open(stack, parts.door.devices.prompter)
        await _open(stack, parts.door.devices.card_reader)
        await _open(stack, parts.door.devices.camera)
        # Last to start, first to stop: the door is locked before anything else ends.
        await _open(stack, parts.door.devices.relay)
        held = await parts.upstream.sync.load()
        event_log.write(
            "start",
            f"terminal {config.device_id} at {config.platform_shown}, {held} people known",
            device_id=config.device_id,
            held=held,
        )
        await _run_loops(parts, held, event_log, stop, limits)


async def _open_database(
    stack: AsyncExitStack, parts: Parts, event_log: EventLog, stop: asyncio.Event
) -> bool:
    """Open the database as soon as there is disk space; False when stopped before."""
    stack.push_async_callback(parts.database.close)
    is_logged = False
    while True:
        try:
            await _open_in_background(parts)
        except DiskFull:
            if not is_logged:
                event_log.write("disk", "disk: full, so nothing can start; waiting", state="full")
            is_logged = True
            parts.process.watchdog.waits_to_start("the disk is full")
        else:
            return True
        try:
            async with asyncio.timeout(_DISK_AGAIN_S):
                await stop.wait()
        except TimeoutError:
            continue
        return False


async def _open_in_background(parts: Parts) -> None:
    """Open the database without a time limit: rebuilding a large damaged one takes minutes."""
    opening = asyncio.ensure_future(parts.database.open())
    try:
        while not (await asyncio.wait([opening], timeout=_STILL_S))[0]:
            parts.process.watchdog.waits_to_start("the terminal's file is looked through")
        await opening
    finally:
        opening.cancel()


async def _load_models(
    config: AgentConfig, load: Callable[[Path | None], FaceEngine]
) -> FaceEngine:
    def work() -> FaceEngine:
        return load(Path(config.model_dir).expanduser() if config.model_dir else None)

    with ThreadPoolExecutor(1, thread_name_prefix="models") as thread:
        return await asyncio.get_running_loop().run_in_executor(thread, work)


async def _open(stack: AsyncExitStack, part: _Openable) -> None:
    # A part that fails half-way is closed as well; closing what is not open does nothing.
    stack.push_async_callback(part.close)
    await part.open()


async def _run_loops(
    parts: Parts, held: int, event_log: EventLog, stop: asyncio.Event, limits: RunLimits
) -> None:
    """Run the loops until `stop` is set or the limits are reached."""
    clock = parts.door.devices.clock

    def start(name: str, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        supervisor = Supervisor(name, clock=clock, event_log=event_log)
        parts.process.loops[name] = supervisor
        parts.process.watchdog.watch_loop(name, supervisor)
        return group.create_task(supervisor.supervise(work), name=name)

    async with asyncio.TaskGroup() as group:
        uplink = start("uplink", parts.upstream.uplink.run)
        sync = start("library", parts.upstream.sync.run)
        presence = start("presence", parts.upstream.heartbeat.run)
        visit_writer = start("visit_writer", parts.door.pipeline.visit_writer.run)
        door = start("door", lambda: _run_door(parts, held, limits))
        cards = start("cards", parts.door.cards.run)
        api = start("api", parts.interfaces.api.run)
        page = start("page", parts.interfaces.page.run)
        watchdog = start("watchdog", parts.process.watchdog.run)
        end = group.create_task(_watch_end(parts, door, event_log, stop, limits), name="end")
        await end
        parts.process.watchdog.stopping(is_restart=parts.process.restart.is_set())
        # Callers and visitors first; what was seen is on disk by then. The queue last.
        for task in (page, api, cards, door, visit_writer, sync, presence, uplink, watchdog):
            task.cancel()
            await asyncio.wait([task])
        await parts.door.pipeline.visit_writer.close()


async def _run_door(parts: Parts, held: int, limits: RunLimits) -> None:
    """Run the camera loop; the supervisor calls it again after a failure of the camera."""
    if not held:
        await _first_library(parts.upstream.sync)
    camera = parts.door.camera
    await camera.open()
    parts.process.watchdog.ready()
    try:
        await parts.door.pipeline.run(visits_most=limits.visits)
    except DriverError:
        await camera.close()
        raise
    finally:
        camera.rest()


async def _first_library(sync: LibrarySync) -> None:
    try:
        async with asyncio.timeout(_FIRST_LIBRARY_S):
            await sync.first_round_done.wait()
    except TimeoutError:
        return  # temperatures and strangers are reported even so


async def _watch_end(
    parts: Parts,
    door: asyncio.Task[None],
    event_log: EventLog,
    stop: asyncio.Event,
    limits: RunLimits,
) -> None:
    """Wait until it is time to stop."""
    async with asyncio.TaskGroup() as group:
        stopped = group.create_task(stop.wait())
        restart = group.create_task(parts.process.restart.wait())
        done = group.create_task(_finished(parts, door, event_log, limits))
        endings = [stopped, restart, done]
        await asyncio.wait(endings, return_when=asyncio.FIRST_COMPLETED)
        for task in endings:
            task.cancel()


async def _finished(
    parts: Parts, door: asyncio.Task[None], event_log: EventLog, limits: RunLimits
) -> None:
    """Wait until the limits are reached and all uploads are sent; for ever without limits."""
    await asyncio.wait([door])
    event_log.write(
        "door_done",
        f"the camera is done after {parts.door.pipeline.visits} visits",
        visits=parts.door.pipeline.visits,
    )
    if not limits.is_finite:
        await asyncio.Event().wait()
    await parts.upstream.sync.first_round_done.wait()
    await parts.upstream.uplink.wait_empty()
