"""Whatever befalls the terminal's file: it opens, it goes on, and one poll makes it right again."""

import asyncio
import random
import shutil
import sqlite3
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from edge_agent.storage.database import Database, FileEvent
from edge_agent.storage.events import encode
from edge_agent.storage.outbox import Outbox
from edge_agent.storage.rebuild import open_or_rebuild
from edge_agent.upstream.platform_client import PlatformClient
from terminal_protocol import FaceMatch
from tests.support.edge.damages import DAMAGES, damage
from tests.support.edge.fakes import DIMENSION, ManualClock, person_jpeg
from tests.support.edge.library_side import Terminal
from tests.support.fake_platform import FakePlatform, serving

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SHADES = {f"10{shade}": shade for shade in range(50, 250, 10)}
EVENTS = 40
LONG = 6000  # bodies and pictures fill pages of their own, as true ones do


def remark(user_id: str) -> bytes:
    return random.Random(user_id).randbytes(LONG)


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Callable[[], Database]]:
    """Return what makes databases on one file, and closes them all."""
    made: list[Database] = []

    def make() -> Database:
        made.append(Database(tmp_path / "agent.sqlite3"))
        return made[-1]

    yield make
    for one in made:
        await one.close()


@pytest.fixture(scope="module")
def platform() -> Iterator[FakePlatform]:
    """Return one platform for all tests, because the file names its addresses."""
    with serving() as running:
        for user_id, shade in SHADES.items():
            picture = person_jpeg(shade, remark=remark(user_id))
            running.enrol(user_id, f"name of {user_id}", picture)
        yield running


@pytest.fixture(scope="module")
def whole(
    platform: FakePlatform, tls: ssl.SSLContext, tmp_path_factory: pytest.TempPathFactory
) -> bytes:
    """Return a file with a library, a queue, a setting and a moved clock."""
    path = tmp_path_factory.mktemp("whole") / "agent.sqlite3"
    asyncio.run(fill(path, platform, tls))
    return path.read_bytes()


def upload(user_id: str, picture: bytes = b"") -> bytes:
    message = FaceMatch(user_id=user_id, device_id="0000001", image=picture, captured_at=NOW)
    return encode(message.to_wire())


async def fill(path: Path, platform: FakePlatform, tls: ssl.SSLContext) -> None:
    database = Database(path)
    await database.open()
    url = platform.base_url
    async with PlatformClient(base_url=url, device_id="0000001", timeout_s=2.0, tls=tls) as client:
        terminal = Terminal(database, client, ManualClock())
        await terminal.recogniser.open()
        await terminal.sync.round()
        await terminal.send_all()
        await terminal.recogniser.close()
    for number in range(EVENTS):
        await terminal.outbox.put("syface", upload(str(number), remark(str(number))), at=NOW)
    await database.run(lambda held: held.execute("INSERT INTO settings VALUES ('A', 'b', '7')"))
    await database.run(lambda held: held.execute("INSERT INTO facts VALUES ('offset', '60.0')"))
    await database.checkpoint()
    await database.close()


@pytest.fixture
def peopled(tmp_path: Path, whole: bytes) -> Path:
    """Return a copy of that file."""
    path = tmp_path / "agent.sqlite3"
    path.touch(mode=0o600)
    path.write_bytes(whole)
    return path


async def healed(database: Database, client: PlatformClient, clock: ManualClock) -> Terminal:
    """Start a terminal on a file and let it poll once."""
    terminal = Terminal(database, client, clock)
    await terminal.recogniser.open()
    await terminal.sync.load()
    await terminal.sync.redescribe()
    assert await terminal.sync.round()
    await terminal.sync.round()
    return terminal


async def assert_right(terminal: Terminal, platform: FakePlatform) -> None:
    """Check that the library is the platform's, and that the queue is one."""
    for user_id, shade in SHADES.items():
        assert await terminal.recognises(shade) == user_id
    assert await terminal.count("people") == len(SHADES)
    assert await terminal.count("people WHERE is_doubtful") == 0
    assert await terminal.count("pictures") == len(SHADES)
    begin = len(platform.passes)
    await terminal.outbox.put("syface", upload("last"), at=NOW)
    await terminal.send_all()
    arrived = [one.user_id for one in platform.passes[begin:]]
    assert arrived[-1] == "last"
    numbers = [int(one) for one in arrived[:-1] if one.isdecimal()]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("kind", DAMAGES)
@pytest.mark.parametrize("seed", range(6))
async def test_damage_at_rest_is_healed_by_one_poll(
    peopled: Path,
    opened: Callable[[], Database],
    platform: FakePlatform,
    client: PlatformClient,
    clock: ManualClock,
    kind: str,
    seed: int,
) -> None:
    damage(peopled, kind, seed)
    database = opened()
    await database.open()
    terminal = await healed(database, client, clock)

    await assert_right(terminal, platform)
    await terminal.recogniser.close()


