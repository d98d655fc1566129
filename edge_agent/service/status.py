"""Status of a terminal, read from the disk without network and without disturbing the agent."""

import dataclasses
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from edge_agent.config import AgentConfig
from edge_agent.drivers import Clock, SystemClock
from edge_agent.service.instance_lock import is_held
from edge_agent.service.live_state import (
    NOT_SEEN_S,
    LiveState,
    agent_version,
    read_live_state,
    seen_at,
)
from edge_agent.storage import (
    DATABASE_NAME,
    SyncState,
    get_fact,
    newest_pass,
    oldest_event,
    open_read_only,
    read_sync_state,
)


@dataclass(frozen=True, slots=True)
class Held:
    """Contents of the database.

    Attributes:
        sync_state: people, cursor, queue.
        waits_since: since when the oldest event waits to be sent; None when nothing waits.
        last_pass: when a person was last recognised at the door; None for never.
        clock_offset_s: how far the terminal's clock was moved against the computer's (8.1.8).
        size_bytes: of the file and the log beside it.
    """

    sync_state: SyncState
    waits_since: datetime | None
    last_pass: datetime | None
    clock_offset_s: float
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Overview:
    """Status of one terminal, without secrets and names.

    Attributes:
        now: by the terminal's clock, as everything on its disk is.
        is_running: whether an agent holds the data directory.
        live: what a running agent, or one that was killed, said of itself.
        not_seen_s: how long ago that was; every minute it says that it still holds.
        held: None without a readable database.
        problem: why there is none.
        free_bytes: on the disk of the data directory; None when that is not there.
    """

    config: AgentConfig
    now: datetime
    version: str
    is_running: bool
    live: LiveState | None
    not_seen_s: float
    held: Held | None
    problem: str
    free_bytes: int | None

    def to_json(self) -> dict[str, Any]:
        """Return the same as JSON values; times in ISO 8601, UTC; ages in seconds."""
        config = self.config
        values: dict[str, Any] = {
            "device_id": config.device_id,
            "platform": config.platform_shown,
            "decides": config.decide.value,
            "drivers": _drivers(config),
            "version": self.version,
            "running": self.is_running,
            "stuck": list(_stuck(self)),
            "live": None if self.live is None else dataclasses.asdict(self.live),
            "data_dir": str(config.data_dir),
            "disk_free_bytes": self.free_bytes,
            "data_problem": self.problem,
        }
        return values if self.held is None else values | _held_json(self.held, self.now)


def overview(config: AgentConfig, *, clock: Clock | None = None) -> Overview:
    """Read the status of a terminal from outside its process.

    Args:
        config: of it.
        clock: the computer's; None for the real one.
    """
    path = config.data_dir / DATABASE_NAME
    held, problem = None, ""
    if not path.exists():
        problem = f"nothing yet in {config.data_dir}"
    else:
        try:
            held = _read(path)
        except sqlite3.DatabaseError as error:
            problem = f"cannot be read ({type(error).__name__})"
    is_there = config.data_dir.is_dir()
    now = (clock or SystemClock()).now()
    seen = seen_at(config.data_dir) or now
    moved_s = 0.0 if held is None else held.clock_offset_s
    return Overview(
        config=config,
        now=now + timedelta(seconds=moved_s),
        version=agent_version(),
        is_running=is_held(config.data_dir),
        live=read_live_state(config.data_dir),
        not_seen_s=max(0.0, (now - seen).total_seconds()),
        held=held,
        problem=problem,
        free_bytes=shutil.disk_usage(config.data_dir).free if is_there else None,
    )


def status_lines(seen: Overview) -> Iterator[str]:
    """Describe a terminal, a line at a time, without secrets."""
    config = seen.config
    drivers = ", ".join(f"{name} {driver}" for name, driver in _drivers(config).items())
    yield f"terminal    {config.device_id} at {config.platform_shown}"
    yield f"version     {seen.version}"
    yield f"decides     {config.decide.value}"
    yield f"drivers     {drivers}"
    yield f"running     {_running(seen)}"
    if seen.is_running and seen.live is not None:
        yield f"loops       {_loops(seen.live)}"
    if stuck := _stuck(seen):
        yield f"stuck       {'; '.join(stuck)}"
    if seen.held is None:
        yield f"data        {seen.problem}"
    else:
        yield from _held_lines(seen.held, seen.now)
    if seen.free_bytes is not None:
        yield f"disk        {_bytes(seen.free_bytes)} free"


