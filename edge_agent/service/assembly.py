"""Composition root: builds and connects every part, and starts nothing."""

import asyncio
import dataclasses
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from edge_agent.api import AcceptedCalls, ApiServer, RecordHub, Terminal
from edge_agent.api.terminal_time import TerminalTime
from edge_agent.config import AgentConfig
from edge_agent.door import CardDesk, Devices, Pipeline, TerminalSettings, WatchedCamera
from edge_agent.drivers import EventLog, SystemClock
from edge_agent.drivers.relay_timed import TimedRelay
from edge_agent.page import PageServer, StatusSources
from edge_agent.recognition import LocalPeople, Recogniser, load_face_attributes
from edge_agent.service.live_state import LiveFile, agent_version
from edge_agent.service.network_facts import network_facts
from edge_agent.service.parts import DoorParts, InterfaceParts, Parts, ProcessParts, UpstreamParts
from edge_agent.service.supervision import Supervisor
from edge_agent.service.watchdog import HealthCheck, Watchdog
from edge_agent.storage import (
    DATABASE_NAME,
    Database,
    DiskQuota,
    FileEvent,
    Openings,
    Outbox,
    RecordLog,
    Retention,
    Store,
)
from edge_agent.upstream import (
    HeartbeatSender,
    LibrarySync,
    PlatformClient,
    SyncLimits,
    Uplink,
    UploadWriter,
)
from face_engine import FaceEngine

_DISK_WORDS: Final = {
    FileEvent.FULL: "disk: full; old pictures give way, passes are kept as long as anything fits",
    FileEvent.FREE_AGAIN: "disk: there is room again",
    FileEvent.REBUILT: (
        "disk: the terminal's file was damaged; it was rebuilt, the library is asked for"
    ),
}
_MODEL: Final = "menjin-edge-agent"
# A door that stays unlocked by so much is no matter of a slow bus any more.
_RELAY_OVERDUE_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Base:
    """Dependencies of nearly every part."""

    config: AgentConfig
    devices: Devices
    clock: SystemClock
    event_log: EventLog
    rng: random.Random
    database: Database
    store: Store
    client: PlatformClient
    uplink: Uplink
    recogniser: Recogniser
    quota: DiskQuota


def assemble(
    config: AgentConfig,
    devices: Devices,
    clock: SystemClock,
    engine: FaceEngine,
    event_log: EventLog,
) -> Parts:
    """Build every part.

    Args:
        config: what to do.
        devices: the drivers; `clock` is theirs, too.
        clock: the one that a platform may move.
        engine: the face models.
        event_log: where to tell what happens.
    """
    camera = _watched_camera(config, devices)
    devices = dataclasses.replace(devices, camera=camera)
    base = _base(config, devices, clock, engine, event_log)
    network = network_facts(urlsplit(config.base_url).hostname or "")
    settings = TerminalSettings(config, base.database, network=network)
    records = _records(base)
    sync = _sync(base)
    base.database.listen(_file_listener(event_log, sync))
    door = _door(base, camera, records, settings, sync)
    upstream = UpstreamParts(
        client=base.client, uplink=base.uplink, sync=sync, heartbeat=_heartbeat(base)
    )
    restart, loops = asyncio.Event(), dict[str, Supervisor]()
    terminal = _terminal(base, settings, records, poll_soon=sync.poll_soon, restart=restart.set)
    api = _api(base, terminal)
    page = _page(base, terminal, _status_sources(base, door, upstream, loops))
    return Parts(
        database=base.database,
        door=door,
        upstream=upstream,
        interfaces=InterfaceParts(terminal=terminal, api=api, page=page),
        process=ProcessParts(watchdog=_watchdog(base, camera, api), restart=restart, loops=loops),
    )


