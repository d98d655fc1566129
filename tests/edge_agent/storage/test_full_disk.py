"""A disk that is really full, under a terminal that goes on (docs/decisions/0016-full-disk.md)."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from edge_agent.config import parse_config
from edge_agent.config.sections import QueueConfig
from edge_agent.door.visit_writer import VisitWriter
from edge_agent.service.runtime import RunEnd, run_agent
from edge_agent.storage.database import Database, DiskFull, FileEvent
from edge_agent.storage.disk_quota import RESERVE_BYTES, DiskQuota
from edge_agent.storage.outbox import Outbox
from edge_agent.storage.people_rows import Match
from edge_agent.storage.records import RecordLog, Retention, Visit
from edge_agent.upstream.platform_client import PlatformClient
from edge_agent.upstream.uplink import Uplink, UploadVerdict
from edge_agent.upstream.uploads import UploadWriter
from terminal_protocol import FaceMatch
from tests.support.edge.fakes import FakeEngine, ManualClock
from tests.support.edge.running_terminal import WaitingEventLog
from tests.support.fake_platform import Failure, FakePlatform
from tests.support.small_disk import SmallDisk, small_disk

pytestmark = pytest.mark.small_disk
WRITER = UploadWriter("0000001", "", "", action_code=1, mask_assumed=False)
PICTURE_BYTES = 40_000
QUEUE = QueueConfig(free_min_bytes=0)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Return a disk of 24 MB."""
    with small_disk(tmp_path / "disk", size_mb=24) as made:
        yield made


class Terminal:
    """What of a terminal writes to its disk, and sends."""

    def __init__(self, folder: Path, client: PlatformClient, clock: ManualClock) -> None:
        path = folder / "agent.sqlite3"
        self.quota = DiskQuota(path, QUEUE)
        self.database = Database(path, quota=self.quota)
        self.news: list[FileEvent] = []
        self.database.listen(self.news.append)
        self.outbox = Outbox(self.database)
        self.uplink = Uplink(outbox=self.outbox, client=client, clock=clock, rng=random.Random(1))
        records = RecordLog(
            self.database,
            device_mark="1",
            retention=Retention(365, 100_000, 1000),
            quota=self.quota,
        )
        self.visit_writer = VisitWriter(records, self.uplink, clock)
        self._clock = clock
        self.came = 0

    async def visit(self, *, waits_s: float = 2.0) -> tuple[bool, UploadVerdict | None]:
        """Let the next person come; whether they are on disk, and what sending them came to."""
        self.came += 1
        self._clock.advance(60)
        at, match = self._clock.now(), Match(str(self.came), "Ann", "user", 80)
        picture = random.Random(self.came).randbytes(PICTURE_BYTES)
        body = WRITER.face_match(match, captured_at=at, temperature_c=36.5, snapshot=picture)
        kept = await self.visit_writer.write(
            Visit(at, match, 36.5, 37.3, None, picture), "syface", body
        )  # fmt: skip
        until_s = self._clock.monotonic() + waits_s
        delivery = await self.visit_writer.deliver(kept, until_s=until_s) if waits_s else None
        return kept.seq is not None, None if delivery is None else delivery.verdict

    async def drain(self) -> None:
        while await self.uplink.step() == 0.0:
            pass


@pytest.fixture
async def terminal(
    disk: SmallDisk, client: PlatformClient, clock: ManualClock
) -> AsyncIterator[Terminal]:
    """Return a terminal on the small disk."""
    made = Terminal(disk.folder, client, clock)
    await made.database.open()
    yield made
    await made.database.close()


@pytest.mark.slow
async def test_pictures_give_way_and_no_pass_is_lost_on_a_disk_that_it_fills_itself(
    terminal: Terminal, platform: FakePlatform
) -> None:
    for _ in range(400):
        on_disk, _ = await terminal.visit(waits_s=0)
        assert on_disk

    counts = await terminal.outbox.counts()
    await terminal.drain()

    assert counts.pending == 400
    assert counts.given_up > 100
    assert terminal.news == [FileEvent.FULL]
    assert [one.user_id for one in platform.passes] == [str(one + 1) for one in range(400)]
    pictured = [one.image is not None for one in platform.passes]
    assert pictured[-1]
    assert all(one.image or one.image_sha256 for one in platform.passes)


async def test_somebody_else_fills_the_disk_and_the_reserve_keeps_the_terminal_going(
    disk: SmallDisk, terminal: Terminal, platform: FakePlatform
) -> None:
    for _ in range(20):
        await terminal.visit(waits_s=0)
    disk.fill()

    kept = [await terminal.visit(waits_s=0) for _ in range(60)]
    disk.empty()
    await terminal.visit(waits_s=0)
    await terminal.drain()

    assert all(on_disk for on_disk, _ in kept)
    assert terminal.news == [FileEvent.FULL, FileEvent.FREE_AGAIN]
    assert terminal.quota.free_bytes > RESERVE_BYTES
    assert (disk.folder / "agent.reserve").stat().st_size == RESERVE_BYTES
    assert [one.user_id for one in platform.passes] == [str(one + 1) for one in range(81)]


async def fill_to_the_last_byte(disk: SmallDisk, terminal: Terminal) -> None:
    """Take the reserve's room too, and whatever the terminal makes free meanwhile."""
    for _ in range(30):
        disk.fill()
        on_disk, _ = await terminal.visit(waits_s=0)
        if not on_disk:
            return
    raise AssertionError("the terminal always finds room")


