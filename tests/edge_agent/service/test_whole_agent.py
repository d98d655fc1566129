"""The agent as a process of its own, with the real face models, over loopback."""

import base64
import io
import os
import shutil
import signal
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from face_engine import install_models
from terminal_protocol.device_calls import CALLS, DEFAULT_PASSWORD, signed_query
from tests.support.agents import Agent
from tests.support.fake_platform import TOKEN, FakePlatform, serving


@pytest.fixture(scope="module", autouse=True)
def _models() -> None:
    """Install the face models; does nothing when they are there."""
    install_models()


class Site:
    """A door's configuration and its visitors, and agents that are stopped in any case."""

    def __init__(self, folder: Path, portraits: dict[str, Path]) -> None:
        self.folder = folder
        self._portraits = portraits
        self._agents: list[Agent] = []
        (folder / "visitors").mkdir()

    def visitors(self, **names: str) -> None:
        for name, portrait in names.items():
            shutil.copyfile(self._portraits[portrait], self.folder / "visitors" / f"{name}.jpg")

    def config(self, base_url: str, *, rounds: int = 1, interval_s: float = 0.05) -> Path:
        path = self.folder / "agent.toml"
        path.write_text(
            f'device_id = "0000001"\nbase_url = "{base_url}"\ndata_dir = "data"\n'
            "sync_interval_s = 0.2\nheartbeat_interval_s = 0.2\n"
            f"[camera]\nrounds = {rounds}\ninterval_s = {interval_s}\n"
            "[api]\nport = 0\npush_port = 0\n[page]\nport = 0\n"
        )
        return path

    def start(self, config: Path, *arguments: str) -> Agent:
        agent = Agent(config, *arguments)
        self._agents.append(agent)
        return agent

    def clean_up(self) -> None:
        for agent in self._agents:
            agent.kill()


@pytest.fixture
def site(tmp_path: Path, portraits: dict[str, Path]) -> Iterator[Site]:
    made = Site(tmp_path, portraits)
    yield made
    made.clean_up()


@pytest.fixture
def peopled(platform: FakePlatform, portraits: dict[str, Path]) -> FakePlatform:
    """A platform with two residents that opens for one of them."""
    platform.enrol("1001", "Barack Obama", portraits["obama.jpg"].read_bytes())
    platform.enrol("1002", "Joe Biden", portraits["biden.jpg"].read_bytes())
    platform.opens_for = {"1001"}
    return platform


def test_door_recognises_reports_and_opens(peopled: FakePlatform, site: Site) -> None:
    site.visitors(
        **{"1-obama": "obama2.jpg", "2-astronaut": "astronaut.png", "3-biden": "biden.jpg"}
    )

    agent = site.start(site.config(peopled.base_url), "--exit-when-idle")

    assert agent.ended() == 0
    event_log = [line for line in agent.output if "walked by" in line]
    assert event_log[0].startswith("obama walked by → Barack Obama (")
    assert event_log[0].endswith(") → platform says open → relay pulsed 3000 ms")
    assert event_log[1].startswith("astronaut walked by → nobody → temperature 3")
    assert event_log[1].endswith(" reported")
    assert event_log[2].startswith("biden walked by → Joe Biden (")
    assert event_log[2].endswith("→ platform says keep closed → door stays closed")
    assert [one.user_id for one in peopled.passes] == ["1001", "1002"]
    assert all((one.similarity or 0) >= 60 for one in peopled.passes)
    assert len(peopled.readings) == 1
    assert {(one.user_id, one.code) for one in peopled.results} == {
        ("1001", "100"),
        ("1002", "100"),
    }
    assert peopled.heartbeats >= 1
    assert TOKEN not in "\n".join(agent.output)


def test_snapshot_shows_the_same_person_to_the_platform(
    peopled: FakePlatform, site: Site, portraits: dict[str, Path]
) -> None:
    from face_engine import decode_image, load_engine

    site.visitors(obama="obama2.jpg")
    site.start(site.config(peopled.base_url), "--visits", "1").ended()

    engine = load_engine()
    sent = engine.largest_descriptor(decode_image(peopled.passes[0].image or b""))
    enrolled = engine.largest_descriptor(decode_image(portraits["obama.jpg"].read_bytes()))
    assert sent is not None
    assert enrolled is not None
    assert float(sent @ enrolled) > engine.threshold
    assert len(peopled.raw_bodies[-1][1]) < 700 * 1024


def test_scripted_fever_reaches_the_platform(peopled: FakePlatform, site: Site) -> None:
    site.visitors(**{"obama@38.2": "obama2.jpg"})

    agent = site.start(site.config(peopled.base_url), "--visits", "1", "--events")

    assert agent.ended() == 0
    assert str(peopled.passes[0].temperature_c) == "38.20"
    (visit,) = agent.named("visit")
    assert (visit["label"], visit["user_id"], visit["open_door"]) == ("obama", "1001", True)
    assert [line for line in agent.output if not line.startswith("{")] == []


