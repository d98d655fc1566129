"""The composition root: builds everything, starts it in one order, stops it in the other."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from edge_agent.config import AgentConfig
from edge_agent.database import Database
from edge_agent.decision import Rules
from edge_agent.drivers.clock import SystemClock
from edge_agent.drivers.factory import make_camera, make_relay, make_thermometer
from edge_agent.exceptions import DriverError
from edge_agent.instance_lock import instance_lock
from edge_agent.outbox import Outbox
from edge_agent.pipeline import Devices, Pipeline, Timing
from edge_agent.platform_client import PlatformClient
from edge_agent.presence import Presence
from edge_agent.recogniser import Recogniser
from edge_agent.store import Store
from edge_agent.story import Story
from edge_agent.supervision import Supervisor
from edge_agent.sync import LibrarySync, SyncLimits
from edge_agent.uplink import Uplink
from edge_agent.uploads import UploadWriter
from face_engine import FaceEngine, load_engine

DATABASE_NAME: Final = "agent.sqlite3"
# A terminal without a library waits this long for its first one before it looks at people.
_FIRST_LIBRARY_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class RunLimits:
    """When to stop by itself.

    Attributes:
        visits: after so many visits, once everything is told; 0 for never.
        exit_when_idle: when the camera has no more pictures and everything is told.
    """

    visits: int = 0
    exit_when_idle: bool = False

    @property
    def is_finite(self) -> bool:
        """Whether there is such a moment at all."""
        return bool(self.visits) or self.exit_when_idle


class _Openable(Protocol):
    """What is opened at the start and closed at the end."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Parts:
    """Everything that runs, wired together, nothing of it started."""

    database: Database
    client: PlatformClient
    recogniser: Recogniser
    devices: Devices
    uplink: Uplink
    sync: LibrarySync
    presence: Presence
    pipeline: Pipeline


async def run_agent(
    config: AgentConfig,
    *,
    story: Story,
    stop: asyncio.Event,
    limits: RunLimits | None = None,
    load: Callable[[Path | None], FaceEngine] = load_engine,
) -> None:
    """Run a terminal until it is told to stop.

    Args:
        config: what to do.
        story: where to tell what happens.
        stop: set it to stop cleanly.
        limits: when to stop by itself; None for never.
        load: gives the face models from a folder, None for the usual one.

    Raises:
        ConfigInvalid: a driver is unknown or the data directory unusable.
        AlreadyRunning: another agent uses the data directory.
        DriverUnavailable: a device is not there at the start.
        FaceEngineError: the models are missing or damaged.
    """
    devices = Devices(
        camera=make_camera(config.camera),
        relay=make_relay(config.relay),
        thermometer=make_thermometer(config.thermometer),
        clock=SystemClock(),
    )
    with instance_lock(config.data_dir):
        engine = await _load_models(config, load)
        parts = _wire(config, devices, engine, story)
        # Start in this order; the stack stops in the opposite one, whatever happens.
        async with AsyncExitStack() as stack:
            await _open(stack, parts.database)
            await stack.enter_async_context(parts.client)
            await _open(stack, parts.recogniser)
            await _open(stack, devices.thermometer)
            await _open(stack, devices.camera)
            # Last to start, first to stop: the door is locked before anything else ends.
            await _open(stack, devices.relay)
            held = await parts.sync.load()
            story.tell(
                "start",
                f"terminal {config.device_id} at {config.platform_shown}, {held} people known",
                device_id=config.device_id,
                held=held,
            )
            await _run_loops(parts, held, story, stop, limits or RunLimits())
        story.tell("stop", "terminal stopped")


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


