"""Samples of README and guides, typed in as they stand: a shell, curl, and programs that run."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import migrated
from tests.support.documents import ROOT, Line, code_lines
from tests.support.processes import free_port, start, stop, wait_listening
from tests.support.tools import needs_tool

pytestmark = [
    pytest.mark.slow,
    needs_tool("curl", package="curl"),
]
_PHOTOS = {"wang.jpg": "obama.jpg", "somebody.jpg": "biden.jpg"}


@dataclass(frozen=True, slots=True)
class Shell:
    """A folder in which samples are typed in, and the port that stands for the printed one."""

    folder: Path
    ports: dict[str, int]
    environment: dict[str, str]

    def typed(self, script: str) -> str:
        """Run lines in one shell; every command of them must succeed. Returns what they print."""
        for printed, port in self.ports.items():
            script = script.replace(f"127.0.0.1:{printed}", f"127.0.0.1:{port}")
        script = re.sub(r"\bpython (manage\.py|-m )", rf"{sys.executable} \1", script)
        script = script.replace("manage.py", str(ROOT / "manage.py"))
        # A call that a server refuses is a failure of the sample.
        script = re.sub(r"\bcurl ", "curl --fail-with-body --no-progress-meter ", script)
        done = subprocess.run(
            ["bash", "-e", "-u", "-o", "pipefail", "-c", script],
            cwd=self.folder,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def blocks(name: str) -> list[list[Line]]:
    """Return the lines of a document's blocks."""
    found: dict[int, list[Line]] = {}
    for line in code_lines(ROOT / name):
        found.setdefault(line.block, []).append(line)
    return list(found.values())


def of_rest(name: str) -> list[str]:
    """Return the blocks of a document that call the REST interface, each as one script."""
    return [
        "\n".join(line.text for line in block)
        for block in blocks(name)
        if re.search(r"\b(curl|call|send)\b.*(/api/v1/|\$API)", block[-1].text)
    ]


@pytest.fixture
def platform(tmp_path: Path, portraits: dict[str, Path]) -> Iterator[Shell]:
    """Serve the platform as docs/getting-started.md says, on an empty database."""
    port = free_port()
    var = tmp_path / "var"
    var.mkdir()
    migrated.sqlite_into(var)
    environment = {
        "DJANGO_SETTINGS_MODULE": "menjin.settings.embedded",
        "MENJIN_VAR": str(var),
    }
    shell = Shell(tmp_path, {"8000": port}, environment)
    for photo, portrait in _PHOTOS.items():
        shutil.copy(portraits[portrait], tmp_path / photo)
    shell.typed("python manage.py migrate --verbosity 0")
    log = tmp_path / "log"
    arguments = [sys.executable, "manage.py", "serve", "--port", str(port)]
    server = start(arguments, environment, log=log)
    try:
        wait_listening(server, port, log)
        yield shell
    finally:
        stop(server)


def test_every_rest_sample_is_understood(platform: Shell) -> None:
    """README's and docs/rest-api.md's calls, one after the other, in the shell they are for."""
    access, *samples = of_rest("docs/rest-api.md")
    first = platform.typed(f'{access}\necho; echo "$TOKEN"')
    token = first.split()[-1]
    platform.environment["TOKEN"] = token
    assert json.loads(first.splitlines()[0])["results"] == []
    for name in ("README.md", "README.zh-CN.md"):
        (sample,) = of_rest(name)
        assert json.loads(platform.typed(sample))["count"] == 0

    helpers, journey = _apart(samples)
    # A terminal calls before it was entered, which the guide's next sample lets in.
    platform.typed("\n".join([helpers, *journey[:3]]))
    address = json.loads(platform.typed(f"{helpers}\ncall $API/sites/1/"))["base_url"]
    platform.typed(f'curl "{_here(platform, address)}/syrecord/0000002?lastQueryTime=0"')
    for call in journey[3:]:
        answer = platform.typed(f"{helpers}\n{call}")
        assert not call.startswith("call $API/people") or json.loads(answer)["face_status"] == "ok"


def _apart(samples: list[str]) -> tuple[str, list[str]]:
    """Return the shell's helpers and the calls; those that act on a real terminal are left out."""
    lines = [line for sample in samples for line in sample.splitlines() if line[0] != "#"]
    helpers = [line for line in lines if re.match(r"API=|\w+\(\)", line)]
    return "\n".join(helpers), [line for line in lines if line not in helpers]