@pytest.mark.slow
def test_deleted_person_is_a_stranger_after_the_next_poll(
    peopled: FakePlatform, site: Site
) -> None:
    site.visitors(obama="obama2.jpg")
    agent = site.start(site.config(peopled.base_url, rounds=0, interval_s=0.1), "--events")
    agent.wait(lambda here: any(one["outcome"] == "match" for one in here.named("visit")))

    peopled.delete("1001")

    agent.wait(lambda here: any(one["outcome"] == "nobody" for one in here.named("visit")))
    agent.process.send_signal(signal.SIGTERM)
    assert agent.ended() == 0
    last = [one["outcome"] for one in agent.named("visit")]
    assert last == sorted(last)  # first matches, then nobody, never back


@pytest.mark.slow
def test_visits_survive_a_dead_platform_and_kill_9(site: Site, portraits: dict[str, Path]) -> None:
    site.visitors(obama="obama2.jpg", astronaut="astronaut.png")
    with serving() as platform:
        platform.enrol("1001", "Barack Obama", portraits["obama.jpg"].read_bytes())
        port = int(platform.url.rpartition(":")[2])
        config = site.config(platform.base_url, rounds=0, interval_s=0.05)
        first = site.start(config, "--visits", "2", "--events")
        assert first.ended() == 0
    delivered = len(platform.passes) + len(platform.readings)

    second = site.start(config, "--events")
    second.wait(lambda here: len(here.named("visit")) >= 6)
    second.process.kill()
    second.ended()
    reported = second.named("visit")
    with serving(platform, port=port):
        platform.opens_for = {"1001"}
        third = site.start(site.config(platform.base_url), "--visits", "1", "--events")
        assert third.ended() == 0

    assert delivered == 2
    assert all(one["open_door"] is False for one in reported if one["outcome"] == "match")
    new_visits = len(platform.passes) + len(platform.readings) - delivered
    # One more than was told may have been on disk when the process was killed.
    assert new_visits - len(reported) - 1 in {0, 1}


@pytest.mark.slow
def test_ctrl_c_stops_cleanly_while_the_platform_is_away(site: Site) -> None:
    site.visitors(obama="obama2.jpg")
    agent = site.start(
        site.config("http://127.0.0.1:1/t/" + TOKEN, rounds=0, interval_s=0.1), "--events"
    )
    agent.wait(lambda here: len(here.named("visit")) >= 2)

    started_s = time.monotonic()
    agent.process.send_signal(signal.SIGINT)

    assert agent.ended() == 0
    assert time.monotonic() - started_s < 5
    assert agent.events[-1]["event"] == "stop"
    assert not [line for line in agent.output if "Traceback" in line or TOKEN in line]


def ask(agent: Agent, name: str, body: Any = None, **parameters: Any) -> dict[str, Any]:
    """Call the agent's own interface, wherever it listens now."""
    port = agent.named("api")[-1]["port"]
    query = signed_query(
        DEFAULT_PASSWORD, timestamp_ms=int(time.time() * 1000), parameters=parameters
    )
    call = CALLS[name]
    url = f"http://127.0.0.1:{port}{call.address()}"
    response = httpx.request(call.method.value, url, params=query, json=body, trust_env=False)
    return dict(response.json())


@pytest.mark.slow
def test_reboot_starts_the_same_process_anew_and_keeps_queue_and_settings(site: Site) -> None:
    site.visitors(obama="obama2.jpg")
    config = site.config("http://127.0.0.1:1/t/" + TOKEN, rounds=0, interval_s=0.1)
    agent = site.start(config, "--events")
    agent.wait(lambda here: len(here.named("visit")) >= 3)
    face = ask(agent, "smartface")["data"]
    assert ask(agent, "smartfacecfg", {**face, "imgType": 1})["code"] == 200
    before = ask(agent, "jsonCmd", {"cmd": "status"})["json"]["pending"]

    answer = ask(agent, "reboot")
    agent.wait(lambda here: len(here.named("api")) >= 2)

    assert answer == {"code": 200, "message": "OK", "desc": ""}
    assert agent.process.poll() is None
    assert len(agent.named("start")) == 2
    assert len(agent.named("stop")) == 1
    assert ask(agent, "jsonCmd", {"cmd": "status"})["json"]["pending"] >= before >= 3
    assert ask(agent, "smartface")["data"]["imgType"] == 1
    assert ask(agent, "recordList")["data"]["total"] >= 3
    agent.process.send_signal(signal.SIGTERM)
    assert agent.ended() == 0


