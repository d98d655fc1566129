"""Records pushed by the software terminal to the platform's subscriber (seed 8.3.3).

Terminal, subscriber and the terminal API are processes; PostgreSQL and Redis are real. People
walk by all the time, and the line, the terminal, the subscriber or the database fails meanwhile.
Afterwards the platform has every visit the terminal told of, once, by whatever way it came.
"""

import json
import os
import re
import shutil
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg2
import pytest
from websockets.sync.client import connect

from face_engine import install_models
from terminal_protocol.device_calls import PUSH_PATH, PUSH_SILENCE_S, signed_query
from tests.support.agents import Agent
from tests.support.cable import Cable
from tests.support.processes import free_port, kill_group, start, wait_listening
from tests.support.production import UNLIMITED, Production
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.postgres,
]
# Of another process, over a network that is cut now and then.
until = partial(wait_until, within=60, every=0.1)
PASSWORD = "123456"
DAY_S = 86_400
# Three people take turns. Who passes twice within a second is one pass to the platform, so there
# must be more than that between two visits of one person on a busy machine too.
EVERY_S = 1.2
LAST = "1002"

PREPARE = """
import json
from pathlib import Path
from tests.support.factories import make_library, make_person, make_site
site = make_site(code="pushes", auto_approve=True, verification="off")
library = make_library(site)
for user_id, photo in {people!r}.items():
    make_person(site, user_id=user_id, name=user_id, photo=Path(photo), libraries=[library])
print(json.dumps(f"/t/{{site.tokens.get().token}}"))
"""
SET_CLOCK = """
from devices.models import Terminal
from devices.services import Requester, command_work, commands_request
terminal = Terminal.objects.get(device_id={device_id!r})
asked = commands_request(kind="sync_time", terminals=[terminal], requester=Requester("manager"))
print(command_work(command_id=asked.commands[0].pk))
"""
# Its row is there already: it has called.
ENTER = """
from devices.models import Terminal
terminal = Terminal.objects.get(device_id={device_id!r})
terminal.api_address, terminal.api_password = {address!r}, {password!r}
terminal.push_port = {push_port}
terminal.save()
"""


class Platform:
    """The terminal API and the subscriber of an installation."""

    def __init__(self, folder: Path, portraits: dict[str, Path]) -> None:
        self.installation = Production(folder, name="pushed", redis=9)
        self.installation.environment |= {
            **UNLIMITED,
            "MENJIN_VAR": str(folder / "var"),
            "MENJIN_CALL_NETWORKS": "127.0.0.0/8",
        }
        self.installation.folder = folder / "var"
        self.installation.manage("migrate", "--verbosity", "0")
        people = {"1001": str(portraits["obama.jpg"]), "1002": str(portraits["biden.jpg"])}
        prepare = PREPARE.format(people=people)
        self.path: str = json.loads(self.installation.manage("shell", "-v", "0", "-c", prepare))
        self.log, self.server_log = folder / "subscriber", folder / "server"
        self.port = free_port()
        command = self.installation.command(self.port, workers=1)
        self.server = start(
            command, self.installation.environment, log=self.server_log, own_group=True
        )
        wait_listening(self.server, self.port, self.server_log)
        self.subscribe()

    def subscribe(self) -> None:
        """Start the one subscriber."""
        self.subscriber = start(
            [sys.executable, "manage.py", "terminal_push"],
            self.installation.environment,
            log=self.log,
            own_group=True,
        )

    def kill_subscriber(self) -> None:
        """Kill -9."""
        kill_group(self.subscriber)

    def close(self) -> None:
        """End both."""
        self.kill_subscriber()
        kill_group(self.server)

    def is_pushing(self, device_id: str) -> bool:
        """Tell whether a terminal's records come by push, as far as the platform knows."""
        found = self.rows_of(device_id, "devices_terminalcontact", "c.pushes")
        return found == [(True,)]

    def records(self, device_id: str) -> list[tuple[str, str]]:
        """Return user id and origin of a terminal's records."""
        return self.rows_of(device_id, "records_record", "c.user_id, c.origin")

    def changes(self, device_id: str) -> int:
        """Return how often a terminal's line began or ended."""
        terminal_id = self.installation.rows(
            f"SELECT id FROM devices_terminal WHERE device_id = '{device_id}'"
        )[0][0]
        return self.logged(f"push_changed terminal={terminal_id} ")

    def rows_of(self, device_id: str, table: str, columns: str, joined: str = "") -> list[Any]:
        """Return columns of a terminal's rows; the table is ``c``."""
        return self.installation.rows(
            f"SELECT {columns} FROM {table} c JOIN devices_terminal t ON t.id = c.terminal_id"
            f" {joined} WHERE t.device_id = '{device_id}' ORDER BY 1"
        )

    def logged(self, words: str) -> int:
        """Return how often the subscriber logged something."""
        return self.log.read_text().count(words)


