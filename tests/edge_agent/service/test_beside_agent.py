"""``enrol``, ``doctor`` and ``status`` beside an agent that runs, as somebody types them."""

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_agent.__main__ import main
from edge_agent.service.live_state import read_live_state
from face_engine import install_models
from tests.support.agents import Agent
from tests.support.fake_platform import TOKEN, FakePlatform


@pytest.fixture
def config(tmp_path: Path, platform: FakePlatform, portraits: dict[str, Path]) -> Path:
    """Return the configuration of a door before which somebody unknown stands again and again."""
    install_models()
    (tmp_path / "visitors").mkdir()
    shutil.copyfile(portraits["obama2.jpg"], tmp_path / "visitors" / "somebody.jpg")
    path = tmp_path / "agent.toml"
    path.touch(mode=0o600)
    path.write_text(
        f'device_id = "0000001"\nbase_url = "{platform.base_url}"\ndata_dir = "data"\n'
        'decide = "local"\nsync_interval_s = 0.2\nunlock_delay_ms = 20\n'
        "[camera]\ninterval_s = 0.2\n"
        '[api]\nport = 0\npush_port = 0\npassword = "door-7788-secret"\n'
    )
    return path


@pytest.fixture
def agent(config: Path) -> Iterator[Agent]:
    """Return the agent, once its interface listens and it has said where."""
    running = Agent(config, "--events")
    running.wait(lambda one: any(event["event"] == "visit" for event in one.events))

    def is_told(one: Agent) -> bool:
        live = read_live_state(config.parent / "data")
        return live is not None and live.port > 0

    running.wait(is_told)
    yield running
    running.kill()


def reported(capsys: pytest.CaptureFixture[str], *arguments: Any) -> tuple[int, str]:
    """Type a command; its exit status and what it wrote."""
    status = main([str(one) for one in arguments])
    captured = capsys.readouterr()
    assert TOKEN not in captured.out + captured.err
    assert "door-7788-secret" not in captured.out + captured.err
    return status, captured.out


def test_commands_beside_a_running_agent(
    agent: Agent,
    config: Path,
    portraits: dict[str, Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    person = ("--user-id", "7", "--name", "Barack Obama")
    status, words = reported(capsys, "enrol", "--config", config, *person, portraits["obama.jpg"])
    assert (status, words) == (0, "enrolled 7; the terminal recognises them at once\n")
    agent.wait_visits(1, of=lambda visit: visit.get("user_id") == "7")

    assert reported(capsys, "match", "--config", config, portraits["obama3.jpg"])[0] == 0
    assert main(["enrol", "--config", str(config), *person, "--camera"]) == 1
    assert "the running agent holds the camera" in capsys.readouterr().err

    status, words = reported(capsys, "status", "--json", "--config", config)
    seen = json.loads(words)
    assert (status, seen["running"], seen["people"]) == (0, True, 1)
    assert set(seen["live"]["loops"].values()) == {"running"}
    assert seen["last_pass_at"] is not None

    opened = len([one for one in agent.events if one["event"] == "remote_open"])
    status, words = reported(capsys, "doctor", "--json", "--open-door", "--config", config)
    found = {one["check"]: one for one in json.loads(words)["findings"]}
    assert status == 0, words
    assert found["camera"]["result"] == "SKIPPED"
    assert found["relay"]["words"] == "pulsed by the running agent"
    assert found["own interface"]["words"] == "the running agent answers calls"
    agent.wait(
        lambda one: sum(event["event"] == "remote_open" for event in one.events) == opened + 1
    )

    agent.process.send_signal(signal.SIGTERM)
    assert agent.ended() == 0
    assert "running     no\n" in reported(capsys, "status", "--config", config)[1]
