"""The composition root: every part is built here and given what it needs; nothing is started."""

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
from edge_agent.door.cards import CardDesk
from edge_agent.door.pipeline import Devices, Pipeline
from edge_agent.door.settings import Settings
from edge_agent.door.watched_camera import WatchedCamera
from edge_agent.drivers.clock import SystemClock
from edge_agent.drivers.relay_timed import TimedRelay
from edge_agent.drivers.story import Story
from edge_agent.page import PageServer, Sources
from edge_agent.recognition.face_judges import face_judges
from edge_agent.recognition.people import LocalPeople
from edge_agent.recognition.recogniser import Recogniser
from edge_agent.service.live_state import LiveFile, agent_version
from edge_agent.service.network_facts import network_facts
from edge_agent.service.supervision import Supervisor
from edge_agent.service.watchdog import Sign, Watchdog
from edge_agent.storage.database import DATABASE_NAME, Database, News
from edge_agent.storage.outbox import Outbox
from edge_agent.storage.records import Openings, RecordLog, Retention
from edge_agent.storage.room import Room
from edge_agent.storage.store import Store
from edge_agent.upstream.platform_client import PlatformClient
from edge_agent.upstream.presence import Presence
from edge_agent.upstream.sync import LibrarySync, SyncLimits
from edge_agent.upstream.uplink import Uplink
from edge_agent.upstream.uploads import UploadWriter
from face_engine import FaceEngine

_DISK_WORDS: Final = {
    News.FULL: "disk: full; old pictures give way, passes are kept as long as anything fits",
    News.ROOM: "disk: there is room again",
    News.REBUILT: "disk: the terminal's file was damaged; it was rebuilt, the library is asked for",
}
_MODEL: Final = "menjin-edge-agent"
# A door that stays unlocked by so much is no matter of a slow bus any more.
_RELAY_OVERDUE_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that runs, wired together.

    Attributes:
        camera: the one of the devices.
        restart: set when the agent is to end in order to start anew.
        loops: name of a loop to what keeps it running; filled when they start.
    """

    database: Database
    client: PlatformClient
    recogniser: Recogniser
    devices: Devices
    uplink: Uplink
    sync: LibrarySync
    presence: Presence
    pipeline: Pipeline
    cards: CardDesk
    terminal: Terminal
    api: ApiServer
    restart: asyncio.Event
    page: PageServer
    loops: dict[str, Supervisor]
    camera: WatchedCamera
    watchdog: Watchdog


@dataclass(frozen=True, slots=True)
class _Base:
    """What nearly every part needs."""

    config: AgentConfig
    devices: Devices
    clock: SystemClock
    story: Story
    chance: random.Random
    database: Database
    store: Store
    client: PlatformClient
    uplink: Uplink
    recogniser: Recogniser
    room: Room


def assemble(
    config: AgentConfig, devices: Devices, clock: SystemClock, engine: FaceEngine, story: Story
) -> Parts:
    """Build every part.

    Args:
        config: what to do.
        devices: the drivers; `clock` is theirs, too.
        clock: the one that a platform may move.
        engine: the face models.
        story: where to tell what happens.
    """
    camera = _watched_camera(config, devices)
    devices = dataclasses.replace(devices, camera=camera)
    base = _base(config, devices, clock, engine, story)
    network = network_facts(urlsplit(config.base_url).hostname or "")
    settings = Settings(config, base.database, network=network)
    records = _records(base)
    sync = _sync(base)
    base.database.listen(_teller(story, sync))
    pipeline, cards = _door(base, records, settings, sync)
    restart = asyncio.Event()
    terminal = _terminal(base, settings, records, poll_soon=sync.poll_soon, restart=restart.set)
    presence, loops = _presence(base), dict[str, Supervisor]()
    sources = _sources(base, pipeline, sync, presence, loops)
    api = _api(base, terminal)
    return Parts(
        *(base.database, base.client, base.recogniser, devices, base.uplink, sync, presence),
        *(pipeline, cards, terminal, api, restart, _page(base, terminal, sources), loops),
        *(camera, _watchdog(base, camera, api)),
    )


def _terminal(
    base: _Base,
    settings: Settings,
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
        story=base.story,
        poll_soon=poll_soon,
        restart=restart,
        standing=_standing(base.store, base.clock),
        unsupported=frozenset(base.config.api.unsupported),
    )


def _watched_camera(config: AgentConfig, devices: Devices) -> WatchedCamera:
    silence_s = config.watchdog.camera_silence_s
    if config.camera.driver == "folder":
        silence_s = 0.0  # its visitors come when somebody puts a picture there
    if silence_s:
        silence_s += float(getattr(config.camera.options, "interval_s", 0.0))
    return WatchedCamera(devices.camera, clock=devices.clock, silence_s=silence_s)


def _watchdog(base: _Base, camera: WatchedCamera, api: ApiServer) -> Watchdog:
    config = base.config.watchdog
    watchdog = Watchdog(
        config,
        clock=base.clock,
        story=base.story,
        live=LiveFile(base.config.data_dir),
        ports=api.listening,
    )
    watchdog.watch_thread("the database", lambda: base.database.run(lambda _: None))
    watchdog.watch_thread("the thread of the face models", base.recogniser.answer)
    watchdog.watch(_door_sign(camera, config.answer_within_s + base.config.answer_timeout_s))
    watchdog.watch(_relay_sign(base.devices))
    return watchdog


def _door_sign(camera: WatchedCamera, within_s: float) -> Sign:
    """Whoever waits at the door for the platform's word may do so; nothing else takes long."""

    def sign(now_s: float) -> str:
        since_s = camera.busy_since_s
        is_stuck = since_s is not None and now_s - since_s > within_s
        return "the door works on one picture for ever" if is_stuck else ""

    return sign


