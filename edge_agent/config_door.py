"""Sections ``[looking]`` and ``[temperature]``: what pictures and heat become at the door."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final


class LivenessMode(StrEnum):
    """How it is told whether a face is a person's and no picture of one."""

    NONE = "none"
    MOVEMENT = "movement"
    MODEL = "model"


class MaskMode(StrEnum):
    """How it is told whether a mask is worn."""

    NONE = "none"
    HEURISTIC = "heuristic"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class LookingConfig:
    """Section ``[looking]``.

    Attributes:
        motion_gate: whether faces are looked for only where something moves.
        decide_after_s: a visitor is decided about after this time at the latest, with the best
            picture so far; a good one is taken at once.
        good_quality: from here on a picture is good, 0 to 1.
        least_quality: below it a visitor is asked to look at the camera first, 0 to 1.
        liveness: how a living face is told from a picture of one; "none" trusts every face.
        liveness_required: whether the door stays closed as well when that cannot be told.
        liveness_model: folder of the classifier for ``model``; see `edge_agent.model_slot`.
        mask: how a mask is told; "none" sends `mask_assumed`.
        mask_model: folder of the classifier for ``model``.
        mask_unknown_passes: whether the local rule of a door that demands masks lets somebody in
            of whom it cannot tell.
    """

    motion_gate: bool = True
    decide_after_s: float = 0.8
    good_quality: float = 0.5
    least_quality: float = 0.15
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

    offset_c: float = 0.0
    emissivity_factor: float = 1.0
    core_offset_c: float = 2.0
    ambient_slope: float = 0.1
    distance_slope_c_per_m: float = 0.3
    distance_m: float = 0.5
    focal_px: float = 0.0
    sigma_most_c: float = 0.5


DOOR_RANGES: Final[dict[str, tuple[float, float]]] = {
    "looking.decide_after_s": (0, 10),
    "looking.good_quality": (0, 1),
    "looking.least_quality": (0, 1),
    "temperature.offset_c": (-5, 5),
    "temperature.emissivity_factor": (0.9, 1.1),
    "temperature.core_offset_c": (-2, 8),
    "temperature.ambient_slope": (0, 1),
    "temperature.distance_slope_c_per_m": (0, 5),
    "temperature.distance_m": (0.01, 10),
    "temperature.focal_px": (0, 20000),
    "temperature.sigma_most_c": (0.05, 5),
}