def _terminal(
    base: _Base,
    settings: TerminalSettings,
    records: RecordLog,
    *,
    poll_soon: Callable[[], None],
    restart: Callable[[], None],
) -> Terminal:
    return Terminal(
        device=_device(base.config),
        clock=base.clock,
        time=TerminalTime(base.clock, base.database),
        calls=AcceptedCalls(base.config.api, base.database, clock=base.clock),
        settings=settings,
        people=_people(base),
        records=records,
        openings=Openings(base.database),
        relay=base.devices.relay,
        event_log=base.event_log,
        poll_soon=poll_soon,
        restart=restart,
        sync_state=_sync_state(base.store, base.clock),
        unsupported=frozenset(base.config.api.unsupported),
    )


def _watched_camera(config: AgentConfig, devices: Devices) -> WatchedCamera:
    silence_s = config.watchdog.camera_silence_s
    if config.camera.driver == "folder":
        silence_s = 0.0  # its visitors come when a picture is put there
    if silence_s:
        silence_s += float(getattr(config.camera.options, "interval_s", 0.0))
    return WatchedCamera(devices.camera, clock=devices.clock, silence_s=silence_s)


def _watchdog(base: _Base, camera: WatchedCamera, api: ApiServer) -> Watchdog:
    config = base.config.watchdog
    watchdog = Watchdog(
        config,
        clock=base.clock,
        event_log=base.event_log,
        live=LiveFile(base.config.data_dir),
        ports=api.listening,
    )
    watchdog.watch_thread("the database", lambda: base.database.run(lambda _: None))
    watchdog.watch_thread("the thread of the face models", base.recogniser.answer)
    watchdog.watch(_door_check(camera, config.answer_within_s + base.config.answer_timeout_s))
    watchdog.watch(_relay_check(base.devices))
    return watchdog


def _door_check(camera: WatchedCamera, within_s: float) -> HealthCheck:
    """Return the health check of the door, which may wait for the platform's answer."""

    def sign(now_s: float) -> str:
        since_s = camera.busy_since_s
        is_stuck = since_s is not None and now_s - since_s > within_s
        return "the door works on one picture for ever" if is_stuck else ""

    return sign


def _relay_check(devices: Devices) -> HealthCheck:
    def sign(now_s: float) -> str:
        relay = devices.relay
        is_stuck = isinstance(relay, TimedRelay) and relay.overdue_s > _RELAY_OVERDUE_S
        return "the relay does not release" if is_stuck else ""

    return sign


def _door(
    base: _Base,
    camera: WatchedCamera,
    records: RecordLog,
    settings: TerminalSettings,
    sync: LibrarySync,
) -> DoorParts:
    pipeline = Pipeline(
        devices=base.devices,
        recogniser=base.recogniser,
        uplink=base.uplink,
        writer=_upload_writer(base.config),
        records=records,
        door=settings.door,
        library_age_s=sync.library_age_s,
        event_log=base.event_log,
    )
    cards = CardDesk(
        devices=base.devices,
        database=base.database,
        records=records,
        door=settings.door,
        library_age_s=sync.library_age_s,
        event_log=base.event_log,
        id_cards=pipeline.id_cards,
    )
    return DoorParts(
        devices=base.devices,
        camera=camera,
        recogniser=base.recogniser,
        pipeline=pipeline,
        cards=cards,
    )


def _base(
    config: AgentConfig,
    devices: Devices,
    clock: SystemClock,
    engine: FaceEngine,
    event_log: EventLog,
) -> _Base:
    rng = random.Random()  # noqa: S311 - spreads a fleet in time, guards nothing
    quota = DiskQuota(config.data_dir / DATABASE_NAME, config.queue)
    database = Database(config.data_dir / DATABASE_NAME, quota=quota)
    client = PlatformClient(
        base_url=config.base_url, device_id=config.device_id, timeout_s=config.http_timeout_s
    )
    uplink = Uplink(outbox=Outbox(database), client=client, clock=clock, rng=rng)
    recogniser = Recogniser(
        engine,
        least_similarity=config.match_similarity,
        detector_px=config.detector_px,
        attributes=load_face_attributes(config.looking),
    )
    return _Base(
        config=config,
        devices=devices,
        clock=clock,
        event_log=event_log,
        rng=rng,
        database=database,
        store=Store(database),
        client=client,
        uplink=uplink,
        recogniser=recogniser,
        quota=quota,
    )


