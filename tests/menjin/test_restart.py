"""Any process may die at any time; nothing acknowledged is lost (invariants 2 and 8)."""

import http.client
import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.support import migrated
from tests.support.processes import (
    ROOT,
    free_port,
    kill_group,
    start,
    wait_listening,
)
from tests.support.production import UNLIMITED, Production
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow
UPLOADERS = 20
ROUNDS = int(os.environ.get("MENJIN_KILL_ROUNDS", "2"))


class Uploader(threading.Thread):
    """Posts passes one after the other and remembers which ones were answered with "0"."""

    def __init__(self, base: str, port: int, number: int) -> None:
        super().__init__(daemon=True)
        self.base, self.port, self.number = base, port, number
        self.answered: list[str] = []
        self.done = threading.Event()

    def run(self) -> None:
        """Post until told to stop; what gets no answer is posted again, as a terminal does."""
        count = 0
        while not self.done.is_set():
            user_id = f"{self.number}-{count}"
            body = {"userId": user_id, "screenTime": 1589000000 + count, "temperature": "36.5"}
            if self._post(body):
                self.answered.append(user_id)
                count += 1
            else:
                time.sleep(0.05)

    def _post(self, body: dict[str, object]) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("POST", f"{self.base}/syface/{self.number}", json.dumps(body))
            response = connection.getresponse()
            return response.status == 200 and json.loads(response.read())["ret"] == "0"
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def uploads_go_on(uploaders: list[Uploader]) -> None:
    """Wait until every uploader has been answered some times more."""
    before = [len(one.answered) for one in uploaders]
    wait_until(
        lambda: all(
            len(one.answered) >= count + 3 for one, count in zip(uploaders, before, strict=True)
        )
    )


class Embedded:
    """One process with SQLite."""

    def __init__(self, folder: Path) -> None:
        migrated.sqlite_into(folder)
        self.folder = folder
        self.environment = {"DJANGO_SETTINGS_MODULE": "menjin.settings.embedded"}

    def command(self, port: int) -> list[str]:
        return [sys.executable, "manage.py", "serve", "--port", str(port)]

    def stored(self) -> list[str]:
        """Return the user ids of all records, after looking whether the database is sound."""
        with sqlite3.connect(self.folder / "menjin.sqlite3") as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            return [row[0] for row in database.execute("SELECT user_id FROM records_record")]


@pytest.mark.parametrize(
    "kind",
    [
        Embedded,
        pytest.param(
            Production,
            marks=pytest.mark.postgres,
        ),
    ],
)
def test_every_answered_record_survives_kill_9_exactly_once(
    tmp_path: Path, kind: type[Embedded] | type[Production]
) -> None:
    installation = kind(tmp_path)
    environment = {**installation.environment, **UNLIMITED, "MENJIN_VAR": str(tmp_path)}
    log = tmp_path / "log"
    prepare = (
        "from devices.services import site_create;"
        "site = site_create(code='s', name='S', auto_approve=True);"
        "print(site.tokens.get().token)"
    )
    for arguments in (["migrate", "--verbosity", "0"], ["shell", "-v", "0", "-c", prepare]):
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=True,
        )
    port = free_port()
    uploaders = [Uploader(f"/t/{done.stdout.strip()}", port, one) for one in range(UPLOADERS)]

    server = start(installation.command(port), environment, log=log, own_group=True)
    wait_listening(server, port, log)
    for uploader in uploaders:
        uploader.start()
    for _ in range(ROUNDS):
        uploads_go_on(uploaders)  # so that it is killed in the midst of them
        kill_group(server)
        server = start(installation.command(port), environment, log=log, own_group=True)
        wait_listening(server, port, log)
    uploads_go_on(uploaders)
    for uploader in uploaders:
        uploader.done.set()
    for uploader in uploaders:
        uploader.join(timeout=20)
    kill_group(server)

    stored = installation.stored()
    answered = [user_id for uploader in uploaders for user_id in uploader.answered]
    print(f"{kind.__name__}: {ROUNDS} kills, {len(answered)} answered, {len(stored)} stored")
    assert len(answered) > 10 * ROUNDS
    assert len(stored) == len(set(stored))
    assert set(answered) <= set(stored)
    assert len(set(stored) - set(answered)) <= UPLOADERS