@pytest.fixture(scope="module")
def platform(
    tmp_path_factory: pytest.TempPathFactory, portraits: dict[str, Path]
) -> Iterator[Platform]:
    """Return a running platform with two residents."""
    install_models()
    made = Platform(tmp_path_factory.mktemp("pushes"), portraits)
    yield made
    made.close()


class Door:
    """A door, its three cables, and the agents that ran there one after the other."""

    def __init__(self, folder: Path, platform: Platform, portraits: dict[str, Path]) -> None:
        self.folder, self.platform = folder, platform
        self.ports = (free_port(), free_port())
        self.calls, self.pushes = Cable(self.ports[0]), Cable(self.ports[1])
        self.uplink = Cable(platform.port)
        self.agents: list[Agent] = []
        self.device_id = ""
        visitors = folder / "visitors"
        visitors.mkdir()
        for number, name in enumerate(("obama2.jpg", "astronaut.png", "biden.jpg")):
            shutil.copyfile(portraits[name], visitors / f"{number}-{name}")

    def configure(self, device_id: str) -> None:
        """Write the configuration."""
        self.device_id = device_id
        self.config = self.folder / "agent.toml"
        self.config.write_text(
            f'device_id = "{device_id}"\ndecide = "platform-then-local"\ndata_dir = "data"\n'
            f'base_url = "http://127.0.0.1:{self.uplink.port}{self.platform.path}"\n'
            "answer_timeout_s = 1.5\nsync_interval_s = 0.3\nheartbeat_interval_s = 1\n"
            f'[camera]\nfolder = "visitors"\nrounds = 0\ninterval_s = {EVERY_S}\n'
            f"[api]\nport = {self.ports[0]}\npush_port = {self.ports[1]}\n[page]\nport = 0\n"
        )

    def enter(self, *, password: str = PASSWORD) -> None:
        """Enter the terminal's own interface at the platform."""
        script = ENTER.format(
            device_id=self.device_id,
            address=f"127.0.0.1:{self.calls.port}",
            password=password,
            push_port=self.pushes.port,
        )
        self.platform.installation.manage("shell", "-v", "0", "-c", script)

    def start(self, *arguments: str) -> Agent:
        """Start an agent that knows everybody."""
        agent = Agent(self.config, "--events", *arguments)
        self.agents.append(agent)
        agent.wait(lambda here: any(visit.get("user_id") for visit in here.visits()))
        return agent

    def install(self, device_id: str, *arguments: str, uploads: bool) -> Agent:
        """Start an agent and wait until its records come by push.

        Args:
            device_id: of the terminal.
            arguments: of the agent.
            uploads: False cuts its uplink once it knows the people.
        """
        self.configure(device_id)
        agent = self.start(*arguments)
        if not uploads:
            self.uplink.cut()
        self.enter()
        self.until_pushing()
        return agent

    def send_everybody_home(self) -> None:
        """Let nobody else walk by."""
        for picture in (self.folder / "visitors").iterdir():
            picture.unlink()

    def until_pushing(self) -> None:
        """Wait until records come by push."""
        until(lambda: self.platform.is_pushing(self.device_id))

    def until_not_pushing(self) -> None:
        """Wait until the platform knows that they do not."""
        until(lambda: not self.platform.is_pushing(self.device_id))

    def told(self) -> Counter[str]:
        """Return how many visits of each person the agents told of; strangers have no id."""
        visits = [visit for agent in self.agents for visit in agent.visits()]
        return Counter(visit.get("user_id", "") for visit in visits)

    def stored(self) -> Counter[str]:
        """Return how many records of each person there are."""
        return Counter(user_id for user_id, _ in self.platform.records(self.device_id))

    def origins(self) -> Counter[str]:
        """Return by which way the records came."""
        return Counter(origin for _, origin in self.platform.records(self.device_id))

    def assert_all_arrive(self, *, kills: int = 0) -> None:
        """Check that every visit told of is stored, and that none is stored twice.

        Args:
            kills: how often a terminal was killed, which may have stored a visit that it could not
                tell of any more; so may one that looks on.
        """
        deadline = time.monotonic() + 60
        while missing := self.told() - self.stored():
            assert time.monotonic() < deadline, (missing, self.platform.records(self.device_id))
            time.sleep(0.1)
        self.agents[-1].kill()
        too_many = self.stored() - self.told()
        assert sum(too_many.values()) <= kills + 1, (self.told(), self.stored())
        # Nobody walks by twice within a second.
        twice = self.platform.rows_of(
            self.device_id,
            "records_record",
            "c.user_id, c.captured_at, o.captured_at, c.origin, o.origin",
            "JOIN records_record o ON o.terminal_id = c.terminal_id AND o.user_id = c.user_id"
            " AND o.id > c.id AND abs(extract(epoch FROM o.captured_at - c.captured_at))"
            " <= CASE c.user_id WHEN '' THEN 0 ELSE 1 END",
        )
        assert twice == []

    def clean_up(self) -> None:
        """Kill what runs, and unplug."""
        for agent in self.agents:
            agent.kill()
        for cable in (self.calls, self.pushes, self.uplink):
            cable.cut()


