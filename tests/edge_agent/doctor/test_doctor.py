"""The doctor finds what is wrong, says it in plain words, and breaks nothing."""

import json
import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from edge_agent.__main__ import main
from edge_agent.api.accepted_calls import AcceptedCalls, SignatureUse
from edge_agent.api.terminal_time import TerminalTime
from edge_agent.config import ApiConfig
from edge_agent.doctor import Result
from edge_agent.drivers.clock import SystemClock
from edge_agent.service.instance_lock import instance_lock
from edge_agent.service.live_state import LiveFile, LiveState
from edge_agent.storage.database import Database
from edge_agent.storage.store import Store
from face_engine import FaceEngine, ModelMissing
from tests.support.edge.examined_door import Door, is_failed, is_warned
from tests.support.edge.fakes import FakeEngine, ManualClock
from tests.support.fake_platform import TOKEN, Failure, FakePlatform, refusal
from tests.support.processes import free_port
from tests.support.tools import module


async def test_all_is_well(door: Door) -> None:
    found = await door.examined()

    assert {check: one.result for check, one in found.items()} == dict.fromkeys(found, Result.OK)
    assert len(found) == 16
    assert found["platform"].text == "admits terminal 0000001 and has people for it"
    assert not (door.data_dir / "agent.sqlite3").exists()


async def test_file_that_others_can_read_is_a_warning(door: Door) -> None:
    door.path.chmod(0o644)

    finding = (await door.examined())["configuration"]

    assert is_warned(finding, "can be read by others")
    assert finding.advice == f"Run: chmod 600 {door.path}"


@pytest.mark.parametrize(
    ("api", "text"),
    [
        ({"password": "123456"}, "still the factory's"),
        ({"password": ""}, "no caller is admitted"),
        ({"password_expires": "2020-01-01"}, "good until 2020-01-01"),
    ],
)
async def test_password_that_is_no_good(door: Door, api: dict[str, Any], text: str) -> None:
    door.api |= api

    finding = (await door.examined())["password"]

    assert finding.result is not Result.OK
    assert text in finding.text


async def test_data_directory_that_is_a_file(door: Door) -> None:
    door.data_dir.rmdir()
    door.data_dir.touch()

    assert is_failed((await door.examined())["data directory"], "cannot be written")


async def test_damaged_database_is_found_and_left_alone(door: Door) -> None:
    path = door.data_dir / "agent.sqlite3"
    path.write_bytes(os.urandom(8192))
    before = path.read_bytes()

    assert is_failed((await door.examined())["database"], "is damaged")
    assert path.read_bytes() == before


async def test_missing_models_say_how_to_get_them(door: Door) -> None:
    def load(folder: Path | None) -> FaceEngine:
        raise ModelMissing("model x is not installed; run: python -m face_engine install")

    door.more["load"] = load

    assert is_failed((await door.examined())["face models"], "face_engine install")


