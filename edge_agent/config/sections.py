"""Models of the sections of the configuration."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

from edge_agent.config.fields import between
from terminal_protocol.device_calls import DEFAULT_HTTP_PORT, DEFAULT_PASSWORD, DEFAULT_PUSH_PORT

_MIB: Final = 2**20


class Replay(StrEnum):
    """Treatment of a call that acts and reuses a signature."""

    REFUSE = "refuse"
    ALLOW = "allow"


@dataclass(frozen=True, slots=True)
class ApiConfig:
    """Section ``[api]``: the terminal's own interface, chapters 4 to 8 of the seed.

    Attributes:
        enabled: whether it answers HTTP.
        host: address to listen on; another than this computer's own needs a password of its own.
        port: of HTTP; 0 for any free one.
        push_enabled: whether records are pushed by websocket.
        push_port: of the websocket; 0 for any free one.
        password: what callers sign with; empty answers every caller 10001.
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
    port: Annotated[int, between(0, 65_535)] = DEFAULT_HTTP_PORT
    push_enabled: bool = True
    push_port: Annotated[int, between(0, 65_535)] = DEFAULT_PUSH_PORT
    password: str = field(default=DEFAULT_PASSWORD, repr=False)
    password_expires: str = ""
    allow_from: tuple[str, ...] = ()
    upper_case_signatures: bool = False
    replay: Replay = Replay.REFUSE
    unsupported: tuple[str, ...] = ()
    device_name: str = ""
    records_days: Annotated[int, between(1, 3650)] = 30
    records_max: Annotated[int, between(1, 10_000_000)] = 100_000
    record_pictures_max: Annotated[int, between(0, 1_000_000)] = 5000


class Language(StrEnum):
    """Of the page."""

    ENGLISH = "en"
    CHINESE = "zh"


class PageLanguage(StrEnum):
    """Language of the page before a visitor chooses: the browser's, or a fixed one."""

    BROWSER = "browser"
    ENGLISH = "en"
    CHINESE = "zh"


@dataclass(frozen=True, slots=True)
class PageConfig:
    """Section ``[page]``; visitors sign in with the password of ``[api]``.

    Attributes:
        enabled: whether there is a page.
        host: address to listen on; another than this computer's own needs a password of its own.
        port: of HTTP; 0 for any free one.
        language: until a visitor chooses one.
        names: by which the page may be called besides "localhost" and addresses of numbers.
        pictures_per_s: at most so many pictures a second, however many people watch.
        picture_px: longest side of the live picture.
        watchers_most: so many watch at once.
    """

    enabled: bool = True
    host: str = "127.0.0.1"
    port: Annotated[int, between(0, 65_535)] = 8897
    language: PageLanguage = PageLanguage.BROWSER
    names: tuple[str, ...] = ()
    pictures_per_s: Annotated[float, between(0.1, 15.0)] = 5.0
    picture_px: Annotated[int, between(160, 1920)] = 640
    watchers_most: Annotated[int, between(1, 16)] = 4


class LivenessMode(StrEnum):
    """Method by which a live face is distinguished from a picture of one."""

    NONE = "none"
    MOVEMENT = "movement"
    MODEL = "model"


class MaskMode(StrEnum):
    """Method by which a mask is detected."""

    NONE = "none"
    HEURISTIC = "heuristic"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class LookingConfig:
    """Section ``[looking]``: detection, quality, liveness and masks.

    Attributes:
        motion_gate: whether faces are looked for only where something moves.
        decide_after_s: a visitor is decided about after this time at the latest, with the best
            picture so far; a good one is taken at once.
        good_quality: from here on a picture is good, 0 to 1.
        least_quality: below it a visitor is asked to look at the camera first, 0 to 1.
        liveness: how a live face is distinguished from a picture of one; "none" trusts every face.
        liveness_required: whether the door stays closed as well when that is unknown.
        liveness_model: folder of the classifier for ``model``, see
            `edge_agent.recognition.model_slot`.
        mask: how a mask is detected; "none" sends `mask_assumed`.
        mask_model: folder of the classifier for ``model``.
        mask_unknown_passes: whether the local rule of a door that demands masks lets a visitor in
            when it cannot tell.
    """

    motion_gate: bool = True
    decide_after_s: Annotated[float, between(0, 10)] = 0.8
    good_quality: Annotated[float, between(0, 1)] = 0.5
    least_quality: Annotated[float, between(0, 1)] = 0.15
    liveness: LivenessMode = LivenessMode.NONE
    liveness_required: bool = False
    liveness_model: Path = Path("liveness-model")
    mask: MaskMode = MaskMode.NONE
    mask_model: Path = Path("mask-model")
    mask_unknown_passes: bool = True


@dataclass(frozen=True, slots=True)
class TemperatureConfig:
    """Section ``[temperature]``: from a sensor's heat to a body temperature.

    Attributes:
        offset_c: added at the end, from comparing with a good thermometer.
        emissivity_factor: 1 when the sensor is set to skin (0.98) itself.
        core_offset_c: how much warmer the body is than a forehead at 23 °C.
        ambient_slope: by how much the forehead cools for each °C that the air is below 23 °C.
        distance_slope_c_per_m: what the sensor loses for each metre beyond `distance_m`.
        distance_m: distance at which the sensor was calibrated.
        focal_px: of the camera, in pixels, to estimate the distance from the eyes; 0 for unknown.
        sigma_most_c: a reading less certain than this is none.
    """

    offset_c: Annotated[float, between(-5, 5)] = 0.0
    emissivity_factor: Annotated[float, between(0.9, 1.1)] = 1.0
    core_offset_c: Annotated[float, between(-2, 8)] = 2.0
    ambient_slope: Annotated[float, between(0, 1)] = 0.1
    distance_slope_c_per_m: Annotated[float, between(0, 5)] = 0.3
    distance_m: Annotated[float, between(0.01, 10)] = 0.5
    focal_px: Annotated[float, between(0, 20_000)] = 0.0
    sigma_most_c: Annotated[float, between(0.05, 5)] = 0.5


@dataclass(frozen=True, slots=True)
class QueueConfig:
    """Section ``[queue]``.

    Attributes:
        max_bytes: most bytes of waiting uploads; beyond them the oldest give up their pictures.
        free_min_bytes: where the disk has less room than this, the terminal's file does not grow:
            the oldest pictures make room for new ones.
        open_unrecorded: whether the door opens even if the pass can be put neither on this disk
            nor before the platform; otherwise nothing opens without leaving a trace.
    """

    max_bytes: Annotated[int, between(65_536, 2**42)] = 1024 * _MIB
    free_min_bytes: Annotated[int, between(0, 2**42)] = 256 * _MIB
    open_unrecorded: bool = False


@dataclass(frozen=True, slots=True)
class WatchdogConfig:
    """Section ``[watchdog]``.

    Attributes:
        exit_after_s: the process ends itself when it was stuck for so long, and writes where; 0
            leaves that to systemd. For terminals that something else starts again.
        answer_within_s: a thread that takes longer for anything is stuck.
        camera_silence_s: a camera without a picture for so long is closed and opened again; 0 for
            never. Not for the driver ``folder``, whose visitors may take their time.
    """

    exit_after_s: Annotated[float, between(0, 86_400)] = 0.0
    answer_within_s: Annotated[float, between(0.1, 3600)] = 30.0
    camera_silence_s: Annotated[float, between(0, 86_400)] = 60.0