def _wire(config: AgentConfig, devices: Devices, engine: FaceEngine, story: Story) -> _Parts:
    """Give every part what it needs."""
    clock = devices.clock
    chance = random.Random()  # noqa: S311 - spreads a fleet in time, guards nothing
    database = Database(config.data_dir / DATABASE_NAME)
    store, outbox = Store(database), Outbox(database)
    client = PlatformClient(
        base_url=config.base_url, device_id=config.device_id, timeout_s=config.http_timeout_s
    )
    uplink = Uplink(outbox=outbox, client=client, clock=clock, chance=chance)
    recogniser = Recogniser(
        engine, least_similarity=config.match_similarity, detector_px=config.detector_px
    )
    sync = LibrarySync(
        store=store,
        recogniser=recogniser,
        client=client,
        uplink=uplink,
        clock=clock,
        story=story,
        limits=SyncLimits(
            interval_s=config.sync_interval_s,
            picture_max_bytes=config.picture_max_bytes,
            picture_parallel=config.picture_parallel,
            people_max=config.people_max,
        ),
        chance=chance,
    )
    presence = Presence(
        client=client,
        store=store,
        clock=clock,
        story=story,
        interval_s=config.heartbeat_interval_s,
        chance=chance,
    )
    pipeline = Pipeline(
        devices=devices,
        recogniser=recogniser,
        uplink=uplink,
        writer=_writer(config),
        rules=_rules(config),
        timing=Timing(config.answer_timeout_s, config.camera.visit_gap_s),
        library_age_s=sync.library_age_s,
        story=story,
    )
    return _Parts(database, client, recogniser, devices, uplink, sync, presence, pipeline)


def _writer(config: AgentConfig) -> UploadWriter:
    return UploadWriter(
        device_id=config.device_id,
        uuid_label=config.uuid_label,
        nation_code=config.nation_code,
        action_code=config.action_code,
        mask_assumed=config.mask_assumed,
        temperature_limit_c=config.temperature_limit_c,
    )


def _rules(config: AgentConfig) -> Rules:
    return Rules(
        decide=config.decide,
        unlock_delay_ms=config.unlock_delay_ms,
        temperature_limit_c=config.temperature_limit_c,
        temperature_required=config.temperature_required,
        library_max_age_s=config.library_max_age_s,
    )


async def _run_loops(
    parts: _Parts, held: int, story: Story, stop: asyncio.Event, limits: RunLimits
) -> None:
    """Run the loops until `stop` is set or the limits are reached."""
    clock = parts.devices.clock

    def start(name: str, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        keeper = Supervisor(name, clock=clock, story=story)
        return group.create_task(keeper.keep(work), name=name)

    async with asyncio.TaskGroup() as group:
        uplink = start("uplink", parts.uplink.run)
        sync = start("library", parts.sync.run)
        presence = start("presence", parts.presence.run)
        door = start("door", lambda: _watch_door(parts, held, limits))
        end = group.create_task(_watch_end(parts, door, story, stop, limits), name="end")
        await end
        # Nobody new first; what was seen is on disk by then. The queue goes last.
        for task in (door, sync, presence, uplink):
            task.cancel()
            await asyncio.wait([task])


async def _watch_door(parts: _Parts, held: int, limits: RunLimits) -> None:
    """Look at people; after a failure of the camera the supervisor calls this again."""
    if not held:
        await _first_library(parts.sync)
    camera = parts.devices.camera
    await camera.open()
    try:
        await parts.pipeline.run(visits_most=limits.visits)
    except DriverError:
        await camera.close()
        raise


async def _first_library(sync: LibrarySync) -> None:
    try:
        async with asyncio.timeout(_FIRST_LIBRARY_S):
            await sync.first_round_done.wait()
    except TimeoutError:
        return  # temperatures and strangers are reported even so


async def _watch_end(
    parts: _Parts,
    door: asyncio.Task[None],
    story: Story,
    stop: asyncio.Event,
    limits: RunLimits,
) -> None:
    """Return when it is time to stop."""
    async with asyncio.TaskGroup() as group:
        told = group.create_task(stop.wait())
        done = group.create_task(_finished(parts, door, story, limits))
        await asyncio.wait([told, done], return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        done.cancel()


async def _finished(
    parts: _Parts, door: asyncio.Task[None], story: Story, limits: RunLimits
) -> None:
    """Return when the limits are reached and everything is told; never without limits."""
    await asyncio.wait([door])
    story.tell(
        "door_done",
        f"the camera is done after {parts.pipeline.visits} visits",
        visits=parts.pipeline.visits,
    )
    if not limits.is_finite:
        await asyncio.Event().wait()
    await parts.sync.first_round_done.wait()
    await parts.uplink.wait_empty()
