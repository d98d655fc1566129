"""The unit for systemd: what it starts, what it may touch, and that it names no secret."""

import configparser
import shlex
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from edge_agent.__main__ import main
from edge_agent.config import parse_config
from edge_agent.config.driver_registry import OWN
from edge_agent.service.systemd_unit import _NEEDS, WATCHDOG_S, UnitPlan, unit_text

TOKEN = "x7Kq-very-secret"
GROUPS = {"video", "gpio", "dialout", "input"}


class _Repeated(dict[str, Any]):
    """Keeps every value of an option that stands there several times, as systemd does."""

    def __setitem__(self, key: str, value: Any) -> None:
        if isinstance(value, list) and key in self:
            self[key].extend(value)
        else:
            super().__setitem__(key, value)


def read(text: str) -> dict[str, dict[str, list[str]]]:
    """Read a unit: section to option to its values."""
    parser = configparser.RawConfigParser(
        strict=False, dict_type=_Repeated, delimiters=("=",), comment_prefixes=("#",)
    )
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    return {
        section: {name: value.split("\n") for name, value in parser[section].items()}
        for section in parser.sections()
    }


def unit(
    *,
    path: str = "/etc/menjin/agent.toml",
    python: str = "/opt/menjin/bin/python",
    groups: Collection[str] = GROUPS,
    **top: Any,
) -> dict[str, dict[str, list[str]]]:
    table = {
        "device_id": "0000001",
        "base_url": f"http://h/t/{TOKEN}",
        "data_dir": "/var/lib/menjin",
        "camera": {"driver": "opencv"},
        **top,
    }
    config = parse_config(table, base=Path(path).parent)
    text = unit_text(UnitPlan(config, Path(path), Path(python), "menjin", groups))
    assert TOKEN not in text
    return read(text)


def test_it_starts_the_agent_and_lets_the_watchdog_bite() -> None:
    service = unit()["Service"]

    assert shlex.split(service["ExecStart"][0]) == [
        *("/opt/menjin/bin/python", "-m", "edge_agent", "run", "--events"),
        *("--config", "/etc/menjin/agent.toml"),
    ]
    assert service["Type"] == ["notify"]
    assert service["NotifyAccess"] == ["main"]
    assert service["WatchdogSec"] == [str(WATCHDOG_S)]
    assert service["Restart"] == ["always"]
    # A wrong configuration stays wrong: exit status 2 of the command line.
    assert service["RestartPreventExitStatus"] == ["2"]
    assert service["User"] == ["menjin"]
    assert unit()["Unit"]["StartLimitIntervalSec"] == ["0"]
    assert unit()["Install"]["WantedBy"] == ["multi-user.target"]


def test_watchdog_is_slower_than_what_the_terminal_allows_its_threads() -> None:
    config = parse_config({"device_id": "1", "base_url": "http://h/t/abc"}, base=Path("/srv"))

    assert config.watchdog.answer_within_s <= WATCHDOG_S / 2


def test_data_under_var_lib_is_a_state_directory_and_elsewhere_a_writable_path() -> None:
    usual = unit()["Service"]
    own = unit(data_dir="/srv/door data")["Service"]

    assert (usual["StateDirectory"], usual["StateDirectoryMode"]) == (["menjin"], ["0700"])
    assert "ReadWritePaths" not in usual
    assert own["ReadWritePaths"] == ['"/srv/door data"']
    assert "StateDirectory" not in own


def test_relative_data_directory_is_beside_the_configuration() -> None:
    assert unit(data_dir="agent-data")["Service"]["ReadWritePaths"] == ["/etc/menjin/agent-data"]


def test_homes_are_hidden_unless_something_lies_there() -> None:
    assert unit()["Service"]["ProtectHome"] == ["yes"]
    assert unit(python="/home/pi/.venv/bin/python")["Service"]["ProtectHome"] == ["read-only"]
    assert unit(path="/home/pi/agent.toml")["Service"]["ProtectHome"] == ["read-only"]
    folder = {"driver": "folder", "folder": "/home/pi/visitors"}
    assert unit(camera=folder)["Service"]["ProtectHome"] == ["read-only"]


def test_only_devices_and_groups_of_the_chosen_drivers_are_allowed() -> None:
    none = unit(camera={"driver": "folder"})["Service"]
    door = unit(relay={"driver": "gpiod"})["Service"]

    assert none["DevicePolicy"] == ["closed"]
    assert "DeviceAllow" not in none
    assert "SupplementaryGroups" not in none
    assert door["SupplementaryGroups"] == ["video gpio"]
    assert door["DeviceAllow"] == ["char-video4linux rw", "char-gpiochip rw"]


def test_group_that_is_not_there_is_left_out_because_the_unit_would_not_start() -> None:
    door = unit(relay={"driver": "gpiod"}, groups={"video"})["Service"]

    assert door["SupplementaryGroups"] == ["video"]
    assert "char-gpiochip rw" in door["DeviceAllow"]


@pytest.mark.parametrize(
    ("section", "driver"), [(section, driver) for section in OWN for driver in OWN[section]]
)
def test_needs_of_every_driver_of_this_package_are_known(section: str, driver: str) -> None:
    assert (section, driver) in _NEEDS


def test_it_may_do_little_and_leaves_no_faces_behind() -> None:
    service = unit()["Service"]

    for name in ("NoNewPrivileges", "PrivateTmp", "RestrictSUIDSGID", "LockPersonality"):
        assert service[name] == ["yes"], name
    assert service["ProtectSystem"] == ["strict"]
    assert service["CapabilityBoundingSet"] == [""]
    assert service["LimitCORE"] == ["0"]
    assert service["UMask"] == ["0077"]


def test_signs_that_mean_something_to_systemd_are_taken_as_they_are() -> None:
    found = unit(path="/etc/a $b %c/agent.toml", data_dir="/srv/$b %c", device_id="100%")

    assert found["Unit"]["Description"] == ["Menjin terminal 100%%"]
    assert found["Service"]["ExecStart"][0].endswith('"/etc/a $$b %%c/agent.toml"')
    assert found["Service"]["ReadWritePaths"] == ['"/srv/$b %%c"']


def test_command_prints_a_unit_for_this_installation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "agent.toml"
    path.write_text(f'device_id = "0000001"\nbase_url = "http://127.0.0.1:1/t/{TOKEN}"\n')

    assert main(["systemd-unit", "--config", str(path), "--user", "door"]) == 0

    text = capsys.readouterr().out
    service = read(text)["Service"]
    words = shlex.split(service["ExecStart"][0])
    assert (words[0], words[-1]) == (sys.executable, str(path))
    assert service["User"] == ["door"]
    assert "useradd --system" in text
    assert TOKEN not in text


def test_account_is_a_name_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["systemd-unit", "--config", str(tmp_path / "x"), "--user", "a\nExecStartPre=b"])

    assert "must be the name of an account" in capsys.readouterr().err
