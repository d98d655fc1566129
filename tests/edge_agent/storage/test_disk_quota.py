"""Room for what was not sent yet: the oldest pictures go, passes never."""

import base64
import hashlib
import json
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_agent.config.sections import QueueConfig
from edge_agent.storage.database import Database
from edge_agent.storage.disk_quota import DiskQuota
from edge_agent.storage.events import Counts, lightened
from edge_agent.storage.outbox import Outbox
from edge_agent.storage.people_rows import Match
from edge_agent.storage.records import RecordLog, Retention, Visit
from edge_agent.upstream.platform_client import PlatformClient
from edge_agent.upstream.uplink import Uplink
from edge_agent.upstream.uploads import UploadWriter
from tests.support.edge.fakes import ManualClock
from tests.support.fake_platform import FakePlatform

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
WRITER = UploadWriter("0000001", "", "", action_code=1, mask_assumed=False)
PICTURE_BYTES = 3000
KIB = 1024


class Terminal:
    """The disk of a terminal, with a budget."""

    def __init__(self, path: Path, config: QueueConfig, *, pictures_max: int = 50) -> None:
        self.path = path
        quota = DiskQuota(path, config)
        self.database = Database(path, quota=quota)
        self.outbox = Outbox(self.database)
        self.records = RecordLog(
            self.database,
            device_mark="1",
            retention=Retention(365, 100_000, pictures_max),
            quota=quota,
        )
        self.kept = 0

    async def keep(self, *, is_pass: bool = True) -> bytes:
        """Keep the next visit, a minute after the last; its picture."""
        self.kept += 1
        picture = random.Random(self.kept).randbytes(PICTURE_BYTES)
        at = BEGIN + timedelta(minutes=self.kept)
        match = Match(str(self.kept), "Ann", "user", 80) if is_pass else None
        visit = Visit(at, match, 36.5, 37.3, None, picture)
        if match is None:
            body = WRITER.temperature(
                captured_at=at, temperature_c=36.5, limit_c=37.3, snapshot=picture
            )
        else:
            body = WRITER.face_match(match, captured_at=at, temperature_c=36.5, snapshot=picture)
        await self.records.keep(visit, "syattribute" if match is None else "syface", body)
        return picture

    async def rows(self, sought: str) -> list[tuple[object, ...]]:
        return await self.database.run(lambda held: held.execute(sought).fetchall())

    @property
    def file_bytes(self) -> int:
        return self.path.stat().st_size


@pytest.fixture
async def terminal(tmp_path: Path) -> AsyncIterator[Terminal]:
    """A terminal whose queue may take 64 KiB: sixteen uploads with their pictures."""
    made = Terminal(tmp_path / "agent.sqlite3", QueueConfig(max_bytes=64 * KIB, free_min_bytes=0))
    await made.database.open()
    yield made
    await made.database.close()


def is_light(body: bytes) -> bool:
    upload = json.loads(body)
    return upload.get("Info", upload)["img"] == ""


async def test_oldest_pictures_go_first_and_every_upload_stays(terminal: Terminal) -> None:
    pictures = [await terminal.keep(is_pass=number % 3 > 0) for number in range(60)]

    bodies = [body for (body,) in await terminal.rows("SELECT body FROM outbox ORDER BY seq")]
    light = [is_light(body) for body in bodies]
    assert len(bodies) == 60
    assert light == sorted(light, reverse=True)
    assert 40 < sum(light) < 55
    assert sum(map(len, bodies)) <= 64 * KIB
    oldest = json.loads(bodies[0])["Info"]
    assert oldest["imgSha256"] == hashlib.sha256(pictures[0]).hexdigest()
    assert base64.b64decode(json.loads(bodies[-1])["img"]) == pictures[-1]
    assert await terminal.outbox.counts() == Counts(60, 0, given_up=sum(light))


async def test_what_the_platform_will_never_take_gives_way_before_what_it_may(
    terminal: Terminal,
) -> None:
    for _ in range(8):
        await terminal.keep()
    for seq in (5, 6, 7, 8):
        await terminal.outbox.park(seq, "ret 30001")
    for _ in range(10):
        await terminal.keep()

    (parked,) = await terminal.rows("SELECT sum(is_light = 2) FROM dead")
    (waiting,) = await terminal.rows("SELECT sum(is_light = 2) FROM outbox")
    assert (parked, waiting) == ((4,), (0,))


async def test_what_is_counted_is_what_is_there(terminal: Terminal) -> None:
    rng = random.Random(7)
    for _ in range(120):
        (lowest, highest) = (await terminal.rows("SELECT min(seq), max(seq) FROM outbox"))[0]
        deed = rng.choice(["keep", "keep", "keep", "done", "park"])
        if deed == "keep" or highest is None:
            await terminal.keep()
        else:
            seq = rng.randint(int(str(lowest)), int(str(highest)))
            await (terminal.outbox.done(seq) if deed == "done" else terminal.outbox.park(seq, "x"))

    counted = "SELECT bytes FROM usage WHERE name = 'queue'"
    there = (
        "SELECT (SELECT total(length(body)) FROM outbox) + (SELECT total(length(body)) FROM dead)"
    )
    assert await terminal.rows(counted) == await terminal.rows(there)
    await terminal.database.run(lambda held: held.execute("UPDATE usage SET bytes = 5"))
    await terminal.database.close()
    await terminal.database.open()
    assert await terminal.rows(counted) == await terminal.rows(there)