@pytest.mark.slow
def test_no_flipped_bit_keeps_the_file_from_being_opened(
    whole: bytes, peopled: Path, tmp_path: Path
) -> None:
    """Quicker than a poll each, so that many places are tried."""
    rng = random.Random(1)
    carried = []
    for number in range(150):
        raw = bytearray(whole)
        place = number if number < 100 else rng.randrange(len(raw))
        raw[place] ^= 1 << rng.randrange(8)
        peopled.write_bytes(raw)

        connection = open_or_rebuild(peopled)

        (found,) = connection.execute("SELECT count(*) FROM outbox").fetchone()
        carried.append(found)
        connection.execute("INSERT INTO outbox (kind, body, created_at) VALUES ('syface', '', 0)")
        connection.close()
        assert [one.name for one in tmp_path.iterdir() if "rebuil" in one.name] == []
    # One bit costs one upload at most, or one page of them.
    assert min(carried) >= EVENTS - 8
    assert sum(carried) > 149 * EVENTS


def test_a_definition_that_cannot_be_read_costs_its_table_only(whole: bytes, peopled: Path) -> None:
    peopled.write_bytes(whole.replace(b"CREATE TABLE usage", b"CREATE TABLF usage", 1))

    connection = open_or_rebuild(peopled)

    (found,) = connection.execute("SELECT count(*) FROM outbox").fetchone()
    (held,) = connection.execute("SELECT count(*) FROM people").fetchone()
    connection.close()
    assert (found, held) == (EVENTS, len(SHADES))


async def test_damage_that_appears_while_it_runs_is_healed_without_a_restart(
    peopled: Path,
    opened: Callable[[], Database],
    platform: FakePlatform,
    client: PlatformClient,
    clock: ManualClock,
) -> None:
    database = opened()
    news: list[FileEvent] = []
    database.listen(news.append)
    await database.open()
    terminal = await healed(database, client, clock)
    database.listen(lambda _: terminal.sync.note_rebuilt())
    await database.checkpoint()
    await database.run(lambda held: held.execute("PRAGMA shrink_memory"))
    (root,) = await database.run(
        lambda held: held.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'people'"
        ).fetchone()
    )
    with peopled.open("r+b") as stream:
        stream.seek((root - 1) * 4096)
        stream.write(b"\xa5" * 4096)

    # Whoever comes first finds the damage, and what they wanted is done all the same.
    await database.run(lambda held: held.execute("UPDATE people SET name = name"))
    assert await terminal.sync.round()
    assert await terminal.sync.round()

    assert news == [FileEvent.REBUILT]
    await assert_right(terminal, platform)
    assert await terminal.count("settings") == 1
    assert await terminal.count("facts WHERE name = 'offset'") == 1
    await terminal.recogniser.close()


@pytest.mark.parametrize("names", [("",), ("", "-wal", "-shm"), ("-wal",)])
async def test_file_that_is_deleted_under_it_is_written_again(
    peopled: Path, opened: Callable[[], Database], names: tuple[str, ...]
) -> None:
    database = opened()
    await database.open()
    outbox = Outbox(database)
    await outbox.put("syface", b"before", at=NOW)

    for name in names:
        peopled.with_name(peopled.name + name).unlink()
    await outbox.put("syface", b"after", at=NOW)
    await database.close()

    again = opened()
    await again.open()
    bodies = await again.run(lambda held: held.execute("SELECT body FROM outbox").fetchall())
    people = await again.run(lambda held: held.execute("SELECT count(*) FROM people").fetchone())
    assert [body for (body,) in bodies[-2:]] == [b"before", b"after"]
    assert people == (len(SHADES),)
    assert is_private(peopled)


def is_private(path: Path) -> bool:
    return path.stat().st_mode & 0o077 == 0


async def test_folder_that_is_deleted_under_it_is_made_again(
    peopled: Path, opened: Callable[[], Database]
) -> None:
    folder = peopled.parent / "data"
    folder.mkdir()
    moved = folder / "agent.sqlite3"
    shutil.move(peopled, moved)
    database = Database(moved)
    await database.open()
    shutil.rmtree(folder)

    await Outbox(database).put("syface", b"after", at=NOW)
    await database.close()

    connection = sqlite3.connect(moved)
    assert connection.execute("SELECT count(*) FROM outbox").fetchone() == (EVENTS + 1,)
    connection.close()


