"""The queue on disk: nothing that entered it is lost, whatever happens to the process."""

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_agent.storage.database import Database
from edge_agent.storage.events import Counts, Event
from edge_agent.storage.outbox import Outbox

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

# Puts events as fast as it can and says the number of each one that `put` has returned for.
WRITER = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from edge_agent.storage.database import Database
from edge_agent.storage.outbox import Outbox

async def main():
    database = Database(Path(sys.argv[1]))
    await database.open()
    outbox = Outbox(database)
    number = 0
    while True:
        body = str(number).encode().rjust(20_000)
        await outbox.put("syface", body, at=datetime.now(UTC))
        sys.stdout.write(f"{number}\\n")
        sys.stdout.flush()
        number += 1

asyncio.run(main())
"""


def damaged_copies(folder: Path) -> list[str]:
    return [one.name for one in folder.iterdir() if "damaged" in one.name]


async def reopened(path: Path) -> tuple[Database, Outbox]:
    database = Database(path)
    await database.open()
    return database, Outbox(database)


async def test_events_leave_in_the_order_in_which_they_came(outbox: Outbox) -> None:
    first = await outbox.put("syface", b"1", at=NOW)
    second = await outbox.put("syattribute", b"2", at=NOW)

    oldest = await outbox.first()
    next_one = await outbox.first(skip=frozenset({first}))

    assert (oldest and oldest.seq, next_one and next_one.seq) == (first, second)
    assert next_one and (next_one.kind, next_one.body) == ("syattribute", b"2")
    assert await outbox.first(skip=frozenset({first, second})) is None


async def test_parked_event_is_kept_aside_with_its_reason(
    outbox: Outbox, database: Database
) -> None:
    seq = await outbox.put("syface", b"1", at=NOW)

    await outbox.park(seq, "ret 30001")

    assert await outbox.counts() == Counts(pending=0, parked=1)
    rows = await database.run(
        lambda connection: connection.execute("SELECT kind, body, reason FROM dead").fetchall()
    )
    assert rows == [("syface", b"1", "ret 30001")]


async def test_numbers_are_not_used_twice(tmp_path: Path) -> None:
    database, outbox = await reopened(tmp_path / "a.sqlite3")
    first = await outbox.put("syface", b"1", at=NOW)
    await outbox.done(first)
    await database.close()

    database, outbox = await reopened(tmp_path / "a.sqlite3")
    second = await outbox.put("syface", b"2", at=NOW)
    await database.close()

    assert second > first


async def test_event_bodies_do_not_show() -> None:
    assert "secret" not in repr(Event(1, "syface", b"secret"))


def write_until_killed(path: Path) -> list[str]:
    """Run the writer, kill it in the middle, and return what `put` had returned for."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with writer:
        assert writer.stdout is not None
        acknowledged = [writer.stdout.readline().strip() for _ in range(40)]
        os.kill(writer.pid, signal.SIGKILL)
        acknowledged += writer.stdout.read().split()
    assert writer.returncode == -signal.SIGKILL
    return acknowledged


async def test_every_event_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "agent.sqlite3"
    acknowledged = write_until_killed(path)

    database, outbox = await reopened(path)
    found = []
    while (event := await outbox.first()) is not None:
        found.append(event.body.strip().decode())
        await outbox.done(event.seq)
    await database.close()
    # One more may have been committed whose number was not told any more.
    assert found[: len(acknowledged)] == acknowledged
    assert len(found) - len(acknowledged) in {0, 1}


async def test_every_commit_is_on_disk_before_it_is_acknowledged(database: Database) -> None:
    """A power cut is not a kill: without synchronous=FULL, WAL may lose the last commits."""
    modes = await database.run(
        lambda connection: [
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "secure_delete")
        ]
    )

    assert modes == ["wal", 2, 1]


async def test_failed_work_leaves_nothing_behind(outbox: Outbox, database: Database) -> None:
    def work(connection: sqlite3.Connection) -> None:
        connection.execute(
            "INSERT INTO outbox (kind, body, created_at) VALUES ('syface', x'00', 0)"
        )
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await database.run(work)

    assert (await outbox.counts()).pending == 0


