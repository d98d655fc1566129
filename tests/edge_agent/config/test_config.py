"""One TOML file becomes one frozen value, or one clear sentence."""

import dataclasses
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.config import AgentConfig, DecisionPolicy, load_config, parse_config
from edge_agent.config.driver_registry import OWN, driver_options
from edge_agent.config.exceptions import ConfigInvalid
from edge_agent.config.template import TEMPLATE

TOKEN = "x7Kq-very-secret"
MINIMUM = {"device_id": "0000001", "base_url": f"http://127.0.0.1:8000/t/{TOKEN}"}


def parsed(**more: Any) -> AgentConfig:
    return parse_config({**MINIMUM, **more}, base=Path("/srv/door"))


def refusal(table: dict[str, Any]) -> str:
    with pytest.raises(ConfigInvalid) as caught:
        parse_config(table, base=Path("/srv/door"))
    return str(caught.value)


def test_template_is_a_usable_configuration_with_every_key_at_its_default() -> None:
    config = parse_config(tomllib.loads(TEMPLATE), base=Path("/srv/door"))

    least = parse_config(
        {"device_id": config.device_id, "base_url": config.base_url}, base=Path("/srv/door")
    )
    assert config == least


def test_template_explains_every_key() -> None:
    sections = {"api", "page", "looking", "queue", "temperature", "watchdog", *OWN}
    keys = {one.name for one in dataclasses.fields(AgentConfig)} - sections
    for section in sections:
        keys |= {one.name for one in dataclasses.fields(getattr(parsed(), section))}
    for section, drivers in OWN.items():
        for driver in drivers:
            keys |= {one.name for one in dataclasses.fields(driver_options(section, driver))}
    keys.remove("options")

    assert [key for key in sorted(keys) if f"{key} = " not in TEMPLATE] == []