def _sync(base: _Base) -> LibrarySync:
    config = base.config
    return LibrarySync(
        store=base.store,
        recogniser=base.recogniser,
        client=base.client,
        uplink=base.uplink,
        clock=base.clock,
        event_log=base.event_log,
        limits=SyncLimits(
            interval_s=config.sync_interval_s,
            picture_max_bytes=config.picture_max_bytes,
            picture_parallel=config.picture_parallel,
            people_max=config.people_max,
        ),
        rng=base.rng,
    )


def _heartbeat(base: _Base) -> HeartbeatSender:
    return HeartbeatSender(
        client=base.client,
        store=base.store,
        clock=base.clock,
        event_log=base.event_log,
        interval_s=base.config.heartbeat_interval_s,
        rng=base.rng,
    )


def _people(base: _Base) -> LocalPeople:
    return LocalPeople(
        base.store,
        base.recogniser,
        people_max=base.config.people_max,
        photo_max_bytes=base.config.picture_max_bytes,
    )


def _api(base: _Base, terminal: Terminal) -> ApiServer:
    hub = RecordHub()
    terminal.records.listen(hub.publish)
    return ApiServer(base.config.api, terminal, hub=hub, rng=base.rng)


def _status_sources(
    base: _Base, door: DoorParts, upstream: UpstreamParts, loops: dict[str, Supervisor]
) -> StatusSources:
    return StatusSources(
        live_view=door.pipeline.live_view,
        loops=lambda: {name: supervisor.state.value for name, supervisor in loops.items()},
        known=lambda: base.recogniser.known,
        library_age_s=upstream.sync.library_age_s,
        is_answered=lambda: upstream.heartbeat.is_answered,
        offset_s=lambda: base.clock.offset_s,
        has_thermometer=base.config.thermometer.driver != "none",
    )


def _page(base: _Base, terminal: Terminal, sources: StatusSources) -> PageServer:
    return PageServer(
        base.config.page,
        base.config.api,
        terminal,
        sources,
        file=base.database.path,
        rng=base.rng,
    )


def _records(base: _Base) -> RecordLog:
    api = base.config.api
    retention = Retention(api.records_days, api.records_max, api.record_pictures_max)
    mark = base.config.device_id
    return RecordLog(base.database, device_mark=mark, retention=retention, quota=base.quota)


def _file_listener(event_log: EventLog, sync: LibrarySync) -> Callable[[FileEvent], None]:
    """Return the listener that reports changes of the disk's state to the event log."""

    def on_file_event(news: FileEvent) -> None:
        event_log.write("disk", _DISK_WORDS[news], state=news.value)
        if news is FileEvent.REBUILT:
            sync.note_rebuilt()

    return on_file_event


def _upload_writer(config: AgentConfig) -> UploadWriter:
    return UploadWriter(
        device_id=config.device_id,
        uuid_label=config.uuid_label,
        nation_code=config.nation_code,
        action_code=config.action_code,
        mask_assumed=config.mask_assumed,
    )


def _device(config: AgentConfig) -> dict[str, Any]:
    """Return DeviceObject (8.1.1) without its name."""
    app = agent_version()
    return {
        "deviceID": config.device_id,
        "appVer": app[:32],
        "webVer": app[:32],
        "deviceMoel": _MODEL,
    }


def _sync_state(store: Store, clock: SystemClock) -> Callable[[], Awaitable[dict[str, Any]]]:
    async def sync_state() -> dict[str, Any]:
        found = await store.sync_state()
        return {
            "people": found.people,
            "faces": found.faces,
            "cursor": found.cursor,
            "pending": found.events.pending,
            "parked": found.events.parked,
            "clockOffsetS": round(clock.offset_s, 3),
        }

    return sync_state
