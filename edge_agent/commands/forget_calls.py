"""Command ``forget-calls``: reset the marks of accepted signatures."""

import argparse
import asyncio
from datetime import UTC, datetime

from edge_agent.commands.command_line import add_config, new_command, print_line, set_up_logging
from edge_agent.config import AgentConfig, load_config
from edge_agent.drivers import SystemClock
from edge_agent.service import instance_lock


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``forget-calls``."""
    parser = new_command(
        commands,
        "forget-calls",
        _run,
        "forget which calls were accepted, after one came from a clock that was ahead",
        more=(
            "A syncTime counts only when it is newer than every call before it; a caller whose"
            " clock was ahead keeps the right time out. Set this computer's clock first: what was"
            " signed before its present time stays refused. The terminal must not be running."
        ),
    )
    add_config(parser)


def _run(chosen: argparse.Namespace) -> int:
    config = load_config(chosen.config)
    set_up_logging(config, "error")
    with instance_lock(config.data_dir):
        begins = asyncio.run(_forget(config))
    print_line(
        f"forgotten; calls signed after {begins:%Y-%m-%d %H:%M:%S} UTC are good, older ones are not"
    )
    return 0


async def _forget(config: AgentConfig) -> datetime:
    from edge_agent.storage.call_marks import NewestCallFile, forget_all
    from edge_agent.storage.database import DATABASE_NAME, Database

    now = SystemClock().now()
    from_ms = int(now.timestamp() * 1000)
    path = config.data_dir / DATABASE_NAME
    database = Database(path)
    await database.open()
    try:
        await database.run(lambda connection: forget_all(connection, from_ms=from_ms))
        NewestCallFile(path).write(from_ms)
    finally:
        await database.close()
    return now.astimezone(UTC)