def in_words(seconds: float) -> str:
    """Return a duration in rounded words: "3 min"."""
    for unit_s, word in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * unit_s:
            return f"{seconds / unit_s:.0f} {word}"
    return f"{max(seconds, 0.0):.0f} s"


def _read(path: Path) -> Held:
    with closing(open_read_only(path)) as connection:
        return Held(
            sync_state=read_sync_state(connection),
            waits_since=oldest_event(connection),
            last_pass=newest_pass(connection),
            clock_offset_s=float(get_fact(connection, "clock_offset_s") or 0.0),
            size_bytes=sum(
                part.stat().st_size
                for suffix in ("", "-wal")
                if (part := path.with_name(path.name + suffix)).exists()
            ),
        )


def _held_lines(held: Held, now: datetime) -> Iterator[str]:
    sync_state = held.sync_state
    yield f"people      {sync_state.people} held, {sync_state.faces} can be recognised"
    yield f"library     complete at {_when(sync_state.synced_at, now)}, cursor {sync_state.cursor}"
    yield f"heartbeat   answered at {_when(sync_state.heartbeat_at, now)}"
    yield f"last pass   {_when(held.last_pass, now)}"
    events = sync_state.events
    since = "" if held.waits_since is None else f" (oldest {_age(held.waits_since, now)})"
    without = f", {events.given_up} of them without their picture" if events.given_up else ""
    yield (
        f"queue       {events.pending} to be sent{since}{without},"
        f" {events.parked} the platform will not take"
    )
    offset_s = held.clock_offset_s
    yield f"clock       {f'{offset_s:+.1f} s against' if offset_s else 'as'} the computer's"
    yield f"data        {_bytes(held.size_bytes)}"


def _held_json(held: Held, now: datetime) -> dict[str, Any]:
    sync_state = held.sync_state
    return {
        "people": sync_state.people,
        "faces": sync_state.faces,
        "cursor": sync_state.cursor,
        "synced_at": _iso(sync_state.synced_at),
        "library_age_s": _age_s(sync_state.synced_at, now),
        "heartbeat_at": _iso(sync_state.heartbeat_at),
        "last_pass_at": _iso(held.last_pass),
        "pending": sync_state.events.pending,
        "pending_oldest_s": _age_s(held.waits_since, now),
        "parked": sync_state.events.parked,
        "clock_offset_s": held.clock_offset_s,
        "data_bytes": held.size_bytes,
    }


def _drivers(config: AgentConfig) -> dict[str, str]:
    return {
        "camera": config.camera.driver,
        "relay": config.relay.driver,
        "thermometer": config.thermometer.driver,
        "card reader": config.card_reader.driver,
        "prompter": config.prompter.driver,
    }


def _running(seen: Overview) -> str:
    live = seen.live
    if not seen.is_running:
        return "no; the last one was ended from outside or crashed" if live else "no"
    if live is None:
        return "yes"
    return f"yes, process {live.pid}, version {live.version}, since {live.started_at}"


def _stuck(seen: Overview) -> tuple[str, ...]:
    if not seen.is_running or seen.live is None:
        return ()
    if seen.not_seen_s > NOT_SEEN_S:
        return (*seen.live.troubles, f"not seen alive for {in_words(seen.not_seen_s)}")
    return seen.live.troubles


def _loops(live: LiveState) -> str:
    return ", ".join(f"{name} {state}" for name, state in live.loops.items()) or "being started"


def _when(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "no time yet"
    return f"{moment.isoformat(timespec='seconds')} ({_age(moment, now)} ago)"


def _age(moment: datetime, now: datetime) -> str:
    return in_words((now - moment).total_seconds())


def _age_s(moment: datetime | None, now: datetime) -> float | None:
    return None if moment is None else round((now - moment).total_seconds(), 1)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds")


def _bytes(number: int) -> str:
    if number >= 2_000_000_000:
        return f"{number / 1e9:.1f} GB"
    return f"{number / 1e6:.1f} MB"