async def test_where_the_disk_has_little_room_the_file_does_not_grow(tmp_path: Path) -> None:
    path = tmp_path / "agent.sqlite3"
    first = Terminal(path, QueueConfig(free_min_bytes=0), pictures_max=1000)
    await first.database.open()
    for _ in range(60):
        await first.keep()
    await first.database.checkpoint()
    grown = first.file_bytes
    await first.database.close()

    # No disk has as much room as this one asks to be left alone.
    second = Terminal(path, QueueConfig(free_min_bytes=2**42), pictures_max=1000)
    second.kept = 60
    await second.database.open()
    for _ in range(200):
        await second.keep()
    await second.database.checkpoint()

    assert second.file_bytes < 1.3 * grown
    assert await second.rows("SELECT count(*) FROM outbox") == [(260,)]
    assert await second.rows("SELECT count(*) FROM passes") == [(260,)]
    # Records give their pictures before the queue does, and the newest of both are there.
    newest = "SELECT avatar IS NOT NULL FROM passes ORDER BY id DESC LIMIT 1"
    assert await second.rows(newest) == [(1,)]
    assert await second.rows("SELECT is_light FROM outbox ORDER BY seq DESC LIMIT 1") == [(0,)]
    await second.database.close()


async def test_file_shrinks_while_the_queue_empties(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path / "agent.sqlite3", QueueConfig(free_min_bytes=0))
    await terminal.database.open()
    big = 200 * KIB
    seqs = [
        await terminal.outbox.put("syface", bytes(big), at=BEGIN) for _ in range(300)
    ]  # fmt: skip
    await terminal.database.checkpoint()
    full = terminal.file_bytes

    for seq in seqs:
        await terminal.outbox.done(seq)
    await terminal.database.checkpoint()

    assert full > 300 * big
    # What is kept is for what comes next.
    assert terminal.file_bytes < 0.75 * full
    await terminal.database.close()


@pytest.mark.slow
async def test_thirty_days_without_a_network(
    tmp_path: Path, platform: FakePlatform, client: PlatformClient
) -> None:
    """60 visits a day, pictures a twentieth of their true size, and a budget that is too small.

    At true size: benchmarks/measure_queue.py.

    Every visit arrives, once, in order, with its own moment; the newest with their pictures.
    """
    days, a_day, budget = 30, 60, 2 * KIB * KIB
    terminal = Terminal(
        tmp_path / "agent.sqlite3", QueueConfig(max_bytes=budget, free_min_bytes=0)
    )  # fmt: skip
    await terminal.database.open()
    sizes = []
    for _day in range(days):
        for number in range(a_day):
            await terminal.keep(is_pass=number % 10 > 0)
        await terminal.database.checkpoint()
        sizes.append(terminal.file_bytes)

    clock = ManualClock()
    uplink = Uplink(outbox=terminal.outbox, client=client, clock=clock, rng=random.Random(1))
    while await uplink.step() == 0.0:
        pass

    assert await terminal.outbox.counts() == Counts(0, 0)
    arrived = [int(one.user_id) for one in platform.passes]
    assert arrived == [number + 1 for number in range(days * a_day) if number % a_day % 10 > 0]
    assert len(platform.readings) == days * a_day // 10
    for one in platform.passes:
        assert one.captured_at == BEGIN + timedelta(minutes=int(one.user_id))
    pictured = [one.image is not None for one in platform.passes]
    assert pictured == sorted(pictured)
    assert all(one.image or one.image_sha256 for one in platform.passes)
    assert 100 < sum(pictured) < 1000
    # What grows after the budget is reached is the passes themselves.
    assert sizes[-1] < 2 * budget
    await terminal.database.close()


@pytest.mark.parametrize(
    "body", [b"", b"no json", b"[1]", b'"x"', b'{"Info": 5}', b'{"img": 7}', b"{}", b"\xff"]
)
def test_upload_that_cannot_be_read_stays_as_it_is(body: bytes) -> None:
    assert json.loads(lightened(body)) == json.loads(body) if body[:1] == b"{" else (
        lightened(body) == body
    )  # fmt: skip


async def test_upload_without_a_picture_in_it_is_looked_at_once(terminal: Terminal) -> None:
    for _ in range(10):
        await terminal.outbox.put("syface", b"x" * 20_000, at=BEGIN)

    for _ in range(3):
        await terminal.keep()

    assert await terminal.rows("SELECT count(*) FROM outbox WHERE body = x''") == [(0,)]
    assert (await terminal.outbox.counts()).pending == 13