def test_rebuild_that_was_broken_off_is_begun_again(peopled: Path) -> None:
    """Killed while the new file was being written, or after it was finished."""
    peopled.with_name("agent.sqlite3.rebuilding").write_bytes(b"half of something")
    finished = peopled.with_name("agent.sqlite3.rebuilt")
    shutil.copyfile(peopled, finished)
    peopled.write_bytes(b"damage" * 5000)

    connection = open_or_rebuild(peopled)

    assert connection.execute("SELECT count(*) FROM outbox").fetchone() == (EVENTS,)
    assert not finished.exists()
    connection.close()


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9, 0.99])
async def test_log_that_broke_off_costs_the_last_commits_only(
    peopled: Path, opened: Callable[[], Database], tmp_path: Path, share: float
) -> None:
    database = opened()
    await database.open()
    outbox = Outbox(database)
    for number in range(50):
        await outbox.put("syresult", str(number).encode(), at=NOW)
    taken = tmp_path / "taken"
    taken.mkdir()
    for suffix in ("", "-wal"):
        shutil.copyfile(peopled.with_name(peopled.name + suffix), taken / f"agent.sqlite3{suffix}")
    log = taken / "agent.sqlite3-wal"
    log.write_bytes(log.read_bytes()[: int(log.stat().st_size * share)])

    other = Database(taken / "agent.sqlite3")
    await other.open()
    rows = await other.run(
        lambda held: held.execute("SELECT body FROM outbox WHERE kind = 'syresult'").fetchall()
    )
    people = await other.run(lambda held: held.execute("SELECT count(*) FROM people").fetchone())
    await other.close()

    found = [int(body) for (body,) in rows]
    assert found == list(range(len(found)))
    assert people == (len(SHADES),)


def not_numbers(raw: bytes) -> bytes:
    return np.full(DIMENSION, np.nan, dtype="<f4").tobytes()


def endless(raw: bytes) -> bytes:
    return b"\x00\x00\x80\x7f" + raw[4:]


def one_huge(raw: bytes) -> bytes:
    return b"\xff\xff\x7f\x7f" + raw[4:]


def shorter(raw: bytes) -> bytes:
    return raw[:-4]


def odd(raw: bytes) -> bytes:
    return raw[:-1]


def too_long(raw: bytes) -> bytes:
    return (np.frombuffer(raw, "<f4") * 1.01).astype("<f4").tobytes()


def zero(raw: bytes) -> bytes:
    return bytes(len(raw))


@pytest.mark.parametrize("picture", ["there", "gone", "damaged"])
@pytest.mark.parametrize("change", [not_numbers, endless, one_huge, shorter, odd, too_long, zero])
async def test_damaged_descriptor_is_computed_anew(
    peopled: Path,
    opened: Callable[[], Database],
    platform: FakePlatform,
    client: PlatformClient,
    clock: ManualClock,
    change: Callable[[bytes], bytes],
    picture: str,
) -> None:
    (user_id, shade) = next(iter(SHADES.items()))
    connection = sqlite3.connect(peopled)
    (person_id, raw) = connection.execute(
        "SELECT id, descriptor FROM people WHERE user_id = ?", (user_id,)
    ).fetchone()
    connection.execute(
        "UPDATE people SET descriptor = ? WHERE id = ?", (change(raw), person_id)
    )  # fmt: skip
    if picture == "gone":
        connection.execute("DELETE FROM pictures WHERE person_id = ?", (person_id,))
    elif picture == "damaged":
        connection.execute(
            "UPDATE pictures SET jpeg = ? WHERE person_id = ?", (person_jpeg(240), person_id)
        )
    connection.commit()
    connection.close()
    database = opened()
    await database.open()
    terminal = Terminal(database, client, clock)
    await terminal.recogniser.open()
    polls = len(platform.polls)

    assert await terminal.sync.load() == len(SHADES) - 1
    await terminal.sync.redescribe()
    at_once = await terminal.recognises(shade)
    await terminal.sync.round()

    assert at_once == (user_id if picture == "there" else None)
    assert await terminal.recognises(shade) == user_id
    # The cursor did not start over: nobody else was asked for.
    assert 0 not in platform.polls[polls:]
    await assert_right(terminal, platform)
    await terminal.recogniser.close()


async def test_person_deleted_while_the_file_was_damaged_is_forgotten(
    peopled: Path,
    opened: Callable[[], Database],
    platform: FakePlatform,
    client: PlatformClient,
    clock: ManualClock,
) -> None:
    """What was carried over is doubtful: a library asked for anew does not name who is gone."""
    (gone, shade) = next(iter(SHADES.items()))
    connection = sqlite3.connect(peopled)
    connection.execute("INSERT INTO facts VALUES ('x', 'no number')")
    connection.commit()
    connection.close()

    database = opened()
    await database.open()
    terminal = Terminal(database, client, clock)
    await terminal.recogniser.open()
    await terminal.sync.load()
    before = await terminal.recognises(shade)
    entry = platform.entries.pop(gone)
    await terminal.sync.round()
    platform.entries[gone] = entry

    assert before == gone
    assert await terminal.recognises(shade) is None
    assert await terminal.count("people") == len(SHADES) - 1
    await terminal.recogniser.close()
