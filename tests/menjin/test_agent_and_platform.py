"""Software terminal and platform as processes over loopback, and what goes wrong between them.

People walk past a camera all the time, rendered from portraits; the network, the platform, the
terminal, its clock or its disk fails meanwhile. Afterwards the platform has every visit the
terminal told of, once (invariants 2 and 8), and the door did what its policy says.
"""

import json
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from face_engine import install_models
from tests.support.agents import Agent, Told
from tests.support.cable import Cable
from tests.support.processes import free_port, kill_group, start, wait_listening
from tests.support.production import UNLIMITED, Production
from tests.support.small_disk import SmallDisk, small_disk
from tests.support.videos import render

pytestmark = [
    pytest.mark.slow,
    pytest.mark.postgres,
]

PREPARE = """
import json
from pathlib import Path
from tests.support.factories import make_library, make_person, make_site, make_terminal
site = make_site(code="doors")
library = make_library(site)
people = {{"1001": "{obama}", "1002": "{biden}"}}
for user_id, photo in people.items():
    make_person(site, user_id=user_id, name=user_id, photo=Path(photo), libraries=[library])
for number in range(12):
    make_terminal(site, device_id=f"gate-{{number}}", unlock_delay_ms=40)
print(json.dumps(f"/t/{{site.tokens.get().token}}"))
"""
STRANGER = ""
Opened = Callable[[Told], bool]


def opened_by(reason: str) -> Opened:
    """Return whether the door was opened for this reason."""
    return lambda visit: visit.get("reason") == reason and visit["open_door"]


def closed_by(reason: str) -> Opened:
    """Return whether the door stayed closed for this reason."""
    return lambda visit: visit.get("reason") == reason and not visit["open_door"]


class Platform:
    """The terminal API of an installation: PostgreSQL, Redis, and two WSGI workers."""

    def __init__(self, folder: Path, portraits: dict[str, Path]) -> None:
        self.installation = Production(folder, name="faults", redis=8)
        self.environment = {
            **self.installation.environment,
            **UNLIMITED,
            "MENJIN_VAR": str(folder / "var"),
            "MENJIN_CALL_NETWORKS": "127.0.0.0/8",
        }
        self.installation.environment["MENJIN_CALL_NETWORKS"] = "127.0.0.0/8"
        self.log = folder / "log"
        self.port = free_port()
        self.installation.folder = folder / "var"
        self.installation.manage("migrate", "--verbosity", "0")
        prepare = PREPARE.format(obama=portraits["obama.jpg"], biden=portraits["biden.jpg"])
        self.path: str = json.loads(self.installation.manage("shell", "-v", "0", "-c", prepare))
        self.start()

    def start(self) -> None:
        """Start serving."""
        self.server = start(
            self.installation.command(self.port), self.environment, log=self.log, own_group=True
        )
        wait_listening(self.server, self.port, self.log)

    def kill(self) -> None:
        """Kill -9 every process of the server."""
        kill_group(self.server)

    def records(self, device_id: str) -> Counter[str]:
        """Return how many records there are of each user id; strangers have an empty one."""
        rows = self.installation.rows(
            "SELECT user_id FROM records_record r JOIN devices_terminal t ON t.id = r.terminal_id"
            f" WHERE t.device_id = '{device_id}'"
        )
        return Counter(row[0] for row in rows)

    def doubles(self, device_id: str) -> list[tuple[object, ...]]:
        """Return moments and people of which a terminal has more than one record."""
        return self.installation.rows(
            "SELECT captured_at, user_id FROM records_record r"
            " JOIN devices_terminal t ON t.id = r.terminal_id"
            f" WHERE t.device_id = '{device_id}' GROUP BY 1, 2 HAVING count(*) > 1"
        )

    def newest_record(self, device_id: str) -> str:
        """Return the user id of the last visit that a terminal's records have."""
        ((user_id,),) = self.installation.rows(
            "SELECT user_id FROM records_record r JOIN devices_terminal t ON t.id = r.terminal_id"
            f" WHERE t.device_id = '{device_id}' ORDER BY captured_at DESC LIMIT 1"
        )
        return str(user_id)


