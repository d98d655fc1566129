"""Checks of configuration, password, data directory and database."""

import os
import shutil
import sqlite3
import stat
import tempfile
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Final

from edge_agent.doctor._context import CheckContext
from edge_agent.doctor.findings import Finding
from edge_agent.service.live_state import NOT_SEEN_S, seen_at
from edge_agent.storage import DATABASE_NAME, get_fact, open_read_only, read_sync_state
from edge_agent.storage.call_marks import has_marks, read_marks
from terminal_protocol.device_calls import DEFAULT_PASSWORD

# Records keep 5000 pictures of some 50 kB by default, and an update of a full library writes some
# hundred megabytes beside the database before it is taken over.
_FREE_GOOD: Final = 500_000_000
_FREE_LEAST: Final = 50_000_000


async def configuration(context: CheckContext) -> Finding:
    """Whether others can read the file that holds the site's secret."""
    path = context.path
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        text = f"{path} can be read by others on this computer, and holds the site's secret"
        return Finding.warning("configuration", text, f"Run: chmod 600 {path}", mode=oct(mode))
    return Finding.ok("configuration", f"{path} is complete and readable by its owner only")


async def password(context: CheckContext) -> Finding:
    """Check that the device interface has a password of its own that has not expired."""
    api = context.config.api
    check = "password"
    if not (api.enabled or api.push_enabled):
        return Finding.ok(check, "the terminal's own interface is switched off")
    if not api.password:
        advice = "Set password under [api], if other programs are to call"
        return Finding.warning(check, "there is none, so no caller is admitted", advice)
    if api.password_expires and date.fromisoformat(api.password_expires) < _today(context):
        text = f"it was good until {api.password_expires}; callers are refused since (10002)"
        return Finding.failed(check, text, "Choose a new one and a new day under [api]")
    if api.password == DEFAULT_PASSWORD:
        text = "it is still the factory's, which is public; good for this computer only"
        return Finding.warning(check, text, "Choose one of your own under [api]")
    return Finding.ok(check, "the interface has a password of its own")


async def agent(context: CheckContext) -> Finding:
    """Whether an agent runs, and how."""
    live = context.live
    if not context.is_running:
        if live is None:
            return Finding.ok("agent", "none is running; its devices are free to be tried")
        text = f"process {live.pid}, started {live.started_at}, was ended from outside or crashed"
        return Finding.warning("agent", text, "Look into its log for why")
    if live is None:
        return Finding.ok("agent", "one is running and holds the devices")
    troubled = [f"{name} {state}" for name, state in live.loops.items() if state == "degraded"]
    troubled += live.troubles
    seen = seen_at(context.config.data_dir)
    if seen is not None and (context.clock.now() - seen).total_seconds() > NOT_SEEN_S:
        troubled.append("it does not look after itself any more")
    summary = f"process {live.pid} is running and holds the devices"
    if troubled:
        advice = "Look into its log; stop it and ask again to have the devices tried"
        return Finding.warning("agent", f"{summary}, but: {'; '.join(troubled)}", advice)
    return Finding.ok("agent", summary, pid=live.pid)


async def directory(context: CheckContext) -> Finding:
    """Check that the data directory is usable and has free space."""
    return await context.blocking(lambda: _directory(context.config.data_dir))


async def database(context: CheckContext) -> Finding:
    """Check the integrity of the whole database file."""
    path = context.config.data_dir / DATABASE_NAME
    return await context.blocking(lambda: _database(context, path))


def _directory(data_dir: Path) -> Finding:
    check = "data directory"
    if not data_dir.exists():
        parent = next(one for one in data_dir.absolute().parents if one.exists())
        if os.access(parent, os.W_OK | os.X_OK):
            return Finding.ok(check, f"{data_dir} is not there yet; the first start makes it")
        text = f"{data_dir} is not there, and {parent} may not be written"
        return Finding.failed(check, text, "Make it, or set data_dir to another folder")
    try:
        with tempfile.TemporaryFile(dir=data_dir) as probe:
            probe.write(b"\0")
    except OSError as error:
        text = f"{data_dir} cannot be written: {error.strerror}"
        return Finding.failed(check, text, "Give it to the user who runs the terminal")
    free = shutil.disk_usage(data_dir).free
    summary = f"{data_dir} has {free / 1e9:.1f} GB free"
    if free < _FREE_LEAST:
        advice = "Make room now: what happens at the door can soon not be kept any more"
        return Finding.failed(check, summary, advice, free_bytes=free)
    if free < _FREE_GOOD:
        return Finding.warning(check, summary, "Make room", free_bytes=free)
    if stat.S_IMODE(data_dir.stat().st_mode) & 0o077:
        advice = f"Run: chmod 700 {data_dir}"
        return Finding.warning(check, f"others may look into {data_dir}", advice, free_bytes=free)
    return Finding.ok(check, f"{summary} and can be written", free_bytes=free)


def _database(context: CheckContext, path: Path) -> Finding:
    check = "database"
    if not path.exists():
        return Finding.ok(check, "there is none yet; the first start makes it")
    try:
        with closing(open_read_only(path)) as connection:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise sqlite3.DatabaseError(found)
            sync_state = read_sync_state(connection)
            if has_marks(connection):
                context.newest_call_ms = read_marks(connection).newest_ms
            context.offset_s = float(get_fact(connection, "clock_offset_s") or 0.0)
    except sqlite3.OperationalError as error:
        text = f"{path.name} cannot be read ({error})"
        return Finding.failed(check, text, "Run this as the user who runs the terminal")
    except sqlite3.DatabaseError:
        advice = (
            "Start the terminal anew: it begins a new file, carries over what can be read, and the"
            " platform sends its people again. If it happens again, replace the disk"
        )
        return Finding.failed(check, f"{path.name} is damaged", advice)
    context.cursor = sync_state.cursor
    events = sync_state.events
    summary = f"whole; {sync_state.people} people, {sync_state.faces} can be recognised"
    if events.parked:
        text = f"{summary}; the platform will not take {events.parked} of its uploads"
        advice = "Look at this terminal's faults at the platform"
        return Finding.warning(check, text, advice, parked=events.parked)
    if sync_state.faces < sync_state.people:
        text = f"{summary}, the others have no usable photo"
        advice = "See at the platform whose, or enrol them anew"
        return Finding.warning(
            check, text, advice, people=sync_state.people, faces=sync_state.faces
        )
    summary = f"{summary}; {events.pending} uploads wait"
    return Finding.ok(check, summary, people=sync_state.people, pending=events.pending)


def _today(context: CheckContext) -> date:
    return context.clock.now().astimezone().date()