def test_relative_paths_start_at_the_file(tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    path.write_text('device_id = "1"\nbase_url = "http://h"\n[camera]\nfolder = "people"\n')

    config = load_config(path)

    assert config.data_dir == tmp_path / "agent-data"
    assert config.camera.options.folder == tmp_path / "people"


@pytest.mark.parametrize(
    ("source", "meant"),
    [
        ("door.mp4", "/srv/door/door.mp4"),
        ("/films/door.mp4", "/films/door.mp4"),
        ("/dev/video0", "/dev/video0"),
        ("0", "0"),
        ("rtsp://10.0.0.9/1", "rtsp://10.0.0.9/1"),
    ],
)
def test_a_cameras_source_is_a_path_only_where_it_is_one(source: str, meant: str) -> None:
    config = parsed(camera={"driver": "opencv", "source": source})

    assert config.camera.options.source == meant


@given(st.text(st.characters(categories=["Ll", "Nd"]), min_size=1))
def test_unknown_key_is_named(key: str) -> None:
    if key in {one.name for one in dataclasses.fields(AgentConfig)}:
        return

    assert refusal({**MINIMUM, key: 1}).startswith(f"{key}: unknown key")


def test_unknown_key_of_a_section_is_named_with_its_section() -> None:
    reported = refusal({**MINIMUM, "camera": {"foldr": "x"}})

    assert reported.startswith("camera.foldr: unknown key; known are ")
    assert "folder" in reported


@pytest.mark.parametrize(
    ("more", "reported"),
    [
        ({"device_id": ""}, "device_id: "),
        ({"device_id": "x" * 33}, "device_id: "),
        ({"device_id": "a/b"}, "device_id: "),
        ({"device_id": 17}, "device_id: must be a text"),
        ({"action_code": 3}, "action_code: must be from 1 to 2"),
        ({"action_code": True}, "action_code: must be a whole number"),
        ({"action_code": 1.5}, "action_code: must be a whole number"),
        ({"unlock_delay_ms": 10}, "unlock_delay_ms: must be from 20 to 5000"),
        ({"answer_timeout_s": "3"}, "answer_timeout_s: must be a number"),
        ({"answer_timeout_s": float("nan")}, "answer_timeout_s: must be from"),
        ({"decide": "somebody"}, "decide: must be one of platform, local, platform-then-local"),
        ({"temperature_required": 1}, "temperature_required: must be true or false"),
        ({"camera": 3}, "camera: must be a section"),
        ({"camera": {"driver": 3}}, "camera.driver: must be a text"),
        ({"camera": {"visit_gap_s": -1}}, "camera.visit_gap_s: must be from 0"),
        ({"relay": {"driver": "gpiod", "line": -1}}, "relay.line: must be from 0"),
        ({"api": {"port": 65536}}, "api.port: must be from 0 to 65535"),
        ({"api": {"port": "8899"}}, "api.port: must be a whole number"),
        ({"api": {"host": "0.0.0.0"}}, "api.password: the factory's password is good for"),
        ({"api": {"host": ""}}, "api.host: "),
        ({"api": {"host": "0.0.0.0", "password": "x" * 129}}, "api.password: must have at most"),
        ({"api": {"password_expires": "soon"}}, "api.password_expires: must be a day"),
        ({"api": {"allow_from": "10.0.0.1"}}, "api.allow_from: must be a list of texts"),
        ({"api": {"allow_from": [1]}}, "api.allow_from: must be a list of texts"),
        ({"api": {"allow_from": ["10.0.0.0/33"]}}, "api.allow_from: must hold addresses"),
        ({"api": {"unsupported": ["fly"]}}, "api.unsupported: unknown call; known are open, "),
        ({"api": {"device_name": "x" * 17}}, "api.device_name: must have at most 16"),
        ({"api": {"records_max": 0}}, "api.records_max: must be from 1"),
        ({"base_url": "ftp://x/y"}, "base_url: must look like"),
        ({"base_url": "http://[::1"}, "base_url: must look like"),
        ({"base_url": "http://h/t/x?y=1"}, "base_url: must look like"),
    ],
)
def test_impossible_value_is_named(more: dict[str, Any], reported: str) -> None:
    assert refusal({**MINIMUM, **more}).startswith(reported)


def test_missing_key_is_named() -> None:
    assert refusal({"device_id": "1"}) == "base_url: is missing"


@pytest.mark.parametrize("text", ["device_id = ", "=", "\xff"])
def test_broken_file_is_a_refusal(tmp_path: Path, text: str) -> None:
    path = tmp_path / "agent.toml"
    path.write_text(text, encoding="latin-1")

    with pytest.raises(ConfigInvalid, match=r"agent\.toml"):
        load_config(path)


def test_absent_file_is_a_refusal(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="cannot be read"):
        load_config(tmp_path / "nothing.toml")


def test_secrets_do_not_show() -> None:
    config = parsed(camera={"driver": "opencv", "source": "rtsp://admin:hunter2@10.0.0.9/1"})

    assert TOKEN not in repr(config)
    assert "hunter2" not in repr(config)
    assert config.platform_shown == "http://127.0.0.1:8000/…"
    assert TOKEN in config.secrets
    assert "hunter2" in config.secrets


def test_device_password_of_ones_own_is_a_secret_and_the_factorys_is_not() -> None:
    own = parsed(api={"host": "0.0.0.0", "password": "correct horse"})

    assert "correct horse" in own.secrets
    assert "correct horse" not in repr(own)
    assert "123456" not in parsed().secrets


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_factory_password_is_good_for_this_computer(host: str) -> None:
    assert parsed(api={"host": host}).api.password == "123456"


def test_a_switched_off_interface_needs_no_password() -> None:
    parsed(api={"host": "0.0.0.0", "enabled": False, "push_enabled": False})


def test_refused_address_is_not_quoted() -> None:
    assert TOKEN not in refusal({**MINIMUM, "base_url": f"gopher://h/t/{TOKEN}"})


def test_values_arrive_typed() -> None:
    config = parsed(decide="platform-then-local", answer_timeout_s=2, base_url="http://h/t/abc/")

    assert config.decide is DecisionPolicy.PLATFORM_THEN_LOCAL
    assert isinstance(config.answer_timeout_s, float)
    assert config.base_url == "http://h/t/abc"
