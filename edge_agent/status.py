"""What ``status`` shows: read from the disk, without a network and without disturbing the agent."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime

from edge_agent.config import AgentConfig
from edge_agent.instance_lock import is_held
from edge_agent.store import Standing, read_standing


def status_lines(config: AgentConfig, *, database_name: str) -> Iterator[str]:
    """Describe a terminal, a line at a time, without secrets."""
    yield f"terminal    {config.device_id} at {config.platform_shown}"
    yield f"decides     {config.decide.value}"
    yield (
        f"drivers     camera {config.camera.driver}, relay {config.relay.driver},"
        f" thermometer {config.thermometer.driver}, card reader {config.card_reader.driver},"
        f" prompter {config.prompter.driver}"
    )
    yield f"running     {'yes' if is_held(config.data_dir) else 'no'}"
    path = config.data_dir / database_name
    if not path.exists():
        yield f"data        nothing yet in {config.data_dir}"
        return
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            standing = read_standing(connection)
    except sqlite3.DatabaseError as error:
        yield f"data        cannot be read ({type(error).__name__})"
        return
    yield from _standing_lines(standing)


def _standing_lines(standing: Standing) -> Iterator[str]:
    yield f"people      {standing.people} held, {standing.faces} can be recognised"
    yield f"library     complete at {_when(standing.synced_at)}, cursor {standing.cursor}"
    yield f"heartbeat   answered at {_when(standing.heartbeat_at)}"
    yield (
        f"queue       {standing.events.pending} to be sent,"
        f" {standing.events.parked} the platform will not take"
    )


def _when(moment: datetime | None) -> str:
    return "no time yet" if moment is None else moment.isoformat(timespec="seconds")
