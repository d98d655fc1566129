"""One TOML file becomes one frozen value; what is unknown or impossible is named and refused."""

import dataclasses
import math
import tomllib
import typing
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from edge_agent.config_api import check_api
from edge_agent.config_door import DOOR_RANGES, LookingConfig, TemperatureConfig
from edge_agent.exceptions import ConfigInvalid
from terminal_protocol.device_calls import DEFAULT_HTTP_PORT, DEFAULT_PASSWORD, DEFAULT_PUSH_PORT

DEVICE_ID_MAX: Final = 32  # seed 9.2, deviceid
UNLOCK_DELAY_MIN_MS: Final = 20  # seed 9.2, unlockDelay
UNLOCK_DELAY_MAX_MS: Final = 5000
RELAY_HOLD_MAX_MS: Final = 30_000  # seed 8.1.5, unlockOuttime, up to 30 s


class DecisionPolicy(StrEnum):
    """Who says whether the door opens."""

    PLATFORM = "platform"
    LOCAL = "local"
    PLATFORM_THEN_LOCAL = "platform-then-local"


@dataclass(frozen=True, slots=True)
class CameraConfig:
    """Section ``[camera]``.

    Attributes:
        driver: ``folder`` or ``opencv``.
        folder: folder driver: where the pictures are.
        interval_s: folder: seconds between two visitors. opencv: least time between two frames.
        rounds: folder: how often to go through the folder, 0 for ever. opencv with a video file:
            how often to play it.
        source: opencv: number of a device, address of a stream, or path of a video file. A stream's
            address may hold a password, so it is not shown.
        visit_gap_s: opencv: the same face seen again within this time is the same visit.
    """

    driver: str = "folder"
    folder: Path = Path("visitors")
    interval_s: float = 3.0
    rounds: int = 0
    source: str = field(default="0", repr=False)
    visit_gap_s: float = 8.0


@dataclass(frozen=True, slots=True)
class RelayConfig:
    """Section ``[relay]``.

    Attributes:
        driver: ``simulated`` or ``gpiod``.
        chip: gpiod: the chip's device file.
        line: gpiod: number of the line on that chip.
        active_low: gpiod: whether the relay pulls in when the line is low.
    """

    driver: str = "simulated"
    chip: str = "/dev/gpiochip0"
    line: int = 17
    active_low: bool = False