async def test_commit_that_fails_does_not_block_the_next_one(
    outbox: Outbox, database: Database
) -> None:
    """A statement left unfinished once made a commit fail; from then on nothing could be stored,
    because the transaction stayed open.
    """
    await outbox.put("syface", b"1", at=NOW)
    unfinished: list[sqlite3.Cursor] = []

    def work(connection: sqlite3.Connection) -> None:
        unfinished.append(connection.execute("PRAGMA wal_checkpoint(PASSIVE)"))
        unfinished.append(connection.execute("DELETE FROM outbox RETURNING seq"))

    with contextlib.suppress(sqlite3.OperationalError):
        await database.run(work)
    for cursor in unfinished:
        cursor.close()
    await outbox.put("syface", b"2", at=NOW)

    assert (await outbox.counts()).pending >= 1


async def test_log_can_be_emptied_while_others_write(outbox: Outbox, database: Database) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(60):
            group.create_task(outbox.put("syface", str(number).encode(), at=NOW))
            group.create_task(database.checkpoint())

    assert (await outbox.counts()).pending == 60


async def test_damaged_file_is_begun_anew_and_the_queue_carried_over(tmp_path: Path) -> None:
    path = tmp_path / "agent.sqlite3"
    database, outbox = await reopened(path)
    await outbox.put("syface", b"still readable", at=NOW)
    await database.run(
        lambda connection: [
            connection.execute(
                "INSERT INTO people (user_id, name, user_type, picture_url, descriptor)"
                " VALUES (?, '', '', '', randomblob(3000))",
                (str(number),),
            )
            for number in range(200)
        ]
    )
    await database.close()
    _damage_people(path)

    database, outbox = await reopened(path)
    event = await outbox.first()
    people = await database.run(
        lambda connection: connection.execute("SELECT count(*) FROM people").fetchone()[0]
    )
    await database.close()

    assert event is not None
    assert event.body == b"still readable"
    assert people == 0
    assert damaged_copies(tmp_path) == []


async def test_file_that_is_no_database_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "agent.sqlite3"
    path.write_bytes(b"this was never a database" * 400)

    database, outbox = await reopened(path)
    await outbox.put("syface", b"1", at=NOW)
    counts = await outbox.counts()
    await database.close()

    assert counts.pending == 1


async def test_file_is_for_its_owner_only(tmp_path: Path) -> None:
    database, _ = await reopened(tmp_path / "data" / "agent.sqlite3")
    await database.close()

    assert (tmp_path / "data" / "agent.sqlite3").stat().st_mode & 0o077 == 0


def _damage_people(path: Path) -> None:
    """Overwrite an inner page of the table of people, as a worn memory card would."""
    connection = sqlite3.connect(path)
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    (root,) = connection.execute(
        "SELECT rootpage FROM sqlite_schema WHERE name = 'people'"
    ).fetchone()
    connection.close()
    with path.open("r+b") as stream:
        stream.seek((root - 1) * size)
        stream.write(b"\xa5" * size)


async def test_file_of_an_earlier_version_is_taken_over(tmp_path: Path) -> None:
    """People had no origin then; all of them were the platform's."""
    path = tmp_path / "agent.sqlite3"
    connection = sqlite3.connect(path)
    connection.execute(
        "CREATE TABLE people (id INTEGER PRIMARY KEY AUTOINCREMENT, user_id TEXT NOT NULL UNIQUE,"
        " name TEXT NOT NULL, user_type TEXT NOT NULL, picture_url TEXT NOT NULL, picture_sha256"
        " TEXT NOT NULL DEFAULT '', contract_id TEXT NOT NULL DEFAULT '', descriptor BLOB,"
        " picture_attempts INTEGER NOT NULL DEFAULT 0, picture_due_at REAL)"
    )
    connection.execute(
        "INSERT INTO people (user_id, name, user_type, picture_url) VALUES ('1', 'A', 'user', '')"
    )
    connection.commit()
    connection.close()

    for _ in range(2):
        database, _outbox = await reopened(path)
        rows = await database.run(
            lambda held: held.execute("SELECT user_id, origin, details FROM people").fetchall()
        )
        await database.close()

        assert rows == [("1", "platform", "{}")]