def test_person_added_by_call_is_let_in_by_the_local_rule(
    platform: FakePlatform, site: Site, portraits: dict[str, Path]
) -> None:
    """With the real models: 30004 for a PNG, 30002 without a face, then recognised."""
    site.visitors(obama="obama2.jpg")
    config = site.config(platform.base_url, rounds=0, interval_s=0.2)
    config.write_text('decide = "local"\n' + config.read_text())
    agent = site.start(config, "--events")
    agent.wait(lambda here: bool(here.named("api")))
    person = {"userId": "me", "userType": 1, "name": "Barack Obama", "remark": ""}
    person |= {"icNumber": "", "jobNumber": "", "mobile": ""}

    def added_with(raw: bytes) -> int:
        photo = base64.b64encode(raw).decode()
        return int(ask(agent, "userAdd", {**person, "photo": photo})["code"])

    empty = io.BytesIO()
    Image.new("RGB", (400, 400), "grey").save(empty, "JPEG")
    assert added_with(portraits["astronaut.png"].read_bytes()) == 30004
    assert added_with(empty.getvalue()) == 30002
    assert added_with(portraits["obama.jpg"].read_bytes()) == 200

    agent.wait(lambda here: any(one.get("user_id") == "me" for one in here.named("visit")))
    (visit, *_) = [one for one in agent.named("visit") if one.get("user_id") == "me"]
    assert (visit["reason"], visit["open_door"]) == ("local_allowed", True)
    (record, *_) = ask(agent, "recordList", userId="me")["data"]["data"]
    assert (record["name"], record["similarity"]) == ("Barack Obama", visit["similarity"])


@pytest.mark.slow
def test_page_of_a_running_terminal_shows_loops_passes_and_the_picture(
    peopled: FakePlatform, site: Site
) -> None:
    site.visitors(obama="obama2.jpg")
    agent = site.start(site.config(peopled.base_url, rounds=0, interval_s=0.2), "--events")
    agent.wait(lambda here: any(one["outcome"] == "match" for one in here.named("visit")))
    url = f"http://127.0.0.1:{agent.named('page')[-1]['port']}"

    with httpx.Client(base_url=url, trust_env=False, headers={"Origin": url}) as browser:
        signed_in = browser.post("/sign-in", json={"password": DEFAULT_PASSWORD})
        reported = browser.get("/state").json()
        picture = browser.get("/picture").content
        small = browser.get(f"/passes/{reported['file']['passes'][0]['id']}/picture").content

    assert signed_in.status_code == 204
    assert reported["loops"] == dict.fromkeys(
        (
            *("uplink", "library", "presence", "visit_writer", "door", "cards", "api", "page"),
            "watchdog",
        ),
        "running",
    )
    assert reported["file"]["passes"][-1]["name"] == "Barack Obama"
    assert reported["known"] == reported["file"]["people"] == 2
    for jpeg in (picture, small):
        with Image.open(io.BytesIO(jpeg)) as image:
            assert image.format == "JPEG"
    agent.process.send_signal(signal.SIGTERM)
    assert agent.ended() == 0
    assert not [line for line in agent.output if "Traceback" in line or "picture?" in line]


def key_events(digits: str) -> bytes:
    """Return what Linux tells when a reader types digits and Enter (struct input_event)."""
    codes = [(int(digit) + 9) % 10 + 2 for digit in digits] + [28]
    taps = ((code, value) for code in codes for value in (1, 0))
    return b"".join(struct.pack("@llHHi", 0, 0, 1, code, value) for code, value in taps)


def test_card_opens_the_door_and_people_are_told(platform: FakePlatform, site: Site) -> None:
    """Reader, relay and prompts as in production; the reader is pulled out and put in again."""
    reader, lines = site.folder / "event7", site.folder / "tty1"
    os.mkfifo(reader)
    lines.touch()
    config = site.config(platform.base_url, rounds=0)
    config.write_text(
        'decide = "local"\nlibrary_max_age_s = 0.0\n'
        + config.read_text()
        + f'[card_reader]\ndriver = "keyboard-wedge"\ndevice = "{reader}"\ngrab = false\n'
        + f'[prompter]\ndriver = "console"\ndevice = "{lines}"\nnames = true\n'
    )
    agent = site.start(config, "--events")
    agent.wait(lambda here: bool(here.named("api")))
    person = {"userId": "me", "userType": 1, "name": "Ann", "remark": ""}
    person |= {"icNumber": "0004711", "jobNumber": "", "mobile": ""}
    assert ask(agent, "userAdd", person)["code"] == 200

    for times in (1, 2):
        with reader.open("wb") as cable:
            cable.write(key_events("0004711"))
            cable.flush()
            agent.wait(lambda here, times=times: len(here.named("card")) >= times)

    agent.process.send_signal(signal.SIGTERM)
    assert agent.ended() == 0
    assert [one["open_door"] for one in agent.named("card")] == [True, True]
    assert lines.read_text() == "» Welcome, Ann\n" * 2
    assert "0004711" not in "\n".join(agent.output)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sections", "reported"),
    [
        ('[card_reader]\ndriver = "keyboard-wedge"\ndevice = "nowhere"', "there is no card reader"),
        ('[prompter]\ndriver = "console"\ndevice = "nowhere"', "there is no console nowhere"),
        ('[relay]\ndriver = "http"\non_url = "http://127.0.0.1:9/"\noff_url = "http://127.0.0.1:9/"',
         "the relay at 127.0.0.1:9 cannot be reached"),
    ],
)  # fmt: skip
def test_absent_device_stops_the_start_with_one_sentence(
    site: Site, sections: str, reported: str
) -> None:
    config = site.config("http://127.0.0.1:1/t/" + TOKEN)
    config.write_text(config.read_text() + sections + "\n")

    agent = site.start(config)

    assert agent.ended() == 1
    assert len(agent.output) == 1
    assert agent.output[0].startswith(f"edge_agent: {reported}")
