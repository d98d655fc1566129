"""Reader of the TOML file; refuses unknown keys and impossible values by name."""

import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from edge_agent.config.agent import (
    DEFAULT_DRIVERS,
    VISIT_GAP_S,
    AgentConfig,
    CameraConfig,
    DriverConfig,
    VisitGapS,
)
from edge_agent.config.checks import check_api, check_page
from edge_agent.config.driver_registry import driver_options
from edge_agent.config.exceptions import ConfigInvalid
from edge_agent.config.fields import DEVICE_ID_MAX
from edge_agent.config.tables import build


def load_config(path: Path) -> AgentConfig:
    """Read and check a configuration.

    Relative paths in it are relative to the file.

    Raises:
        ConfigInvalid: naming the key and what is wrong with it.
    """
    try:
        with path.open("rb") as stream:
            table = tomllib.load(stream)
    except OSError as error:
        raise ConfigInvalid(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigInvalid(f"{path}: is not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        # The message of the parser names line and column and quotes nothing of the line.
        raise ConfigInvalid(f"{path}: is not TOML: {error}") from error
    return parse_config(table, base=path.parent)


def parse_config(table: dict[str, Any], *, base: Path) -> AgentConfig:
    """Check a table parsed from TOML.

    Args:
        table: keys and values.
        base: folder that relative paths start from.

    Raises:
        ConfigInvalid: naming the key and what is wrong with it.
    """
    config: AgentConfig = build(
        AgentConfig,
        table,
        prefix="",
        base=base,
        builders={DriverConfig: _driver, CameraConfig: _camera},
    )
    device_id = config.device_id
    if not device_id or len(device_id) > DEVICE_ID_MAX or not device_id.isprintable():
        raise ConfigInvalid(f"device_id: must be 1 to {DEVICE_ID_MAX} printable characters")
    if "/" in device_id or device_id != device_id.strip():
        raise ConfigInvalid("device_id: must hold no slash and no blank at its ends")
    check_api(config.api)
    check_page(config.page, config.api)
    return dataclasses.replace(config, base_url=_checked_url(config.base_url))


@dataclass(frozen=True, slots=True)
class _CameraKeys:
    """Keys of the section ``[camera]`` that every driver has."""

    visit_gap_s: VisitGapS = VISIT_GAP_S


def _camera(table: dict[str, Any], *, prefix: str, base: Path) -> CameraConfig:
    """Build the camera section from the keys of all cameras and those of its driver."""
    own = {"visit_gap_s": table["visit_gap_s"]} if "visit_gap_s" in table else {}
    gap = build(_CameraKeys, own, prefix=prefix, base=base)
    rest = {key: value for key, value in table.items() if key not in own}
    chosen = _driver(rest, prefix=prefix, base=base)
    return CameraConfig(chosen.driver, chosen.options, gap.visit_gap_s)


def _driver(table: dict[str, Any], *, prefix: str, base: Path) -> DriverConfig:
    """Build a section from the keys of the driver that it names."""
    section = prefix.rstrip(".")
    name = table.get("driver", DEFAULT_DRIVERS[section])
    if not isinstance(name, str):
        raise ConfigInvalid(f"{prefix}driver: must be a text")
    rest = {key: value for key, value in table.items() if key != "driver"}
    options = build(driver_options(section, name), rest, prefix=prefix, base=base)
    return DriverConfig(name, options)


def _checked_url(url: str) -> str:
    """Return the address without a trailing slash.

    Raises:
        ConfigInvalid: without quoting the address, which holds a secret.
    """
    try:
        parts = urlsplit(url.strip())
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or not url.strip().isascii():
        raise ConfigInvalid("base_url: must look like http://host:port/t/TOKEN")
    return url.strip().rstrip("/")