async def test_what_finds_no_room_at_all_is_told_the_platform_at_once(
    disk: SmallDisk, terminal: Terminal, platform: FakePlatform
) -> None:
    await fill_to_the_last_byte(disk, terminal)

    outcome = await terminal.visit()

    assert outcome == (False, UploadVerdict.DONE)
    assert [one.user_id for one in platform.passes] == [str(terminal.came)]
    assert platform.passes[0].image is not None
    assert terminal.visit_writer.waiting == 1  # the one before, which was not heard


async def test_what_is_neither_stored_nor_sent_waits_for_room_and_keeps_its_place(
    disk: SmallDisk, terminal: Terminal, platform: FakePlatform, clock: ManualClock
) -> None:
    await fill_to_the_last_byte(disk, terminal)
    platform.fail("syface", Failure(503), times=100)
    outcomes = [await terminal.visit() for _ in range(5)]
    disk.empty()
    after, _ = await terminal.visit(waits_s=0)
    platform.heal()
    await terminal.drain()
    clock.advance(3600)
    await terminal.drain()

    assert outcomes == [(False, UploadVerdict.AWAY)] * 5
    assert after
    assert terminal.visit_writer.waiting == 0
    arrived = [one.user_id for one in platform.passes]
    assert arrived == [str(one + 1) for one in range(terminal.came)]
    assert terminal.news == [FileEvent.FULL, FileEvent.FREE_AGAIN]


async def test_what_waits_for_room_is_sent_meanwhile(
    disk: SmallDisk, terminal: Terminal, platform: FakePlatform
) -> None:
    await fill_to_the_last_byte(disk, terminal)
    platform.fail("syface", Failure(503))
    await terminal.visit()
    assert terminal.visit_writer.waiting == 2

    await terminal.visit_writer.step()
    await terminal.visit_writer.step()

    assert terminal.visit_writer.waiting == 0
    last = [str(terminal.came - 1), str(terminal.came)]
    assert [one.user_id for one in platform.passes] == last


async def test_what_found_a_place_is_not_stored_twice(
    disk: SmallDisk, terminal: Terminal, platform: FakePlatform
) -> None:
    """The platform has it, but its answer was lost; the repetition names the same picture."""
    await fill_to_the_last_byte(disk, terminal)
    platform.fail("syface", Failure(None, delay_s=0.3))
    assert (await terminal.visit(waits_s=0.1)) == (False, None)
    disk.empty()
    await terminal.visit_writer.step()
    await terminal.drain()

    def reported() -> list[FaceMatch]:
        return [one for one in platform.passes if one.user_id == str(terminal.came)]

    await asyncio.to_thread(platform.wait, lambda _: len(reported()) == 2)
    whole = next(one for one in reported() if one.image)
    light = next(one for one in reported() if not one.image)
    assert light.image_sha256 == hashlib.sha256(whole.image or b"").hexdigest()
    assert light.captured_raw == whole.captured_raw


async def test_queue_empties_on_a_full_disk(
    disk: SmallDisk, terminal: Terminal, platform: FakePlatform
) -> None:
    for _ in range(60):
        await terminal.visit(waits_s=0)
    disk.fill()

    await terminal.drain()

    assert (await terminal.outbox.counts()).pending == 0
    assert len(platform.passes) == 60


async def test_terminal_starts_on_a_full_disk_by_its_reserve(
    disk: SmallDisk, client: PlatformClient, clock: ManualClock
) -> None:
    before = Terminal(disk.folder, client, clock)
    await before.database.open()
    await before.visit(waits_s=0)
    await before.database.close()
    disk.fill()

    after = Terminal(disk.folder, client, clock)
    await after.database.open()
    on_disk, _ = await after.visit(waits_s=0)
    counts = await after.outbox.counts()
    await after.database.close()

    assert on_disk
    assert counts.pending == 2
    assert after.news == [FileEvent.FULL]


async def test_terminal_that_cannot_even_open_its_file_says_so_and_opens_it_later(
    disk: SmallDisk, client: PlatformClient, clock: ManualClock
) -> None:
    made = Terminal(disk.folder, client, clock)
    disk.fill()
    with pytest.raises(DiskFull):
        await made.database.open()

    disk.empty()
    await made.database.open()
    on_disk, _ = await made.visit(waits_s=0)
    await made.database.close()

    assert on_disk


async def test_agent_without_room_to_start_waits_says_so_once_and_can_be_stopped(
    disk: SmallDisk, platform: FakePlatform, tmp_path: Path
) -> None:
    folder = disk.folder / "data"
    config = parse_config(
        {
            **{"device_id": "0000001", "base_url": platform.base_url, "data_dir": str(folder)},
            **{"camera": {"folder": str(tmp_path)}, "api": {"port": 0, "push_port": 0}},
        },
        base=tmp_path,
    )
    disk.fill()
    event_log, stop = WaitingEventLog(), asyncio.Event()
    agent = asyncio.create_task(
        run_agent(config, event_log=event_log, stop=stop, load=lambda _: FakeEngine())
    )  # fmt: skip

    async with asyncio.timeout(20):
        await event_log.received.wait()
        stop.set()
        ending = await agent

    assert ending is RunEnd.STOP
    assert [one["event"] for one in event_log.events] == ["disk", "stop"]
    assert event_log.lines[0].startswith("disk: full")
