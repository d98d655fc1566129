"""One TOML file becomes one frozen value; what is unknown or impossible is named and refused."""

import dataclasses
import math
import tomllib
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from edge_agent.config.api_section import Replay, check_api
from edge_agent.config.door_sections import LookingConfig, TemperatureConfig
from edge_agent.config.driver_registry import driver_options
from edge_agent.config.exceptions import ConfigInvalid
from edge_agent.config.limits import DEVICE_ID_MAX, UNLOCK_DELAY_MAX_MS, UNLOCK_DELAY_MIN_MS
from edge_agent.config.page_section import PageConfig, check_page
from edge_agent.config.queue_section import QueueConfig
from edge_agent.config.typed_tables import build, ranged, secrets_of
from edge_agent.config.watchdog_section import WatchdogConfig
from terminal_protocol.device_calls import DEFAULT_HTTP_PORT, DEFAULT_PASSWORD, DEFAULT_PUSH_PORT


class DecisionPolicy(StrEnum):
    """Who says whether the door opens."""

    PLATFORM = "platform"
    LOCAL = "local"
    PLATFORM_THEN_LOCAL = "platform-then-local"


@dataclass(frozen=True, slots=True)
class DriverConfig:
    """Sections ``[relay]``, ``[thermometer]``, ``[card_reader]`` and ``[prompter]``.

    Attributes:
        driver: name of the driver, see `edge_agent.config.driver_registry`.
        options: every other key of the section, as the driver's own options.
    """

    driver: str
    options: Any


@dataclass(frozen=True, slots=True)
class CameraConfig(DriverConfig):
    """Section ``[camera]``.

    Attributes:
        visit_gap_s: the same face seen again within this time is the same visit.
    """

    visit_gap_s: float = ranged(8.0, 0, 86_400)


@dataclass(frozen=True, slots=True)
class ApiConfig:
    """Section ``[api]``: the terminal's own interface, chapters 4 to 8 of the seed.

    Attributes:
        enabled: whether it answers HTTP.
        host: address to listen on; another than this computer's own needs a password of its own.
        port: of HTTP; 0 for any free one.
        push_enabled: whether records are pushed by websocket.
        push_port: of the websocket; 0 for any free one.
        password: what callers sign with; empty answers everybody 10001.
        password_expires: last day on which it is good, ``YYYY-MM-DD``; empty for ever.
        allow_from: addresses or networks that may call; empty for all.
        upper_case_signatures: whether a signature in capitals counts; the document prints them in
            small letters.
        replay: whether a signature is good for one call that acts, or for any number of them.
        unsupported: names of calls that are answered 40001, for example ``reboot``.
        device_name: name of the terminal, at most 16 characters; empty takes the device id.
        records_days: how long records are kept.
        records_max: how many records are kept.
        record_pictures_max: how many of the newest records keep their picture.
    """

    enabled: bool = True
    host: str = "127.0.0.1"
    port: int = ranged(DEFAULT_HTTP_PORT, 0, 65_535)
    push_enabled: bool = True
    push_port: int = ranged(DEFAULT_PUSH_PORT, 0, 65_535)
    password: str = field(default=DEFAULT_PASSWORD, repr=False)
    password_expires: str = ""
    allow_from: tuple[str, ...] = ()
    upper_case_signatures: bool = False
    replay: Replay = Replay.REFUSE
    unsupported: tuple[str, ...] = ()
    device_name: str = ""
    records_days: int = ranged(30, 1, 3650)
    records_max: int = ranged(100_000, 1, 10_000_000)
    record_pictures_max: int = ranged(5000, 0, 1_000_000)


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """Everything the agent is told; see ``python -m edge_agent init-config`` for the words.

    Attributes:
        device_id: name of this terminal at the platform, at most 32 characters.
        base_url: what chapter 9 calls BaseUrl; holds the site's secret segment, so never shown.
        data_dir: folder of the agent's own files.
        uuid_label: device number that appears on records (``uuid``), may be empty.
        nation_code: area code that appears on records, may be empty.
        action_code: 1 for a door that leads in, 2 for one that leads out.
        decide: who says whether the door opens.
        answer_timeout_s: how long a person at the door waits for the platform's word.
        unlock_delay_ms: how long the relay holds when nobody said otherwise.
        temperature_limit_c: from here on the local rule keeps the door closed, in °C.
        temperature_required: whether the local rule needs a reading.
        unrecognised_may_pass: whether ``cmpNormal`` 0 (8.1.5) lets people in who are not recognised
            and whose temperature is normal.
        library_max_age_s: how old the last successful sync may be for the local rule; 0 any age.
        mask_assumed: what is reported as ``mask`` while there is no mask detection.
        match_similarity: least similarity (0 to 100) of a match; 0 takes the engine's threshold.
        detector_px: pixels of the longer side at which faces are looked for.
        model_dir: folder of the face models; empty for the usual cache.
        sync_interval_s: pause between two polls of the library.
        heartbeat_interval_s: pause between two heartbeats.
        http_timeout_s: limit for one request that nobody waits for at the door.
        picture_max_bytes: largest picture of the library that is fetched.
        picture_parallel: how many pictures are fetched at once.
        people_max: how many people the terminal holds.
    """

    device_id: str
    base_url: str = field(repr=False)
    data_dir: Path = Path("agent-data")
    uuid_label: str = ""
    nation_code: str = ""
    action_code: int = ranged(1, 1, 2)
    decide: DecisionPolicy = DecisionPolicy.PLATFORM
    answer_timeout_s: float = ranged(3.0, 0.1, 60)
    unlock_delay_ms: int = ranged(3000, UNLOCK_DELAY_MIN_MS, UNLOCK_DELAY_MAX_MS)
    temperature_limit_c: float = ranged(37.3, 35, 45)
    temperature_required: bool = False
    unrecognised_may_pass: bool = False
    library_max_age_s: float = ranged(7 * 86400.0, 0, math.inf)
    mask_assumed: bool = False
    match_similarity: int = ranged(0, 0, 100)
    detector_px: int = ranged(320, 64, 1920)
    model_dir: str = ""
    sync_interval_s: float = ranged(10.0, 0.05, 86_400)
    heartbeat_interval_s: float = ranged(30.0, 0.05, 86_400)
    http_timeout_s: float = ranged(15.0, 0.1, 600)
    picture_max_bytes: int = ranged(4 * 1024 * 1024, 1024, 67_108_864)
    picture_parallel: int = ranged(4, 1, 32)
    people_max: int = ranged(50_000, 1, 1_000_000)
    camera: CameraConfig = field(kw_only=True)
    relay: DriverConfig = field(kw_only=True)
    thermometer: DriverConfig = field(kw_only=True)
    card_reader: DriverConfig = field(kw_only=True)
    prompter: DriverConfig = field(kw_only=True)
    api: ApiConfig = field(default_factory=ApiConfig)
    page: PageConfig = field(default_factory=PageConfig)
    looking: LookingConfig = field(default_factory=LookingConfig)
    queue: QueueConfig = field(default_factory=QueueConfig)
    temperature: TemperatureConfig = field(default_factory=TemperatureConfig)
    watchdog: WatchdogConfig = field(default_factory=WatchdogConfig)

    @property
    def platform_shown(self) -> str:
        """The platform's scheme and host, without the secret path; fit for a screen."""
        parts = urlsplit(self.base_url)
        host = parts.hostname or ""
        host = f"[{host}]" if ":" in host else host
        return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}/…"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Strings that must appear in no output, longest first."""
        parts = urlsplit(self.base_url)
        found = {self.base_url, parts.path.strip("/"), parts.password or ""}
        found |= {segment for segment in parts.path.split("/") if len(segment) >= _SECRET_MIN}
        for section in _DEFAULT_DRIVERS:
            for text in secrets_of(getattr(self, section).options):
                found |= {text, _password_in(text)}
        if self.api.password != DEFAULT_PASSWORD:  # everybody knows that one
            found.add(self.api.password)
        return tuple(sorted((one for one in found if len(one) > 1), key=len, reverse=True))


