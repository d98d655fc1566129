"""Time from a camera's picture to the relay, with many people in the library, on one core.

A video rendered from the portraits is shown to a door that runs its whole loop: motion, faces,
tracks, descriptor, 1:N, disk, decision by the local rule, simulated relay. First at the speed at
which it plays, for the times of a visit; then as fast as the door takes it, with a clock that is
moved on by as much as each picture lasts, for the pictures a second. Yardstick, in the same run on
the same pictures: every picture looked at and every face described and compared, without motion
gate and tracks.
"""

import argparse
import asyncio
import random
import resource
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _report import machine, stay_on_one_core

from edge_agent.config import DecisionPolicy
from edge_agent.config.sections import LookingConfig
from edge_agent.door.decision import Rules
from edge_agent.door.door_settings import DoorSettings
from edge_agent.door.pipeline import Devices, Pipeline
from edge_agent.drivers.base import Frame
from edge_agent.drivers.relay_simulated import SimulatedRelay
from edge_agent.drivers.thermometer import NoThermometer
from edge_agent.recognition.face_settings import FaceSettings
from edge_agent.recognition.recogniser import Recogniser
from edge_agent.storage.database import Database
from edge_agent.storage.outbox import Outbox
from edge_agent.storage.people_rows import AppliedChanges, EnrolledPerson
from edge_agent.storage.records import RecordLog, Retention
from edge_agent.upstream.platform_client import PlatformClient
from edge_agent.upstream.uplink import Uplink
from edge_agent.upstream.uploads import UploadWriter
from face_engine import FaceEngine, decode_image, install_models, install_portraits, load_engine
from tests.support.film_clock import FilmClock
from tests.support.videos import FPS, frames


class Film:
    """A `Camera` that shows pictures, at their speed or as fast as they are taken."""

    def __init__(self, pictures: Sequence[Any], clock: FilmClock, *, plays: bool) -> None:
        self._left = list(reversed(pictures))
        self._clock = clock
        self._plays = plays
        self._due_s = time.monotonic()

    async def open(self) -> None:
        """Nothing to open."""

    async def next_frame(self) -> Frame | None:
        """See `Camera.next_frame`."""
        if self._plays:
            self._due_s += 1 / FPS
            await asyncio.sleep(max(0.0, self._due_s - time.monotonic()))
        else:
            self._clock.skip(1 / FPS)
            await asyncio.sleep(0)
        return Frame(image=self._left.pop()) if self._left else None

    async def close(self) -> None:
        """Nothing to close."""


class NoEventLog:
    """An `EventLog` that drops all events."""

    def write(self, event: str, line: str, **facts: Any) -> None:
        """See `EventLog.write`; nothing happens."""


def library(engine: FaceEngine, people: int) -> AppliedChanges:
    """Return people: the portraits, and random vectors up to the wanted number."""
    portraits = install_portraits()
    known = [
        engine.largest_descriptor(decode_image(portraits[name].read_bytes()))
        for name in ("obama.jpg", "biden.jpg")
    ]
    vectors = np.random.default_rng(1).standard_normal((people, engine.dimension))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    vectors[: len(known)] = np.stack([one for one in known if one is not None])
    return AppliedChanges(
        held=tuple(
            EnrolledPerson(number, str(number), "", "user", engine.contract_id, vector)
            for number, vector in enumerate(vectors, 1)
        ),
        gone=(),
    )


