"""``status`` from the disk: what is held, what waits and since when, what runs."""

import asyncio
import json
import os
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from edge_agent.api.terminal_time import TerminalTime
from edge_agent.config import AgentConfig, parse_config
from edge_agent.drivers.clock import SystemClock
from edge_agent.service.instance_lock import instance_lock
from edge_agent.service.live_state import LiveFile, LiveState, read_live_state
from edge_agent.service.status import in_words, overview, status_lines
from edge_agent.storage.database import Database
from edge_agent.storage.outbox import Outbox
from edge_agent.storage.people_rows import Face, Match, SavePerson
from edge_agent.storage.records import RecordLog, Retention, Visit
from edge_agent.storage.store import Store
from tests.support.edge.fakes import ManualClock

TOKEN = "x7Kq-very-secret"


def configured(folder: Path) -> AgentConfig:
    url = f"http://127.0.0.1:1/t/{TOKEN}"
    table: dict[str, Any] = {"device_id": "0000001", "base_url": url, "data_dir": "."}
    return parse_config(table, base=folder)


def lines(config: AgentConfig, clock: ManualClock) -> dict[str, str]:
    reported = [line.split(None, 1) for line in status_lines(overview(config, clock=clock))]
    return {word: rest for word, rest in reported}


async def test_people_queue_and_ages_are_told(
    database: Database, store: Store, outbox: Outbox, clock: ManualClock, tmp_path: Path
) -> None:
    face = Face(b"jpeg", "00", np.ones(4, dtype=np.float32) / 2, "fake/1")
    await store.apply([SavePerson("1", "Ann", "user", "", face)], at=clock.now(), cursor=7)
    await store.note_moment("synced_at", clock.now())
    match = Match("1", "Ann", "user", 83)
    records = RecordLog(database, device_mark="x", retention=Retention(30, 10, 10))
    await records.keep(Visit(clock.now(), match, None, 37.3, None, b"jpeg"), "syface", b"{}")
    clock.advance(30)
    await outbox.put("syattribute", b"{}", at=clock.now())
    await records.keep(Visit(clock.now(), None, None, 37.3, None, b"jpeg"), "syattribute", b"{}")
    clock.advance(600)

    reported = lines(configured(tmp_path), clock)

    assert reported["people"] == "1 held, 1 can be recognised"
    assert reported["library"].endswith("(10 min ago), cursor 7")
    assert reported["queue"] == "3 to be sent (oldest 10 min), 0 the platform will not take"
    # The stranger half a minute later is no pass.
    assert reported["last"] == "pass   2026-01-02T03:04:05+00:00 (10 min ago)"
    assert reported["running"] == "no"
    assert "free" in reported["disk"]


async def test_ages_go_by_the_terminals_clock(
    database: Database, outbox: Outbox, clock: ManualClock, tmp_path: Path
) -> None:
    ahead = timedelta(hours=5)
    own = SystemClock()
    await TerminalTime(own, database).set_to(int((own.now() + ahead).timestamp() * 1000))
    await outbox.put("syface", b"{}", at=clock.now() + ahead)
    clock.advance(60)

    seen = overview(configured(tmp_path), clock=clock)

    assert seen.held is not None
    assert abs(seen.held.clock_offset_s - 5 * 3600) < 2
    assert abs(seen.to_json()["pending_oldest_s"] - 60) < 2
    assert "+18000." in "\n".join(status_lines(seen)) or "+17999." in "\n".join(status_lines(seen))


def test_json_holds_the_same_and_no_secret(tmp_path: Path, clock: ManualClock) -> None:
    reported = overview(configured(tmp_path), clock=clock).to_json()

    assert reported["running"] is False
    assert reported["data_problem"].startswith("nothing yet in")
    assert TOKEN not in json.dumps(reported)


def test_damaged_database_is_said_and_not_touched(tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "agent.sqlite3"
    path.write_bytes(b"no database at all, but long enough to be read as one" * 40)

    reported = lines(configured(tmp_path), clock)

    assert reported["data"] == "cannot be read (DatabaseError)"
    assert [one.name for one in tmp_path.iterdir()] == ["agent.sqlite3"]


async def test_running_agents_loops_are_told(tmp_path: Path, clock: ManualClock) -> None:
    state = LiveState(
        4711, "1.2", "2026-01-02T03:04:05+00:00", "127.0.0.1", 8899, 9000,
        {"door": "degraded", "api": "running"}, ("the database does not answer",),
    )  # fmt: skip
    live = LiveFile(tmp_path)
    await live.open()
    with instance_lock(tmp_path):
        live.keep(state)
        await live.written()

        file = tmp_path / "agent.live.json"
        os.utime(file, (clock.now().timestamp(),) * 2)
        clock.advance(100)
        reported = lines(configured(tmp_path), clock)
        clock.advance(200)
        later = lines(configured(tmp_path), clock)

        assert reported["running"].startswith(
            "yes, process 4711, version 1.2, since 2026-01-02T03:04"
        )
        assert reported["loops"] == "door degraded, api running"
        assert reported["stuck"] == "the database does not answer"
        assert later["stuck"] == "the database does not answer; not seen alive for 5 min"
        await live.close()
    assert read_live_state(tmp_path) is None


async def test_agent_that_was_killed_is_told_from_one_that_stopped(
    tmp_path: Path, clock: ManualClock
) -> None:
    live = LiveFile(tmp_path)
    await live.open()
    live.keep(LiveState(4711, "1.2", "2026-01-02T03:04:05+00:00"))
    await live.written()

    killed = lines(configured(tmp_path), clock)
    await live.close()
    stopped = lines(configured(tmp_path), clock)

    assert killed["running"] == "no; the last one was ended from outside or crashed"
    assert stopped["running"] == "no"


def test_state_of_another_version_is_left_aside(tmp_path: Path) -> None:
    path = tmp_path / "agent.live.json"

    path.write_text('{"pid": 1, "unheard_of": 2}')
    assert read_live_state(tmp_path) is None
    path.write_text('{"pid": 1, "version": "9", "started_at": "x", "unheard_of": 2}')
    assert read_live_state(tmp_path) == LiveState(1, "9", "x")
    path.write_text("[1")
    assert read_live_state(tmp_path) is None


def test_status_reads_beside_a_writer(tmp_path: Path, clock: ManualClock) -> None:
    """An agent in the middle of a transaction holds nobody up."""

    async def fill() -> None:
        database = Database(tmp_path / "agent.sqlite3")
        await database.open()
        await database.close()

    asyncio.run(fill())
    writer = sqlite3.connect(tmp_path / "agent.sqlite3", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("INSERT INTO facts VALUES ('cursor', '9')")

    reported = lines(configured(tmp_path), clock)

    assert reported["library"] == "complete at no time yet, cursor 0"
    writer.execute("ROLLBACK")
    writer.close()


def test_durations_in_words() -> None:
    given = (0.4, 59, 130, 7300, 300_000)
    assert [in_words(one) for one in given] == ["0 s", "59 s", "2 min", "2 h", "3 days"]
