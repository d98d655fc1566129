"""Somebody at the door does not wait for a library that is being taken in."""

import asyncio
import random
import threading

import numpy as np
from numpy.typing import NDArray

from edge_agent.recognition.recogniser import Recogniser
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
    person_jpeg,
)
from tests.support.fake_platform import FakePlatform

PEOPLE = 20


class GatedEngine(FakeEngine):
    """Waits before the first picture of the library until it is told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()
        self.go_on = threading.Event()
        self.pictures = 0

    def largest_descriptor(self, image: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        self.begun.set()
        if not self.go_on.wait(10):
            raise TimeoutError("nobody let the engine go on")
        self.pictures += 1
        return super().largest_descriptor(image)


async def test_a_visitor_waits_for_one_picture_of_the_library_not_for_all(
    platform: FakePlatform,
    client: PlatformClient,
    store: Store,
    outbox: Outbox,
    uplink: Uplink,
    clock: ManualClock,
) -> None:
    """All pictures of a piece once stood in the models' queue before the visitor: seconds on a
    small computer, until the platform's word came too late and the door stayed closed.
    """
    for number in range(PEOPLE):
        platform.enrol(str(number), "", person_jpeg(40 + 10 * number))
    engine = GatedEngine()
    recogniser = Recogniser(engine, least_similarity=0, detector_px=320)
    await recogniser.open()
    sync = LibrarySync(
        store=store,
        recogniser=recogniser,
        client=client,
        uplink=uplink,
        clock=clock,
        event_log=ListEventLog(),
        limits=SyncLimits(
            interval_s=0.05, picture_max_bytes=50_000, picture_parallel=4, people_max=100
        ),
        rng=random.Random(1),
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(sync.round())
        await asyncio.to_thread(engine.begun.wait, 10)
        await asyncio.to_thread(
            platform.wait, lambda here: here.requests.count("GET picture") == PEOPLE
        )
        await asyncio.sleep(0.1)  # the last pictures reach the queue, if there is one

        seen = group.create_task(recogniser.recognise(person_image(200)))
        await asyncio.sleep(0)
        engine.go_on.set()
        sighting = await seen

        assert sighting is not None
        assert engine.pictures <= 2
    await recogniser.close()

    assert engine.pictures == PEOPLE
    assert (await store.sync_state()).faces == PEOPLE
