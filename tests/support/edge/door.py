"""A door with everything around it; only camera, relay and thermometer are not real."""

import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from edge_agent.config import DecisionPolicy
from edge_agent.config.sections import LookingConfig
from edge_agent.door.decision import Rules
from edge_agent.door.door_settings import DoorSettings
from edge_agent.door.pipeline import Devices, Pipeline
from edge_agent.drivers.base import Frame
from edge_agent.drivers.relay_simulated import SimulatedRelay
from edge_agent.recognition.face_settings import FaceSettings
from edge_agent.recognition.recogniser import Recogniser
from edge_agent.storage.database import Database
from edge_agent.storage.outbox import Outbox
from edge_agent.storage.people_rows import AppliedChanges, EnrolledPerson
from edge_agent.storage.records import (
    RecordLog,
    Retention,
)
from edge_agent.upstream.platform_client import PlatformClient
from edge_agent.upstream.uplink import Uplink
from edge_agent.upstream.uploads import UploadWriter
from tests.support.edge.fakes import (
    FakeEngine,
    JumpingClock,
    ListCamera,
    ListEventLog,
    ScriptedThermometer,
    person_image,
)
from tests.support.fake_platform import FakePlatform

ANN, STRANGER, UNRECOGNISED = 100, 200, 0


class Door:
    """A door with everything around it; only camera, relay and thermometer are not real."""

    def __init__(self, database: Database, client: PlatformClient) -> None:
        self.clock = JumpingClock()
        self.camera = ListCamera()
        self.relay: SimulatedRelay = SimulatedRelay()
        self.thermometer = ScriptedThermometer()
        self.engine = FakeEngine()
        self.recogniser = Recogniser(self.engine, least_similarity=0, detector_px=320)
        self.outbox = Outbox(database)
        self.records = RecordLog(
            database, device_mark="0000001", retention=Retention(30, 1000, 1000)
        )
        # Pictures of one shade have no sharpness; here they are good enough at once.
        looking = LookingConfig(good_quality=0.0, least_quality=0.0)
        self.settings: dict[str, Any] = {"looking": looking}
        self.event_log = ListEventLog()
        self.library_age_s: float | None = 5.0
        self.uplink = Uplink(
            outbox=self.outbox, client=client, clock=self.clock, rng=random.Random(1)
        )

    def pipeline(
        self,
        decide: DecisionPolicy = DecisionPolicy.PLATFORM,
        answer_timeout_s: float = 2.0,
        **rules: Any,
    ) -> Pipeline:
        return Pipeline(
            devices=Devices(self.camera, self.relay, self.thermometer, self.clock),
            recogniser=self.recogniser,
            uplink=self.uplink,
            writer=UploadWriter("0000001", "SY001", "zone", 1, False),
            records=self.records,
            door=lambda: DoorSettings(
                rules=Rules(
                    **{
                        "decide": decide,
                        "unlock_delay_ms": 1500,
                        "temperature_limit_c": 37.3,
                        "temperature_required": False,
                        "library_max_age_s": 3600.0,
                        **rules,
                    }
                ),
                **{
                    "face": FaceSettings(),
                    "visit_gap_s": 8.0,
                    "answer_timeout_s": answer_timeout_s,
                    **self.settings,
                },
            ),
            library_age_s=lambda: self.library_age_s,
            event_log=self.event_log,
        )


@pytest.fixture
async def door(
    database: Database, client: PlatformClient, platform: FakePlatform
) -> AsyncIterator[Door]:
    """A door whose library holds Ann, at a platform that opens for her for 250 ms."""
    made = Door(database, client)
    await made.recogniser.open()
    await made.relay.open()
    vector = made.engine.largest_descriptor(person_image(ANN))
    assert vector is not None
    ann = EnrolledPerson(1, "1001", "Ann", "user", made.engine.contract_id, vector)
    await made.recogniser.follow(AppliedChanges(held=(ann,), gone=()))
    platform.opens_for = {"1001"}
    platform.unlock_delay_ms = 250
    yield made
    await made.relay.close()
    await made.recogniser.close()


def visitor(shade: int) -> Frame:
    return Frame(image=person_image(shade), label="visitor", is_visit=True)
