"""A terminal's library side, wired like the real one."""

import random

from edge_agent.recognition.recogniser import Recogniser
from edge_agent.storage.database import Database
from edge_agent.storage.outbox import Outbox
from edge_agent.storage.store import Store
from edge_agent.upstream.platform_client import PlatformClient
from edge_agent.upstream.sync import LibrarySync, SyncLimits
from edge_agent.upstream.uplink import Uplink
from tests.support.edge.fakes import (
    FakeEngine,
    ListEventLog,
    ManualClock,
    person_image,
)

LIMITS = SyncLimits(interval_s=0.05, picture_max_bytes=50_000, picture_parallel=3, people_max=100)


class Terminal:
    """A terminal's library side, wired like the real one."""

    def __init__(
        self,
        database: Database,
        client: PlatformClient,
        clock: ManualClock,
        *,
        limits: SyncLimits = LIMITS,
        contract_id: str = "fake/1",
    ) -> None:
        self.engine = FakeEngine(contract_id)
        self.recogniser = Recogniser(self.engine, least_similarity=0, detector_px=320)
        self.store = Store(database)
        self.outbox = Outbox(database)
        self.event_log = ListEventLog()
        self.database = database
        rng = random.Random(1)
        self.uplink = Uplink(outbox=self.outbox, client=client, clock=clock, rng=rng)
        self.sync = LibrarySync(
            store=self.store,
            recogniser=self.recogniser,
            client=client,
            uplink=self.uplink,
            clock=clock,
            event_log=self.event_log,
            limits=limits,
            rng=rng,
        )

    async def recognises(self, shade: int) -> str | None:
        sighting = await self.recogniser.recognise(person_image(shade))
        return sighting.match.user_id if sighting and sighting.match else None

    async def count(self, table: str) -> int:
        return await self.database.run(
            lambda connection: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        )

    async def send_all(self) -> None:
        while await self.uplink.step() == 0.0:
            pass