_DEFAULT_DRIVERS: Final = {
    "camera": "folder",
    "relay": "simulated",
    "thermometer": "simulated",
    "card_reader": "none",
    "prompter": "none",
}
# A path segment shorter than this is a word of an address ("t", "api"), not a secret.
_SECRET_MIN = 8


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
    """Check a table as TOML gives it.

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
        convert={DriverConfig: _driver, CameraConfig: _camera},
    )
    device_id = config.device_id
    if not device_id or len(device_id) > DEVICE_ID_MAX or not device_id.isprintable():
        raise ConfigInvalid(f"device_id: must be 1 to {DEVICE_ID_MAX} printable characters")
    if "/" in device_id or device_id != device_id.strip():
        raise ConfigInvalid("device_id: must hold no slash and no blank at its ends")
    check_api(config.api)
    check_page(config.page, config.api)
    return dataclasses.replace(config, base_url=_checked_url(config.base_url))


def _camera(table: dict[str, Any], *, prefix: str, base: Path) -> CameraConfig:
    own = {"visit_gap_s": table["visit_gap_s"]} if "visit_gap_s" in table else {}
    gap_s = build(_CameraKeys, own, prefix=prefix, base=base).visit_gap_s
    chosen = _driver(
        {key: value for key, value in table.items() if key not in own}, prefix=prefix, base=base
    )
    return CameraConfig(chosen.driver, chosen.options, gap_s)


@dataclass(frozen=True, slots=True)
class _CameraKeys:
    visit_gap_s: float = ranged(8.0, 0, 86_400)


def _driver(table: dict[str, Any], *, prefix: str, base: Path) -> DriverConfig:
    """Build a section whose keys are those of the driver that it names."""
    section = prefix.rstrip(".")
    name = table.get("driver", _DEFAULT_DRIVERS[section])
    if not isinstance(name, str):
        raise ConfigInvalid(f"{prefix}driver: must be a text")
    rest = {key: value for key, value in table.items() if key != "driver"}
    options = build(driver_options(section, name), rest, prefix=prefix, base=base)
    return DriverConfig(name, options)


def _password_in(text: str) -> str:
    try:
        return urlsplit(text).password or ""
    except ValueError:
        return ""


def _checked_url(url: str) -> str:
    """Return the address without a slash at its end.

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
