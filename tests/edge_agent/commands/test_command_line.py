"""``python -m edge_agent``: it explains itself and gives nothing away."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from edge_agent.__main__ import main
from edge_agent.config import load_config
from edge_agent.service.instance_lock import instance_lock

ROOT = Path(__file__).parents[3]
TOKEN = "x7Kq-very-secret"


def run(*arguments: str, timeout_s: float = 30) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edge_agent", *arguments],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_the_fleet_simulator_is_elsewhere_and_that_is_said() -> None:
    reported = run("fleet", "--base-url", "http://h/t/abc", "--terminals", "3")

    assert reported.returncode == 2
    assert "python -m fleet" in reported.stderr
    assert reported.stdout == ""


def written(folder: Path, *more: str) -> Path:
    path = folder / "agent.toml"
    lines = ['device_id = "0000001"', f'base_url = "http://127.0.0.1:1/t/{TOKEN}"', *more]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_help_explains_the_first_steps() -> None:
    reported = run("--help")

    assert reported.returncode == 0
    for word in ("run", "init-config", "doctor", "status", "face_engine install", "Ctrl-C"):
        assert word in reported.stdout


@pytest.mark.parametrize(
    "command", ["run", "init-config", "status", "doctor", "enrol", "match", "bench", "systemd-unit"]
)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])

    assert ended.value.code == 0
    assert f"edge_agent {command}" in capsys.readouterr().out


def test_help_loads_nothing_slow() -> None:
    code = (
        "import sys; from edge_agent.__main__ import command_line_parser; command_line_parser();"
        "print([one for one in ('aiohttp', 'httpx', 'onnxruntime', 'faiss') if one in sys.modules])"
    )
    reported = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=30
    )

    assert reported.stdout == "[]\n", reported.stderr


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "first steps" in capsys.readouterr().out


def test_init_config_writes_a_private_file_that_loads(tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"

    assert main(["init-config", str(path)]) == 0

    assert path.stat().st_mode & 0o077 == 0
    assert load_config(path).device_id == "0000001"


def test_init_config_replaces_nothing_unless_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "agent.toml"
    path.write_text("mine")

    assert main(["init-config", str(path)]) == 1
    assert path.read_text() == "mine"
    assert "--force" in capsys.readouterr().err
    assert main(["init-config", "--force", str(path)]) == 0


def test_wrong_key_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, "sync_intervall_s = 3")

    assert main(["run", "--config", str(path)]) == 2

    reported = capsys.readouterr().err
    assert reported.startswith("edge_agent: sync_intervall_s: unknown key; known are")
    assert len(reported.splitlines()) == 1


@pytest.mark.parametrize(
    ("section", "reported"),
    [
        ('[camera]\ndriver = "webcam"', "camera.driver: unknown; known are folder, opencv"),
        ('[camera]\nfolder = "nowhere"', "is not there"),
    ],
)
def test_device_that_is_not_there_is_one_sentence(
    tmp_path: Path, section: str, reported: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, section)

    assert main(["run", "--config", str(path)]) in {1, 2}

    lines = capfd.readouterr().err.splitlines()
    assert [line for line in lines if line.startswith("edge_agent: ") and reported in line]


def test_missing_models_are_one_sentence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, f'model_dir = "{tmp_path / "empty"}"')

    assert main(["run", "--config", str(path)]) == 1

    assert "python -m face_engine install" in capfd.readouterr().err


def test_status_before_the_first_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--config", str(written(tmp_path))]) == 0

    reported = capsys.readouterr().out
    assert "running     no" in reported
    assert "nothing yet" in reported
    assert TOKEN not in reported


@pytest.mark.parametrize("command", ["status", "doctor"])
def test_another_accounts_data_is_one_sentence(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A terminal that runs as a service keeps its folder to itself, also from whoever logs in."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        path = written(folder)
        with instance_lock(folder / "agent-data"):
            pass
        (folder / "agent-data").chmod(0o700)
        uid = os.geteuid()
        if uid == 0:
            os.seteuid(65534)
        else:
            (folder / "agent-data").chmod(0)
        try:
            status = main([command, "--config", str(path)])
        finally:
            os.seteuid(uid)
            (folder / "agent-data").chmod(0o700)

    reported = capsys.readouterr().err
    assert status == 1
    assert reported.startswith("edge_agent: no permission to use ")
    assert len(reported.splitlines()) == 1


def test_second_agent_on_the_same_data_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path)

    with instance_lock(tmp_path / "agent-data"):
        assert main(["status", "--config", str(path)]) == 0
        assert "running     yes" in capfd.readouterr().out
        assert main(["run", "--config", str(path)]) == 1

    assert "another agent is using" in capfd.readouterr().err
