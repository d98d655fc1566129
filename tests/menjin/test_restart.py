"""Any process may die at any time; nothing acknowledged is lost (invariants 2 and 8)."""

import http.client
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.support.processes import ROOT, free_port, start, stop, wait_listening

pytestmark = pytest.mark.slow
UPLOADERS = 8
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


def test_every_answered_record_survives_kill_9_exactly_once(tmp_path: Path) -> None:
    environment = {
        "MENJIN_VAR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "menjin.settings.embedded",
        "MENJIN_TERMINAL_RATE": "10000",
    }
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
    command = [sys.executable, "manage.py", "serve", "--port", str(port)]
    uploaders = [Uploader(f"/t/{done.stdout.strip()}", port, one) for one in range(UPLOADERS)]

    server = start(command, environment, log=log)
    wait_listening(server, port, log)
    for uploader in uploaders:
        uploader.start()
    for _ in range(ROUNDS):
        time.sleep(2)
        stop(server, signal.SIGKILL)
        server = start(command, environment, log=log)
        wait_listening(server, port, log)
    time.sleep(1)
    for uploader in uploaders:
        uploader.done.set()
    for uploader in uploaders:
        uploader.join(timeout=20)
    stop(server)

    with sqlite3.connect(tmp_path / "menjin.sqlite3") as database:
        stored = [row[0] for row in database.execute("SELECT user_id FROM records_record")]
        sound = database.execute("PRAGMA integrity_check").fetchone()
    answered = [user_id for uploader in uploaders for user_id in uploader.answered]
    assert len(answered) > 10 * ROUNDS
    assert sound == ("ok",)
    assert len(stored) == len(set(stored))
    assert set(answered) <= set(stored)
    assert len(set(stored) - set(answered)) <= UPLOADERS
