"""Parts of a running terminal, in groups."""

import asyncio
from dataclasses import dataclass

from edge_agent.api import ApiServer, Terminal
from edge_agent.door import CardDesk, Devices, Pipeline, WatchedCamera
from edge_agent.page import PageServer
from edge_agent.recognition import Recogniser
from edge_agent.service.supervision import Supervisor
from edge_agent.service.watchdog import Watchdog
from edge_agent.storage import Database
from edge_agent.upstream import HeartbeatSender, LibrarySync, PlatformClient, Uplink


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorParts:
    """Parts that see people and open the door.

    Attributes:
        camera: the one of the devices.
    """

    devices: Devices
    camera: WatchedCamera
    recogniser: Recogniser
    pipeline: Pipeline
    cards: CardDesk


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamParts:
    """Parts that talk to the platform."""

    client: PlatformClient
    uplink: Uplink
    sync: LibrarySync
    heartbeat: HeartbeatSender


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceParts:
    """Parts that listen on ports, and the terminal that they act on."""

    terminal: Terminal
    api: ApiServer
    page: PageServer


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessParts:
    """Parts that keep the process running.

    Attributes:
        restart: set when the agent is to end in order to start anew.
        loops: name of a loop to what keeps it running; filled when they start.
    """

    watchdog: Watchdog
    restart: asyncio.Event
    loops: dict[str, Supervisor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that runs, wired together."""

    database: Database
    door: DoorParts
    upstream: UpstreamParts
    interfaces: InterfaceParts
    process: ProcessParts