@pytest.fixture(scope="module")
def platform(
    tmp_path_factory: pytest.TempPathFactory, portraits: dict[str, Path]
) -> Iterator[Platform]:
    """Return a running platform with two residents and their doors."""
    install_models()
    made = Platform(tmp_path_factory.mktemp("platform"), portraits)
    yield made
    made.kill()


@pytest.fixture
def cable(platform: Platform) -> Iterator[Cable]:
    """Return the only way from the door to the platform."""
    with Cable(platform.port) as plugged:
        yield plugged


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory, portraits: dict[str, Path]) -> Path:
    """Return a video of two residents and a stranger who come by again and again."""
    path = tmp_path_factory.mktemp("video") / "corridor.avi"
    return render(path, [portraits[name] for name in ("obama2.jpg", "astronaut.png", "biden.jpg")])


class Door:
    """A door's configuration, and the agents that ran there one after the other."""

    def __init__(self, folder: Path, platform: Platform, cable: Cable, video: Path) -> None:
        self._folder, self._platform, self._cable, self._video = folder, platform, cable, video
        self.device_id = ""
        self._agents: list[Agent] = []

    def install(
        self, device_id: str, *, decide: str, data: Path | None = None, interval_s: float = 0.08
    ) -> None:
        """Write the configuration."""
        self.device_id, self.data = device_id, data or self._folder / "data"
        self.config = self._folder / "agent.toml"
        self.config.write_text(
            f'device_id = "{device_id}"\ndecide = "{decide}"\ndata_dir = "{self.data}"\n'
            f'base_url = "http://127.0.0.1:{self._cable.port}{self._platform.path}"\n'
            "answer_timeout_s = 1.5\nsync_interval_s = 0.3\nheartbeat_interval_s = 1\n"
            f'[camera]\ndriver = "opencv"\nsource = "{self._video}"\nrounds = 0\n'
            f"interval_s = {interval_s}\nvisit_gap_s = 1.0\n"
            "[api]\nport = 0\npush_port = 0\n[page]\nport = 0\n"
            # The disk of a machine that runs tests says nothing; a small one is filled here.
            "[queue]\nfree_min_bytes = 0\n"
        )

    def start(self, *arguments: str) -> Agent:
        """Start an agent."""
        agent = Agent(self.config, "--events", *arguments)
        self._agents.append(agent)
        return agent

    def finish(self) -> None:
        """Stop looking, and let an agent that sees one empty picture send what is left."""
        self._agents[-1].process.send_signal(signal.SIGTERM)
        assert self._agents[-1].ended() == 0, "\n".join(self._agents[-1].output)
        nobody = self._folder / "nobody"
        nobody.mkdir()
        Image.new("RGB", (320, 240), "grey").save(nobody / "corridor.png")
        text, _, rest = self.config.read_text().partition("[camera]")
        api = rest[rest.index("[api]") :]
        self.config.write_text(
            f'{text}[camera]\ndriver = "folder"\nfolder = "{nobody}"\nrounds = 1\n{api}'
        )
        last = self.start("--exit-when-idle")
        assert last.ended() == 0, "\n".join(last.output)

    def told(self) -> Counter[str]:
        """Return how many visits of each person the agents told of."""
        visits = [visit for agent in self._agents for visit in agent.visits()]
        return Counter(
            visit.get("user_id", STRANGER) for visit in visits if visit["outcome"] != "no_face"
        )

    def assert_all_arrived(self, *, untold: int = 0) -> None:
        """Check that the platform has each visit once.

        Args:
            untold: how many more it may have: a terminal that was killed between the disk and the
                console could not tell of one. So may the stop at the end come, and then it is the
                newest that was not told.
        """
        told, stored = self.told(), self._platform.records(self.device_id)
        assert sum(told.values()) >= 6, told
        assert told - stored == Counter(), (told, stored)
        assert self._platform.doubles(self.device_id) == []
        newest = Counter([self._platform.newest_record(self.device_id)])
        assert (stored - told - newest).total() <= untold, (told, stored)

    def clean_up(self) -> None:
        """Kill what still runs."""
        for agent in self._agents:
            agent.kill()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Return a disk of 24 MB for a terminal."""
    with small_disk(tmp_path / "disk", size_mb=24) as made:
        yield made


@pytest.fixture
def door(tmp_path: Path, platform: Platform, cable: Cable, video: Path) -> Iterator[Door]:
    """Return a door whose agents are stopped in any case."""
    made = Door(tmp_path, platform, cable, video)
    yield made
    made.clean_up()


def test_network_is_cut_and_the_local_rule_opens(door: Door, cable: Cable) -> None:
    door.install("gate-0", decide="platform-then-local")
    agent = door.start()
    agent.wait_visits(1, of=opened_by("platform_allowed"))

    cable.cut()
    away = agent.wait_visits(2, of=opened_by("local_allowed"))
    cable.plug_in()
    agent.wait_visits(1, of=opened_by("platform_allowed"))
    door.finish()

    assert {visit["platform"] for visit in away} <= {"away", "late"}
    door.assert_all_arrived()


def test_network_falls_silent_and_a_door_that_asks_stays_closed(door: Door, cable: Cable) -> None:
    door.install("gate-1", decide="platform")
    agent = door.start()
    agent.wait_visits(1, of=opened_by("platform_allowed"))

    cable.fall_silent()
    agent.wait_visits(1, of=closed_by("answer_late"))
    begin = len(agent.events)
    agent.wait_visits(2)
    while_away = [one for one in agent.events[begin:] if one["event"] == "visit"]
    cable.plug_in()
    agent.wait_visits(1, of=opened_by("platform_allowed"))
    door.finish()

    assert not [visit for visit in while_away if visit.get("open_door")]
    door.assert_all_arrived()


def test_answers_get_lost_and_nothing_is_stored_twice(door: Door, cable: Cable) -> None:
    door.install("gate-2", decide="platform-then-local")
    agent = door.start()
    agent.wait_visits(1, of=opened_by("platform_allowed"))

    cable.loses_answers = True
    agent.wait_visits(3, of=opened_by("local_allowed"))
    cable.loses_answers = False
    agent.wait_visits(1, of=opened_by("platform_allowed"))
    door.finish()

    door.assert_all_arrived()


def test_platform_is_killed_and_comes_back(door: Door, platform: Platform) -> None:
    door.install("gate-3", decide="platform-then-local")
    agent = door.start()
    agent.wait_visits(1, of=opened_by("platform_allowed"))

    for _ in range(2):
        platform.kill()
        agent.wait_visits(1, of=opened_by("local_allowed"))
        platform.start()
        agent.wait_visits(1, of=opened_by("platform_allowed"))
    door.finish()

    door.assert_all_arrived()


def test_terminal_is_killed_among_visits_with_and_without_a_network(
    door: Door, cable: Cable
) -> None:
    door.install("gate-4", decide="platform-then-local")
    door.start().wait_visits(2)
    kills = 0
    for is_away in (False, True, True, False):
        door._agents[-1].kill()
        kills += 1
        if is_away:
            cable.cut()
        else:
            cable.plug_in()
        agent = door.start()
        agent.wait_visits(2)
        reason = "local_allowed" if is_away else "platform_allowed"
        agent.wait_visits(1, of=opened_by(reason))
    door.finish()

    door.assert_all_arrived(untold=kills)


@pytest.mark.parametrize(("device_id", "days"), [("gate-5", 3), ("gate-6", -400)])
def test_clock_is_wrong(door: Door, platform: Platform, device_id: str, days: int) -> None:
    # People who come back to back teach no clock: that is how a queue drains.
    door.install(device_id, decide="platform-then-local", interval_s=0.18)
    door.start().wait_visits(1, of=opened_by("platform_allowed"))
    door._agents[-1].kill()
    with closing(sqlite3.connect(door.data / "agent.sqlite3")) as file, file:
        file.execute(
            "INSERT OR REPLACE INTO facts VALUES ('clock_offset_s', ?)", (str(days * 86400),)
        )

    agent = door.start()
    agent.wait_visits(2, of=opened_by("platform_allowed"))
    # Ahead is told by one message, behind by two that are ten seconds apart.
    agent.wait(lambda _: is_wrong(platform, device_id))
    sync_time(platform, device_id, agent)
    begin = len(agent.visits())
    agent.wait_visits(2, of=opened_by("platform_allowed"))
    agent.wait(lambda here: len(here.visits()) > begin + 3)
    door.finish()

    assert not is_wrong(platform, device_id)
    door.assert_all_arrived(untold=1)
    skews = platform.installation.rows(
        "SELECT r.clock_skew_s FROM records_record r JOIN devices_terminal t"
        f" ON t.id = r.terminal_id WHERE t.device_id = '{device_id}' ORDER BY r.id"
    )
    assert abs(skews[0][0]) < 60
    assert any(abs(skew + days * 86400) < 60 for (skew,) in skews)
    assert abs(skews[-1][0]) < 60


def is_wrong(platform: Platform, device_id: str) -> bool:
    """Return whether the platform says that a terminal's clock is wrong."""
    said = platform.installation.rows(
        f"SELECT clock_is_wrong FROM devices_terminal WHERE device_id = '{device_id}'"
    )
    return bool(said == [(True,)])