@pytest.mark.parametrize(
    ("spoilt", "text"),
    [
        (lambda picture: Image.new("RGB", picture.size, (40, 40, 40)), "nothing but one colour"),
        (lambda picture: picture.point(lambda value: value // 10), "too dark"),
        (lambda picture: picture.point(lambda value: 230 + value // 10), "far too bright"),
        (
            lambda picture: picture.filter(ImageFilter.GaussianBlur(max(picture.size) / 100)),
            "blurred",
        ),
    ],
)
async def test_picture_in_which_nobody_can_be_recognised(
    door: Door,
    portraits: dict[str, Path],
    spoilt: Callable[[Image.Image], Image.Image],
    text: str,
) -> None:
    with Image.open(portraits["astronaut.png"]) as opened:
        picture = opened.convert("RGB")
    door.show(picture)
    good = (await door.examined())["camera"]
    door.show(spoilt(picture))

    bad = (await door.examined())["camera"]

    assert good.result is Result.OK
    assert is_warned(bad, text)
    assert (bad.facts["width"], bad.facts["height"]) == picture.size


async def test_camera_that_is_not_there(door: Door) -> None:
    door.sections["camera"] = {"folder": "nowhere"}

    assert is_failed((await door.examined())["camera"], "is not there")


async def test_relay_moves_only_when_asked(door: Door) -> None:
    quiet = (await door.examined())["relay"]
    door.more["opens_door"] = True
    door.sections["unlock_delay_ms"] = 20

    loud = (await door.examined())["relay"]

    assert quiet.text == "simulated (no door moves): released; --open-door would try it"
    assert loud.text == "simulated (no door moves): pulsed 20 ms and released"


async def test_relay_that_is_not_there(door: Door) -> None:
    door.sections["relay"] = {"driver": "gpiod", "chip": str(door.folder / "nochip")}

    finding = (await door.examined())["relay"]

    assert finding.result is Result.FAILED
    assert "section [relay]" in finding.advice


async def test_devices_of_a_running_agent_are_left_alone(door: Door) -> None:
    door.sections["thermometer"] = {"driver": "simulated"}
    with instance_lock(door.data_dir):
        found = await door.examined()

    skipped = {check for check, one in found.items() if one.result is Result.SKIPPED}
    assert skipped == {"camera", "relay", "thermometer"}
    assert found["agent"].text == "one is running and holds the devices"


async def test_platform_that_is_not_there(door: Door) -> None:
    door.base_url = f"http://127.0.0.1:{free_port()}/t/{TOKEN}"

    found = await door.examined()

    assert is_failed(found["network"], "no server listens there")
    assert found["platform"].result is Result.SKIPPED
    assert found["clock"].result is Result.SKIPPED


async def test_name_that_cannot_be_one(door: Door) -> None:
    door.base_url = f"http://{'a' * 70}.test/t/{TOKEN}"

    assert is_failed((await door.examined())["network"], "is not known")


@pytest.mark.parametrize(
    ("failure", "result", "text"),
    [
        (refusal("10005"), Result.FAILED, "does not take this terminal in (ret 10005: no)"),
        (refusal("10004"), Result.FAILED, "(ret 10004: no)"),
        (Failure(404, b"<html>nothing here"), Result.FAILED, "no such address (HTTP 404)"),
        (Failure(301, b"", {"Location": "https://x/"}), Result.FAILED, "sends somewhere else"),
        (Failure(200, b"<html>It works!"), Result.FAILED, "no platform for terminals"),
        (Failure(200, b"{}"), Result.FAILED, "no platform for terminals"),
        (Failure(503, b""), Result.WARNING, "cannot answer just now (HTTP 503)"),
        (Failure(0), Result.FAILED, "no answer (RemoteProtocolError)"),
    ],
)
async def test_what_the_platform_says(
    door: Door, platform: FakePlatform, failure: Failure, result: Result, text: str
) -> None:
    platform.fail("syheartbeat", failure)

    finding = (await door.examined())["platform"]

    assert finding.result is result
    assert text in finding.text
    assert finding.advice


async def test_wrong_path_and_wrong_token(door: Door, platform: FakePlatform) -> None:
    door.base_url = f"{platform.url}/t/another-token"
    assert is_failed((await door.examined())["platform"], "ret 10005: unknown token")


async def test_terminal_that_may_beat_but_gets_nothing(door: Door, platform: FakePlatform) -> None:
    """Seen on 2026-11-27 with a terminal that had been disabled a moment before."""
    platform.fail("syrecord", refusal("10005"))

    assert is_failed((await door.examined())["platform"], "ret 10005: no")


async def test_agent_whose_loop_hangs_is_found(door: Door) -> None:
    """Its state was true when it was written; only the age of the file tells."""
    live = LiveFile(door.data_dir)
    await live.open()
    live.keep(LiveState(4711, "1", "2026-01-02T03:04:05+00:00", loops={"door": "running"}))
    await live.written()
    with instance_lock(door.data_dir):
        fresh = (await door.examined())["agent"]
        os.utime(door.data_dir / "agent.live.json", (0, 0))

        old = (await door.examined())["agent"]

    assert fresh.result is Result.OK
    assert is_warned(old, "does not look after itself any more")


async def test_live_camera_gives_its_newest_picture_once_it_has_settled(
    door: Door, portraits: dict[str, Path]
) -> None:
    """The first pictures of a camera are dark until it has found its exposure."""
    cv2 = module("cv2", extra="edge-opencv")
    with Image.open(portraits["astronaut.png"]) as opened:
        bright = np.asarray(opened.convert("RGB"))[:, :, ::-1]
    path = door.folder / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 50.0, (512, 512))
    for number in range(200):
        writer.write(np.ascontiguousarray(bright // (20 if number < 10 else 1)))
    writer.release()
    door.sections["camera"] = {"driver": "opencv", "source": str(path)}

    finding = (await door.examined())["camera"]

    assert finding.result is Result.OK
    assert finding.facts["brightness"] > 100


async def test_terminal_that_waits_for_approval(door: Door, platform: FakePlatform) -> None:
    """Until it is approved a terminal gets an empty list with the cursor 0 (docs/protocol.md)."""
    platform.delete("1001")
    platform.entries.clear()

    finding = (await door.examined())["platform"]

    assert is_warned(finding, "has sent it no people so far")


async def test_library_of_a_terminal_in_step_is_not_asked_for(
    door: Door, platform: FakePlatform
) -> None:
    """An answer to a cursor counts as told; the doctor must not take one away."""
    database = Database(door.data_dir / "agent.sqlite3")
    await database.open()
    await Store(database).apply([], at=ManualClock().now(), cursor=platform.clock)
    await database.close()

    found = await door.examined()

    assert found["platform"].result is Result.OK
    assert platform.polls == []
    assert platform.heartbeats == 1


@pytest.mark.parametrize(
    ("ahead_s", "result", "text"),
    [
        (0, Result.OK, "against the platform's"),
        (-90, Result.WARNING, "behind the platform's"),
        (5 * 3600, Result.FAILED, "5 h ahead of the platform's: calls are refused"),
    ],
)
async def test_clock_is_compared_with_the_platforms(
    door: Door, ahead_s: float, result: Result, text: str
) -> None:
    door.more["clock"] = SystemClock(offset_s=ahead_s)

    finding = (await door.examined())["clock"]

    assert finding.result is result
    assert text in finding.text
    assert abs(finding.facts["ahead_s"] - ahead_s) < 3


async def test_clock_that_was_moved_is_the_one_that_counts(door: Door) -> None:
    """SyncTime moves the terminal's clock against a computer's that is wrong."""
    database = Database(door.data_dir / "agent.sqlite3")
    await database.open()
    right_ms = int(SystemClock().now().timestamp() * 1000)
    wrong = SystemClock(offset_s=0)
    await TerminalTime(wrong, database).set_to(right_ms + 3600_000)
    await database.close()
    door.more["clock"] = SystemClock(offset_s=-3600)

    finding = (await door.examined())["clock"]

    assert finding.result is Result.OK
    assert "moved by +3" in finding.text


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


async def test_port_that_is_taken(door: Door, taken: int) -> None:
    door.api["push_port"] = taken

    assert is_failed((await door.examined())["own interface"], "taken by another program")


async def test_page_whose_port_is_taken(door: Door, taken: int) -> None:
    door.sections["page"] = {"port": taken}

    assert is_failed((await door.examined())["web page"], "taken by another program")


async def test_page_of_an_agent_that_runs(door: Door, taken: int) -> None:
    door.sections["page"] = {"port": taken}
    with instance_lock(door.data_dir):
        listened = (await door.examined())["web page"]
        door.sections["page"] = {"port": free_port()}
        missing = (await door.examined())["web page"]

    assert listened.result is Result.OK
    assert is_failed(missing, "no server listens")


async def test_signatures_that_count_again_are_said_plainly(door: Door) -> None:
    door.sections["api"] = {"port": 0, "push_port": 0, "replay": "allow"}

    finding = (await door.examined())["own interface"]

    assert is_warned(finding, "can open the door with its signature, again and again")
    assert finding.facts == {"replay": "allow"}


async def test_signatures_in_capitals_that_count_are_said(door: Door) -> None:
    door.sections["api"] = {"port": 0, "push_port": 0, "upper_case_signatures": True}

    finding = (await door.examined())["own interface"]

    assert is_warned(finding, "signatures in capitals count")
    assert finding.facts == {"upper_case_signatures": True}


async def test_call_from_a_clock_that_was_ahead_is_said(door: Door) -> None:
    database = Database(door.data_dir / "agent.sqlite3")
    await database.open()
    clock = SystemClock()
    ahead_ms = int(clock.now().timestamp() * 1000) + 3 * 3600_000
    calls = AcceptedCalls(ApiConfig(), database, clock=clock)
    await calls.accept(ahead_ms, SignatureUse.READS)
    await database.close()

    finding = (await door.examined())["own interface"]

    assert is_warned(finding, "the clock of a caller was 3 h ahead")
    assert "forget-calls" in finding.advice


async def test_page_that_is_switched_off(door: Door) -> None:
    door.sections["page"] = {"enabled": False}

    assert (await door.examined())["web page"].text == "switched off"


async def test_check_that_hangs_keeps_none_of_the_others_from_being_made(door: Door) -> None:
    release = threading.Event()

    def load(folder: Path | None) -> FaceEngine:
        release.wait(30)
        return FakeEngine()

    door.more |= {"load": load, "check_s": 0.5}
    try:
        found = await door.examined()
    finally:
        release.set()

    assert is_failed(found["face models"], "no answer within 0.5 s")
    assert found["own interface"].result is Result.OK


async def test_check_that_fails_itself_is_said(door: Door) -> None:
    def load(folder: Path | None) -> FaceEngine:
        raise ZeroDivisionError

    door.more["load"] = load

    finding = (await door.examined())["face models"]

    assert is_failed(finding, "the check itself failed (ZeroDivisionError)")


def test_command_says_lines_or_json_and_fails_when_something_failed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "agent.toml"
    path.write_text(
        f'device_id = "0000001"\nbase_url = "http://127.0.0.1:{free_port()}/t/{TOKEN}"\n'
        f'model_dir = "{tmp_path / "empty"}"\n'
    )
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)

    assert main(["doctor", "--config", str(path)]) == 1
    lines = capfd.readouterr().out.splitlines()
    assert main(["doctor", "--json", "--config", str(path)]) == 1
    reported = json.loads(capfd.readouterr().out)

    assert len(lines) == len(reported["findings"]) == 16
    assert lines[0].startswith("OK       configuration  ")
    assert any(line.startswith("FAILED   face models    ") for line in lines)
    assert reported["ok"] is False
    assert TOKEN not in json.dumps(reported) + "\n".join(lines)


def test_wrong_configuration_is_a_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "agent.toml"
    path.write_text('device_id = "1"\nbase_url = "http://h/t/x"\nnonsense = 1\n')

    assert main(["doctor", "--config", str(path)]) == 1
    assert "FAILED   configuration  nonsense: unknown key" in capsys.readouterr().out