@dataclass(frozen=True, slots=True)
class ThermometerConfig:
    """Section ``[thermometer]``.

    Attributes:
        driver: ``simulated`` or ``none``.
        mean_c: simulated: normal body temperature in °C.
        spread_c: simulated: standard deviation in °C.
        seed: simulated: same seed, same readings.
    """

    driver: str = "simulated"
    mean_c: float = 36.5
    spread_c: float = 0.2
    seed: int = 1


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
        unsupported: names of calls that are answered 40001, for example ``reboot``.
        device_name: name of the terminal, at most 16 characters; empty takes the device id.
        records_days: how long records are kept.
        records_max: how many records are kept.
        record_pictures_max: how many of the newest records keep their picture.
    """

    enabled: bool = True
    host: str = "127.0.0.1"
    port: int = DEFAULT_HTTP_PORT
    push_enabled: bool = True
    push_port: int = DEFAULT_PUSH_PORT
    password: str = field(default=DEFAULT_PASSWORD, repr=False)
    password_expires: str = ""
    allow_from: tuple[str, ...] = ()
    unsupported: tuple[str, ...] = ()
    device_name: str = ""
    records_days: int = 30
    records_max: int = 100_000
    record_pictures_max: int = 5000


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
    action_code: int = 1
    decide: DecisionPolicy = DecisionPolicy.PLATFORM
    answer_timeout_s: float = 3.0
    unlock_delay_ms: int = 3000
    temperature_limit_c: float = 37.3
    temperature_required: bool = False
    library_max_age_s: float = 7 * 86400.0
    mask_assumed: bool = False
    match_similarity: int = 0
    detector_px: int = 320
    model_dir: str = ""
    sync_interval_s: float = 10.0
    heartbeat_interval_s: float = 30.0
    http_timeout_s: float = 15.0
    picture_max_bytes: int = 4 * 1024 * 1024
    picture_parallel: int = 4
    people_max: int = 50_000
    camera: CameraConfig = field(default_factory=CameraConfig)
    relay: RelayConfig = field(default_factory=RelayConfig)
    thermometer: ThermometerConfig = field(default_factory=ThermometerConfig)
    api: ApiConfig = field(default_factory=ApiConfig)
    looking: LookingConfig = field(default_factory=LookingConfig)
    temperature: TemperatureConfig = field(default_factory=TemperatureConfig)

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
        if "://" in self.camera.source:
            found |= {self.camera.source, urlsplit(self.camera.source).password or ""}
        if self.api.password != DEFAULT_PASSWORD:  # everybody knows that one
            found.add(self.api.password)
        return tuple(sorted((one for one in found if len(one) > 1), key=len, reverse=True))


# A path segment shorter than this is a word of an address ("t", "api"), not a secret.
_SECRET_MIN = 8

# key: (least, most); both are allowed values. Limits that the seed gives are the seed's.
_RANGES: Final[dict[str, tuple[float, float]]] = {
    "action_code": (1, 2),
    "answer_timeout_s": (0.1, 60),
    "unlock_delay_ms": (UNLOCK_DELAY_MIN_MS, UNLOCK_DELAY_MAX_MS),
    "temperature_limit_c": (35, 45),
    "library_max_age_s": (0, math.inf),
    "match_similarity": (0, 100),
    "detector_px": (64, 1920),
    "sync_interval_s": (0.05, 86400),
    "heartbeat_interval_s": (0.05, 86400),
    "http_timeout_s": (0.1, 600),
    "picture_max_bytes": (1024, 64 * 1024 * 1024),
    "picture_parallel": (1, 32),
    "people_max": (1, 1_000_000),
    "camera.interval_s": (0, 86400),
    "camera.rounds": (0, 1_000_000_000),
    "camera.visit_gap_s": (0, 86400),
    "relay.line": (0, 1023),
    "api.port": (0, 65535),
    "api.push_port": (0, 65535),
    "api.records_days": (1, 3650),
    "api.records_max": (1, 10_000_000),
    "api.record_pictures_max": (0, 1_000_000),
    "thermometer.mean_c": (30, 45),
    "thermometer.spread_c": (0, 5),
    **DOOR_RANGES,
}


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
    config: AgentConfig = _build(AgentConfig, table, prefix="", base=base)
    device_id = config.device_id
    if not device_id or len(device_id) > DEVICE_ID_MAX or not device_id.isprintable():
        raise ConfigInvalid(f"device_id: must be 1 to {DEVICE_ID_MAX} printable characters")
    if "/" in device_id or device_id != device_id.strip():
        raise ConfigInvalid("device_id: must hold no slash and no blank at its ends")
    check_api(config.api)
    return dataclasses.replace(config, base_url=_checked_url(config.base_url))


def _build(cls: Any, table: dict[str, Any], *, prefix: str, base: Path) -> Any:
    hints = typing.get_type_hints(cls)
    fields = {one.name: one for one in dataclasses.fields(cls)}
    for key in table:
        if key not in fields:
            known = ", ".join(sorted(fields))
            raise ConfigInvalid(f"{prefix}{key}: unknown key; known are {known}")
    values = {}
    for name, one in fields.items():
        if name in table:
            values[name] = _converted(hints[name], table[name], f"{prefix}{name}", base)
        elif one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING:
            raise ConfigInvalid(f"{prefix}{name}: is missing")
        elif isinstance(one.default, Path):
            values[name] = base / one.default
        elif dataclasses.is_dataclass(hints[name]):
            values[name] = _build(hints[name], {}, prefix=f"{name}.", base=base)
    return cls(**values)


def _converted(kind: Any, value: Any, key: str, base: Path) -> Any:
    """Give a value the type of its field; numbers are never taken for truth values or texts."""
    if dataclasses.is_dataclass(kind):
        if not isinstance(value, dict):
            raise ConfigInvalid(f"{key}: must be a section, [{key}]")
        return _build(kind, value, prefix=f"{key}.", base=base)
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise ConfigInvalid(f"{key}: must be a list of texts")
        return tuple(value)
    wanted: Any = int | float if kind is float else kind
    if kind is Path or issubclass(kind, str):
        wanted = str
    if not isinstance(value, wanted) or (isinstance(value, bool) and kind is not bool):
        raise ConfigInvalid(f"{key}: must be {_TYPE_WORDS.get(kind, 'a text')}")
    if key in _RANGES:
        least, most = _RANGES[key]
        if not least <= value <= most:
            raise ConfigInvalid(f"{key}: must be from {least} to {most}")
    if kind is Path:
        return base / Path(value).expanduser()
    if issubclass(kind, StrEnum):
        if value not in list(kind):
            raise ConfigInvalid(f"{key}: must be one of {', '.join(kind)}")
        return kind(value)
    return float(value) if kind is float else value


_TYPE_WORDS: Final[dict[type, str]] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}


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