def is_about_the_disk(state: str) -> Opened:
    """Return whether something was told of the disk's state."""
    return lambda told: told["event"] == "disk" and told["state"] == state


@pytest.mark.small_disk
def test_disk_is_full_and_visits_go_on_with_and_without_a_network(
    door: Door, cable: Cable, disk: SmallDisk
) -> None:
    door.install("gate-7", decide="platform-then-local", data=disk.folder / "data")
    agent = door.start()
    agent.wait_visits(1, of=opened_by("platform_allowed"))

    disk.fill()
    agent.wait_visits(2, of=opened_by("platform_allowed"))
    cable.cut()
    agent.wait_visits(2, of=opened_by("local_allowed"))
    cable.plug_in()
    agent.wait_visits(1, of=opened_by("platform_allowed"))
    disk.empty()
    agent.wait_event(is_about_the_disk("room"))
    agent.wait_visits(1, of=opened_by("platform_allowed"))
    door.finish()

    assert [told["state"] for told in agent.named("disk")] == ["full", "room"]
    assert len(agent.named("start")) == 1
    door.assert_all_arrived()


@pytest.mark.small_disk
def test_disk_is_full_to_the_last_byte_and_nobody_enters_unrecorded(
    door: Door, cable: Cable, disk: SmallDisk
) -> None:
    door.install("gate-8", decide="platform-then-local", data=disk.folder / "data")
    agent = door.start()
    agent.wait_visits(1, of=opened_by("platform_allowed"))

    cable.cut()
    for _ in range(40):  # the reserve first, and what the terminal made free
        disk.fill()
        (visit, *_) = agent.wait_visits(1, of=lambda told: bool(told.get("reason")))
        if visit["reason"] == "not_on_record":
            break
    begin = len(agent.visits())
    agent.wait_visits(2, of=closed_by("not_on_record"))
    while_full = agent.visits()[begin:]
    cable.plug_in()
    agent.wait_visits(1, of=opened_by("platform_allowed"))
    disk.empty()
    agent.wait_event(is_about_the_disk("room"))
    agent.wait_visits(1, of=opened_by("platform_allowed"))
    door.finish()

    assert not [visit for visit in while_full if visit.get("reason") == "local_allowed"]
    assert [told["state"] for told in agent.named("disk")] == ["full", "room"]
    door.assert_all_arrived()


def sync_time(platform: Platform, device_id: str, agent: Agent) -> None:
    """Let the platform set the terminal's clock, as a manager's button or the night does."""
    (api,) = (one for one in agent.events if one["event"] == "api")
    script = f"""
from devices.choices import CommandKind
from devices.models import Terminal
from devices.services import Requester, command_work, commands_request
terminal = Terminal.objects.get(device_id="{device_id}")
terminal.api_address, terminal.api_password = "127.0.0.1:{api["port"]}", "123456"
terminal.save()
(command,) = commands_request(
    kind=CommandKind.SYNC_TIME, terminals=[terminal], requester=Requester("manager"),
    reason="test", payload={{}},
).commands
command_work(command_id=command.pk)
command.refresh_from_db()
print(command.state)
"""
    assert platform.installation.manage("shell", "-v", "0", "-c", script) == "done"