def _relay_sign(devices: Devices) -> Sign:
    def sign(now_s: float) -> str:
        relay = devices.relay
        is_stuck = isinstance(relay, TimedRelay) and relay.overdue_s > _RELAY_OVERDUE_S
        return "the relay does not release" if is_stuck else ""

    return sign


def _door(
    base: _Base, records: RecordLog, settings: Settings, sync: LibrarySync
) -> tuple[Pipeline, CardDesk]:
    pipeline = Pipeline(
        devices=base.devices,
        recogniser=base.recogniser,
        uplink=base.uplink,
        writer=_writer(base.config),
        records=records,
        door=settings.door,
        library_age_s=sync.library_age_s,
        story=base.story,
    )
    cards = CardDesk(
        devices=base.devices,
        database=base.database,
        records=records,
        door=settings.door,
        library_age_s=sync.library_age_s,
        story=base.story,
        id_cards=pipeline.id_cards,
    )
    return pipeline, cards


def _base(
    config: AgentConfig, devices: Devices, clock: SystemClock, engine: FaceEngine, story: Story
) -> _Base:
    chance = random.Random()  # noqa: S311 - spreads a fleet in time, guards nothing
    room = Room(config.data_dir / DATABASE_NAME, config.queue)
    database = Database(config.data_dir / DATABASE_NAME, room=room)
    client = PlatformClient(
        base_url=config.base_url, device_id=config.device_id, timeout_s=config.http_timeout_s
    )
    uplink = Uplink(outbox=Outbox(database), client=client, clock=clock, chance=chance)
    recogniser = Recogniser(
        engine,
        least_similarity=config.match_similarity,
        detector_px=config.detector_px,
        judges=face_judges(config.looking),
    )
    return _Base(
        *(config, devices, clock, story, chance),
        *(database, Store(database), client, uplink, recogniser),
        room=room,
    )


def _sync(base: _Base) -> LibrarySync:
    config = base.config
    return LibrarySync(
        store=base.store,
        recogniser=base.recogniser,
        client=base.client,
        uplink=base.uplink,
        clock=base.clock,
        story=base.story,
        limits=SyncLimits(
            interval_s=config.sync_interval_s,
            picture_max_bytes=config.picture_max_bytes,
            picture_parallel=config.picture_parallel,
            people_max=config.people_max,
        ),
        chance=base.chance,
    )


def _presence(base: _Base) -> Presence:
    return Presence(
        client=base.client,
        store=base.store,
        clock=base.clock,
        story=base.story,
        interval_s=base.config.heartbeat_interval_s,
        chance=base.chance,
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
    return ApiServer(base.config.api, terminal, hub=hub, chance=base.chance)


def _sources(
    base: _Base,
    pipeline: Pipeline,
    sync: LibrarySync,
    presence: Presence,
    loops: dict[str, Supervisor],
) -> Sources:
    return Sources(
        glance=pipeline.glance,
        loops=loops,
        known=lambda: base.recogniser.known,
        library_age_s=sync.library_age_s,
        is_answered=lambda: presence.is_answered,
        offset_s=lambda: base.clock.offset_s,
        has_thermometer=base.config.thermometer.driver != "none",
    )


def _page(base: _Base, terminal: Terminal, sources: Sources) -> PageServer:
    return PageServer(
        base.config.page,
        base.config.api,
        terminal,
        sources,
        file=base.database.path,
        chance=base.chance,
    )


def _records(base: _Base) -> RecordLog:
    api = base.config.api
    retention = Retention(api.records_days, api.records_max, api.record_pictures_max)
    mark = base.config.device_id
    return RecordLog(base.database, device_mark=mark, retention=retention, room=base.room)


def _teller(story: Story, sync: LibrarySync) -> Callable[[News], None]:
    """Return what tells the console about the disk, once each time it changes."""

    def tell(news: News) -> None:
        story.tell("disk", _DISK_WORDS[news], state=news.value)
        if news is News.REBUILT:
            sync.note_rebuilt()

    return tell


def _writer(config: AgentConfig) -> UploadWriter:
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


def _standing(store: Store, clock: SystemClock) -> Callable[[], Awaitable[dict[str, Any]]]:
    async def standing() -> dict[str, Any]:
        found = await store.standing()
        return {
            "people": found.people,
            "faces": found.faces,
            "cursor": found.cursor,
            "pending": found.events.pending,
            "parked": found.events.parked,
            "clockOffsetS": round(clock.offset_s, 3),
        }

    return standing
