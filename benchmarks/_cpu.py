"""CPU seconds of processes that a benchmark started, from /proc (Linux)."""

import os
from collections.abc import Collection
from contextlib import closing
from pathlib import Path

import psycopg2
import redis

_TICKS = os.sysconf("SC_CLK_TCK")
# Fields of /proc/<pid>/stat behind the name: parent, and user and system time of the process and
# of its children that ended (proc(5): fields 4 and 14 to 17).
_PARENT, _TIMES = 1, slice(11, 15)


def cpu_seconds(roots: Collection[int]) -> float:
    """Return the CPU seconds of these processes and all below them, ended children included.

    Raises:
        FileNotFoundError: the system has no /proc.
    """
    stats = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            fields = _stat(folder)
            if fields:
                stats[int(folder.name)] = fields
    wanted = set(roots) & stats.keys()
    while below := {pid for pid, it in stats.items() if int(it[_PARENT]) in wanted} - wanted:
        wanted |= below
    return sum(sum(map(int, stats[pid][_TIMES])) for pid in wanted) / _TICKS


def _stat(folder: Path) -> list[str]:
    try:
        text = (folder / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
        return []
    return text.rpartition(") ")[2].split()


def postgres_process(url: str) -> int:
    """Return the number of the process that leads a local PostgreSQL."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW data_directory")
        (directory,) = cursor.fetchone() or ("",)
    return int((Path(directory) / "postmaster.pid").read_text(encoding="utf-8").split()[0])


def redis_process(url: str) -> int:
    """Return the number of the process of a local Redis."""
    with closing(redis.Redis.from_url(url)) as connection:
        server = connection.info("server")
    return int(server["process_id"])