async def through_the_door(
    engine: FaceEngine, held: AppliedChanges, pictures: Sequence[Any], folder: Path, *, plays: bool
) -> tuple[float, Pipeline]:
    """Show the film to a door; returns the seconds and the pipeline with its timings."""
    database = Database(folder / "agent.sqlite3")
    await database.open()
    recogniser = Recogniser(engine, least_similarity=0, detector_px=320)
    await recogniser.open()
    await recogniser.follow(held)
    relay = SimulatedRelay()
    await relay.open()
    clock = FilmClock()
    # The platform is away, and the local rule does not ask it.
    client = PlatformClient(base_url="http://127.0.0.1:9/t/x", device_id="bench", timeout_s=1.0)
    door = DoorSettings(
        rules=Rules(
            decide=DecisionPolicy.LOCAL,
            unlock_delay_ms=20,
            temperature_limit_c=37.3,
            temperature_required=False,
            library_max_age_s=0.0,
        ),
        face=FaceSettings(),
        visit_gap_s=1.0,
        answer_timeout_s=2.0,
        looking=LookingConfig(),
    )
    async with client:
        pipeline = Pipeline(
            devices=Devices(Film(pictures, clock, plays=plays), relay, NoThermometer(), clock),
            recogniser=recogniser,
            uplink=Uplink(
                outbox=Outbox(database), client=client, clock=clock, rng=random.Random(1)
            ),
            writer=UploadWriter("bench", "", "", action_code=1, mask_assumed=False),
            records=RecordLog(
                database, device_mark="bench", retention=Retention(30, 100_000, 5000)
            ),
            door=lambda: door,
            library_age_s=lambda: 1.0,
            event_log=NoEventLog(),
        )
        begin = time.perf_counter()
        await pipeline.run()
        seconds = time.perf_counter() - begin
    await relay.close()
    await recogniser.close()
    await database.close()
    return seconds, pipeline


async def every_picture(
    engine: FaceEngine, held: AppliedChanges, pictures: Sequence[Any]
) -> tuple[float, list[float]]:
    """Describe every face of every picture; seconds it took, and those of each picture."""
    recogniser = Recogniser(engine, least_similarity=0, detector_px=320)
    await recogniser.open()
    await recogniser.follow(held)
    each = []
    begin = time.perf_counter()
    for picture in pictures:
        started = time.perf_counter()
        await recogniser.recognise(picture)
        each.append(time.perf_counter() - started)
    seconds = time.perf_counter() - begin
    await recogniser.close()
    return seconds, each


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--visits", type=int, default=40)
    chosen = parser.parse_args()
    stay_on_one_core()
    install_models()
    engine = load_engine()
    engine.warm_up()
    portraits = install_portraits()
    names = ["obama2.jpg", "biden.jpg", "astronaut.png", "obama3.jpg"]
    walk = [portraits[names[number % len(names)]] for number in range(chosen.visits)]
    pictures = [
        picture
        for number, portrait in enumerate(walk)
        for picture in frames([portrait], seed=number)
    ]
    held = library(engine, chosen.people)
    with tempfile.TemporaryDirectory() as folder:
        _, pipeline = asyncio.run(
            through_the_door(engine, held, pictures, Path(folder), plays=True)
        )
    with tempfile.TemporaryDirectory() as folder:
        seconds, hurried = asyncio.run(
            through_the_door(engine, held, pictures, Path(folder), plays=False)
        )
    plain_s, each = asyncio.run(every_picture(engine, held, pictures))
    per_s, plain_per_s = len(pictures) / seconds, len(pictures) / plain_s
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{len(pictures)} pictures of 640 x 480, {chosen.visits} walks, {chosen.people} people")
    for words, quantile in (("p50", 0.5), ("p99", 0.99)):
        decided, pulsed = (one.quantile_ms(quantile) for one in (pipeline.decided, pipeline.pulsed))
        print(f"{words}: picture to decision {decided:.1f} ms, picture to relay {pulsed:.1f} ms")
    for words, one in (("at its speed", pipeline), ("as fast as it goes", hurried)):
        print(f"{words}: {one.visits} visits decided, relay pulsed {len(one.pulsed)} times")
    print(f"door loop:     {per_s:6.1f} pictures/s")
    print(f"every picture: {plain_per_s:6.1f} pictures/s, p50 {np.median(each) * 1e3:.1f} ms")
    print(f"ratio {per_s / plain_per_s:.2f}; memory at most {memory_mb:.0f} MB")
    print(machine())


if __name__ == "__main__":
    main()
