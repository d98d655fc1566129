"""Menjin as it runs in production, on a database of its own, for tests of whole processes."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2

from tests.support.processes import ROOT, program

# Tests that hurry must not be told to wait.
UNLIMITED = {
    f"MENJIN_{who}_{what}": "100000"
    for who in ("TERMINAL", "ADDRESS")
    for what in ("RATE", "BURST")
}


class Production:
    """PostgreSQL, Redis and WSGI workers, as docker-compose.yml starts them.

    ``name`` is the database, made new, and migrated already where the server has one to copy;
    ``redis`` is the number of a Redis database that no other test uses.
    """

    def __init__(self, folder: Path, *, name: str = "restarted", redis: int = 6) -> None:
        server = os.environ["TEST_DATABASE_URL"].rsplit("/", 1)[0]
        connection = psycopg2.connect(f"{server}/postgres")
        connection.autocommit = True
        with closing(connection), connection.cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            template = os.environ.get("TEST_DATABASE_TEMPLATE", "template1")
            cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        self.folder = folder
        self.environment = {
            "DJANGO_SETTINGS_MODULE": "menjin.settings.production",
            "DATABASE_URL": f"{server}/{name}",
            "REDIS_URL": os.environ["TEST_REDIS_URL"].rsplit("/", 1)[0] + f"/{redis}",
            "SECRET_KEY": "k" * 60,
            "FIELD_KEY": "field-key-of-the-tests-only-0123456789-abcdef",
            "ALLOWED_HOSTS": "127.0.0.1",
        }

    def command(self, port: int, *, workers: int = 2) -> list[str]:
        """Return the command that serves terminals on a loopback port."""
        return [
            program("granian"), "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port),
            "--workers", str(workers), "--blocking-threads", "32", "menjin.wsgi:application",
        ]  # fmt: skip

    def manage(self, *arguments: str) -> str:
        """Run a management command and return what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env={**os.environ, **self.environment, "MENJIN_VAR": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return what a query finds in the database."""
        with closing(psycopg2.connect(self.environment["DATABASE_URL"])) as connection:
            cursor = connection.cursor()
            cursor.execute(query)
            found: list[tuple[Any, ...]] = cursor.fetchall()
            return found

    def stored(self) -> list[str]:
        """Return the user ids of all records."""
        return [row[0] for row in self.rows("SELECT user_id FROM records_record")]