def _here(platform: Shell, base_url: str) -> str:
    return re.sub(r"http://[^/]+", f"http://127.0.0.1:{platform.ports['8000']}", base_url)


@pytest.fixture
def terminal(tmp_path: Path, portraits: dict[str, Path]) -> Shell:
    """Return a shell with a configuration of the software terminal, made as its guide says."""
    shell = Shell(tmp_path, {"8899": free_port()}, {"PYTHONPATH": os.pathsep.join(sys.path)})
    for block in blocks("docs/edge-agent.md"):
        for line in block:
            if line.text.startswith("python -m edge_agent init-config agent.toml"):
                shell.typed(line.text)
    config = tmp_path / "agent.toml"
    text = config.read_text()
    visitors = tmp_path / "visitors"
    visitors.mkdir()
    changed = {
        "device_id": '"0000001"',
        "base_url": f'"http://127.0.0.1:{free_port()}/t/unknown"',
        "data_dir": f'"{tmp_path / "data"}"',
    }
    for key, value in changed.items():
        text, count = re.subn(rf"(?m)^#? ?{key} = .*$", f"{key} = {value}", text, count=1)
        assert count == 1, key
    text = _in_section(text, "camera", "folder", f'"{visitors}"')
    text = _in_section(text, "api", "port", str(shell.ports["8899"]))
    for section, key in (("api", "push_port"), ("page", "port")):
        text = _in_section(text, section, key, "0")
    config.write_text(text)
    for photo in ("photo.jpg", "another-photo.jpg"):
        shutil.copy(portraits["obama.jpg"], tmp_path / photo)
    return shell


def _in_section(text: str, section: str, key: str, value: str) -> str:
    """Set a key of one section of a TOML text, commented out or not."""
    before, header, rest = text.partition(f"[{section}]\n")
    assert header, section
    inside, border, after = rest.partition("\n[")
    inside, count = re.subn(rf"(?m)^#? ?{key} = .*$", f"{key} = {value}", inside, count=1)
    if not count:
        inside = f"{key} = {value}\n{inside}"
    return before + header + inside + border + after


def test_the_terminal_is_called_as_its_guide_says(terminal: Shell, tmp_path: Path) -> None:
    """Enrol, match, status; then a running terminal is opened by the printed signature."""
    lines = [line.text for block in blocks("docs/edge-agent.md") for line in block]
    (enrol,) = [line for line in lines if "enrol --config" in line and "photo.jpg" in line]
    (match,) = [line for line in lines if " match --config" in line]
    (stamp,) = [line for line in lines if line.startswith("stamp=")]
    (opened,) = [line for line in lines if line.startswith("curl") and "device/open" in line]

    terminal.typed(enrol)
    assert "Ann Lee" in terminal.typed(match)
    assert terminal.typed("python -m edge_agent status --config agent.toml")

    log = tmp_path / "terminal.log"
    arguments = [
        sys.executable,
        "-m",
        "edge_agent",
        "run",
        "--config",
        str(tmp_path / "agent.toml"),
    ]
    process = start(arguments, terminal.environment, log=log)
    try:
        wait_listening(process, terminal.ports["8899"], log)
        answer: dict[str, Any] = json.loads(terminal.typed(f"{stamp}\n{opened}"))
    finally:
        assert stop(process) == 0
    assert answer == {"code": 200, "message": "OK", "desc": ""}


def test_a_unit_for_systemd_is_printed(terminal: Shell) -> None:
    unit = terminal.typed("python -m edge_agent systemd-unit --config agent.toml")

    assert "WatchdogSec=" in unit
    assert "edge_agent run" in unit


def test_the_engine_is_used_as_its_guide_says(portraits: dict[str, Path]) -> None:
    """docs/faces.md's lines of Python, on a portrait."""
    (sample,) = [block for block in blocks("docs/faces.md") if "load_engine" in block[0].text]
    script = "\n".join(line.text for line in sample)
    names: dict[str, Any] = {"raw": portraits["obama.jpg"].read_bytes()}
    exec(f"from face_engine import *\n{script}", names)  # the guide's own words

    assert not names["report"].problems
    assert names["rows"].shape == (1, 128)
