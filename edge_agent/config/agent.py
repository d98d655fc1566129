"""Configuration of a terminal as one frozen value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from edge_agent.config.fields import UNLOCK_DELAY_MAX_MS, UNLOCK_DELAY_MIN_MS, between, secrets_of
from edge_agent.config.sections import (
    ApiConfig,
    LookingConfig,
    PageConfig,
    QueueConfig,
    TemperatureConfig,
    WatchdogConfig,
)
from terminal_protocol.device_calls import DEFAULT_PASSWORD

VisitGapS = Annotated[float, between(0, 86_400)]
VISIT_GAP_S: Final = 8.0
DEFAULT_DRIVERS: Final[Mapping[str, str]] = {
    "camera": "folder",
    "relay": "simulated",
    "thermometer": "simulated",
    "card_reader": "none",
    "prompter": "none",
}
# A path segment shorter than this is a word of an address ("t", "api"), not a secret.
_SECRET_MIN = 8


class DecisionPolicy(StrEnum):
    """Party that decides whether the door opens."""

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

    visit_gap_s: VisitGapS = VISIT_GAP_S


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """All settings of an operator; ``python -m edge_agent init-config`` explains each.

    Attributes:
        device_id: name of this terminal at the platform, at most 32 characters.
        base_url: what chapter 9 calls BaseUrl; holds the site's secret segment, so never shown.
        data_dir: folder of the agent's own files.
        uuid_label: device number that appears on records (``uuid``), may be empty.
        nation_code: area code that appears on records, may be empty.
        action_code: 1 for a door that leads in, 2 for one that leads out.
        decide: who says whether the door opens.
        answer_timeout_s: how long a person at the door waits for the platform's word.
        unlock_delay_ms: how long the relay holds unless the platform says otherwise.
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
        http_timeout_s: limit for one request that no visitor waits for.
        picture_max_bytes: largest picture of the library that is fetched.
        picture_parallel: how many pictures are fetched at once.
        people_max: how many people the terminal holds.
    """

    device_id: str
    base_url: str = field(repr=False)
    data_dir: Path = Path("agent-data")
    uuid_label: str = ""
    nation_code: str = ""
    action_code: Annotated[int, between(1, 2)] = 1
    decide: DecisionPolicy = DecisionPolicy.PLATFORM
    answer_timeout_s: Annotated[float, between(0.1, 60)] = 3.0
    unlock_delay_ms: Annotated[int, between(UNLOCK_DELAY_MIN_MS, UNLOCK_DELAY_MAX_MS)] = 3000
    temperature_limit_c: Annotated[float, between(35, 45)] = 37.3
    temperature_required: bool = False
    unrecognised_may_pass: bool = False
    library_max_age_s: Annotated[float, between(0, None)] = 7 * 86400.0
    mask_assumed: bool = False
    match_similarity: Annotated[int, between(0, 100)] = 0
    detector_px: Annotated[int, between(64, 1920)] = 320
    model_dir: str = ""
    sync_interval_s: Annotated[float, between(0.05, 86_400)] = 10.0
    heartbeat_interval_s: Annotated[float, between(0.05, 86_400)] = 30.0
    http_timeout_s: Annotated[float, between(0.1, 600)] = 15.0
    picture_max_bytes: Annotated[int, between(1024, 67_108_864)] = 4 * 1024 * 1024
    picture_parallel: Annotated[int, between(1, 32)] = 4
    people_max: Annotated[int, between(1, 1_000_000)] = 50_000
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
        for section in DEFAULT_DRIVERS:
            for text in secrets_of(getattr(self, section).options):
                found |= {text, _password_in(text)}
        if self.api.password != DEFAULT_PASSWORD:  # that one is public
            found.add(self.api.password)
        return tuple(sorted((one for one in found if len(one) > 1), key=len, reverse=True))


def _password_in(text: str) -> str:
    try:
        return urlsplit(text).password or ""
    except ValueError:
        return ""
