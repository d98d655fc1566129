"""The platform in its three ways: embedded, by production's WSGI server, and behind nginx."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import migrated
from tests.support.nginx import Behind, Nginx
from tests.support.processes import ROOT, free_port, kill_group, start, stop, wait_listening
from tests.support.production import UNLIMITED, Production

# Terminals of sites whose names begin with xff are called from documentation's networks only.
_SITES = """
import json
from devices.services import site_create
made = {}
for name in json.loads(%r):
    networks = ["203.0.113.0/24", "2001:db8::/32"] if "xff-" in name else []
    site = site_create(code=name, name=name, auto_approve=True, allowed_networks=networks)
    made[name] = site.tokens.get().token
print(json.dumps(made))
"""
_RECORDS = """
SELECT t.device_id, r.user_id, r.user_name, r.temperature_c, r.faults, r.extras, r.kind
FROM records_record r JOIN devices_site s ON s.id = r.site_id
JOIN devices_terminal t ON t.id = r.terminal_id WHERE s.code = '{code}' ORDER BY r.id
"""
_TERMINALS = """
SELECT t.device_id FROM devices_terminal t JOIN devices_site s ON s.id = t.site_id
WHERE s.code = '{code}' ORDER BY t.device_id
"""


@dataclass(frozen=True, slots=True)
class Rows:
    """What a site has on file."""

    terminals: list[str]
    records: list[tuple[Any, ...]]


class Embedded:
    """``manage.py serve``: one process with SQLite."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self.folder = folder
        self.environment = {
            "DJANGO_SETTINGS_MODULE": "menjin.settings.embedded",
            "MENJIN_VAR": str(folder),
            **UNLIMITED,
            **variables,
        }
        folder.mkdir()
        migrated.sqlite_into(folder)
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def manage(self, *arguments: str) -> str:
        """Run a management command and return what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def start(self) -> None:
        """Serve, as the README says."""
        log = self.folder / "log"
        command = [sys.executable, "manage.py", "serve", "--port", str(self.port)]
        self._process = start(command, self.environment, log=log)
        wait_listening(self._process, self.port, log)

    def stop(self) -> int:
        """End it as Ctrl-C does and return the exit code."""
        assert self._process is not None
        return stop(self._process, signal.SIGINT)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return what a query finds in the database."""
        with closing(sqlite3.connect(self.folder / "menjin.sqlite3")) as database:
            return database.execute(query).fetchall()


class Served:
    """Production's WSGI server."""

    def __init__(self, folder: Path, variables: dict[str, str], *, name: str, redis: int) -> None:
        folder.mkdir()
        self._production = Production(folder, name=name, redis=redis)
        self._production.environment |= {"MENJIN_VAR": str(folder), **UNLIMITED, **variables}
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def manage(self, *arguments: str) -> str:
        """Run a management command and return what it printed."""
        return self._production.manage(*arguments)

    def start(self) -> None:
        """Serve, with the options of docker-compose.yml."""
        log = self.folder / "log"
        self._process = start(
            self._production.command(self.port),
            self._production.environment,
            log=log,
            own_group=True,
        )
        wait_listening(self._process, self.port, log)

    def stop(self) -> None:
        """End it."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            kill_group(self._process)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return what a query finds in the database."""
        return self._production.rows(query)


class Proxied(Nginx):
    """The shipped configuration of nginx in front of a server; its names and paths substituted."""

    def __init__(self, folder: Path, nginx: str, behind: Served) -> None:
        # Sockets are not asked for here.
        places = Behind(wsgi=behind.port, asgi=free_port(), files=behind.folder)
        super().__init__(folder, nginx, places)
        self.behind = behind

    def manage(self, *arguments: str) -> str:
        """Run a management command and return what it printed."""
        return self.behind.manage(*arguments)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return what a query finds in the database."""
        return self.behind.rows(query)


Server = Embedded | Served | Proxied


def sites_made(server: Server, codes: list[str]) -> dict[str, str]:
    """Make a site for each code and return its token."""
    made = server.manage("shell", "-v", "0", "-c", _SITES % json.dumps(codes))
    found: dict[str, str] = json.loads(made)
    return found


def rows_of(server: Server, code: str) -> Rows:
    """Return what a site has on file."""
    records = [
        tuple(_plain(value) for value in row) for row in server.rows(_RECORDS.format(code=code))
    ]
    return Rows([row[0] for row in server.rows(_TERMINALS.format(code=code))], records)


def _plain(value: Any) -> Any:
    """Return a value as every database tells it: JSON as an object, numbers as floats."""
    if isinstance(value, str) and value[:1] in {"[", "{"}:
        return json.loads(value)
    return value if isinstance(value, (str, list, dict)) or value is None else float(value)