@pytest.fixture
def door(tmp_path: Path, platform: Platform, portraits: dict[str, Path]) -> Iterator[Door]:
    """Return a door whose agents are stopped in any case."""
    made = Door(tmp_path, platform, portraits)
    yield made
    made.clean_up()


def test_a_pass_that_is_pushed_and_uploaded_is_one_record(door: Door) -> None:
    agent = door.install("both-ways", uploads=True)
    carried = door.pushes.carried

    agent.wait_visits(6)

    door.assert_all_arrive()
    assert set(door.origins()) == {"uploaded"}
    assert door.pushes.carried - carried > 6 * 1000  # with their pictures, by push as well


def test_what_was_pushed_is_uploaded_much_later_and_stays_one_record(door: Door) -> None:
    agent = door.install("uploads-later", uploads=False)
    agent.wait_visits(5)
    until(lambda: door.origins()["pushed"] >= 4)

    door.uplink.plug_in()
    until(lambda: set(door.origins()) == {"uploaded"})
    agent.wait_visits(2)

    door.assert_all_arrive()


def test_a_cut_line_is_taken_up_again_and_its_gap_filled(door: Door) -> None:
    agent = door.install("cut", uploads=False)
    for _ in range(2):
        agent.wait_visits(2)
        door.calls.cut()
        door.pushes.cut()
        agent.wait_visits(3)
        door.until_not_pushing()
        door.calls.plug_in()
        door.pushes.plug_in()
        door.until_pushing()
    agent.wait_visits(2)

    door.assert_all_arrive()
    assert door.origins()["pushed"] >= 3
    assert door.origins()["fetched"] >= 3


def test_a_gap_is_filled_although_the_line_is_back_before_calls_are(door: Door) -> None:
    agent = door.install("line-first", uploads=False)
    door.calls.cut()
    door.pushes.cut()
    agent.wait_visits(3)
    door.until_not_pushing()

    door.pushes.plug_in()
    door.until_pushing()
    agent.wait_visits(2)
    assert door.told() - door.stored()
    door.calls.plug_in()
    until(lambda: not door.told() - door.stored())

    door.assert_all_arrive()


def test_a_killed_terminal_comes_back_and_nothing_is_missing(door: Door) -> None:
    agent = door.install("killed", uploads=False)
    for _ in range(2):
        agent.wait_visits(3)
        # Whoever comes last in the folder: the next agent begins with the first, and one person
        # twice within a second is one pass.
        agent.wait_visits(1, of=lambda visit: visit.get("user_id") == LAST)
        agent.kill()
        door.until_not_pushing()
        agent = door.start()
        door.until_pushing()
    agent.wait_visits(2)

    door.assert_all_arrive(kills=2)


def test_a_killed_subscriber_comes_back_and_fills_its_gap(door: Door, platform: Platform) -> None:
    agent = door.install("no-listener", uploads=False)
    agent.wait_visits(2)

    platform.kill_subscriber()
    fetched = door.origins()["fetched"]
    agent.wait_visits(3)
    platform.subscribe()
    until(lambda: door.origins()["fetched"] >= fetched + 3)
    agent.wait_visits(2)

    door.assert_all_arrive()


