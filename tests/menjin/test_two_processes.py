"""The same upload in two processes in the same moment: one record, one answer (invariant 2).

Two servers of one worker each, because which worker of one server takes a connection cannot be
chosen; here every copy is known to be in the process it was sent to.
"""

import base64
import http.client
import io
import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.support.processes import free_port, kill_group, start, wait_listening
from tests.support.production import UNLIMITED, Production

pytestmark = [
    pytest.mark.slow,
    pytest.mark.postgres,
]

ROUNDS = int(os.environ.get("MENJIN_COPY_ROUNDS", "40"))
COPIES_PER_PROCESS = 2
# A site that asks nothing decides copies side by side; one with hard anti-passback decides them
# one after the other, and would refuse the second as somebody who goes in twice.
PASSBACKS = ("off", "hard")
PREPARE = """
import json
from records.models import PassRules
from tests.support.factories import make_library, make_person, make_site, make_terminal
paths = {{}}
for passback in {passbacks}:
    site = make_site(code=passback, verification="off")
    PassRules.objects.create(site=site, passback=passback)
    library = make_library(site)
    for number in range({people}):
        make_person(site, user_id=f"{{passback}}-{{number}}", libraries=[library])
    door = make_terminal(site, direction="in", unlock_delay_ms=4321)
    paths[passback] = [f"/t/{{site.tokens.get().token}}", door.device_id]
print(json.dumps(paths))
"""


@dataclass(frozen=True, slots=True)
class TwoProcesses:
    """An installation that is served by two processes; ``paths`` by a site's anti-passback."""

    installation: Production
    paths: dict[str, tuple[str, str]]
    ports: tuple[int, ...]
    logs: tuple[Path, ...]

    def post_at_once(self, passback: str, kind: str, body: dict[str, Any]) -> list[Any]:
        """Post copies of an upload to every process; return (HTTP status, answer) of each.

        All but the last byte of each copy is sent before, so that they are complete together.
        """
        base, device_id = self.paths[passback]
        raw = json.dumps(body).encode()
        ports = self.ports * COPIES_PER_PROCESS
        together = threading.Barrier(len(ports), timeout=30)
        answers: list[Any] = []

        def post(port: int) -> None:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.putrequest("POST", f"{base}/{kind}/{device_id}")
            connection.putheader("Content-Type", "application/json")
            connection.putheader("Content-Length", str(len(raw)))
            connection.endheaders(raw[:-1])
            together.wait()
            connection.send(raw[-1:])
            response = connection.getresponse()
            answers.append((response.status, json.loads(response.read())))
            connection.close()

        threads = [threading.Thread(target=post, args=[port]) for port in ports]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers

    def refused_copies(self) -> list[int]:
        """Return, by process, how many copies only the database knew for what they are."""
        return [log.read_text().count("record_repeated") for log in self.logs]

    def count(self, table: str, passback: str, condition: str = "TRUE") -> int:
        """Return the number of a site's rows."""
        site = f"site_id = (SELECT id FROM devices_site WHERE code = '{passback}')"
        query = f"SELECT count(*) FROM {table} WHERE {site} AND {condition}"
        return int(self.installation.rows(query)[0][0])

    def files(self, passback: str) -> int:
        """Return the number of pictures on disk of a site's records."""
        site_id = self.installation.rows(f"SELECT id FROM devices_site WHERE code = '{passback}'")
        folder = self.installation.folder / "media" / "records" / str(site_id[0][0])
        return sum(path.is_file() for path in folder.rglob("*"))


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoProcesses]:
    """Return two running processes on one database, with a door and people at each site."""
    folder = tmp_path_factory.mktemp("two")
    installation = Production(folder, name="two_processes", redis=7)
    installation.manage("migrate", "--verbosity", "0")
    prepare = PREPARE.format(passbacks=PASSBACKS, people=ROUNDS)
    paths = json.loads(installation.manage("shell", "-v", "0", "-c", prepare))
    environment = {
        **installation.environment,
        **UNLIMITED,
        "MENJIN_VAR": str(folder),
        "LOG_LEVEL": "INFO",
    }
    ports = (free_port(), free_port())
    logs = tuple(folder / f"log-{number}" for number in range(len(ports)))
    servers = []
    try:
        for port, log in zip(ports, logs, strict=True):
            command = installation.command(port, workers=1)
            servers.append(start(command, environment, log=log, own_group=True))
        for server, port, log in zip(servers, ports, logs, strict=True):
            wait_listening(server, port, log)
        yield TwoProcesses(installation, paths, ports, logs)
    finally:
        for server in servers:
            kill_group(server)


def picture(number: int) -> str:
    """Return a picture unlike that of any other number below 1024, as a terminal sends it."""
    image = Image.new("RGB", (160, 120), "white")
    for bit in range(10):
        # Squares of two JPEG blocks: compression cannot make two numbers alike.
        if number >> bit & 1:
            image.paste("black", (16 * bit, 0, 16 * bit + 16, 16))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG")
    return base64.b64encode(buffer.getvalue()).decode()


@pytest.mark.parametrize("passback", PASSBACKS)
def test_a_pass_is_stored_once_and_every_copy_opens_the_door(
    two: TwoProcesses, passback: str
) -> None:
    before = two.refused_copies()

    for number in range(ROUNDS):
        body = {
            "userId": f"{passback}-{number}",
            "screenTime": round(time.time() * 1000),
            "temperature": "36.5",
            "img": picture(number),
        }
        answers = two.post_at_once(passback, "syface", body)

        assert len(answers) == len(two.ports) * COPIES_PER_PROCESS
        status, answer = answers[0]
        assert (status, answer["ret"], answer["openDoor"]) == (200, "0", 1)
        assert answer["unlockDelay"] == 4321
        assert all(other == answers[0] for other in answers)

    assert two.count("records_record", passback, "kind = 'pass'") == ROUNDS
    assert two.count("records_picture", passback) == ROUNDS
    assert two.files(passback) == ROUNDS
    assert two.count("records_alert", passback, "kind <> 'clock_skew'") == 0
    # Both processes did come too late at times: the moment was the same one.
    late = [now - then for now, then in zip(two.refused_copies(), before, strict=True)]
    print(f"{passback}: {ROUNDS} uploads, copies refused by the database per process: {late}")
    assert min(late) > 0


def test_a_fever_is_stored_once_and_alarms_once(two: TwoProcesses) -> None:
    before = two.refused_copies()
    pictures = two.count("records_picture", "off")

    for number in range(ROUNDS):
        body = {
            "screenTime": 1590000000 + number,
            "temperature": "39.1",
            "img": picture(512 + number),
        }
        answers = two.post_at_once("off", "syattribute", body)

        assert len(answers) == len(two.ports) * COPIES_PER_PROCESS
        assert all(status == 200 and answer["ret"] == "0" for status, answer in answers)

    assert two.count("records_record", "off", "kind = 'temperature'") == ROUNDS
    assert two.count("records_alert", "off", "kind = 'high_temperature'") == ROUNDS
    assert two.count("records_picture", "off") - pictures == ROUNDS
    late = [now - then for now, then in zip(two.refused_copies(), before, strict=True)]
    print(f"fever: {ROUNDS} uploads, copies refused by the database per process: {late}")
    assert min(late) > 0