def test_a_database_that_goes_away_ends_no_subscription(door: Door, platform: Platform) -> None:
    agent = door.install("no-database", uploads=False)
    agent.wait_visits(2)
    server = os.environ["TEST_DATABASE_URL"].rsplit("/", 1)[0]
    with closing(psycopg2.connect(f"{server}/postgres")) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute("ALTER DATABASE pushed ALLOW_CONNECTIONS false")
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'pushed'"
        )
        begun = platform.logged("push_terminals_unknown")
        agent.wait_visits(3)
        until(lambda: platform.logged("push_terminals_unknown") > begun)
        cursor.execute("ALTER DATABASE pushed ALLOW_CONNECTIONS true")

    until(lambda: not door.told() - door.stored())
    agent.wait_visits(2)

    door.assert_all_arrive()
    assert platform.subscriber.poll() is None


@pytest.mark.parametrize(("device_id", "days"), [("fast-clock", 3), ("slow-clock", -400)])
def test_a_terminal_with_a_wrong_clock_is_listened_to(
    door: Door, platform: Platform, device_id: str, days: int
) -> None:
    door.configure(device_id)
    door.start().kill()
    with closing(sqlite3.connect(door.folder / "data" / "agent.sqlite3")) as file, file:
        file.execute(
            "INSERT OR REPLACE INTO facts VALUES ('clock_offset_s', ?)", (str(days * DAY_S),)
        )
    agent = door.install(device_id, uploads=False)
    until(lambda: door.origins()["pushed"] >= 2)

    assert platform.installation.manage(
        "shell", "-v", "0", "-c", SET_CLOCK.format(device_id=device_id)
    ) == "done"  # fmt: skip
    agent.wait_visits(2)
    door.pushes.cut()
    door.until_not_pushing()
    agent.wait_visits(2)
    door.pushes.plug_in()
    door.until_pushing()
    agent.wait_visits(2)

    door.assert_all_arrive(kills=1)


def test_a_wrong_password_is_denied_until_it_is_corrected(door: Door, platform: Platform) -> None:
    denied = platform.logged("word=refused")
    door.configure("mistyped")
    agent = door.start()
    door.uplink.cut()
    door.enter(password="654321")
    until(lambda: platform.logged("word=refused") > denied)
    assert door.origins()["pushed"] == 0

    door.enter()
    door.until_pushing()
    agent.wait_visits(2)

    door.assert_all_arrive()
    told = platform.log.read_text()
    assert PASSWORD not in told
    assert not re.search("sign=[0-9a-f]{32}", told)


def test_a_terminal_that_has_sixteen_listeners_is_asked_again(
    door: Door, platform: Platform
) -> None:
    denied = platform.logged("word=refused")
    door.configure("full")
    agent = door.start()
    door.uplink.cut()
    with ExitStack() as stack:
        for _ in range(16):
            query = signed_query(PASSWORD, timestamp_ms=time.time_ns() // 1_000_000)
            url = f"ws://127.0.0.1:{door.ports[1]}{PUSH_PATH}?{urlencode(query)}"
            line = stack.enter_context(connect(url, proxy=None))
            assert json.loads(line.recv())["code"] == 20000
        door.enter()
        until(lambda: platform.logged("word=refused") > denied)
        assert not platform.is_pushing("full")

    door.until_pushing()
    agent.wait_visits(2)

    door.assert_all_arrive()


def test_silence_is_noticed_on_both_sides_and_a_heartbeat_keeps_a_line(
    door: Door, platform: Platform, tmp_path: Path, portraits: dict[str, Path]
) -> None:
    """The seed's own 33 seconds; a line beside it has nothing but its heartbeats."""
    (tmp_path / "beside").mkdir()
    beside = Door(tmp_path / "beside", platform, portraits)
    told = ("--log-level", "info")
    try:
        steady = beside.install("steady", *told, uploads=False)
        agent = door.install("silent", *told, uploads=False)
        changes = platform.changes("steady")
        # A terminal whose first ping has not been answered is believed to answer none; by its
        # second record on this line that answer has passed.
        until(lambda: door.origins()["pushed"] >= 2)
        # Records that are pushed keep a line as well.
        door.send_everybody_home()
        begun = time.monotonic()

        door.pushes.fall_silent()
        agent.wait(lambda here: any("push_silent" in line for line in here.output), timeout_s=60)
        waited_s = time.monotonic() - begun
        door.until_not_pushing()
        door.pushes.cut()
        door.pushes.plug_in()
        door.until_pushing()

        assert PUSH_SILENCE_S - 11 < waited_s < PUSH_SILENCE_S + 11
        assert time.monotonic() - begun > PUSH_SILENCE_S
        assert platform.changes("steady") == changes
        assert not any("push_silent" in line for line in steady.output)
        for one in (door, beside):
            one.assert_all_arrive()
    finally:
        beside.clean_up()
